//! Reserves the playlist's own names.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::SinkError;
use crate::segment::ProducedSegment;
use crate::sink::{SegmentSink, WriteContext};
use crate::uri;

/// A sink for segments that refuses the names of a playlist and its side file before anything is
/// written. Made by [`MediaPlaylist::reserve`](crate::hls::MediaPlaylist::reserve).
///
/// It refuses every name that a file system may take for one of these. FAT, exFAT, NTFS and APFS
/// ignore the case of a name, and some of them dots and spaces at its end. So `LIVE.m3u8` and
/// `live.m3u8.` are refused beside `live.m3u8` on every file system. The case is compared in
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
        let is_own = |name: &PathBuf| uri::may_be_same(name, path);
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
