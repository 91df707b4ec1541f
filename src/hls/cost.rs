//! The number of entries that a push and a resume look at, counted and not timed: see
//! [`visits`].

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::config::MediaPlaylist;
use super::previous::Previous;
use super::publisher::MediaPlaylistPublisher;
use crate::error::{Loss, SinkError, WriteError, WriteErrorKind};
use crate::presentation::retention::Retention;
use crate::presentation::visits;
use crate::segment::{ProducedSegment, SegmentInfo};
use crate::sink::{SegmentSink, WriteContext};

/// A sink that keeps the last text of each document.
#[derive(Clone, Default)]
struct Memory(Arc<Inner>);

#[derive(Default)]
struct Inner {
    documents: std::sync::Mutex<[Vec<u8>; 2]>,
    clock: AtomicU64,
    removed: AtomicU64,
    refuses: AtomicBool,
}

impl Memory {
    fn documents(&self) -> [Vec<u8>; 2] {
        self.0.documents.lock().expect("no call panics").clone()
    }

    fn previous(&self) -> Previous {
        let [playlist, state] = self.documents();
        Previous {
            playlist,
            state: Some(state),
            orphans: Vec::new(),
        }
    }
}

impl SegmentSink for Memory {
    fn write(&mut self, file: &ProducedSegment, _: &WriteContext) -> Result<(), SinkError> {
        if self.0.refuses.load(Ordering::Relaxed) {
            return Err(SinkError::transient("it was told to"));
        }
        let is_state = file.path_hint.as_deref() != Some(Path::new("live.m3u8"));
        let mut documents = self.0.documents.lock().expect("no call panics");
        documents[usize::from(is_state)].clone_from(&file.data);
        Ok(())
    }

    fn remove(&mut self, _: &Path, _: &WriteContext) -> Result<(), SinkError> {
        self.0.removed.fetch_add(1, Ordering::Relaxed);
        Ok(())
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

    /// The number of entries that a push looks at, beyond each line of the side file once.
    fn push(&mut self) -> usize {
        self.memory.0.clock.fetch_add(2, Ordering::Relaxed);
        let path = format!("{}.ts", self.next);
        let segment = ProducedSegment::media(self.next, vec![1], 2.0).with_path(path);
        self.next += 1;
        let _ = visits::take();
        let _ = self.publisher.push(&Ok(segment));
        let looked_at = visits::take();
        let core = self.publisher.handle.core();
        let retention = core.publications[0].retention.as_ref();
        let waiting = retention.map_or(0, Retention::count);
        let rendition = &core.renditions[0];
        let about_to = rendition.retired.iter().count() + rendition.retiring.iter().count();
        drop(core);
        let _ = visits::take();
        // The lines of the side file.
        looked_at.saturating_sub(waiting + about_to)
    }
}

#[test]
fn what_a_push_looks_at_does_not_grow_with_the_window() {
    let looked_at = [20, 160].map(|window| {
        let mut steady = Steady::new(window);
        assert_eq!(steady.listed(), window);
        let removed = || steady.memory.0.removed.load(Ordering::Relaxed);
        let before = removed();
        let waiting = steady.publisher.waiting_for_deletion().count() as u64;
        assert!(waiting >= window, "{waiting}");
        let most = (0..20).map(|_| steady.push()).max();
        let removed = steady.memory.0.removed.load(Ordering::Relaxed);
        assert_eq!(removed - before, 20, "one goes with each push");
        most.expect("some pushes")
    });
    assert_eq!(looked_at[0], looked_at[1]);
    assert!(looked_at[0] < 20, "{looked_at:?}");
}

/// However long the sink has refused.
#[test]
fn what_a_push_looks_at_does_not_grow_while_publications_fail() {
    let mut steady = Steady::new(20);
    steady.memory.0.refuses.store(true, Ordering::Relaxed);
    let looked_at: Vec<_> = (0..300).map(|_| steady.push()).collect();
    assert!(looked_at.iter().all(|it| *it < 20), "{looked_at:?}");
}

#[test]
fn what_a_resume_and_a_take_over_look_at_is_linear() {
    let looked_at = [20, 160].map(|window| {
        let steady = Steady::new(window);
        let previous = steady.memory.previous();
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
        let previous = Steady::new(window).memory.previous();
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

/// The text of what was listed before is kept, and so is its fingerprint.
#[test]
fn what_a_push_to_a_growing_playlist_looks_at_does_not_grow_with_it() {
    let memory = Memory::default();
    let playlist = MediaPlaylist::event("live.m3u8").target_duration(Duration::from_secs(2));
    let mut publisher = MediaPlaylistPublisher::new(playlist, memory).expect("a playlist");
    let looked_at: Vec<_> = (0..14_400)
        .map(|number| {
            let path = format!("{number}.ts");
            let segment = ProducedSegment::media(number, vec![1], 2.0).with_path(path);
            let _ = visits::take();
            let _ = publisher.push(&Ok(segment)).expect("it is published");
            visits::take()
        })
        .collect();
    assert_eq!(looked_at[1_800], looked_at[14_399]);
    assert!(looked_at[14_399] < 20, "{}", looked_at[14_399]);
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
