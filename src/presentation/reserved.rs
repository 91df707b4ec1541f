//! Reserves the manifest's own names.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::SinkError;
use crate::segment::ProducedSegment;
use crate::sink::{SegmentSink, WriteContext};
use crate::uri;

/// A sink for segments that refuses the names of a manifest and its side file, and those of the
/// parts of the side file, before anything is written. Made by
/// [`reserve`](crate::hls::MediaPlaylist::reserve).
///
/// It refuses every name that a file system may take for one of these. FAT, exFAT, NTFS and APFS
/// ignore the case of a name, and some of them dots and spaces at its end. So `LIVE.txt` and
/// `live.txt.` are refused beside `live.txt` on every file system. The case is compared in
/// ASCII.
#[derive(Debug)]
pub struct Reserved<S> {
    sink: S,
    names: Vec<PathBuf>,
}

impl<S: SegmentSink> Reserved<S> {
    pub(crate) fn new(sink: S, names: Vec<PathBuf>) -> Self {
        Self { sink, names }
    }

    fn check(&self, path: &Path) -> Result<(), SinkError> {
        let is_own = |name: &PathBuf| uri::may_be_same(name, path) || is_of_side_file(name, path);
        if self.names.iter().any(is_own) {
            let cause = io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is the name of the manifest or of its side file",
            );
            return Err(SinkError::permanent(cause)
                .with_operation("use the path hint")
                .with_path(path));
        }
        Ok(())
    }
}

/// Whether the path may be that of an object beside this side file: `.NAME.state.WORD`.
pub(crate) fn is_of_side_file(own: &Path, path: &Path) -> bool {
    let name_of = |path: &Path| path.file_name().map(|it| it.to_string_lossy().into_owned());
    let (Some(side_file), Some(name)) = (name_of(own), name_of(path)) else {
        return false;
    };
    let is_side_file = side_file.starts_with('.') && own.extension() == Some("state".as_ref());
    let cut = name.split_at_checked(side_file.len());
    is_side_file
        && cut.is_some_and(|(begin, word)| {
            word.starts_with('.') && uri::may_be_same(own, &path.with_file_name(begin))
        })
}

impl<S: SegmentSink> SegmentSink for Reserved<S> {
    fn write(
        &mut self,
        segment: &ProducedSegment,
        context: &WriteContext,
    ) -> Result<(), SinkError> {
        if let Some(path) = &segment.path_hint {
            self.check(path)?;
        }
        self.sink.write(segment, context)
    }

    fn remove(&mut self, path: &Path, context: &WriteContext) -> Result<(), SinkError> {
        self.check(path)?;
        self.sink.remove(path, context)
    }

    fn read(&mut self, path: &Path, context: &WriteContext) -> Result<Option<Vec<u8>>, SinkError> {
        self.sink.read(path, context)
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        self.sink.finish()
    }
}
