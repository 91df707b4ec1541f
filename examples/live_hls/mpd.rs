//! The MPD beside the live playlist.

use std::error::Error;
use std::num::NonZeroU32;
use std::path::Path;

use segment_stream::DiskSink;
use segment_stream::dash::{self, AdaptationSet, Mpd, Representation};
use segment_stream::hls::{MediaPlaylist, Presentation, Previous};
use segmenter::{Track, TrackKind};

use crate::options::Restart;
use crate::publication::{LIVE, Publisher};

const MPD: &str = "live.mpd";

#[expect(clippy::unnecessary_wraps, reason = "as without the feature")]
pub(crate) fn check_feature() -> Result<(), String> {
    Ok(())
}

/// The MPD, which needs the tracks before it can be published.
pub(crate) struct Manifest {
    previous: Option<dash::Previous>,
}

impl Manifest {
    /// Reads the MPD of an earlier session.
    pub(crate) fn open(folder: &Path, restart: Restart) -> Result<Self, Box<dyn Error>> {
        let path = folder.join(MPD);
        let previous = dash::Previous::read(folder, &Mpd::new(MPD))
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        if previous.is_some() && restart == Restart::Refuse {
            let path = path.display();
            return Err(format!("{path} exists already; --resume continues it").into());
        }
        Ok(Self { previous })
    }

    /// A publisher of the live playlist and of the MPD.
    pub(crate) fn publisher(
        &self,
        playlist: &MediaPlaylist,
        sink: DiskSink,
        previous: Option<&Previous>,
        tracks: &[Track],
    ) -> Result<Publisher, Box<dyn Error>> {
        let presentation = Presentation::new(playlist.clone())?;
        let mpd = mpd(tracks);
        let presentation = match (&self.previous, previous) {
            (Some(mpd_before), Some(_)) => presentation.resume_mpd(mpd, mpd_before)?,
            _ => presentation.mpd(mpd)?,
        };
        Ok(match previous {
            None => presentation.rendition(LIVE, sink)?,
            Some(previous) => presentation.resume(LIVE, sink, previous)?,
        })
    }
}

/// The input is one representation: its tracks are in the same segments.
fn mpd(tracks: &[Track]) -> Mpd {
    let bandwidth: u64 = tracks.iter().filter_map(|track| track.bandwidth).sum();
    let bandwidth = u32::try_from(bandwidth).unwrap_or(u32::MAX).max(1);
    let mut representation = Representation::new(LIVE, bandwidth);
    let codecs: Option<Vec<_>> = tracks.iter().map(|track| track.codec.as_deref()).collect();
    if let Some(codecs) = codecs.filter(|codecs| !codecs.is_empty()) {
        representation = representation.codecs(codecs.join(","));
    }
    let video = tracks.iter().find(|track| track.kind == TrackKind::Video);
    let Some(video) = video else {
        return Mpd::new(MPD).adaptation_set(audio(tracks, representation));
    };
    if let Some((width, height)) = video.size {
        representation = representation.size(width, height);
    }
    // With a rate, dash.js asks the browser for the codecs of video alone, and is refused.
    if let [_] = tracks
        && let Some((frames, seconds)) = video.rate.and_then(frame_rate)
    {
        representation = representation.frame_rate(frames, seconds);
    }
    Mpd::new(MPD).adaptation_set(AdaptationSet::video().representation(representation))
}

fn audio(tracks: &[Track], mut representation: Representation) -> AdaptationSet {
    let mut set = AdaptationSet::audio();
    if let Some(track) = tracks.first() {
        if let Some(rate) = track.rate.and_then(whole) {
            representation = representation.sampling_rate(rate);
        }
        if let Some(channels) = track.channels {
            representation = representation.channels(channels);
        }
        if let Some(language) = &track.language {
            set = set.language(language);
        }
    }
    set.representation(representation)
}

/// A rate as a fraction: a whole number, or that of NTSC.
fn frame_rate(rate: f64) -> Option<(u32, NonZeroU32)> {
    if let Some(frames) = whole(rate) {
        return Some((frames, NonZeroU32::MIN));
    }
    let frames = whole(rate * 1.001)?;
    Some((frames.checked_mul(1000)?, NonZeroU32::new(1001)?))
}

/// A number that is nearly whole.
fn whole(number: f64) -> Option<u32> {
    let rounded = number.round();
    let is_near = (number - rounded).abs() < 0.005 && (1.0..1e6).contains(&rounded);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 1 and a million"
    )]
    is_near.then_some(rounded as u32)
}
