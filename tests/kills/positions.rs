//! Kills a program just before a system call, and counts the calls by killing.
//!
//! `strace` counts the calls of each thread by itself. So only one thread is traced at a time, and
//! no call is passed over because another thread was the first to make as many: the main thread by
//! starting it under the tracer, the writer's by attaching the tracer before there is any input.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use super::common::means::skip;
use super::common::thorough::is_thorough;
use super::{Victim, have_tools};

/// All calls with which a program may change files and folders. What opens for reading is among
/// them: that is a moment as good as any other. Those that a machine does not know are as good as
/// never made.
pub(crate) const CALLS: [&str; 20] = [
    "openat",
    "openat2",
    "write",
    "fsync",
    "renameat2",
    "renameat",
    "rename",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "ftruncate",
    "open",
    "pwrite64",
    "writev",
    "fdatasync",
    "link",
    "linkat",
    "rmdir",
    "fallocate",
];

/// Of these a sample is tried in every run.
pub(crate) const MOST_TELLING: [&str; 7] = [
    "write",
    "fsync",
    "renameat2",
    "renameat",
    "rename",
    "unlink",
    "unlinkat",
];

/// Whose calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watched {
    Main,
    Writer,
}

/// Just before a thread makes this call for the `number`th time.
#[derive(Clone, Debug)]
pub(crate) struct Position {
    pub(crate) thread: Watched,
    pub(crate) call: &'static str,
    pub(crate) number: usize,
}

impl Position {
    fn tracer(&self) -> [String; 7] {
        let Self { call, number, .. } = self;
        [
            "strace".into(),
            "-e".into(),
            format!("trace=?{call}"),
            "-e".into(),
            format!("inject=?{call}:signal=KILL:when={number}"),
            "-o".into(),
            "/dev/null".into(),
        ]
    }

    /// Says where it was, if that fails.
    pub(crate) fn explain(&self, checks: impl FnOnce()) {
        if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(checks)) {
            eprintln!("after a kill before {self:?}");
            panic::resume_unwind(payload);
        }
    }
}

/// Whether a tracer is there and may attach to another process.
pub(crate) fn can_trace(test: &str) -> bool {
    if !have_tools(test, &["strace", "setpriv"]) {
        return false;
    }
    let mut sleeper = Ended(Command::new("sleep").arg("600").spawn().unwrap());
    let mut tracer = attach(&["strace".into()], &sleeper.0.id().to_string());
    let is_attached = wait_for_attachment(&mut tracer);
    let _ = sleeper.0.kill();
    is_attached || skip(test, "strace may not attach to a process here")
}

/// How many kills there were, and how many calls were found.
pub(crate) struct Found {
    pub(crate) kills: usize,
    pub(crate) calls: usize,
}

/// Tries one number after the other (or some of them, unless it is thorough), until there is no
/// such call.
pub(crate) fn each(mut killed_at: impl FnMut(usize) -> bool) -> Found {
    let (first, step) = if is_thorough() { (1, 1) } else { (2, 9) };
    let mut found = Found { kills: 0, calls: 0 };
    let mut number = first;
    while killed_at(number) {
        found.kills += 1;
        found.calls = number;
        number += step;
    }
    found
}

pub(crate) fn assert_killed(status: ExitStatus, position: &Position) {
    assert_eq!(status.signal(), Some(9), "{status} at {position:?}");
}

/// A process that is gone when this is, whatever became of the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a session, which is killed at the position if it comes there.
pub(crate) fn run_until(victim: &impl Victim, position: &Position, out: &Path) -> ExitStatus {
    match position.thread {
        Watched::Main => {
            let prefix = position.tracer();
            let prefix: Vec<&str> = prefix.iter().map(String::as_str).collect();
            let mut session = Ended(victim.command(&prefix, out).spawn().unwrap());
            feed(&mut session.0, victim.input());
            session.0.wait().unwrap()
        }
        Watched::Writer => {
            let mut session = Ended(victim.command(&[], out).spawn().unwrap());
            let writer = writer_of(&mut session.0);
            let mut tracer = attach(&position.tracer(), &writer);
            assert!(wait_for_attachment(&mut tracer));
            feed(&mut session.0, victim.input());
            session.0.wait().unwrap()
        }
    }
}

/// A session that was killed does not read all of it.
fn feed(session: &mut Child, input: &[u8]) {
    let _ = session.stdin.take().unwrap().write_all(input);
}

/// The number of the writer's thread, once it is there.
fn writer_of(session: &mut Child) -> String {
    let tasks = format!("/proc/{}/task", session.id());
    loop {
        for task in fs::read_dir(&tasks).unwrap().flatten() {
            let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            if name.trim_end() == "segment-writer" {
                return task.file_name().into_string().unwrap();
            }
        }
        assert!(session.try_wait().unwrap().is_none(), "it ended by itself");
        thread::sleep(Duration::from_millis(1));
    }
}

fn attach(tracer: &[String], thread: &str) -> Ended {
    let mut words = tracer.iter();
    let mut command = Command::new(words.next().unwrap());
    command.args(words).args(["-p", thread]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    Ended(command.stderr(Stdio::piped()).spawn().unwrap())
}

/// From here on no call passes unseen.
fn wait_for_attachment(tracer: &mut Ended) -> bool {
    // It goes on writing to standard error, which so must stay open.
    let stderr = tracer.0.stderr.as_mut().unwrap();
    let mut line = String::new();
    BufReader::with_capacity(1, stderr)
        .read_line(&mut line)
        .unwrap();
    line.contains("attached")
}
