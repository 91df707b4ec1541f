//! A folder in memory that dies on request.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use segment_stream::{ProducedSegment, SegmentSink, SinkError, WriteContext};

#[derive(Debug, Default)]
struct Inner {
    files: BTreeMap<PathBuf, Vec<u8>>,
    clock: Duration,
    calls_to_live: Option<u32>,
    refused: Option<PathBuf>,
    removed: Vec<PathBuf>,
}

/// Clones are the same folder.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Inner>>);

impl Memory {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no call panics")
    }

    pub(crate) fn content(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        self.inner().files.get(path.as_ref()).cloned()
    }

    pub(crate) fn has(&self, path: impl AsRef<Path>) -> bool {
        self.inner().files.contains_key(path.as_ref())
    }

    /// The write of the segments' own sink.
    pub(crate) fn store(&self, path: impl Into<PathBuf>) {
        self.inner().files.insert(path.into(), Vec::new());
    }

    /// Puts a text there, as somebody else would.
    #[allow(dead_code, reason = "other tests use it")]
    pub(crate) fn put(&self, path: impl Into<PathBuf>, content: &[u8]) {
        self.inner().files.insert(path.into(), content.to_vec());
    }

    pub(crate) fn wait(&self, time: Duration) {
        self.inner().clock += time;
    }

    pub(crate) fn clock(&self) -> impl Fn() -> Duration + Send + Sync + 'static {
        let memory = self.clone();
        move || memory.inner().clock
    }

    /// The process dies after so many more calls: nothing takes effect any more.
    pub(crate) fn die_after(&self, calls: u32) {
        self.inner().calls_to_live = Some(calls);
    }

    /// Refuses to write this path, until another one is refused.
    pub(crate) fn refuse(&self, path: Option<&str>) {
        self.inner().refused = path.map(PathBuf::from);
    }

    /// The paths whose removal was asked for, in order.
    #[allow(dead_code, reason = "other tests use it")]
    pub(crate) fn removed(&self) -> Vec<PathBuf> {
        self.inner().removed.clone()
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.inner().calls_to_live == Some(0)
    }

    pub(crate) fn revive(&self) {
        self.inner().calls_to_live = None;
    }
}

impl Inner {
    fn call(&mut self) -> Result<(), SinkError> {
        match &mut self.calls_to_live {
            Some(0) => return Err(SinkError::permanent("the process is dead")),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(())
    }
}

impl SegmentSink for Memory {
    fn write(&mut self, file: &ProducedSegment, _: &WriteContext) -> Result<(), SinkError> {
        let mut inner = self.inner();
        inner.call()?;
        let path = file.path_hint.clone().expect("it has a path");
        if inner.refused.as_ref() == Some(&path) {
            return Err(SinkError::permanent("it is refused"));
        }
        inner.files.insert(path, file.data.clone());
        Ok(())
    }

    fn remove(&mut self, path: &Path, _: &WriteContext) -> Result<(), SinkError> {
        let mut inner = self.inner();
        inner.call()?;
        inner.removed.push(path.to_path_buf());
        inner.files.remove(path);
        Ok(())
    }

    fn read(&mut self, path: &Path, _: &WriteContext) -> Result<Option<Vec<u8>>, SinkError> {
        Ok(self.content(path))
    }
}
