//! The command line.

use std::time::Duration;

use segment_stream::Durability;

use support::arguments::{self, Value};

use crate::keep::Keep;
use crate::mpd;
use crate::splices::Markers;

pub(crate) const HELP: &str = "\
Packages a transport stream or fragmented MP4 as live HLS: live.m3u8 and its segments.

Usage: live_hls [OPTIONS] [INPUT] [OUT]
       ffmpeg ... -f mpegts - | live_hls - out/

Arguments:
  INPUT  A file, or - for standard input: an MPEG transport stream, or an MP4 made with
         ffmpeg ... -movflags +frag_keyframe+empty_moov+default_base_moof. The first bytes decide.
         [default: the sample that comes with the source]
  OUT    The directory for the playlist and the segments, created if missing. Existing files are kept.
         [default: a new temporary directory, which is kept]

Options:
      --target SECONDS     Cut at the first random access point after this time [default: 4]
      --max-segment SECONDS
                           The playlist's target duration, in whole seconds: no segment should be
                           longer [default: the duration of the first segment if its random access
                           points are equally far apart, or else twice --target, or more if the first
                           segment is longer]. A longer segment, for lack of random access points,
                           is listed with the longest allowed duration, and reported
      --program NUMBER     The program to package, of a transport stream with several. The others
                           are dropped [default: the first with video, or else with audio]
      --window SECONDS     The duration that the playlist lists, at least three target durations
                           [default: 60, or no limit with --keep]. Older segments are deleted when
                           no player can need them
      --keep SIZE|TIME     List as much as this: 500MB, 20GB (old segments that wait for their deletion
                           count), 90s, 30min, 12h, 7d. Given twice, for a size and a time, both
                           limits hold. At least three target durations stay
      --no-dates           Without the dates of the segments (EXT-X-PROGRAM-DATE-TIME). The first
                           segment, and each one behind a discontinuity, is dated by the clock
      --independent        Declare that every segment can be decoded by itself
                           (EXT-X-INDEPENDENT-SEGMENTS), and report each one that cannot
      --ad-markers KIND    The lines for splice information (SCTE 35, in a transport stream or in event
                           messages of an MP4): daterange (EXT-X-DATERANGE, which needs dates), cue
                           (EXT-X-CUE-OUT and EXT-X-CUE-IN) or both [default: daterange]. A segment
                           ends where the program is left or resumes. Encrypted information is not
                           listed, and reported
      --realtime           Package at the speed of playback: each segment when those before it have
                           been played. A file becomes a broadcast
      --resume             Continue the playlist in OUT, if there is one, after a discontinuity. On
                           Ctrl-C or a broken input, leave it open so that it can be resumed
      --record             Also publish recording.m3u8, which lists everything from the beginning
                           (EXT-X-PLAYLIST-TYPE:EVENT). No segment is deleted
      --dash               Also publish live.mpd over the same segments, and a page that plays either
                           (play.html). For fragmented MP4, with dates; needs the feature `dash`. The
                           video and audio of the input are one representation
      --depth N            The number of segments that may wait to be written [default: 8]
      --durability LEVEL   The files that survive a power cut: none, file (those there are whole) or
                           full (every reported segment) [default: file]
  -h, --help               Print this and exit

Standard output gets one line for each file that is stored and listed: name, duration, size.

At the end of the input the playlist ends (EXT-X-ENDLIST). The program then waits until the last old segments
may be deleted, for about the duration of the playlist. Ctrl-C stores and lists everything that was read, and
ends the playlist unless --resume is given. It does not wait, and old segments are kept. A second Ctrl-C ends
the program at once.

Exit status: 0 if everything was packaged, 1 if the input or a write failed (listed segments are whole), 2 if
the command line is wrong, 130 after a second Ctrl-C.
";

/// The speed at which the input is packaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speed {
    Full,
    /// Paced by the media's own clock.
    Realtime,
}

/// The action if the playlist exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    Refuse,
    Resume,
}

/// The playlists to publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Playlists {
    Live,
    /// A full recording beside the live one.
    LiveAndRecording,
}

/// The formats of the live manifests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Formats {
    Hls,
    HlsAndDash,
}

/// The dates of the segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dating {
    None,
    ByClock,
}

/// What the playlists declare of all segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    None,
    /// A decoder needs no other segment.
    Independent,
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) target: Duration,
    pub(crate) max_segment: Option<Duration>,
    pub(crate) dates: Dating,
    pub(crate) claim: Claim,
    pub(crate) ad_markers: Markers,
    pub(crate) program: Option<u16>,
    /// `None`: the default, or all that is kept.
    pub(crate) window: Option<Duration>,
    pub(crate) keep: Keep,
    pub(crate) speed: Speed,
    pub(crate) restart: Restart,
    pub(crate) playlists: Playlists,
    pub(crate) formats: Formats,
    pub(crate) depth: usize,
    pub(crate) durability: Durability,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            target: Duration::from_secs(4),
            max_segment: None,
            dates: Dating::ByClock,
            claim: Claim::None,
            ad_markers: Markers::DateRange,
            program: None,
            window: None,
            keep: Keep::default(),
            speed: Speed::Full,
            restart: Restart::Refuse,
            playlists: Playlists::Live,
            formats: Formats::Hls,
            depth: 8,
            durability: Durability::File,
        }
    }
}

impl arguments::Options for Options {
    fn set(&mut self, name: &str, value: Value<'_>) -> Result<(), String> {
        match name {
            "--target" => self.target = value.seconds()?,
            "--max-segment" => self.max_segment = Some(value.seconds()?),
            "--no-dates" => {
                value.none()?;
                self.dates = Dating::None;
                self.check_dates()?;
            }
            "--independent" => {
                value.none()?;
                self.claim = Claim::Independent;
            }
            "--ad-markers" => self.ad_markers = markers(name, &value.text()?)?,
            "--program" => self.program = Some(value.program()?),
            "--window" => self.window = Some(value.seconds()?),
            "--keep" => {
                self.keep.add(name, &value.text()?)?;
                self.check_keep()?;
            }
            "--realtime" => {
                value.none()?;
                self.speed = Speed::Realtime;
            }
            "--resume" => {
                value.none()?;
                self.restart = Restart::Resume;
            }
            "--record" => {
                value.none()?;
                self.playlists = Playlists::LiveAndRecording;
                self.check_keep()?;
            }
            "--dash" => {
                value.none()?;
                mpd::check_feature()?;
                self.formats = Formats::HlsAndDash;
                self.check_dates()?;
            }
            "--depth" => self.depth = value.count()?,
            "--durability" => self.durability = value.durability()?,
            _ => return Err(format!("unknown option {name}")),
        }
        Ok(())
    }
}

impl Options {
    fn check_dates(&self) -> Result<(), String> {
        if self.formats == Formats::Hls || self.dates == Dating::ByClock {
            return Ok(());
        }
        Err("--dash needs dates, so --no-dates cannot omit them".into())
    }

    fn check_keep(&self) -> Result<(), String> {
        if self.playlists == Playlists::Live || self.keep.is_all() {
            return Ok(());
        }
        Err("--record keeps everything, so --keep cannot limit it".into())
    }
}

fn markers(name: &str, value: &str) -> Result<Markers, String> {
    match value {
        "daterange" => Ok(Markers::DateRange),
        "cue" => Ok(Markers::Cue),
        "both" => Ok(Markers::Both),
        other => Err(format!("{name} is daterange, cue or both, not {other:?}")),
    }
}
