//! The number of entries that a push and a resume look at, counted and not timed: see
//! [`visits`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use super::config::MediaPlaylist;
use super::previous::Previous;
use super::publisher::MediaPlaylistPublisher;
use crate::error::{Loss, SinkError, WriteError, WriteErrorKind};
use crate::presentation::config::Retention;
use crate::presentation::parts::PER_PART;
use crate::presentation::visits;
use crate::segment::{ProducedSegment, SegmentInfo};
use crate::sink::{ObjectKind, SegmentSink, WriteContext};

/// A sink that keeps the last text of each document.
#[derive(Clone, Default)]
struct Memory(Arc<Inner>);

#[derive(Default)]
struct Inner {
    documents: std::sync::Mutex<BTreeMap<PathBuf, Vec<u8>>>,
    clock: AtomicU64,
    /// The segments that were removed.
    removed: AtomicU64,
    /// The bytes of the side file and of its parts that were written.
    noted: AtomicU64,
    refuses: AtomicBool,
}

impl Memory {
    fn documents(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Vec<u8>>> {
        self.0.documents.lock().expect("no call panics")
    }

    fn previous(&self, playlist: &MediaPlaylist) -> Previous {
        let previous = Previous::read_through(&mut self.clone(), playlist);
        previous.expect("it is read").expect("a playlist")
    }
}

impl SegmentSink for Memory {
    fn write(&mut self, file: &ProducedSegment, context: &WriteContext) -> Result<(), SinkError> {
        if self.0.refuses.load(Ordering::Relaxed) {
            return Err(SinkError::transient("it was told to"));
        }
        if context.object() == ObjectKind::State {
            let bytes = file.byte_len() as u64;
            self.0.noted.fetch_add(bytes, Ordering::Relaxed);
        }
        let path = file.path_hint.clone().expect("all documents have one");
        self.documents().insert(path, file.data.clone());
        Ok(())
    }

    fn remove(&mut self, path: &Path, _: &WriteContext) -> Result<(), SinkError> {
        if self.documents().remove(path).is_none() {
            self.0.removed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn read(&mut self, path: &Path, _: &WriteContext) -> Result<Option<Vec<u8>>, SinkError> {
        Ok(self.documents().get(path).cloned())
    }
}

/// A live playlist with a window of this many segments of 2 s, in its steady state.
struct Steady {
    memory: Memory,
    publisher: MediaPlaylistPublisher<Memory>,
    next: u64,
}

fn playlist(window: u64) -> MediaPlaylist {
    MediaPlaylist::live("live.m3u8", Duration::from_secs(2 * window))
        .target_duration(Duration::from_secs(2))
}

impl Steady {
    fn new(window: u64) -> Self {
        let memory = Memory::default();
        let clock = Arc::clone(&memory.0);
        let publisher = MediaPlaylistPublisher::new(playlist(window), memory.clone())
            .expect("a playlist")
            .with_clock(move || Duration::from_secs(clock.clock.load(Ordering::Relaxed)));
        let mut steady = Self {
            memory,
            publisher,
            next: 0,
        };
        for _ in 0..3 * window {
            let _ = steady.push();
        }
        steady
    }

    fn listed(&self) -> u64 {
        self.publisher.handle.core().renditions[0].entries.len() as u64
    }

    /// The number of entries that a push looks at, beyond those that wait for a publication.
    fn push(&mut self) -> usize {
        self.memory.0.clock.fetch_add(2, Ordering::Relaxed);
        let path = format!("{:08}.ts", self.next);
        let segment = ProducedSegment::media(self.next, vec![1], 2.0).with_path(path);
        self.next += 1;
        let _ = visits::take();
        let _ = self.publisher.push(&Ok(segment));
        let looked_at = visits::take();
        let core = self.publisher.handle.core();
        let rendition = &core.renditions[0];
        let about_to = rendition.retired.iter().count() + rendition.retiring.iter().count();
        drop(core);
        let _ = visits::take();
        looked_at.saturating_sub(about_to)
    }

    /// The entries that so many pushes look at, and the bytes of the side file that they write.
    fn cost_of(&mut self, pushes: usize) -> [u64; 2] {
        let noted = |it: &Self| it.memory.0.noted.load(Ordering::Relaxed);
        let before = noted(self);
        let looked_at: usize = (0..pushes).map(|_| self.push()).sum();
        [looked_at as u64, noted(self) - before]
    }
}

/// A whole number of parts, and of large ones.
const A_ROUND: usize = PER_PART * PER_PART;

#[test]
fn what_a_push_looks_at_does_not_grow_with_the_window() {
    let costs = [20, 160].map(|window| {
        let mut steady = Steady::new(window);
        assert_eq!(steady.listed(), window);
        let before = steady.memory.0.removed.load(Ordering::Relaxed);
        let waiting = steady.publisher.waiting_for_deletion().count() as u64;
        assert!(waiting >= window, "{waiting}");
        let cost = steady.cost_of(A_ROUND);
        let removed = steady.memory.0.removed.load(Ordering::Relaxed) - before;
        assert_eq!(removed, A_ROUND as u64, "one goes with each push");
        cost
    });
    for (of_few, of_many) in costs[0].iter().zip(costs[1]) {
        assert!(10 * of_many <= 11 * of_few, "{costs:?}");
    }
}

/// Segments of 2 s, of which a day's wait for their deletion, or a minute's.
#[test]
fn a_day_of_waiting_files_costs_a_push_no_more_than_a_minute() {
    let costs = [30, 43_200].map(|waiting| {
        let memory = Memory::default();
        let mut steady = Steady::new(3);
        let playlist = playlist(3).retention(Retention::Delete {
            margin: Duration::from_secs(2 * waiting),
        });
        let mut previous = steady.memory.previous(&playlist);
        // A side file without parts, as all once were.
        let mut state =
            String::from("#segment-stream-hls-state:1\npublished 0 6000000\ntexts any\n");
        for number in 0..waiting {
            state.extend([format!("delete 8000000 old-{number:08}.ts\n")]);
        }
        previous.state = Some((state + "end\n").into_bytes());
        let clock = Arc::clone(&memory.0);
        let resumed = MediaPlaylistPublisher::resume(playlist, memory.clone(), &previous);
        steady.memory = memory;
        steady.publisher = resumed
            .expect("it is resumed")
            .with_clock(move || Duration::from_secs(clock.clock.load(Ordering::Relaxed)));
        // Until all of them are in parts, and files of this session are due as well.
        let _ = steady.cost_of(A_ROUND);
        let still = steady.publisher.waiting_for_deletion().count() as u64;
        assert!(still >= waiting, "{still}");
        let costs = [(); 2].map(|()| steady.cost_of(A_ROUND));
        let objects = steady.memory.documents().len();
        assert!(objects < 120, "{objects}");
        costs[1]
    });
    for (of_few, of_many) in costs[0].iter().zip(costs[1]) {
        assert!(10 * of_many <= 11 * of_few, "{costs:?}");
    }
}

/// However long the sink has refused.
#[test]
fn what_a_push_looks_at_does_not_grow_while_publications_fail() {
    let mut steady = Steady::new(20);
    steady.memory.0.refuses.store(true, Ordering::Relaxed);
    let looked_at: Vec<_> = (0..300).map(|_| steady.push()).collect();
    assert!(
        looked_at.iter().all(|it| *it < 20 + 4 * PER_PART),
        "{looked_at:?}"
    );
}

#[test]
fn what_a_resume_and_a_take_over_look_at_is_linear() {
    let looked_at = [20, 160].map(|window| {
        let steady = Steady::new(window);
        let previous = steady.memory.previous(&playlist(window));
        let _ = visits::take();
        let resumed =
            MediaPlaylistPublisher::resume(playlist(window), Memory::default(), &previous);
        assert_eq!(resumed.expect("it goes on").next_sequence(), 3 * window);
        let resume = visits::take();
        let other = MediaPlaylistPublisher::new(playlist(window), Memory::default());
        let other = other.expect("a playlist").take_over(&previous);
        let waiting = other.expect("a side file").waiting_for_deletion().count();
        assert!(waiting as u64 >= window, "{waiting}");
        [resume, visits::take()]
    });
    for (of_few, of_many) in looked_at[0].iter().zip(looked_at[1]) {
        assert!(of_many <= 9 * of_few, "{looked_at:?}");
    }
}

#[test]
fn what_the_search_for_strays_looks_at_is_linear() {
    let looked_at = [20, 160].map(|window| {
        let previous = Steady::new(window).memory.previous(&playlist(window));
        let folder = tempfile::tempdir().expect("a folder");
        for number in 0..window {
            let name = format!("1795373827-929d43474b91d2c2-{number:08}.ts");
            std::fs::write(folder.path().join(name), "").expect("it is written");
        }
        let _ = visits::take();
        let found = previous.with_orphans(folder.path(), &playlist(window));
        assert_eq!(found.expect("a folder").orphans.len() as u64, window);
        visits::take()
    });
    assert!(looked_at[1] <= 9 * looked_at[0], "{looked_at:?}");
}

/// The text of what was listed before is kept, and so is its fingerprint. Only the copy of the text
/// grows. 14,400 segments of 2 s last 8 h, and 1,800 an hour.
#[test]
fn what_a_push_to_a_growing_playlist_looks_at_does_not_grow_with_it() {
    let memory = Memory::default();
    let playlist = MediaPlaylist::event("live.m3u8").target_duration(Duration::from_secs(2));
    let mut publisher = MediaPlaylistPublisher::new(playlist, memory).expect("a playlist");
    let looked_at: Vec<_> = (0..14_400)
        .map(|number| {
            let path = format!("{number}.ts");
            let segment = ProducedSegment::media(number, vec![1], 2.0).with_path(path);
            let _ = (visits::take(), visits::take_bytes());
            let _ = publisher.push(&Ok(segment)).expect("it is published");
            [visits::take(), visits::take_bytes()]
        })
        .collect();
    let [hour, day] = [looked_at[1_800], looked_at[14_399]];
    assert_eq!(hour[0], day[0]);
    assert!(day[0] < 20, "{}", day[0]);
    assert!(day[1] <= 2 * hour[1] && day[1] < 200, "{hour:?} {day:?}");
}

#[test]
fn of_a_loss_of_days_no_more_is_held_than_slides_at_once() {
    let first = ProducedSegment::media(0, Vec::new(), 2.0);
    let loss = Loss {
        segments: 100_000,
        last_sequence: 99_999,
        duration_secs: 200_000.0,
        ..Loss::of(first, SegmentInfo::new(), 0)
    };
    let mut publisher =
        MediaPlaylistPublisher::new(playlist(5), Memory::default()).expect("a playlist");
    let _ = publisher
        .push(&Err(WriteError::lost(WriteErrorKind::Dropped, loss)))
        .expect("it is published");
    assert_eq!(publisher.next_sequence(), 100_000);
    // The capacity shows the highest length so far.
    let most = publisher.handle.core().renditions[0].entries.capacity();
    assert!(most < 4 * 1024, "{most}");
}
