//! Failures that no error reports are logged, because no caller is left to receive them.

use std::sync::Mutex;
use std::thread;

use libc::EIO;

use super::common::gate::Gate;
use super::common::threads::must_end;
use super::*;

/// Remembers what it is told from [`listen`] to [`heard`].
struct Listener(Mutex<Option<Vec<String>>>);

static LISTENER: Listener = Listener(Mutex::new(None));
/// The gate at which a logger waits that receives the message of a sync.
static GATE: Mutex<Option<Gate>> = Mutex::new(None);

impl log::Log for Listener {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if let Some(messages) = &mut *self.0.lock().unwrap() {
            messages.push(record.args().to_string());
        }
        let gate = GATE.lock().unwrap().clone();
        if let Some(gate) = gate.filter(|_| record.args().to_string().contains("sync")) {
            gate.pass();
        }
    }

    fn flush(&self) {}
}

fn listen() {
    // Whichever test is first.
    if log::set_logger(&LISTENER).is_ok() {
        log::set_max_level(log::LevelFilter::Warn);
    }
    *LISTENER.0.lock().unwrap() = Some(Vec::new());
}

fn heard(part: &str) -> usize {
    let messages = LISTENER.0.lock().unwrap().take().expect("it listens");
    messages.iter().filter(|it| it.contains(part)).count()
}

/// Which folders are there before the write of `a/0.ts`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum There {
    All,
    Root,
}

/// Writes one segment while these calls fail, and says what of this was logged.
fn logged(
    there: There,
    fails: impl Fn(Kind, &Path) -> Option<i32> + Send + 'static,
    expected: &str,
) -> (Result<(), SinkError>, usize) {
    let base = in_memory();
    let root = base.path().join("root");
    fs::create_dir(&root).unwrap();
    if there == There::All {
        fs::create_dir(root.join("a")).unwrap();
    }
    let mut sink = DiskSink::rooted(&root).durability(Durability::Full);
    listen();
    interposed::begin(Box::new(move |_, call| {
        fails(call.kind, &call.path).map(Fault::Code)
    }));
    let written = counted(|| sink.write(&segment(0, "a/0.ts"), &WriteContext::default()));
    interposed::heal();
    (written, heard(expected))
}

fn is_sync_of_a_folder(kind: Kind, path: &Path) -> bool {
    kind == Kind::Sync && path.extension().is_none()
}

#[test]
fn that_there_are_no_locks_is_logged() {
    let _alone = alone();
    let fails = |kind: Kind, _: &Path| (kind == Kind::Lock).then_some(EIO);
    let (written, count) = logged(There::All, fails, "no file locks here");
    assert_eq!((written.is_ok(), count), (true, 1));
}

/// Once, however many files follow.
#[test]
fn that_nothing_is_pre_allocated_is_logged() {
    let _alone = alone();
    let base = in_memory();
    let mut sink = DiskSink::rooted(base.path()).pre_allocate();
    listen();
    interposed::begin(Box::new(|_, call| {
        (call.kind == Kind::Truncate).then_some(Fault::Code(libc::EPERM))
    }));
    for (number, hint) in (0..).zip(["0.ts", "1.ts", "2.ts"]) {
        counted(|| sink.write(&segment(number, hint), &WriteContext::default())).unwrap();
        let there = fs::read(base.path().join(hint)).unwrap();
        assert_eq!(there, segment(number, hint).data);
    }
    interposed::heal();
    assert_eq!(heard("cannot pre-allocate"), 1);
}

#[test]
fn that_the_name_of_a_folder_of_others_is_not_synced_is_logged() {
    let _alone = alone();
    let fails = |kind: Kind, path: &Path| {
        (is_sync_of_a_folder(kind, path) && !path.ends_with("a")).then_some(EIO)
    };
    let part = "a power cut may take its content away";
    let (written, count) = logged(There::All, fails, part);
    assert!(written.is_ok() && count > 0, "{written:?}, {count}");
}

/// A writer that is logging has a folder to tell of: that its name is not synced, or that it
/// stays.
fn logs_and_holds_up_nobody(log: &'static str, others: &'static [&'static str]) {
    let _alone = alone();
    let base = in_memory();
    let root = base.path().join("root");
    fs::create_dir_all(root.join("theirs/a")).unwrap();
    fs::create_dir(root.join("b")).unwrap();
    let gate = Gate::default();
    *GATE.lock().unwrap() = Some(gate.clone());
    listen();
    interposed::begin(Box::new(move |_, call| {
        let is_sync = is_sync_of_a_folder(call.kind, &call.path);
        let fails = is_sync && (call.path.ends_with("theirs") || call.path.ends_with("ours"))
            || call.kind == Kind::RemoveFolder;
        fails.then_some(Fault::Code(EIO))
    }));
    let sink = DiskSink::rooted(&root).durability(Durability::Full);
    let write = |sink: &DiskSink, hint| {
        let mut sink = sink.clone();
        counted(|| sink.write(&segment(0, hint), &WriteContext::default()))
    };
    let logging = thread::spawn({
        let sink = sink.clone();
        move || write(&sink, log).is_ok()
    });
    gate.wait_for_arrivals(1);
    must_end(move || {
        for hint in others {
            write(&sink, hint).unwrap();
        }
    });
    *GATE.lock().unwrap() = None;
    gate.open();
    assert_eq!(logging.join().unwrap(), log.starts_with("theirs"));
    interposed::heal();
    assert!(heard("sync") > 0);
}

#[test]
fn a_logger_that_is_told_of_the_folder_of_others_holds_up_nobody_else() {
    logs_and_holds_up_nobody("theirs/a/0.ts", &["b/0.ts", "new/c/0.ts"]);
}

#[test]
fn a_logger_that_is_told_of_a_folder_that_stays_holds_up_nobody_else() {
    logs_and_holds_up_nobody("ours/a/0.ts", &["b/0.ts", "new/c/0.ts"]);
}

#[test]
fn that_a_folder_cannot_be_taken_back_is_logged() {
    let _alone = alone();
    let fails = |kind: Kind, path: &Path| {
        (kind == Kind::RemoveFolder || is_sync_of_a_folder(kind, path)).then_some(EIO)
    };
    let (written, count) = logged(There::Root, fails, "its name is not synced");
    assert_eq!((written.is_ok(), count), (false, 1));
}

#[test]
fn that_a_temp_file_stays_is_logged() {
    let _alone = alone();
    let part = "cannot remove a temp file that is not needed";
    // Of one that is gone there is nothing to tell.
    for (code, expected) in [(EIO, 1), (ENOENT, 0)] {
        let fails = move |kind: Kind, _: &Path| match kind {
            Kind::Write => Some(EIO),
            Kind::Remove => Some(code),
            _ => None,
        };
        let (written, count) = logged(There::All, fails, part);
        assert_eq!((written.is_ok(), count), (false, expected));
    }
}

/// Where a file gets its name as a link, the first name is removed twice at most: this fails so,
/// and says how many messages that led to.
fn second_name_fails_to_go(code: i32) -> usize {
    let base = in_memory();
    let mut sink = DiskSink::rooted(base.path());
    let mut removals = 0;
    listen();
    interposed::begin(Box::new(move |_, call| match call.kind {
        Kind::RenameToNew => Some(Fault::Code(libc::EINVAL)),
        Kind::Remove => {
            removals += 1;
            let code = if removals == 1 { EIO } else { code };
            Some(Fault::Code(code))
        }
        _ => None,
    }));
    counted(|| sink.write(&segment(0, "0.ts"), &WriteContext::default())).unwrap();
    interposed::heal();
    heard("cannot remove a temp file that is not needed")
}

#[test]
fn that_a_second_name_stays_is_logged() {
    let _alone = alone();
    assert_eq!(second_name_fails_to_go(libc::EACCES), 1);
    // Somebody else was first.
    assert_eq!(second_name_fails_to_go(ENOENT), 0);
}

#[test]
fn every_error_of_a_sweep_is_logged() {
    let _alone = alone();
    let (clean, _) = other::sweep(&[]);
    let removes = clean.iter().position(|it| it.kind == Kind::Remove);
    listen();
    let (_, swept) = other::sweep(&[for_ever(removes.expect("it removes"), EIO)]);
    assert_eq!(swept.unwrap().errors.len(), 3);
    assert_eq!(heard("sweep: "), 3);
}
