//! The files that left a manifest in versions that are on their way to its destination.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};

use super::retired::{Retired, RetiredFiles};
use super::visits;

/// The files that left a manifest, by the version that no longer names them. Until that version is
/// the one at the destination, the text there may still name them.
#[derive(Debug, Default)]
pub(crate) struct Retiring {
    versions: VecDeque<(u64, Vec<Retired>)>,
    /// How many versions each file left with.
    files: HashMap<PathBuf, usize>,
}

impl Retiring {
    /// Moves the files here that left with this version. Versions never decrease.
    pub(crate) fn add(&mut self, version: u64, files: &mut RetiredFiles) {
        let files = files.take();
        if files.is_empty() {
            return;
        }
        for it in &files {
            *self.files.entry(it.file().to_path_buf()).or_default() += 1;
        }
        self.versions.push_back((version, files));
    }

    /// Takes the files that neither this version nor any later one names.
    pub(crate) fn take_until(&mut self, version: u64) -> Vec<Retired> {
        let mut taken = Vec::new();
        while self.versions.front().is_some_and(|(of, _)| *of <= version)
            && let Some((_, mut files)) = self.versions.pop_front()
        {
            taken.append(&mut files);
        }
        for it in &taken {
            if let Some(count) = self.files.get_mut(it.file()) {
                *count -= 1;
                if *count == 0 {
                    self.files.remove(it.file());
                }
            }
        }
        taken
    }

    pub(crate) fn has(&self, file: &Path) -> bool {
        visits::count(1);
        self.files.contains_key(file)
    }

    pub(crate) fn bytes(&self) -> u64 {
        let files = self.versions.iter().flat_map(|(_, files)| files);
        files.map(Retired::bytes).sum()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Retired> {
        let files = self.versions.iter().flat_map(|(_, files)| files);
        files.inspect(|_| visits::count(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_wait_for_their_own_version() {
        let mut retiring = Retiring::default();
        for (version, file) in [(1, "0.ts"), (1, "1.ts"), (3, "2.ts"), (4, "0.ts")] {
            let mut files = RetiredFiles::default();
            files.push(Retired::new(file.into(), 1));
            retiring.add(version, &mut files);
        }
        let taken = |retiring: &mut Retiring, version| {
            let taken = retiring.take_until(version).into_iter();
            taken.map(|it| it.file().to_owned()).collect::<Vec<_>>()
        };
        assert!(taken(&mut retiring, 0).is_empty());
        assert_eq!(taken(&mut retiring, 2), ["0.ts", "1.ts"].map(Path::new));
        assert!(retiring.has(Path::new("0.ts")), "it left again");
        assert_eq!(retiring.iter().count(), 2);
        assert_eq!(taken(&mut retiring, 3), [Path::new("2.ts")]);
        assert_eq!(taken(&mut retiring, 9), [Path::new("0.ts")]);
    }
}
