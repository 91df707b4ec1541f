//! The list of entries, with totals that are updated as entries come and go.

use std::collections::{HashMap, VecDeque, vec_deque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::entry::{Entry, Map, Size};
use super::time::Micros;
use super::visits;

/// Entries come at the back and leave at the front. Only rendering looks at every entry.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    list: VecDeque<Entry>,
    total: Micros,
    /// The length of all segments, and of each initialisation segment where it begins.
    bytes: u64,
    discontinuities: u64,
    /// How many entries name a file: as their segment or as their initialisation segment.
    named: HashMap<PathBuf, usize>,
}

impl Entries {
    pub(crate) fn push_back(&mut self, entry: Entry) {
        self.total += entry.micros;
        self.bytes += entry.bytes + map_bytes(&entry, self.list.back());
        self.discontinuities += u64::from(entry.starts_discontinuity);
        entry.files().for_each(|file| count(&mut self.named, file));
        self.list.push_back(entry);
    }

    pub(crate) fn pop_front(&mut self) -> Option<Entry> {
        let entry = self.list.pop_front()?;
        self.total -= entry.micros;
        // If the next one needs the same initialisation segment, that begins there now.
        self.bytes -= entry.bytes + map_bytes(&entry, self.list.front());
        self.discontinuities -= u64::from(entry.starts_discontinuity);
        for file in entry.files() {
            uncount(&mut self.named, file);
        }
        Some(entry)
    }

    /// Counts the file as named: an entry with it will come.
    pub(crate) fn expect(&mut self, file: &Path) {
        count(&mut self.named, file);
    }

    /// The end of [`expect`](Entries::expect).
    pub(crate) fn came(&mut self, file: &Path) {
        uncount(&mut self.named, file);
    }

    /// How many entries start a discontinuity.
    pub(crate) fn discontinuities(&self) -> u64 {
        self.discontinuities
    }

    pub(crate) fn names(&self, file: &Path) -> bool {
        visits::count(1);
        self.named.contains_key(file)
    }

    /// The duration of all.
    pub(crate) fn total(&self) -> Micros {
        self.total
    }

    /// The length of all files; an initialisation segment counts where it begins.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Sets the lengths of entries of an earlier session, by their places.
    pub(crate) fn set_sizes(&mut self, size: impl Fn(usize, &Entry) -> Size) {
        let mut map: Option<Arc<Map>> = None;
        self.bytes = 0;
        for place in 0..self.list.len() {
            let entry = &mut self.list[place];
            let size = size(place, entry);
            entry.bytes = size.segment;
            if entry.initialisation != map {
                let begins = entry.initialisation.as_deref();
                map = begins.map(|it| {
                    Arc::new(Map {
                        bytes: size.map,
                        ..it.clone()
                    })
                });
                self.bytes += map.as_ref().map_or(0, |it| it.bytes);
            }
            entry.initialisation.clone_from(&map);
            self.bytes += entry.bytes;
        }
    }

    /// From this time on all are listed, as far as this session knows.
    pub(crate) fn begin_at(&mut self, now: Duration) {
        self.list.iter_mut().for_each(|it| it.since = now);
    }

    pub(crate) fn iter(&self) -> vec_deque::Iter<'_, Entry> {
        visits::count(self.list.len());
        self.list.iter()
    }

    pub(crate) fn front(&self) -> Option<&Entry> {
        self.list.front()
    }

    pub(crate) fn back(&self) -> Option<&Entry> {
        self.list.back()
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn get(&self, place: usize) -> Option<&Entry> {
        visits::count(1);
        self.list.get(place)
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.list.capacity()
    }
}

/// The length of an entry's initialisation segment, unless its neighbour has the same.
fn map_bytes(entry: &Entry, neighbour: Option<&Entry>) -> u64 {
    let map = entry.initialisation.as_ref();
    let other = neighbour.and_then(|it| it.initialisation.as_ref());
    map.filter(|map| other != Some(map))
        .map_or(0, |map| map.bytes)
}

fn count(named: &mut HashMap<PathBuf, usize>, file: &Path) {
    match named.get_mut(file) {
        Some(count) => *count += 1,
        None => drop(named.insert(file.to_path_buf(), 1)),
    }
}

fn uncount(named: &mut HashMap<PathBuf, usize>, file: &Path) {
    if let Some(count) = named.get_mut(file) {
        *count -= 1;
        if *count == 0 {
            named.remove(file);
        }
    }
}

impl<'a> IntoIterator for &'a Entries {
    type Item = &'a Entry;
    type IntoIter = vec_deque::Iter<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presentation::entry::Content;

    fn entry(file: &str, map: Option<&Arc<Map>>) -> Entry {
        Entry {
            content: Content::Stored(file.into()),
            micros: 2,
            bytes: 5,
            initialisation: map.cloned(),
            ..Entry::default()
        }
    }

    #[test]
    fn a_file_is_named_until_the_last_entry_with_it_leaves() {
        let map = Arc::new(Map {
            file: "0.mp4".into(),
            bytes: 3,
        });
        let mut entries = Entries::default();
        // A name that was used again, and an initialisation segment of two.
        entries.push_back(entry("0.ts", Some(&map)));
        entries.push_back(entry("0.ts", Some(&map)));
        entries.push_back(entry("2.ts", None));
        assert_eq!(entries.bytes(), 18);
        let named = |entries: &Entries| {
            ["0.mp4", "0.ts", "2.ts", "3.ts"].map(|file| entries.names(Path::new(file)))
        };
        assert_eq!(named(&entries), [true, true, true, false]);
        let mut leave = |expected, total, bytes| {
            assert!(entries.pop_front().is_some());
            assert_eq!(entries.bytes(), bytes);
            assert_eq!(named(&entries), expected);
            assert_eq!(entries.total(), total);
        };
        leave([true, true, true, false], 4, 13);
        leave([false, false, true, false], 2, 5);
        leave([false; 4], 0, 0);
        assert!(entries.pop_front().is_none() && entries.named.is_empty());
    }
}
