//! A manifest format on top of a presentation.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::config::Settings;
use super::date_range::DateRange;
use super::notice::Notice;
use super::pins::Cut;
use super::rendition::Rendition;
use super::time::{Micros, SECOND};
use crate::segment::MediaTime;

/// The words of a format. It owns what it keeps of its texts. No I/O.
pub(crate) trait Format: Send + 'static {
    /// The whole text of this manifest.
    fn render(&mut self, manifest: usize, view: &View<'_>) -> io::Result<Text>;

    /// Takes the entries that came and forgets those that left. Called after each change.
    fn follow(&mut self, view: &View<'_>) {
        let _ = view;
    }

    /// Whether one of its manifests cannot list a stored segment of the rendition at this path.
    fn unlistable(&self, rendition: &Path, segment: &Stored<'_>) -> Option<Unlistable> {
        let _ = (rendition, segment);
        None
    }

    /// Whether enough is known for this manifest of others.
    fn is_ready(&self, manifest: usize, view: &View<'_>) -> bool {
        let _ = (manifest, view);
        true
    }

    /// Whether the last text of this manifest of others is not true any more.
    fn is_outdated(&self, manifest: usize, view: &View<'_>) -> bool {
        let _ = (manifest, view);
        false
    }

    /// The whole text of a clip of this manifest.
    fn clip(&self, manifest: usize, view: &View<'_>, cut: &Cut) -> io::Result<Vec<u8>> {
        let _ = (manifest, view, cut);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The longest duration that a manifest with this target duration may declare.
    fn longest(&self, target_secs: u64, has_initialisation: bool) -> Micros {
        let _ = has_initialisation;
        target_secs.saturating_mul(SECOND)
    }

    /// The first segment of a rendition is about to be listed: its manifest settles for a nature.
    fn begins(&mut self, rendition: usize, has_initialisation: bool, keys: &[String]) {
        let _ = (rendition, has_initialisation, keys);
    }

    /// The form in which key lines of the producer are kept. No lines end the keys in force.
    fn keys(
        &self,
        rendition: usize,
        lines: &[String],
        in_force: &[String],
    ) -> Result<Vec<String>, Refused> {
        let _ = (rendition, in_force);
        Ok(lines.to_vec())
    }

    /// The form in which a line of one segment is kept.
    fn line(&self, rendition: usize, line: &str, is_dated: bool) -> Result<String, Refused> {
        let _ = (rendition, is_dated);
        Ok(line.to_owned())
    }

    /// Whether a line of one segment is about the date range and says otherwise.
    fn contradicts(&self, line: &str, range: &DateRange) -> bool {
        let _ = (line, range);
        false
    }
}

/// A line that the format cannot list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) line: String,
    pub(crate) why: &'static str,
}

/// A segment that is about to be listed.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "dash"),
    expect(dead_code, reason = "some formats list all of them")
)]
pub(crate) struct Stored<'a> {
    pub(crate) file: &'a Path,
    pub(crate) sequence: u64,
    pub(crate) time: Option<MediaTime>,
    pub(crate) has_initialisation: bool,
}

/// The manifest that cannot list a segment, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unlistable {
    pub(crate) manifest: PathBuf,
    pub(crate) why: &'static str,
}

/// What a format may look at.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) renditions: &'a [Rendition],
    /// The time of day, as the last call of a publisher read it.
    #[cfg_attr(
        not(feature = "dash"),
        expect(dead_code, reason = "some formats tell no time of day")
    )]
    pub(crate) today: SystemTime,
}

/// The text of a manifest.
#[derive(Debug, Default)]
pub(crate) struct Text {
    pub(crate) bytes: Vec<u8>,
    /// So many bytes at its beginning are those of the text before it.
    pub(crate) kept: usize,
    pub(crate) notices: Vec<Notice>,
}

/// A manifest of a presentation.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    pub(crate) path: PathBuf,
    /// The renditions whose segments it names, or that it is about.
    pub(crate) covers: Vec<usize>,
    pub(crate) kind: ManifestKind,
}

#[derive(Debug, Clone)]
pub(crate) enum ManifestKind {
    /// It names segments, so their files are retired with it.
    Segments {
        /// The path of its side file, and the first line of that.
        state: PathBuf,
        state_header: &'static str,
    },
    /// It names segments whose files are retired with other manifests.
    Beside,
    /// It names other manifests, and waits for them.
    Index,
}
