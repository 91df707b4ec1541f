//! The output of the publisher of media playlists, rule by rule.
#![cfg(feature = "hls")]

#[path = "hls_model/folder.rs"]
#[allow(dead_code, reason = "the model test uses the rest")]
mod folder;
#[path = "hls_model/lost.rs"]
mod lost;
#[path = "common/thorough.rs"]
#[expect(dead_code, unreachable_pub, reason = "a part of it is used here")]
mod thorough;

#[path = "hls/bad_values.rs"]
mod bad_values;
#[path = "hls/clips.rs"]
mod clips;
#[path = "hls/clock.rs"]
mod clock;
#[path = "hls/date_ranges.rs"]
mod date_ranges;
#[path = "hls/dropped.rs"]
mod dropped;
#[path = "hls/in_band.rs"]
mod in_band;
#[path = "hls/keys.rs"]
mod keys;
#[path = "hls/limits.rs"]
mod limits;
#[path = "hls/limits_model.rs"]
mod limits_model;
#[path = "hls/maps.rs"]
mod maps;
#[path = "hls/multivariant.rs"]
mod multivariant;
#[path = "hls/no_space.rs"]
mod no_space;
#[path = "hls/previous.rs"]
mod previous;
#[path = "hls/reserved.rs"]
mod reserved;
#[path = "hls/resuming.rs"]
mod resuming;
#[path = "hls/retention.rs"]
mod retention;
#[path = "hls/reuse.rs"]
mod reuse;
#[path = "hls/start.rs"]
mod start;
#[path = "hls/texts.rs"]
mod texts;
#[path = "hls/told.rs"]
mod told;

use std::path::Path;
use std::time::Duration;

use segment_stream::ProducedSegment;
use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher, Previous, Pushed};

use folder::{Answer, Faults, Folder};
use lost::lost;

/// A publisher, and the folder that it publishes to.
struct Bench {
    folder: Folder,
    playlist: MediaPlaylist,
    publisher: MediaPlaylistPublisher<Folder>,
}

impl Bench {
    fn new(playlist: MediaPlaylist) -> Self {
        let folder = Folder::new(playlist.path(), Duration::from_secs(100_000), false);
        Self::on(folder, playlist)
    }

    fn on(folder: Folder, playlist: MediaPlaylist) -> Self {
        let publisher = MediaPlaylistPublisher::new(playlist.clone(), folder.clone())
            .expect("a playlist that can be one")
            .with_clock(folder.clock());
        Self {
            folder,
            playlist,
            publisher,
        }
    }

    /// Stores and pushes `0.ts` and so on, each of so many seconds.
    fn push(&mut self, number: u64, secs: f64) -> Pushed {
        self.push_segment(media(number, secs))
    }

    fn push_segment(&mut self, segment: ProducedSegment) -> Pushed {
        if let Some(path) = &segment.path_hint {
            self.folder.store(path, segment.data.clone());
        }
        self.publisher.push(&Ok(segment)).expect("it is published")
    }

    fn lose(&mut self, segment: ProducedSegment) -> Pushed {
        self.publisher
            .push(&lost(segment))
            .expect("it is published")
    }

    fn previous(&self) -> Previous {
        let previous = Previous::read_through(&mut self.folder.clone(), &self.playlist);
        previous.expect("it is read").expect("there is a playlist")
    }

    /// The process dies, and another one goes on.
    fn restart(self) -> Self {
        let playlist = self.playlist.clone();
        self.go_on_with(playlist)
    }

    /// The same, asked for another playlist than it was.
    fn go_on_with(self, playlist: MediaPlaylist) -> Self {
        let previous = self.previous();
        let Self {
            folder, publisher, ..
        } = self;
        drop(publisher);
        folder.revive();
        let publisher = MediaPlaylistPublisher::resume(playlist.clone(), folder.clone(), &previous)
            .expect("it goes on")
            .with_clock(folder.clock());
        Self {
            folder,
            playlist,
            publisher,
        }
    }

    fn text(&self) -> String {
        let text = self.folder.content(self.playlist.path());
        String::from_utf8(text.expect("there is a playlist")).expect("it is UTF-8")
    }

    fn has(&self, path: &str) -> bool {
        self.folder.content(Path::new(path)).is_some()
    }

    fn wait(&self, secs: u64) {
        self.folder.wait(Duration::from_secs(secs));
    }

    fn fails(&self, playlist: Answer) {
        self.folder.set_faults(Faults {
            playlist,
            ..Faults::default()
        });
    }
}

fn media(number: u64, secs: f64) -> ProducedSegment {
    ProducedSegment::media(number, vec![0x47], secs).with_path(format!("{number}.ts"))
}

fn init(content: u8, path: &str) -> ProducedSegment {
    ProducedSegment::init(vec![content]).with_path(path)
}

/// A live playlist of a target duration of 2 s, and so of 6 s at least.
fn live() -> MediaPlaylist {
    MediaPlaylist::live("live.m3u8", Duration::ZERO).target_duration(Duration::from_secs(2))
}

fn event() -> MediaPlaylist {
    MediaPlaylist::event("live.m3u8").target_duration(Duration::from_secs(2))
}
