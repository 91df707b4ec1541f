//! A session of the disk sink, and its promises whatever call fails.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use libc::{EEXIST, EINTR, ENOENT, EWOULDBLOCK};
use segment_stream::{
    DiskSink, Durability, Existing, ProducedSegment, SegmentSink, SinkError, WriteContext,
};
use tempfile::TempDir;

use crate::common::folder::in_memory;
use crate::common::segments::payload;
use crate::interposed::disk::Disk;
use crate::interposed::{self, Call, Kind, Plan, counted};
use crate::table::{At, plan};

/// More than any case takes, with room for a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The answer of a file system without a rename that refuses to replace.
const NO_SUCH_RENAME: &[(Kind, i32)] = &[(Kind::RenameToNew, libc::EINVAL)];

#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) durability: Durability,
    pub(crate) pre_allocate: bool,
    pub(crate) existing: Existing,
    /// Whether the folders are made by somebody else before.
    pub(crate) are_folders_there: bool,
    /// Whether files get their final names by links.
    pub(crate) by_links: bool,
}

impl Setup {
    /// All that there are.
    pub(crate) fn all() -> Vec<Self> {
        let mut found = Vec::new();
        for durability in [Durability::Full, Durability::File, Durability::None] {
            for existing in [Existing::Replace, Existing::Refuse] {
                for (are_folders_there, pre_allocate, by_links) in [
                    (false, true, false),
                    (true, true, false),
                    (false, false, false),
                    (true, false, false),
                    (false, false, true),
                    (true, true, true),
                ] {
                    found.push(Self {
                        durability,
                        pre_allocate,
                        existing,
                        are_folders_there,
                        by_links,
                    });
                }
            }
        }
        found
    }

    fn sink(self, root: &Path) -> DiskSink {
        let sink = DiskSink::rooted(root)
            .durability(self.durability)
            .existing(self.existing);
        if self.pre_allocate {
            sink.pre_allocate()
        } else {
            sink
        }
    }

    fn plan(self, faults: &[At]) -> Plan {
        plan(faults, if self.by_links { NO_SUCH_RENAME } else { &[] })
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Write(&'static str, u64),
    Remove(&'static str),
}

/// A new folder and another file in it; a file that is there already; another folder; and one that
/// goes.
const STEPS: [Step; 5] = [
    Step::Write("new/a/0.ts", 0),
    Step::Write("new/a/1.ts", 1),
    Step::Write("new/a/0.ts", 2),
    Step::Write("b/2.ts", 3),
    Step::Remove("new/a/1.ts"),
];

/// Once nothing fails any more.
const AFTERWARDS: [Step; 4] = [
    Step::Write("new/a/8.ts", 8),
    Step::Write("b/9.ts", 9),
    Step::Remove("new/a/0.ts"),
    Step::Write("new/a/0.ts", 10),
];

pub(crate) fn segment(number: u64, hint: &str) -> ProducedSegment {
    ProducedSegment::media(number, payload(number, 700), 2.0).with_path(hint)
}

/// The files below a folder, temp files apart.
type Found = BTreeMap<PathBuf, Vec<u8>>;

/// How a step ended, with the code of its error.
type Outcome = Result<(), Option<i32>>;

/// The outcome of a case.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The calls until the faults were over.
    pub(crate) calls: Vec<Call>,
    /// Of each step, its calls and how it ended.
    pub(crate) steps: Vec<(Range<usize>, Outcome)>,
}

pub(crate) struct Case<'a> {
    setup: Setup,
    faults: &'a [At],
    base: TempDir,
    root: PathBuf,
    disk: Disk,
    /// The files after the last step.
    there: Found,
    steps: Vec<(Range<usize>, Outcome)>,
}

impl fmt::Display for Case<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (setup, faults) = (self.setup, self.faults);
        write!(
            f,
            "in {setup:?} with {faults:?}\n{}",
            trace(self.base.path())
        )
    }
}

/// Runs the session with these faults, and checks it.
pub(crate) fn run(setup: Setup, faults: &[At]) -> Ran {
    let base = in_memory();
    let root = base.path().join("root");
    if setup.are_folders_there {
        fs::create_dir_all(root.join("new/a")).unwrap();
        fs::create_dir(root.join("b")).unwrap();
    }
    let handles = open_handles();
    let disk = Disk::of(base.path());
    let mut case = Case {
        setup,
        faults,
        root,
        base,
        disk,
        there: Found::new(),
        steps: Vec::new(),
    };
    let started = Instant::now();
    interposed::begin(setup.plan(faults));
    let mut sink = setup.sink(&case.root);
    for step in &STEPS {
        case.step(&mut sink, *step);
    }
    let calls = interposed::recorded();
    let steps = case.steps.clone();
    case.failed_where_it_was_made_to();
    interposed::go_on_with(setup.plan(&[]));
    for step in &AFTERWARDS {
        case.step(&mut sink, *step);
        let failed = case.steps.last().expect("there was a step").1.is_err();
        assert!(
            !failed || case.is_doubtful(&calls),
            "it does not heal, {case}"
        );
    }
    drop(sink);
    case.nothing_is_left(&calls);
    assert_eq!(open_handles(), handles, "descriptors leak, {case}");
    assert!(started.elapsed() < PATIENCE, "it takes too long, {case}");
    Ran { calls, steps }
}

impl Case<'_> {
    fn step(&mut self, sink: &mut DiskSink, step: Step) {
        let before = std::mem::take(&mut self.there);
        let from = interposed::position();
        let (result, hint, data) = match step {
            Step::Write(hint, number) => {
                let segment = segment(number, hint);
                let context = WriteContext::default();
                let result = counted(|| sink.write(&segment, &context));
                (result, hint, Some(segment.data))
            }
            Step::Remove(hint) => (
                counted(|| sink.remove(Path::new(hint), &WriteContext::default())),
                hint,
                None,
            ),
        };
        let calls = &interposed::recorded_since(from)[..];
        let range = from..from + calls.len();
        let after = found(&self.root);
        let stood_there = before.contains_key(Path::new(hint)) && data.is_some();
        let mut done = before.clone();
        match &data {
            Some(data) => drop(done.insert(hint.into(), data.clone())),
            None => drop(done.remove(Path::new(hint))),
        }
        match &result {
            // Told that it is not there, the sink cannot know better.
            Ok(()) if data.is_none() && was_lied_to(calls) => assert!(
                after == before || after == done,
                "neither removed nor there, {self}"
            ),
            Ok(()) => {
                assert_eq!(after, done, "{step:?} has not done it, {self}");
                let is_refusal = stood_there && self.setup.existing == Existing::Refuse;
                assert!(
                    !is_refusal || was_lied_to(calls),
                    "{step:?} has overwritten what was to stay, {self}"
                );
            }
            Err(error) => {
                let is_named = error.operation() == Some("sync the directory") && data.is_some();
                assert!(
                    after == before || is_named && after == done,
                    "{step:?} failed and has changed something: {error}, {self}"
                );
                self.says_what_happened(error, calls, stood_there);
            }
        }
        let kept = syncs_once(calls).and_then(|()| stays_inside(calls, &self.root));
        kept.unwrap_or_else(|why| panic!("{why}, {self}"));
        for call in calls {
            self.disk.go_on(call);
        }
        self.there = after;
        self.is_as_durable_as_promised(&result, hint, data.as_deref());
        let failed = result.map_err(|error| error.raw_os_error());
        self.steps.push((range, failed));
    }

    /// Operation, path and the code of what failed.
    fn says_what_happened(&self, error: &SinkError, calls: &[Call], stood_there: bool) {
        assert!(error.operation().is_some(), "{error}, {self}");
        assert!(error.path().is_some(), "{error}, {self}");
        let injected = |kind: Kind, code: i32| {
            calls
                .iter()
                .any(|call| call.is_injected && call.kind == kind && call.code() == Some(code))
        };
        let is_said = match error.raw_os_error() {
            Some(code) => {
                calls
                    .iter()
                    .any(|call| call.is_injected && call.code() == Some(code))
                    // The system said that a folder was there, and then that it was not.
                    || code == ENOENT && injected(Kind::MakeFolder, EEXIST)
                    || code == EEXIST && stood_there && self.setup.existing == Existing::Refuse
            }
            None => match error.io_kind() {
                io::ErrorKind::WriteZero => calls.iter().any(|call| {
                    call.kind == Kind::Write && call.is_injected && call.outcome == Ok(0)
                }),
                // It was taken away again and again, as it seemed.
                io::ErrorKind::ResourceBusy => {
                    injected(Kind::Lock, EWOULDBLOCK) || injected(Kind::Look, ENOENT)
                }
                io::ErrorKind::AlreadyExists => {
                    injected(Kind::Create, EEXIST)
                        || stood_there && self.setup.existing == Existing::Refuse
                }
                _ => error.operation() == Some("rely on the directory"),
            },
        };
        assert!(is_said, "{error} is not what failed, {self}");
    }

    /// The stored files would be there after a power cut, and the model agrees with the directory.
    fn is_as_durable_as_promised(
        &self,
        result: &Result<(), SinkError>,
        hint: &str,
        data: Option<&[u8]>,
    ) {
        if let (Ok(()), Some(data)) = (result, data) {
            let hint = Path::new("root").join(hint);
            let found = match self.setup.durability {
                Durability::Full => self.disk.least().get(&hint).map(|it| it.to_vec()),
                Durability::File => self.disk.durable_content(&hint).map(<[u8]>::to_vec),
                _ => Some(data.to_vec()),
            };
            assert!(
                found.as_deref() == Some(data),
                "{} is not durable, {self}",
                hint.display()
            );
        }
        let modelled = self.disk.now();
        let modelled = modelled.keys().filter(|path| !is_temp(path));
        let there: Vec<_> = self
            .there
            .keys()
            .map(|it| Path::new("root").join(it))
            .collect();
        assert!(modelled.eq(&there), "the model is wrong, {self}");
    }

    /// One failure costs one step, and the others are unaffected. A failure to set the length
    /// costs none.
    fn failed_where_it_was_made_to(&self) {
        let calls = interposed::recorded();
        for (range, failed) in &self.steps {
            let is_hit = calls[range.clone()]
                .iter()
                .any(|call| call.is_injected && call.kind != Kind::Truncate);
            let is_refusal = |code: Option<i32>| code.is_none_or(|code| code == EEXIST);
            let refused = failed.is_err_and(is_refusal) && self.setup.existing == Existing::Refuse;
            assert!(
                failed.is_ok() || is_hit || refused || self.is_doubtful(&calls),
                "a step failed that nothing had happened to, {self}"
            );
        }
    }

    /// A new folder's name could not be synced, and it could not be taken back either: nothing is
    /// put into it any more.
    fn is_doubtful(&self, calls: &[Call]) -> bool {
        self.setup.durability == Durability::Full
            && calls
                .iter()
                .any(|call| call.kind == Kind::RemoveFolder && call.is_injected)
    }

    /// No temp file is left but those whose removal was made to fail; a sweep takes these, and
    /// nothing else.
    fn nothing_is_left(&self, calls: &[Call]) {
        let there = temps(&self.root);
        let may_stay = calls
            .iter()
            .any(|call| call.kind == Kind::Remove && call.is_injected && is_temp(&call.path));
        assert!(there.is_empty() || may_stay, "{there:?} are left, {self}");
        let mut swept = DiskSink::sweep(&self.root).unwrap().removed;
        swept.sort();
        assert_eq!(swept, there, "{self}");
        assert_eq!(found(&self.root), self.there, "{self}");
    }
}

/// A sync that failed is not repeated on the same opening of the file.
pub(crate) fn syncs_once(calls: &[Call]) -> Result<(), String> {
    let syncs: Vec<_> = calls
        .iter()
        .filter(|call| call.kind == Kind::Sync)
        .collect();
    for (place, failed) in syncs.iter().enumerate() {
        // An interrupted one has not failed: std repeats it.
        if failed.succeeded() || failed.code() == Some(EINTR) {
            continue;
        }
        let mut later = syncs[place + 1..].iter();
        if later.any(|sync| sync.handle == failed.handle) {
            return Err(format!("a failed sync was repeated: {failed:?}"));
        }
    }
    Ok(())
}

/// Nothing outside of the root is changed.
pub(crate) fn stays_inside(calls: &[Call], root: &Path) -> Result<(), String> {
    let is_inside = |path: &Path| path.as_os_str().is_empty() || path.starts_with(root);
    let mut done = calls
        .iter()
        .filter(|call| call.changes() && call.succeeded());
    match done.find(|call| !is_inside(&call.path) || !is_inside(&call.to)) {
        None => Ok(()),
        Some(call) => Err(format!("{call:?} is outside of the root")),
    }
}

/// The calls as lines, for the message of a case that went wrong.
pub(crate) fn trace(base: &Path) -> String {
    let mut text = String::new();
    for (position, call) in interposed::recorded().iter().enumerate().take(2_000) {
        let mark = if call.is_injected { "!" } else { " " };
        let path = interposed::below(base, &call.path).unwrap_or(&call.path);
        let to = call.to.display();
        let (function, outcome) = (call.function, call.outcome);
        let path = path.display();
        writeln!(
            text,
            "{mark}{position:4} {function} {path} {to} {outcome:?}"
        )
        .unwrap();
    }
    text
}

/// Whether the system said of something that it was not there.
fn was_lied_to(calls: &[Call]) -> bool {
    calls
        .iter()
        .any(|call| call.is_injected && call.code() == Some(ENOENT))
}

pub(crate) fn is_temp(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().starts_with(".segment-")
}

fn all_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    files
}

pub(crate) fn found(folder: &Path) -> Found {
    let files = all_files(folder).into_iter().filter(|path| !is_temp(path));
    files
        .map(|path| {
            let content = fs::read(&path).unwrap();
            (path.strip_prefix(folder).unwrap().to_path_buf(), content)
        })
        .collect()
}

pub(crate) fn temps(folder: &Path) -> Vec<PathBuf> {
    let mut files = all_files(folder);
    files.retain(|path| is_temp(path));
    files
}

/// The open files and folders of this process. A child that another test waits for has pipes, and
/// nothing as its input.
pub(crate) fn open_handles() -> Vec<PathBuf> {
    let entries = fs::read_dir("/proc/self/fd").unwrap();
    let mut handles: Vec<_> = entries
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .filter(|open| open.is_absolute() && open != Path::new("/dev/null"))
        .collect();
    handles.sort();
    handles
}

/// Whether every step came out as in the run without faults.
pub(crate) fn is_as_clean(ran: &Ran, clean: &Ran) -> bool {
    let outcomes = |ran: &Ran| -> Vec<_> { ran.steps.iter().map(|(_, failed)| *failed).collect() };
    outcomes(ran) == outcomes(clean)
}
