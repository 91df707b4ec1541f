//! The live packager with both formats: `examples/live_hls --dash`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::check::{Mpd, check};
use super::common::folder::temps;
use super::common::listing::Listing;
use super::{Victim, session_of};

const MPD: &str = "live.mpd";

/// Sessions whose input breaks off.
pub(crate) struct Both {
    input: Vec<u8>,
}

impl Both {
    /// Needs ffmpeg.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("in.mp4");
        let made = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-f", "lavfi"])
            .args(["-i", "testsrc2=size=192x108:rate=25:duration=12"])
            .args([
                "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p",
            ])
            .args(["-g", "25", "-sc_threshold", "0", "-movflags"])
            .arg("+frag_keyframe+empty_moov+default_base_moof")
            .arg(&file)
            .status();
        assert!(made.unwrap().success());
        let mut input = fs::read(&file).unwrap();
        input.truncate(input.len() - 100);
        Self { input }
    }

    /// The MPD, if there is one. It passes the check, and names nothing that is not there.
    fn look_at(out: &Path) -> Option<Mpd> {
        let text = fs::read_to_string(out.join(MPD)).ok()?;
        let mpd = check(&text).unwrap_or_else(|why| panic!("{why}:\n{text}"));
        for track in mpd.periods.iter().flat_map(|it| it.tracks.values()) {
            let segments = track.segments.iter().map(|it| &it.uri);
            for uri in segments.chain([&track.initialization]) {
                assert!(out.join(uri).is_file(), "named and not there: {uri}");
            }
        }
        assert!(!mpd.is_static, "no session ends it");
        Some(mpd)
    }
}

impl Victim for Both {
    fn command(&self, prefix: &[&str], out: &Path) -> Command {
        let mut command = session_of("live_hls", prefix);
        command
            .args(["--dash", "--resume", "--durability", "full"])
            .args(["--target", "1", "--window", "3", "-"])
            .arg(out);
        command
    }

    fn input(&self) -> &[u8] {
        &self.input
    }

    fn exit_code(&self) -> i32 {
        1
    }

    fn check(&self, start: &Path, out: &Path) {
        if let Some(before) = Self::look_at(start) {
            assert_goes_on(&before, &Self::look_at(out).expect("the MPD is gone"));
        }
        if out.join("live.m3u8").exists() {
            let listing = Listing::of_file(&out.join("live.m3u8"));
            assert!(listing.files().all(|file| out.join(file).is_file()));
        }
    }

    fn go_on(&self, _: &Path, out: &Path) {
        let before = Self::look_at(out);
        let mut command = self.command(&[], out);
        let mut session = command.stderr(Stdio::piped()).spawn().unwrap();
        super::random::give(&mut session, &self.input);
        let ended = session.wait_with_output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(temps(out).is_empty(), "{:?}", temps(out));
        let now = Self::look_at(out).expect("it is published");
        if let Some(before) = before {
            assert_goes_on(&before, &now);
        }
        // Its segments are in both, and the last one is that of this session.
        let listing = Listing::of_file(&out.join("live.m3u8"));
        let listed: Vec<_> = listing.segments.iter().map(|it| it.uri.clone()).collect();
        assert!(listed.ends_with(&now.uris("0")), "{said}");
        assert_eq!(now.uris("0").last(), listed.last(), "{said}");
    }
}

/// The presentation did not begin anew, and no Period has moved.
fn assert_goes_on(before: &Mpd, now: &Mpd) {
    let start = "availabilityStartTime";
    assert_eq!(now.attribute(start), before.attribute(start));
    for period in &now.periods {
        let mut same = before.periods.iter().filter(|it| it.id == period.id);
        assert!(same.all(|it| it.start == period.start), "{}", period.id);
    }
    let last = |mpd: &Mpd| {
        let last = mpd.periods.last();
        last.and_then(|it| it.id.parse::<u64>().ok())
    };
    assert!(last(now) >= last(before));
}
