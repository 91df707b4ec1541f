//! The files that a manifest beside others may still name.
//!
//! Such a manifest keeps no files. A file that left the manifest that keeps it is noted here, and is not
//! deleted before a text without it has landed. An origin may have several texts on their way.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The files that left, and that the text at the destination may name.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// The version whose text is the first one without the file, once that is made.
    files: HashMap<PathBuf, Option<u64>>,
}

impl Standing {
    /// Notes a file that left.
    pub(crate) fn add(&mut self, file: PathBuf) {
        self.files.insert(file, None);
    }

    /// The text of this version is made, and names none of them.
    pub(crate) fn is_replaced(&mut self, version: u64) {
        for of in self.files.values_mut() {
            of.get_or_insert(version);
        }
    }

    /// No text before this version can stand any more. Returns the files that no text names.
    pub(crate) fn has_landed(&mut self, version: u64) -> Vec<PathBuf> {
        let is_gone = |_: &PathBuf, of: &mut Option<u64>| of.is_some_and(|of| of <= version);
        let gone = self.files.extract_if(is_gone);
        gone.map(|(file, _)| file).collect()
    }

    pub(crate) fn has(&self, file: &Path) -> bool {
        self.files.contains_key(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_goes_with_the_first_text_without_it() {
        let mut standing = Standing::default();
        standing.add("0.m4s".into());
        standing.is_replaced(3);
        standing.add("1.m4s".into());
        standing.is_replaced(4);
        standing.add("2.m4s".into());
        assert!(standing.has_landed(2).is_empty());
        // It was made before the other two left.
        assert_eq!(standing.has_landed(3), [Path::new("0.m4s")]);
        assert!(standing.has(Path::new("1.m4s")) && standing.has(Path::new("2.m4s")));
        assert_eq!(standing.has_landed(9), [Path::new("1.m4s")]);
        assert!(
            standing.has(Path::new("2.m4s")),
            "no text without it was made"
        );
    }
}
