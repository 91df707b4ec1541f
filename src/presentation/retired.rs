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
    /// Its length; 0 if it is unknown.
    bytes: u64,
    /// Cached, because it is written more than once, and percent-encoding takes most of the time.
    line: String,
}

impl Retired {
    pub(crate) fn new(file: PathBuf, stays: Micros) -> Self {
        let line = line(&file, stays, 0);
        let bytes = 0;
        Self {
            file,
            stays,
            bytes,
            line,
        }
    }

    pub(crate) fn with_bytes(mut self, bytes: u64) -> Self {
        if bytes != self.bytes {
            self.bytes = bytes;
            self.line = line(&self.file, self.stays, bytes);
        }
        self
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    pub(crate) fn stays(&self) -> Micros {
        self.stays
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The line in the side file, with the line break; empty if no line can express it.
    pub(crate) fn line(&self) -> &str {
        &self.line
    }

    /// Extends the time to the longer of the two.
    pub(crate) fn stay(&mut self, stays: Micros) {
        if stays > self.stays {
            self.stays = stays;
            self.line = line(&self.file, stays, self.bytes);
        }
    }
}

/// The path is relative to the root of all paths, and encoded, so that it is one word.
fn line(file: &Path, stays: Micros, bytes: u64) -> String {
    let Ok(name) = uri::from_root(file) else {
        return String::new();
    };
    if bytes == 0 {
        format!("delete {stays} {name}\n")
    } else {
        format!("delete {stays} {bytes} {name}\n")
    }
}

/// The files that left the manifest since the last publication, in that order. The standing
/// manifest may still name them.
#[derive(Debug, Default)]
pub(crate) struct RetiredFiles {
    list: Vec<Retired>,
    places: HashMap<PathBuf, usize>,
    bytes: u64,
}

impl RetiredFiles {
    pub(crate) fn push(&mut self, retired: Retired) {
        match self.places.entry(retired.file.clone()) {
            Slot::Occupied(place) => self.list[*place.get()].stay(retired.stays),
            Slot::Vacant(place) => {
                place.insert(self.list.len());
                self.bytes += retired.bytes;
                self.list.push(retired);
            }
        }
    }

    /// The length of all.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
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
        self.bytes = 0;
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
            retired.push(Retired::new(file.into(), stays).with_bytes(9));
        }
        assert!(retired.has(Path::new("a b.ts")) && !retired.has(Path::new("b.ts")));
        let lines: Vec<_> = retired.iter().map(Retired::line).collect();
        assert_eq!(lines, ["delete 5 9 a%20b.ts\n", "delete 4 9 /srv/1.ts\n"]);
        assert_eq!(retired.bytes(), 18);
        let expected = Retired::new("a b.ts".into(), 5).with_bytes(9);
        assert_eq!(retired.take()[0], expected);
        assert_eq!(retired.bytes(), 0);
        assert!(retired.is_empty() && !retired.has(Path::new("a b.ts")));
    }
}
