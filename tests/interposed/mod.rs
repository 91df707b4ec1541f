//! System calls of the code under test on their way to the kernel: counted, recorded, and made to
//! fail.
//!
//! The test binary defines the functions of libc that change files ([`calls`]), and std and
//! `tempfile` bind to them. A call counts where the thread has said so ([`counted`]); all others
//! pass as if nothing stood in the way. What becomes of a counted one is decided by a [`Plan`].
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file is a crate of its own and uses a part of this"
)]

mod calls;
pub mod disk;
#[cfg(feature = "hls")]
pub mod live;

use std::cell::Cell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use segment_stream::{ProducedSegment, SegmentSink, SinkError, WriteContext};

/// The effect of a call, as far as its errors differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Opens a file that must not be there yet.
    Create,
    /// Opens what is there, to read it, to sync it or to lock it.
    Open,
    Close,
    Read,
    Write,
    Truncate,
    Sync,
    Lock,
    Look,
    /// Resolves a path.
    Resolve,
    MakeFolder,
    RemoveFolder,
    /// Renames, and replaces what is there.
    Rename,
    /// Renames to a name that must not be there yet.
    RenameToNew,
    Link,
    Remove,
    OpenFolder,
    ReadFolder,
    CloseFolder,
    /// A call that the code under test is not known to make.
    Unknown,
}

/// One counted call.
#[derive(Debug, Clone)]
pub struct Call {
    pub kind: Kind,
    /// The function of libc.
    pub function: &'static str,
    /// For a handle, the path that it was opened at.
    pub path: PathBuf,
    /// Of a rename and a link, the new name.
    pub to: PathBuf,
    /// Which opening of the file it is, counted over all.
    pub handle: u64,
    /// How many openings there were before.
    pub openings: u64,
    /// Of a write, what it was asked to write; of a call that wrote, what it wrote.
    pub bytes: Vec<u8>,
    /// Of a truncation, the length.
    pub length: u64,
    pub is_injected: bool,
    /// The returned value, or the code of the error.
    pub outcome: Result<i64, i32>,
}

impl Call {
    fn new(kind: Kind, function: &'static str, path: PathBuf) -> Self {
        Self {
            kind,
            function,
            path,
            to: PathBuf::new(),
            handle: 0,
            openings: 0,
            bytes: Vec::new(),
            length: 0,
            is_injected: false,
            outcome: Ok(0),
        }
    }

    /// Whether it would change what is on the disk.
    pub fn changes(&self) -> bool {
        match self.kind {
            Kind::Create
            | Kind::Write
            | Kind::Truncate
            | Kind::MakeFolder
            | Kind::RemoveFolder
            | Kind::Rename
            | Kind::RenameToNew
            | Kind::Link
            | Kind::Remove
            | Kind::Unknown => true,
            Kind::Open
            | Kind::Close
            | Kind::Read
            | Kind::Sync
            | Kind::Lock
            | Kind::Look
            | Kind::Resolve
            | Kind::OpenFolder
            | Kind::CloseFolder
            | Kind::ReadFolder => false,
        }
    }

    pub fn succeeded(&self) -> bool {
        self.outcome.is_ok()
    }

    pub fn code(&self) -> Option<i32> {
        self.outcome.err()
    }
}

/// The effect instead of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// It fails with this code. (A `close` closes all the same, as on Linux.)
    Code(i32),
    /// It takes no more than so many bytes.
    Short(usize),
    /// It fails with this code because the system is one that does not know it, and so is not a
    /// fault.
    Unknown(i32),
}

/// Says of each counted call, by its position and what it asks for, whether it is made to fail.
pub type Plan = Box<dyn FnMut(usize, &Call) -> Option<Fault> + Send>;

#[derive(Default)]
struct Session {
    plan: Option<Plan>,
    calls: Vec<Call>,
    /// By descriptor, and by the address of an open folder.
    handles: HashMap<usize, (u64, PathBuf)>,
    openings: u64,
}

static SESSION: Mutex<Option<Session>> = Mutex::new(None);

thread_local! {
    static IS_COUNTED: Cell<bool> = const { Cell::new(false) };
}

fn session() -> MutexGuard<'static, Option<Session>> {
    SESSION.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps other tests of this binary off the one session that there is.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Forgets what was recorded, and decides by this plan from here on.
pub fn begin(plan: Plan) {
    *session() = Some(Session {
        plan: Some(plan),
        ..Session::default()
    });
}

/// Decides by another plan from here on; the recording goes on.
pub fn go_on_with(plan: Plan) {
    if let Some(session) = &mut *session() {
        session.plan = Some(plan);
    }
}

/// Nothing fails from here on; the recording goes on.
pub fn heal() {
    go_on_with(Box::new(|_, _| None));
}

/// How many calls were recorded so far.
pub fn position() -> usize {
    session().as_ref().map_or(0, |session| session.calls.len())
}

/// The calls recorded so far.
pub fn recorded() -> Vec<Call> {
    recorded_since(0)
}

/// The calls recorded from this position on.
pub fn recorded_since(position: usize) -> Vec<Call> {
    session()
        .as_ref()
        .map_or(Vec::new(), |session| session.calls[position..].to_vec())
}

/// Runs it with its calls counted.
pub fn counted<T>(run: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            IS_COUNTED.set(self.0);
        }
    }
    let _restore = Restore(IS_COUNTED.replace(true));
    run()
}

/// A sink whose calls count.
#[derive(Debug)]
pub struct Counted<S>(pub S);

impl<S: SegmentSink> SegmentSink for Counted<S> {
    fn write(
        &mut self,
        segment: &ProducedSegment,
        context: &WriteContext,
    ) -> Result<(), SinkError> {
        counted(|| self.0.write(segment, context))
    }

    fn remove(&mut self, path: &Path, context: &WriteContext) -> Result<(), SinkError> {
        counted(|| self.0.remove(path, context))
    }

    fn read(&mut self, path: &Path, context: &WriteContext) -> Result<Option<Vec<u8>>, SinkError> {
        counted(|| self.0.read(path, context))
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        counted(|| self.0.finish())
    }
}

/// The path below the directory; `None` if `path` is not below it.
pub fn below<'a>(folder: &Path, path: &'a Path) -> Option<&'a Path> {
    path.strip_prefix(folder).ok()
}
