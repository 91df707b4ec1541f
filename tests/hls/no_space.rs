//! Without space or quota, due files are deleted and the playlist is published.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex};
use std::thread;

use segment_stream::hls::Notice;
use segment_stream::{SegmentSink, SinkError, WriteContext};

use super::*;

/// A folder whose calls fail as planned, and which knows what may be published.
#[derive(Clone)]
struct Disk {
    folder: Folder,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    plan: Plan,
    calls: usize,
    removed: usize,
    /// The playlist that was published last, and those that failed since: each of them may stand
    /// there.
    may_stand: Vec<String>,
}

/// Which calls fail.
#[derive(Clone, Copy, Debug)]
struct Plan {
    first: usize,
    count: usize,
    removals_too: bool,
    /// Until so many files were removed.
    until_removed: usize,
    answer: Answer,
    kind: ErrorKind,
    /// How long a call of `remove` takes.
    removal_takes: Duration,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            first: 0,
            count: 0,
            removals_too: false,
            until_removed: usize::MAX,
            answer: Answer::Refused,
            kind: ErrorKind::StorageFull,
            removal_takes: Duration::ZERO,
        }
    }
}

/// The files that a playlist names; what a gap names is for no client to load.
fn named(text: &str) -> Vec<&str> {
    let mut is_gap = false;
    let files = text.lines().filter_map(|line| {
        if let Some(map) = line.strip_prefix("#EXT-X-MAP:URI=\"") {
            return map.strip_suffix('"');
        }
        is_gap |= line == "#EXT-X-GAP";
        let is_uri = !line.starts_with('#');
        let is_named = is_uri && !is_gap;
        is_gap &= !is_uri;
        is_named.then_some(line)
    });
    files.collect()
}

impl Disk {
    fn new() -> Self {
        Self {
            folder: Folder::new(live().path(), Duration::from_secs(100_000), false),
            inner: Arc::default(),
        }
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().expect("no call panics")
    }

    /// All calls from now on fail as this says.
    fn fails(&self, plan: Plan) {
        let mut inner = self.inner();
        inner.plan = Plan {
            first: inner.calls,
            count: usize::MAX,
            ..plan
        };
        inner.removed = 0;
    }

    fn has(&self, file: &str) -> bool {
        self.folder.content(Path::new(file)).is_some()
    }

    /// Nothing is missing of what a playlist names that may stand there.
    fn check(&self) {
        for text in &self.inner().may_stand {
            for file in named(text) {
                assert!(
                    self.has(file),
                    "{file} is missing, and may be listed:\n{text}"
                );
            }
        }
    }

    fn publisher(&self) -> MediaPlaylistPublisher<Self> {
        MediaPlaylistPublisher::new(live(), self.clone())
            .expect("a playlist that can be one")
            .with_clock(self.folder.clock())
    }

    fn text(&self) -> String {
        let text = self.folder.content(live().path());
        String::from_utf8(text.expect("there is a playlist")).expect("it is UTF-8")
    }
}

impl Inner {
    fn call(&mut self, is_removal: bool) -> Option<Plan> {
        let plan = self.plan;
        let number = self.calls;
        self.calls += 1;
        let is_planned = number >= plan.first
            && number - plan.first < plan.count
            && self.removed < plan.until_removed
            && (plan.removals_too || !is_removal);
        is_planned.then_some(plan)
    }
}

impl SegmentSink for Disk {
    fn write(&mut self, file: &ProducedSegment, context: &WriteContext) -> Result<(), SinkError> {
        let is_playlist = file.path_hint.as_deref() == Some(live().path());
        let text = String::from_utf8(file.data.clone()).expect("a text");
        let mut inner = self.inner();
        if is_playlist {
            inner.may_stand.push(text.clone());
        }
        let failure = inner.call(false);
        if failure.is_none() && is_playlist {
            inner.may_stand = vec![text];
        }
        drop(inner);
        match failure {
            Some(plan) => {
                if plan.answer == Answer::Unheard {
                    self.folder.write(file, context)?;
                }
                Err(io::Error::from(plan.kind).into())
            }
            None => self.folder.write(file, context),
        }
    }

    fn remove(&mut self, path: &Path, context: &WriteContext) -> Result<(), SinkError> {
        let mut inner = self.inner();
        let takes = inner.plan.removal_takes;
        let failure = inner.call(true);
        let is_segment = path.extension().is_some_and(|it| it == "ts");
        inner.removed += usize::from(failure.is_none() && is_segment);
        drop(inner);
        self.folder.wait(takes);
        let result = match failure {
            Some(plan) => {
                if plan.answer == Answer::Unheard {
                    self.folder.remove(path, context)?;
                }
                Err(io::Error::from(plan.kind).into())
            }
            None => self.folder.remove(path, context),
        };
        self.check();
        result
    }
}

/// The pushes of a session: initialisation segments that come and go, losses, undecodable
/// segments, and names that are reused while they are listed, wait or are gone.
fn items() -> Vec<Result<ProducedSegment, segment_stream::WriteError>> {
    let mut items = vec![Ok(init(0, "a.mp4"))];
    let mut number = 0;
    let mut more = |count: u64, items: &mut Vec<_>| {
        for _ in 0..count {
            items.push(Ok(media(number, 2.0)));
            number += 1;
        }
        number
    };
    more(9, &mut items);
    items.push(Ok(init(1, "b.mp4")));
    let next = more(5, &mut items);
    items.push(lost(media(next, 2.0).with_path("lost.ts")));
    // Once where it waits, once where it is listed, and once where it is gone.
    for (place, name) in ["9.ts", "9.ts", "0.ts"].into_iter().enumerate() {
        let number = next + 1 + place as u64;
        items.push(Ok(media(number, 2.0).with_path(name)));
    }
    items.push(lost(init(2, "c.mp4")));
    // It cannot be decoded.
    items.push(Ok(media(next + 4, 2.0).with_path("undecodable.ts")));
    items.push(Ok(init(0, "a.mp4")));
    items.extend((5..14).map(|it| Ok(media(next + it, 2.0))));
    items
}

/// Runs a session with this plan. Returns how many calls of the sink there were, and the last
/// text.
fn run(plan: Plan) -> (usize, String) {
    let disk = Disk::new();
    disk.inner().plan = plan;
    let mut publisher = disk.publisher();
    for item in items() {
        if let Ok(segment) = &item {
            let path = segment.path_hint.as_ref().expect("all have one");
            disk.folder.store(path, segment.data.clone());
        }
        // Whether it is published or not, what may be listed is there.
        let _ = publisher.push(&item);
        disk.check();
        disk.folder.wait(Duration::from_secs(2));
    }
    let calls = disk.inner().calls;
    disk.inner().plan = Plan::default();
    let _ = publisher.push(&Ok(media(100, 2.0).with_path("gap\0")));
    let text = disk.text();
    let _ = publisher.finish().expect("nothing fails any more");
    disk.folder.wait(Duration::from_secs(1000));
    let _ = publisher.delete_due();
    disk.check();
    let left = publisher.waiting_for_deletion().count();
    assert_eq!(left, 0, "{plan:?}");
    for file in ["0.mp4", "b.mp4", "undecodable.ts", "9.ts", "0.ts", "5.ts"] {
        assert!(!disk.has(file), "{file} is never deleted, {plan:?}");
    }
    assert!(!disk.has(".live.m3u8.state"), "{plan:?}");
    (calls, text)
}

/// Every call fails, once and persistently: no file that may be listed is missing, and when there
/// is space again the playlist is the same as without.
#[test]
fn whichever_call_has_no_space_nothing_that_may_be_listed_is_deleted() {
    let (calls, expected) = run(Plan::default());
    assert!(calls > 60, "{calls}");
    let fails = |kind, removals_too| {
        for first in 0..calls {
            for count in [1, 3, usize::MAX] {
                for answer in [Answer::Refused, Answer::Unheard] {
                    let plan = Plan {
                        first,
                        count,
                        removals_too,
                        answer,
                        kind,
                        ..Plan::default()
                    };
                    let (_, text) = run(plan);
                    assert_eq!(text, expected, "{plan:?}");
                }
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| fails(ErrorKind::StorageFull, false));
        scope.spawn(|| fails(ErrorKind::StorageFull, true));
        scope.spawn(|| fails(ErrorKind::QuotaExceeded, false));
        fails(ErrorKind::PermissionDenied, true);
    });
}

/// A session of which so many files are due.
fn with_due(count: u64) -> (Disk, MediaPlaylistPublisher<Disk>, u64) {
    let disk = Disk::new();
    let mut publisher = disk.publisher();
    let mut push = |number| {
        disk.folder
            .store(Path::new(&format!("{number}.ts")), vec![1]);
        let _ = publisher.push(&Ok(media(number, 2.0))).expect("published");
    };
    // Three of them stay listed.
    (0..count + 3).for_each(&mut push);
    assert_eq!(publisher.waiting_for_deletion().count() as u64, count);
    disk.folder.wait(Duration::from_secs(1000));
    // So that as much media has come as well, within which nothing is deleted.
    disk.fails(Plan {
        count: usize::MAX,
        removals_too: true,
        kind: ErrorKind::PermissionDenied,
        ..Plan::default()
    });
    for number in count + 3..count + 7 {
        disk.folder
            .store(Path::new(&format!("{number}.ts")), vec![1]);
        assert!(publisher.push(&Ok(media(number, 2.0))).is_err());
    }
    disk.inner().plan = Plan::default();
    (disk, publisher, count + 7)
}

/// As many as it takes, and in the same push: the side file and the playlist.
#[test]
fn a_push_deletes_what_is_due_until_it_is_published() {
    for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
        for until_removed in [1, 16, 17, 40] {
            let (disk, mut publisher, next) = with_due(60);
            disk.fails(Plan {
                until_removed,
                kind,
                ..Plan::default()
            });
            let pushed = publisher.push(&lost(media(next, 2.0))).expect("published");
            assert!(matches!(pushed.notices[..], [Notice::Lost { .. }]));
            assert!(disk.text().ends_with(&format!("\n{next}.ts\n")));
            // In steps of sixteen, and then as much as each push does.
            let expected = until_removed.next_multiple_of(16) + 16;
            assert_eq!(disk.inner().removed, expected.min(60));
        }
    }
}

/// Space is all that deleting makes.
#[test]
fn another_failure_is_not_tried_again_and_what_is_due_goes_nevertheless() {
    let (disk, mut publisher, next) = with_due(60);
    disk.fails(Plan {
        kind: ErrorKind::PermissionDenied,
        ..Plan::default()
    });
    let before = disk.inner().calls;
    let item = Ok(media(next, 2.0));
    disk.folder.store(Path::new(&format!("{next}.ts")), vec![1]);
    assert!(publisher.push(&item).is_err());
    assert_eq!(disk.inner().removed, 16);
    assert_eq!(disk.inner().calls, before + 1 + 16, "the side file, once");
}

/// It lists nothing, so nothing is published; but the segments' own sink has no space.
#[test]
fn a_lost_initialisation_segment_makes_room_as_well() {
    let disk = Disk::new();
    let mut publisher = disk.publisher();
    for number in 0..8 {
        disk.folder
            .store(Path::new(&format!("{number}.ts")), vec![1]);
        let _ = publisher.push(&Ok(media(number, 2.0))).expect("published");
    }
    disk.folder.wait(Duration::from_secs(1000));
    let writes = disk.inner().calls;
    let pushed = publisher.push(&lost(init(0, "0.mp4"))).expect("entered");
    assert!(matches!(pushed.notices[..], [Notice::Lost { .. }]));
    assert!(!disk.has("0.ts") && disk.has("5.ts"));
    let inner = disk.inner();
    assert_eq!(inner.calls - writes, inner.removed, "nothing was written");
}

/// Two seconds, and then the next push goes on.
#[test]
fn a_push_that_makes_no_room_comes_to_an_end() {
    let (disk, mut publisher, next) = with_due(60);
    disk.fails(Plan {
        removal_takes: Duration::from_millis(300),
        ..Plan::default()
    });
    let now = disk.folder.clock();
    let before = now();
    assert!(publisher.push(&lost(media(next, 2.0))).is_err());
    let took = now().saturating_sub(before);
    assert!(
        (Duration::from_secs(2)..Duration::from_secs(3)).contains(&took),
        "{took:?}"
    );
    let removed = disk.inner().removed;
    assert!((7..10).contains(&removed), "{removed}");
    // A file that cannot be deleted is tried once in a pass.
    disk.fails(Plan {
        removals_too: true,
        ..Plan::default()
    });
    let before = disk.inner().calls;
    let error = publisher.push(&lost(media(next + 1, 2.0)));
    let error = error.expect_err("there is no space");
    let failed = |it: &&Notice| matches!(it, Notice::NotDeleted(_));
    let failed = error.notices().iter().filter(failed).count();
    assert_eq!(failed, 60 - removed + 16);
    assert_eq!(disk.inner().calls - before, 1 + failed);
}

/// As a session is left, what it left unlisted is noted.
#[test]
fn a_session_that_is_suspended_makes_room_for_its_side_file() {
    let disk = Disk::new();
    let mut publisher = disk.publisher();
    let mut push = |item: ProducedSegment| {
        let path = item.path_hint.clone().expect("it has one");
        disk.folder.store(&path, vec![1]);
        let _ = publisher.push(&Ok(item)).expect("entered");
    };
    push(init(0, "0.mp4"));
    (0..8).for_each(|number| push(media(number, 2.0)));
    push(init(1, "1.mp4"));
    disk.folder.wait(Duration::from_secs(1000));
    disk.fails(Plan {
        until_removed: 1,
        ..Plan::default()
    });
    let _ = publisher.suspend().expect("it is left");
    let state = disk.folder.content(&live().state_path());
    let state = String::from_utf8(state.expect("a side file")).expect("it is UTF-8");
    assert!(state.contains("1.mp4"), "{state}");
    assert!(!disk.has("0.ts"));
}
