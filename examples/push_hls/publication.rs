//! The playlist at the origin.

use std::error::Error;
use std::path::Path;

use segment_stream::hls::{
    ClockPolicy, Item, MediaPlaylist, MediaPlaylistPublisher, Notice, Origin, OriginHandle,
    Previous, PublishError, Retention,
};
use segment_stream::{DiskSink, SegmentSink};

use crate::destination::Destination;
use crate::options::{Options, Receiver, Restart};
use support::display::Display;

/// How many versions of the playlist may wait for a receiver that wants each of them.
const VERSIONS: usize = 5;

pub(crate) struct Publication {
    playlist: MediaPlaylist,
    publisher: MediaPlaylistPublisher<Origin<Box<dyn SegmentSink>>>,
    origin: OriginHandle,
    alarm: Alarm,
    /// The notices since the end, each of which is told once.
    told: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Alarm {
    Off,
    On,
}

/// The result of a round of deletions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deletion {
    Fine,
    /// An object was not deleted, which may be the side file.
    Refused,
}

impl Publication {
    /// Starts the playlist, or resumes that of the origin.
    pub(crate) fn open(
        destination: &Destination,
        options: &Options,
    ) -> Result<Self, Box<dyn Error>> {
        let playlist = playlist(options);
        let state = options.state.as_deref().map(DiskSink::rooted);
        let mut origin = Origin::new(destination.sink());
        if let Some(state) = &state {
            origin = origin.with_state_sink(state.clone());
        }
        origin = match options.receiver {
            Receiver::YouTube => origin.in_order(VERSIONS),
            Receiver::OneASecond => origin.min_interval(std::time::Duration::from_secs(1)),
            Receiver::Origin | Receiver::NoDeletion => origin,
        };
        let previous = match options.restart {
            Restart::New => None,
            Restart::Resume => previous(&mut destination.sink(), state, &playlist)?,
        };
        let publisher = match previous {
            None => MediaPlaylistPublisher::new(playlist.clone(), origin)?,
            Some(previous) => MediaPlaylistPublisher::resume(playlist.clone(), origin, &previous)?,
        };
        Ok(Self {
            origin: publisher.handle(),
            playlist,
            publisher,
            alarm: Alarm::Off,
            told: Vec::new(),
        })
    }

    /// The sink for the segments, which cannot overwrite the playlist.
    pub(crate) fn segment_sink(&self, destination: &Destination) -> Box<dyn SegmentSink> {
        Box::new(self.playlist.reserve(destination.sink()))
    }

    pub(crate) fn next_sequence(&self) -> u64 {
        self.publisher.next_sequence()
    }

    /// Enters an item of the stream. The publisher's thread puts the playlist.
    pub(crate) fn push(&mut self, item: &impl Item, display: &mut Display) {
        match self.publisher.push(item) {
            Ok(pushed) => tell(&pushed.notices, display),
            Err(error) => {
                tell(error.notices(), display);
                display.complain(error);
            }
        }
    }

    /// Tells once when the origin has had no new playlist for too long, and when it has one again.
    pub(crate) fn watch(&mut self, display: &Display) {
        let health = self.origin.health();
        let before = self.alarm;
        self.alarm = if health.is_overdue {
            Alarm::On
        } else {
            Alarm::Off
        };
        match (before, self.alarm) {
            (Alarm::Off, Alarm::On) => {
                let seconds = health.unpublished_for.unwrap_or_default().as_secs();
                let reason = health.last_error.unwrap_or_else(|| "no answer".into());
                display.complain(format_args!(
                    "ALARM: nothing was published for {seconds} s: {reason}"
                ));
            }
            (Alarm::On, Alarm::Off) => display.complain("the playlist is published again"),
            _ => {}
        }
    }

    pub(crate) fn end(&mut self, display: &Display) -> Result<(), PublishError> {
        let pushed = self.publisher.finish()?;
        self.tell_once(&pushed.notices, display);
        Ok(())
    }

    /// Leaves the playlist open, so that it can be resumed.
    pub(crate) fn suspend(self) -> Result<(), PublishError> {
        self.publisher.suspend().map(drop)
    }

    /// The number of objects that wait for deletion, without the side file, which is deleted after
    /// them.
    pub(crate) fn waiting_for_deletion(&self) -> usize {
        self.publisher.waiting_for_deletion().count()
    }

    /// Tries to delete each due object, and the side file if it is due.
    pub(crate) fn delete_due(&mut self, display: &Display) -> Deletion {
        let notices = self.publisher.delete_due().notices;
        self.tell_once(&notices, display);
        let is_refused = |notice: &Notice| matches!(notice, Notice::NotDeleted(_));
        if notices.iter().any(is_refused) {
            Deletion::Refused
        } else {
            Deletion::Fine
        }
    }

    fn tell_once(&mut self, notices: &[Notice], display: &Display) {
        for notice in notices {
            let text = notice.to_string();
            if !self.told.contains(&text) {
                tell(std::slice::from_ref(notice), display);
                self.told.push(text);
            }
        }
    }
}

fn playlist(options: &Options) -> MediaPlaylist {
    let playlist = MediaPlaylist::live("live.m3u8", options.window())
        .target_duration(options.bound())
        .program_date_time_by_clock(ClockPolicy::default());
    match options.receiver {
        Receiver::YouTube => playlist.first_sequence(0).retention(Retention::Keep),
        Receiver::NoDeletion => playlist.retention(Retention::Keep),
        Receiver::Origin | Receiver::OneASecond => playlist,
    }
}

/// The playlist and its side file of an earlier session, if there was one.
fn previous(
    sink: &mut Box<dyn SegmentSink>,
    state: Option<DiskSink>,
    playlist: &MediaPlaylist,
) -> Result<Option<Previous>, Box<dyn Error>> {
    let previous = Previous::read_through(sink, playlist)?;
    match (previous, state) {
        (Some(previous), Some(mut state)) => {
            Ok(Some(previous.with_state_through(&mut state, playlist)?))
        }
        (previous, _) => Ok(previous),
    }
}

fn tell(notices: &[Notice], display: &Display) {
    for notice in notices {
        // A lost segment was told with its cause already.
        if !matches!(notice, Notice::Lost { .. }) {
            display.complain(notice);
        }
    }
}

/// The name that the account of the program has for its destination.
pub(crate) fn account_name(url: &str) -> &Path {
    // The query may have a key of the receiver.
    Path::new(url.split('?').next().unwrap_or_default())
}
