//! The list of entries, with totals that are updated as entries come and go.

use std::collections::{HashMap, VecDeque, vec_deque};
use std::path::{Path, PathBuf};

use super::entry::Entry;
use super::time::Micros;
use super::visits;

/// Entries come at the back and leave at the front. Only rendering looks at every entry.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    list: VecDeque<Entry>,
    total: Micros,
    discontinuities: u64,
    /// How many entries name a file: as their segment or as their initialisation segment.
    named: HashMap<PathBuf, usize>,
}

impl Entries {
    pub(crate) fn push_back(&mut self, entry: Entry) {
        self.total += entry.micros;
        self.discontinuities += u64::from(entry.starts_discontinuity);
        entry.files().for_each(|file| count(&mut self.named, file));
        self.list.push_back(entry);
    }

    pub(crate) fn pop_front(&mut self) -> Option<Entry> {
        let entry = self.list.pop_front()?;
        self.total -= entry.micros;
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
    use std::sync::Arc;

    use super::*;
    use crate::presentation::entry::{Content, Map};

    fn entry(file: &str, map: Option<&Arc<Map>>) -> Entry {
        Entry {
            content: Content::Stored(file.into()),
            micros: 2,
            initialisation: map.cloned(),
            ..Entry::default()
        }
    }

    #[test]
    fn a_file_is_named_until_the_last_entry_with_it_leaves() {
        let map = Arc::new(Map {
            file: "0.mp4".into(),
            bytes: 0,
        });
        let mut entries = Entries::default();
        // A name that was used again, and an initialisation segment of two.
        entries.push_back(entry("0.ts", Some(&map)));
        entries.push_back(entry("0.ts", Some(&map)));
        entries.push_back(entry("2.ts", None));
        let named = |entries: &Entries| {
            ["0.mp4", "0.ts", "2.ts", "3.ts"].map(|file| entries.names(Path::new(file)))
        };
        assert_eq!(named(&entries), [true, true, true, false]);
        let mut leave = |expected, total| {
            assert!(entries.pop_front().is_some());
            assert_eq!(named(&entries), expected);
            assert_eq!(entries.total(), total);
        };
        leave([true, true, true, false], 4);
        leave([false, false, true, false], 2);
        leave([false; 4], 0);
        assert!(entries.pop_front().is_none() && entries.named.is_empty());
    }
}
