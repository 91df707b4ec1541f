//! The files that left the manifest, how long they must stay, and their lines in the side file.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::path::{Path, PathBuf};

use super::time::Micros;
use super::visits;
use crate::uri;

/// A file that no published manifest will name, and how long it must stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retired {
    file: PathBuf,
    stays: Micros,
    /// Cached, because each publication writes the whole side file, and percent-encoding takes
    /// most of the time.
    line: String,
}

impl Retired {
    pub(crate) fn new(file: PathBuf, stays: Micros) -> Self {
        let line = line(&file, stays);
        Self { file, stays, line }
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    pub(crate) fn stays(&self) -> Micros {
        self.stays
    }

    /// The line in the side file, with the line break; empty if no line can express it.
    pub(crate) fn line(&self) -> &str {
        &self.line
    }

    /// Extends the time to the longer of the two.
    pub(crate) fn stay(&mut self, stays: Micros) {
        if stays > self.stays {
            self.stays = stays;
            self.line = line(&self.file, stays);
        }
    }
}

/// The path is relative to the root of all paths, and encoded, so that it is one word.
fn line(file: &Path, stays: Micros) -> String {
    uri::from_root(file)
        .map(|name| format!("delete {stays} {name}\n"))
        .unwrap_or_default()
}

/// The files that left the manifest since the last publication, in that order. The standing
/// manifest may still name them.
#[derive(Debug, Default)]
pub(crate) struct RetiredFiles {
    list: Vec<Retired>,
    places: HashMap<PathBuf, usize>,
}

impl RetiredFiles {
    pub(crate) fn push(&mut self, file: PathBuf, stays: Micros) {
        match self.places.entry(file) {
            Slot::Occupied(place) => self.list[*place.get()].stay(stays),
            Slot::Vacant(place) => {
                self.list.push(Retired::new(place.key().clone(), stays));
                place.insert(self.list.len() - 1);
            }
        }
    }

    pub(crate) fn has(&self, file: &Path) -> bool {
        visits::count(1);
        self.places.contains_key(file)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Retired> {
        visits::count(self.list.len());
        self.list.iter()
    }

    pub(crate) fn take(&mut self) -> Vec<Retired> {
        self.places.clear();
        std::mem::take(&mut self.list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_retires_twice_stays_for_the_longer_time_and_has_one_line() {
        let mut retired = RetiredFiles::default();
        for (file, stays) in [
            ("a b.ts", 3),
            ("/srv/1.ts", 4),
            ("a b.ts", 5),
            ("a b.ts", 2),
        ] {
            retired.push(file.into(), stays);
        }
        assert!(retired.has(Path::new("a b.ts")) && !retired.has(Path::new("b.ts")));
        let lines: Vec<_> = retired.iter().map(Retired::line).collect();
        assert_eq!(lines, ["delete 5 a%20b.ts\n", "delete 4 /srv/1.ts\n"]);
        assert_eq!(retired.take()[0], Retired::new("a b.ts".into(), 5));
        assert!(retired.is_empty() && !retired.has(Path::new("a b.ts")));
    }
}
