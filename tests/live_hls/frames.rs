//! The frames that a decoder makes of an input.

use std::ffi::OsStr;
use std::process::Command;

use super::{output, text};

/// The hash of each decoded frame, in order, without its time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frames {
    pub(crate) video: Vec<String>,
    pub(crate) audio: Vec<String>,
}

/// The first frame of an audio decoder that begins in the middle lacks what overlaps it from
/// before.
const OVERLAPPED: usize = 1;
/// How much audio may be missing where video begins: it is interleaved some frames later or
/// earlier, and one PES packet holds several.
const INTERLEAVED: usize = 40;

impl Frames {
    /// Decodes all of it, without a complaint.
    pub(crate) fn of(input: impl AsRef<OsStr>) -> Self {
        let decoded = output(&mut decoder(&input));
        let complaints = text(&decoded.stderr);
        let input = input.as_ref().display();
        assert!(decoded.status.success(), "{input}: {complaints}");
        assert_eq!(complaints, "", "{input}");
        Self::parse(&text(&decoded.stdout))
    }

    /// Reads the lines of `framemd5`: stream, dts, pts, duration, size, hash.
    pub(crate) fn parse(lines: &str) -> Self {
        let of = |stream: &str| {
            let fields = lines.lines().filter(|line| !line.starts_with('#'));
            fields
                .map(|line| line.split(',').map(str::trim).collect::<Vec<_>>())
                .filter(|fields| fields[0] == stream)
                .map(|fields| fields[5].to_owned())
                .collect()
        };
        Self {
            video: of("0"),
            audio: of("1"),
        }
    }

    /// Demands that these are the last frames of `whole`, all from where `seconds` of it are over.
    pub(crate) fn must_be_the_end_of(&self, whole: &Self, seconds: f64, what: &str) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small count"
        )]
        let missing = (seconds * 25.0).round() as usize;
        assert_eq!(
            self.video.len(),
            whole.video.len() - missing,
            "{what}: video"
        );
        assert!(whole.video.ends_with(&self.video), "{what}: other pictures");

        let audio = &self.audio[if missing == 0 { 0 } else { OVERLAPPED }..];
        let tail = &whole.audio[whole.audio.len() - audio.len()..];
        let differs = tail
            .iter()
            .zip(audio)
            .filter(|(one, other)| one != other)
            .count();
        assert_eq!(differs, 0, "{what}: other sound of {}", audio.len());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small count"
        )]
        let missing = (seconds * 48_000.0 / 1024.0).round() as usize;
        let expected = whole.audio.len() - missing;
        assert!(
            self.audio.len() + INTERLEAVED >= expected,
            "{what}: {} of {expected} frames of sound",
            self.audio.len()
        );
    }
}

/// A decoder that prints what [`Frames::parse`] reads.
pub(crate) fn decoder(input: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("ffmpeg");
    command
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(input)
        .args(["-map", "0:v", "-map", "0:a", "-fps_mode", "passthrough"])
        .args(["-f", "framemd5", "-"]);
    command
}
