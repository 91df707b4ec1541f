//! A directory in memory: it records the changes that took effect, and fails on request.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use segment_stream::{ProducedSegment, SegmentSink, SinkError, WriteContext};

/// How a call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Answer {
    #[default]
    Done,
    /// An error, and nothing has changed.
    Refused,
    /// An error, and yet it was done: the answer was lost on its way.
    Unheard,
    /// No space is left, and nothing has changed.
    NoSpace,
    /// The same, but there is some for the next call.
    NoSpaceOnce,
}

impl Answer {
    /// That of the next call.
    fn take(&mut self) -> Self {
        let answer = *self;
        if answer == Self::NoSpaceOnce {
            *self = Self::Done;
        }
        answer
    }
}

/// The directory's answer to the next calls.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) playlist: Answer,
    pub(crate) state: Answer,
    pub(crate) removal: Answer,
}

/// A change that took effect, and its time.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) at: Duration,
    pub(crate) path: PathBuf,
    pub(crate) change: Change,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Stored(Vec<u8>),
    Removed,
}

#[derive(Debug, Default)]
struct Inner {
    files: BTreeMap<PathBuf, Vec<u8>>,
    records: Vec<Record>,
    clock: Duration,
    faults: Faults,
    never_removes: bool,
    calls_to_live: Option<u32>,
    failures: u32,
}

/// Clones are the same folder.
#[derive(Debug, Clone, Default)]
pub(crate) struct Folder {
    inner: Arc<Mutex<Inner>>,
    playlist: PathBuf,
}

impl Folder {
    pub(crate) fn new(playlist: &Path, clock: Duration, never_removes: bool) -> Self {
        let inner = Inner {
            clock,
            never_removes,
            ..Inner::default()
        };
        Self {
            inner: Arc::new(Mutex::new(inner)),
            playlist: playlist.to_owned(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no call panics")
    }

    pub(crate) fn clock(&self) -> impl Fn() -> Duration + Send + Sync + 'static {
        let inner = Arc::clone(&self.inner);
        move || inner.lock().expect("no call panics").clock
    }

    pub(crate) fn wait(&self, time: Duration) {
        self.inner().clock += time;
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        let mut inner = self.inner();
        inner.faults = faults;
        inner.failures = 0;
    }

    /// How many calls failed since the faults were set.
    pub(crate) fn failures(&self) -> u32 {
        self.inner().failures
    }

    /// The process dies after so many more calls: nothing takes effect any more.
    pub(crate) fn die_after(&self, calls: u32) {
        self.inner().calls_to_live = Some(calls);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.inner().calls_to_live == Some(0)
    }

    pub(crate) fn revive(&self) {
        self.inner().calls_to_live = None;
    }

    pub(crate) fn content(&self, path: &Path) -> Option<Vec<u8>> {
        self.inner().files.get(path).cloned()
    }

    /// The length of all segments.
    #[allow(dead_code, reason = "the tests of limits use it")]
    pub(crate) fn segment_bytes(&self) -> u64 {
        let inner = self.inner();
        let files = inner.files.iter();
        let segments = files.filter(|(path, _)| path.extension().is_some_and(|it| it == "ts"));
        segments.map(|(_, data)| data.len() as u64).sum()
    }

    pub(crate) fn take_records(&self) -> Vec<Record> {
        std::mem::take(&mut self.inner().records)
    }

    /// The write of the segments' own sink.
    pub(crate) fn store(&self, path: &Path, data: Vec<u8>) {
        self.inner().apply(path, Change::Stored(data));
    }
}

impl Inner {
    fn apply(&mut self, path: &Path, change: Change) {
        match &change {
            Change::Stored(data) => self.files.insert(path.to_owned(), data.clone()),
            Change::Removed => self.files.remove(path),
        };
        self.records.push(Record {
            at: self.clock,
            path: path.to_owned(),
            change,
        });
    }

    fn call(&mut self, path: &Path, change: Change, answer: Answer) -> Result<(), SinkError> {
        match &mut self.calls_to_live {
            Some(0) => {
                self.failures += 1;
                return Err(SinkError::permanent("the process is dead"));
            }
            Some(left) => *left -= 1,
            None => {}
        }
        if matches!(answer, Answer::Done | Answer::Unheard) {
            self.apply(path, change);
        }
        if answer == Answer::Done {
            return Ok(());
        }
        self.failures += 1;
        if matches!(answer, Answer::NoSpace | Answer::NoSpaceOnce) {
            return Err(io::Error::from(io::ErrorKind::StorageFull).into());
        }
        Err(SinkError::transient("it failed as it was told to"))
    }
}

impl SegmentSink for Folder {
    fn write(&mut self, segment: &ProducedSegment, _: &WriteContext) -> Result<(), SinkError> {
        let path = segment
            .path_hint
            .as_deref()
            .expect("all that is written has a path");
        let mut inner = self.inner();
        let faults = &mut inner.faults;
        let answer = if path == self.playlist {
            faults.playlist.take()
        } else {
            faults.state.take()
        };
        inner.call(path, Change::Stored(segment.data.clone()), answer)
    }

    fn remove(&mut self, path: &Path, _: &WriteContext) -> Result<(), SinkError> {
        let mut inner = self.inner();
        if inner.never_removes {
            inner.failures += 1;
            return Err(io::Error::from(io::ErrorKind::Unsupported).into());
        }
        let answer = inner.faults.removal.take();
        inner.call(path, Change::Removed, answer)
    }

    fn read(&mut self, path: &Path, _: &WriteContext) -> Result<Option<Vec<u8>>, SinkError> {
        Ok(self.content(path))
    }
}
