//! The configurations of the playlists.

use std::time::Duration;

use segment_stream::hls::{MediaPlaylist, Retention};

use crate::keep::Keep;
use crate::options::{Claim, Dating, Options, Playlists};

pub(crate) const LIVE: &str = "live.m3u8";
pub(super) const RECORDING: &str = "recording.m3u8";
/// The window, unless another one or `--keep` is given.
const WINDOW: Duration = Duration::from_secs(60);

/// What the playlists have in common.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    kind: Playlists,
    /// The longest segment that the playlists expect.
    bound: Duration,
    /// The user has said so.
    is_bound_given: bool,
    /// `None`: the default, or all that is kept.
    window: Option<Duration>,
    keep: Keep,
    dates: Dating,
    claim: Claim,
}

impl Terms {
    /// Those of the user. `bound` holds unless the user says one.
    pub(super) fn new(options: &Options, bound: Duration) -> Self {
        Self {
            kind: options.playlists,
            bound: options.max_segment.unwrap_or(bound),
            is_bound_given: options.max_segment.is_some(),
            window: options.window,
            keep: options.keep,
            dates: options.dates,
            claim: options.claim,
        }
    }

    /// The longest segment is this long, unless the user says so.
    pub(super) fn expect(&mut self, bound: Duration) {
        if !self.is_bound_given {
            self.bound = bound;
        }
    }

    /// The playlists, of which the live one comes last.
    pub(super) fn playlists(self) -> Vec<MediaPlaylist> {
        let live = match self.window {
            None if !self.keep.is_all() => MediaPlaylist::recording(LIVE),
            window => MediaPlaylist::live(LIVE, window.unwrap_or(WINDOW)),
        };
        let mut live = self.apply(self.keep.limit(live));
        // For the tests, in which few files wait: the lines in each part of the side file.
        if let Some(lines) = std::env::var("SIDE_FILE_LINES")
            .ok()
            .and_then(|it| it.parse().ok())
        {
            live = live.side_file_lines(lines);
        }
        match self.kind {
            Playlists::Live => vec![live],
            Playlists::LiveAndRecording => vec![
                self.apply(MediaPlaylist::event(RECORDING)),
                // Segments that slide out of this one stay listed in the recording.
                live.retention(Retention::Keep),
            ],
        }
    }

    fn apply(self, mut playlist: MediaPlaylist) -> MediaPlaylist {
        playlist = playlist.target_duration(self.bound);
        if self.dates == Dating::ByClock {
            playlist = playlist.program_date_time_in_band();
        }
        if self.claim == Claim::Independent {
            playlist = playlist.independent_segments();
        }
        playlist
    }
}
