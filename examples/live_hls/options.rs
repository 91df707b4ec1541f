//! The command line.

use std::time::Duration;

use segment_stream::Durability;

use crate::support::arguments::{self, Value};

pub(crate) const HELP: &str = "\
Packages a transport stream or fragmented MP4 as live HLS: live.m3u8 and its segments.

Usage: live_hls [OPTIONS] [INPUT] [OUT]
       ffmpeg ... -f mpegts - | live_hls - out/

Arguments:
  INPUT  A file, or - for standard input: an MPEG transport stream, or an MP4 made with
         ffmpeg ... -movflags +frag_keyframe+empty_moov+default_base_moof. Which one it is, its first
         bytes tell. Without it: the sample that comes with the source.
  OUT    The folder for the playlist and the segments, made if it is not there. What is there stays.
         Without it: a new folder for temporary files, which is kept.

Options:
      --target SECONDS     Cut at the first random access point from there [default: 4]. The playlist's
                           target duration is twice that, in whole seconds: a longer segment, for want
                           of random access points, is listed as if it were not, and reported
      --window SECONDS     How much the playlist lists, though never less than three target durations
                           [default: 60]. Older segments are deleted when no player can need them
      --realtime           Hand the first segment on at once, and each other one when those before it
                           have been played: a file becomes a broadcast
      --resume             Go on with the playlist in OUT, if there is one, after a discontinuity; and
                           leave it open at Ctrl-C, or when the input breaks off, to be gone on with
      --record             Publish recording.m3u8 beside it, which lists everything from the beginning
                           (EXT-X-PLAYLIST-TYPE:EVENT). Then nothing is deleted
      --depth N            How many segments may wait to be written [default: 8]
      --durability LEVEL   What survives a power cut: none, file (whole files) or full (every
                           segment that was reported) [default: file]
  -h, --help               Print this and exit

Standard output gets one line for each file that is stored and listed: name, duration, size.

At the end of the input the playlist ends (EXT-X-ENDLIST). Then it waits until the last old segments may be
deleted, for about a window. Ctrl-C stores and lists all that was read, and ends the playlist as well,
unless there is --resume; it waits for nothing, and what is not yet deleted stays. A second Ctrl-C ends
the program at once.

Exit status: 0 if all was packaged, 1 if the input or a write failed (what is listed is whole), 2 if the
command line is wrong, 130 after a second Ctrl-C.
";

/// How fast the input is packaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speed {
    Full,
    /// Paced by the media's own clock.
    Realtime,
}

/// What to do with a playlist that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    Refuse,
    Resume,
}

/// Which playlists there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Playlists {
    Live,
    /// A full recording beside the live one.
    LiveAndRecording,
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) target: Duration,
    pub(crate) window: Duration,
    pub(crate) speed: Speed,
    pub(crate) restart: Restart,
    pub(crate) playlists: Playlists,
    pub(crate) depth: usize,
    pub(crate) durability: Durability,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            target: Duration::from_secs(4),
            window: Duration::from_secs(60),
            speed: Speed::Full,
            restart: Restart::Refuse,
            playlists: Playlists::Live,
            depth: 8,
            durability: Durability::File,
        }
    }
}

impl arguments::Options for Options {
    fn set(&mut self, name: &str, value: Value<'_>) -> Result<(), String> {
        match name {
            "--target" => self.target = value.seconds()?,
            "--window" => self.window = value.seconds()?,
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
            }
            "--depth" => self.depth = value.count()?,
            "--durability" => self.durability = value.durability()?,
            _ => return Err(format!("unknown option {name}")),
        }
        Ok(())
    }
}
