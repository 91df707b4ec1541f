//! Starts the playlists with the first segment, which tells the target duration and the tracks.

use std::error::Error;
use std::path::Path;

use segment_stream::DiskSink;
use segment_stream::hls::{MediaPlaylist, Previous};

use super::playlists::LIVE;
use super::{Publication, Publisher};
use crate::options::Formats;
use crate::player;
use support::display::Display;

impl Publication {
    /// Starts the playlists, for segments as long as the first one lets expect, and enters the
    /// initialisation segments that came before.
    pub(super) fn start(&mut self, display: &mut Display) {
        if self.mpd.is_some() {
            let page = player::write_page(&self.folder, Formats::HlsAndDash);
            page.unwrap_or_else(|error| display.complain(error));
        }
        if let Some(previous) = self.resumed.take() {
            self.resume_with_mpd(&previous, display);
        } else {
            self.start_all(display);
        }
        for segment in std::mem::take(&mut self.initial) {
            self.enter(&Ok(segment), display);
        }
    }

    /// Replaces the publisher of the live playlist, which comes last, by one of the MPD as well.
    fn resume_with_mpd(&mut self, previous: &Previous, display: &mut Display) {
        let Some(playlist) = self.playlists.last() else {
            return;
        };
        let publisher = self.publisher(playlist, Some(previous));
        match (publisher, self.publishers.last_mut()) {
            (Ok(publisher), Some(live)) => *live = publisher,
            (Err(error), _) => display.failed(error),
            (Ok(_), None) => {}
        }
    }

    fn start_all(&mut self, display: &mut Display) {
        if let Some(first) = self.first.get() {
            self.terms.expect(first);
        }
        self.playlists = self.terms.playlists();
        for playlist in &self.playlists {
            match self.publisher(playlist, None) {
                Ok(publisher) => self.publishers.push(publisher),
                Err(error) => display.failed(error),
            }
        }
    }

    /// The publisher of a playlist; of the MPD as well, if there is one and this is the live playlist.
    fn publisher(
        &self,
        playlist: &MediaPlaylist,
        previous: Option<&Previous>,
    ) -> Result<Publisher, Box<dyn Error>> {
        let sink = DiskSink::rooted(&self.folder).durability(self.durability);
        match &self.mpd {
            Some(mpd) if playlist.path() == Path::new(LIVE) => {
                mpd.publisher(playlist, sink, previous, self.first.tracks())
            }
            _ => Ok(Publisher::new(playlist.clone(), sink)?),
        }
    }
}
