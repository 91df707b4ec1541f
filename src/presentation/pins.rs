//! The files that a clip pins, and the names of its documents.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::time::Micros;

/// A clip of one manifest, as long as it is not released.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pins {
    pub(crate) name: String,
    /// It is released then; `None` keeps it until that is asked for.
    pub(crate) until: Option<SystemTime>,
    /// How long its files stay at least once its manifest is gone: its longest segment and its
    /// duration.
    pub(crate) stays: Micros,
    /// In an order, so that equal sessions write equal side files.
    pub(crate) files: BTreeSet<PathBuf>,
    /// Whether its manifest was written for certain.
    pub(crate) has_landed: bool,
    /// Whether its manifest was deleted since.
    pub(crate) is_gone: bool,
}

/// A part of the timeline by its numbers, and where playback begins in the first one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) numbers: Range<u64>,
    pub(crate) in_point: Duration,
    pub(crate) name: String,
}

impl Pins {
    pub(crate) fn is_over(&self, today: SystemTime) -> bool {
        self.until.is_some_and(|until| until <= today)
    }

    /// The name of the object that lists its files, beside the side file.
    pub(crate) fn word(&self) -> String {
        pins_word(&self.name)
    }
}

/// The same of a clip of this name. No part of a log has such a name.
pub(crate) fn pins_word(name: &str) -> String {
    format!("clip-{name}")
}

/// The path of a clip's manifest: beside the manifest, so that its references are the same.
pub(crate) fn clip_path(path: &Path, name: &str) -> PathBuf {
    let mut file = OsString::from(path.file_stem().unwrap_or_default());
    file.push(".");
    file.push(name);
    if let Some(extension) = path.extension() {
        file.push(".");
        file.push(extension);
    }
    path.with_file_name(file)
}

/// The path of an object beside the side file.
pub(crate) fn beside(side_file: &Path, word: &str) -> PathBuf {
    let mut name = side_file.file_name().unwrap_or_default().to_os_string();
    name.push(".");
    name.push(word);
    side_file.with_file_name(name)
}
