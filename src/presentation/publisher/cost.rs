//! The number of entries that a push and a resume look at, counted and not timed: see [`visits`].

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::MediaPlaylistPublisher;
use crate::error::SinkError;
use crate::hls::config::MediaPlaylist;
use crate::presentation::resume::Previous;
use crate::presentation::retention::Retention;
use crate::presentation::visits;
use crate::segment::ProducedSegment;
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

    /// The number of entries that a push looks at, beyond each line of the two texts once.
    fn push(&mut self) -> usize {
        self.memory.0.clock.fetch_add(2, Ordering::Relaxed);
        let path = format!("{}.ts", self.next);
        let segment = ProducedSegment::media(self.next, vec![1], 2.0).with_path(path);
        self.next += 1;
        let _ = visits::take();
        let _ = self.publisher.push(&Ok(segment));
        let looked_at = visits::take();
        let retention = self.publisher.retention.as_ref();
        let waiting = retention.map_or(0, Retention::count);
        let about_to = self.publisher.playlist.retired.iter().count();
        let _ = visits::take();
        // An entry that came or went since the texts were made is one more or less.
        looked_at.saturating_sub(self.publisher.playlist.entries.len() + waiting + about_to)
    }
}

#[test]
fn what_a_push_looks_at_does_not_grow_with_the_window() {
    let looked_at = [20, 160].map(|window| {
        let mut steady = Steady::new(window);
        assert_eq!(steady.publisher.playlist.entries.len() as u64, window);
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
