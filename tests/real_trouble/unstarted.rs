//! Several writers where only some of the threads can be started.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::process::{self, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use segment_stream::{
    DiskSink, ProducedSegment, SegmentSink, SegmentStream, SegmentStreamConfig, SinkError,
    WriteContext,
};
use tempfile::tempdir;

use super::common::again::{again_with, folder, must_pass};
use super::common::means::{have_tools, skip};
use super::common::sinks::Call;
use super::common::threads::{give_way, must_end};
use super::common::unprivileged::reachable_copy;
use super::{LENGTH, figures, segment};

const WRITERS: usize = 16;
/// The program's own: the first one, that of the test, its watchdog's. And some for a few writers.
const THREADS: usize = 8;

/// Runs a part of a test as a user whom limits and permissions bind, and who has no other process,
/// behind `prefix`. Returns `None` where that takes root.
pub(crate) fn as_nobody(test: &str, prefix: &[&str], part: &str) -> Option<Output> {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    if !have_tools(test, &["setpriv", "prlimit"]) {
        return None;
    }
    let work = tempdir().unwrap();
    if fs::metadata(work.path()).unwrap().uid() != 0 {
        skip(test, "only root can become a user who has no other process");
        return None;
    }
    // Everybody's threads count, of those who are this user at the same time: each call has a user
    // of its own.
    let number = 100_000 + 16 * process::id() + CALLS.fetch_add(1, Ordering::Relaxed);
    let user = format!("--reuid={number}");
    let become_user = [
        "setpriv",
        &user,
        "--regid=65534",
        "--clear-groups",
        "--inh-caps=-all",
    ];
    let prefix = [&become_user, prefix].concat();
    let program = reachable_copy(&std::env::current_exe().unwrap(), work.path());
    let mut command = again_with(&program, &prefix, part, work.path());
    Some(must_pass(command.current_dir(work.path())))
}

#[test]
fn some_writers_cannot_be_started() {
    let limit = format!("--nproc={THREADS}");
    let part = "unstarted::starts_some_writers";
    if let Some(output) = as_nobody("some_writers_cannot_be_started", &["prlimit", &limit], part) {
        figures(&String::from_utf8_lossy(&output.stdout)).for_each(|figure| println!("{figure}"));
    }
}

/// Notes what is done to it, and on which thread.
struct Noting(Arc<Mutex<Vec<(Call, String)>>>);

impl Noting {
    fn note(&self, call: Call) {
        let thread = thread::current().name().unwrap_or_default().to_owned();
        self.0.lock().unwrap().push((call, thread));
    }
}

impl SegmentSink for Noting {
    fn write(&mut self, segment: &ProducedSegment, _: &WriteContext) -> Result<(), SinkError> {
        self.note(Call::Write(segment.sequence));
        Ok(())
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        self.note(Call::Finish);
        Ok(())
    }
}

impl Drop for Noting {
    fn drop(&mut self) {
        // Those that did start have time to end too soon.
        give_way(1_000);
        self.note(Call::Drop);
    }
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
#[ignore = "a part of some_writers_cannot_be_started"]
fn starts_some_writers() {
    must_end(|| {
        let before = threads();
        let config = || SegmentStreamConfig {
            channel_depth: WRITERS,
            ..Default::default()
        };
        let calls = Arc::new(Mutex::new(Vec::new()));
        let started =
            SegmentStream::with_writers(config(), WRITERS, |_| Noting(Arc::clone(&calls)));
        let error = started.map(drop).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
        // Nothing was ever begun, so there is nothing to finish: each sink is dropped, on the
        // thread that it was given to, or here. No thread is left.
        let calls = calls.lock().unwrap();
        assert!(
            calls.iter().all(|(call, _)| *call == Call::Drop),
            "{calls:?}"
        );
        assert_eq!(calls.len(), WRITERS);
        let is_writer = |name: &str| name.starts_with("seg-writer-");
        let ended = calls.iter().filter(|(_, thread)| is_writer(thread)).count();
        println!("* of {WRITERS} writers {ended} were started, and have ended: {error}");
        assert_eq!(ended, THREADS - before);
        assert_eq!(threads(), before, "a thread is left");

        // As many as there is room for work.
        let root = folder();
        let sink = DiskSink::rooted(root.join("out"));
        let (stream, sender) =
            SegmentStream::with_writers(config(), THREADS - before, |_| sink.clone()).unwrap();
        for number in 0..10 {
            sender
                .send(segment(number, LENGTH, format!("{number}.ts")))
                .unwrap();
        }
        assert_eq!(stream.finish().unwrap().written.len(), 10);
        assert_eq!(threads(), before);
    });
}
