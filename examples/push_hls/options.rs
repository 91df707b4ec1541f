//! The command line.

use std::time::Duration;

use support::arguments::{self, Value};
use support::pace::Pace;

pub(crate) const HELP: &str = "\
Packages a transport stream or fragmented MP4 as live HLS at an origin: live.m3u8 and its segments.

Usage: push_hls [OPTIONS] INPUT URL

Arguments:
  INPUT  A file, or - for standard input: an MPEG transport stream, or an MP4 made with
         ffmpeg ... -movflags +frag_keyframe+empty_moov+default_base_moof
  URL    http://HOST/live/ or https://HOST/live/ (feature `tls`): names are joined to the path, or appended
         to a query that ends in `=`. s3://BUCKET/PREFIX (feature `s3`)

Options:
      --target SECONDS       Cut at the first random access point after this time [default: 4]
      --max-segment SECONDS  The playlist's target duration: no segment should be longer
                             [default: twice --target]
      --window SECONDS       The duration that the playlist lists, at least three target durations
                             [default: 60, or 10 with --receiver youtube]. Older segments are deleted
                             when no player can need them
      --receiver NAME        What the receiver asks for: origin, youtube, no-deletion or
                             one-a-second [default: origin]. examples/README.md has the receivers
      --writers N            The number of uploads at a time [default: 2]
      --realtime             Package at the speed of playback
      --resume               Continue the playlist at the origin, after a discontinuity. On Ctrl-C or a
                             broken input, leave it open so that it can be resumed
      --state DIRECTORY      Keep the playlist's side file here, and not at the origin
      --endpoint URL         The store of s3:// [default: https://s3.REGION.amazonaws.com]
      --region NAME          The region of s3:// [default: us-east-1]
  -h, --help                 Print this and exit

Secrets come from the environment. PUSH_AUTHORIZATION is the header `Authorization` of http:// and https://.
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN are the keys of s3://.

Standard output gets one line for each object that is stored and listed: name, duration, size. A segment that
could not be uploaded becomes a gap. An alarm is printed when nothing was published for 1.5 target durations.

Exit status: 0 if everything was published, 1 if the input or an upload failed, 2 if the command line is wrong,
130 after a second Ctrl-C.
";

/// The properties of a receiver that change what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// Takes PUT, GET and DELETE.
    Origin,
    /// Every version of the playlist in order, numbers from 0, a short window, no DELETE.
    YouTube,
    /// Ages objects out by itself.
    NoDeletion,
    /// Takes one write of an object each second.
    OneASecond,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    New,
    Resume,
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) target: Duration,
    pub(crate) max_segment: Option<Duration>,
    pub(crate) window: Option<Duration>,
    pub(crate) receiver: Receiver,
    pub(crate) writers: usize,
    pub(crate) is_realtime: bool,
    pub(crate) restart: Restart,
    pub(crate) state: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) region: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            target: Duration::from_secs(4),
            max_segment: None,
            window: None,
            receiver: Receiver::Origin,
            writers: 2,
            is_realtime: false,
            restart: Restart::New,
            state: None,
            endpoint: None,
            region: "us-east-1".into(),
        }
    }
}

impl Options {
    pub(crate) fn bound(&self) -> Duration {
        self.max_segment
            .unwrap_or_else(|| self.target.saturating_mul(2))
    }

    pub(crate) fn window(&self) -> Duration {
        let default = match self.receiver {
            Receiver::YouTube => 10,
            _ => 60,
        };
        self.window.unwrap_or(Duration::from_secs(default))
    }

    pub(crate) fn pace(&self) -> Pace {
        if self.is_realtime {
            Pace::realtime()
        } else {
            Pace::Unpaced
        }
    }
}

impl arguments::Options for Options {
    fn set(&mut self, name: &str, value: Value<'_>) -> Result<(), String> {
        match name {
            "--target" => self.target = value.seconds()?,
            "--max-segment" => self.max_segment = Some(value.seconds()?),
            "--window" => self.window = Some(value.seconds()?),
            "--receiver" => {
                self.receiver = match value.text()?.as_str() {
                    "origin" => Receiver::Origin,
                    "youtube" => Receiver::YouTube,
                    "no-deletion" => Receiver::NoDeletion,
                    "one-a-second" => Receiver::OneASecond,
                    other => {
                        return Err(format!(
                            "{name} is origin, youtube, no-deletion or one-a-second, not {other:?}"
                        ));
                    }
                }
            }
            "--writers" => self.writers = value.count()?,
            "--realtime" => {
                value.none()?;
                self.is_realtime = true;
            }
            "--resume" => {
                value.none()?;
                self.restart = Restart::Resume;
            }
            "--state" => self.state = Some(value.text()?),
            "--endpoint" => self.endpoint = Some(value.text()?),
            "--region" => self.region = value.text()?,
            _ => return Err(format!("unknown option {name}")),
        }
        Ok(())
    }
}
