//! A published playlist plays, from the beginning and from every segment.

use std::fmt::Write;
use std::time::Duration;

use super::common::listing::{Listed, Listing};
use super::common::thorough::cases;
use super::frames::Frames;
use super::server::Server;
use super::*;

/// A packaged input and what a decoder makes of it.
struct Packaged {
    folder: tempfile::TempDir,
    frames: Frames,
    listing: Listing,
}

impl Packaged {
    fn new(input: &[u8], options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("input");
        fs::write(&file, input).unwrap();
        let out = folder.path().join("out");
        let packaged = output(packager().args(options).args([&file, &out]));
        assert!(packaged.status.success(), "{}", text(&packaged.stderr));
        let frames = Frames::of(&file);
        assert!(frames.video.len() > 200 && frames.audio.len() > 400);
        let listing = Listing::of_file(&out.join(LIVE));
        assert!(listing.has_ended);
        Self {
            folder,
            frames,
            listing,
        }
    }

    fn out(&self) -> std::path::PathBuf {
        self.folder.path().join("out")
    }

    fn check(&self) {
        let out = self.out();
        assert_eq!(Frames::of(out.join(LIVE)), self.frames, "from the folder");

        let server = Server::start(&out);
        assert_eq!(Frames::of(server.url(LIVE)), self.frames, "over HTTP");
        let requests = server.requests();
        assert!(requests.len() > self.listing.segments.len());
        assert!(
            requests.iter().all(|request| request.status == 200),
            "{requests:?}"
        );
    }

    fn join_everywhere(&self) {
        for join in (0..self.listing.segments.len()).step_by(cases(4, 1)) {
            self.join_at(join);
        }
    }

    /// Decodes from this segment on, as a player that has nothing from before it.
    fn join_at(&self, first: usize) {
        let (before, after) = self.listing.segments.split_at(first);
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:{}\n#EXT-X-MEDIA-SEQUENCE:{}\n",
            self.listing.target_secs, after[0].number
        );
        if let Some(map) = &after[0].map {
            let _ = writeln!(text, "#EXT-X-MAP:URI=\"{map}\"");
        }
        for Listed { micros, uri, .. } in after {
            let seconds = Duration::from_micros(*micros).as_secs_f64();
            let _ = write!(text, "#EXTINF:{seconds:.6},\n{uri}\n");
        }
        text.push_str("#EXT-X-ENDLIST\n");
        let joined = self.out().join("joined.m3u8");
        fs::write(&joined, text).unwrap();
        let micros: u64 = before.iter().map(|segment| segment.micros).sum();
        let seconds = Duration::from_micros(micros).as_secs_f64();
        let what = format!("joined at segment {first}");
        Frames::of(&joined).must_be_the_end_of(&self.frames, seconds, &what);
    }
}

#[test]
fn the_sample() {
    if have_tools("the_sample", &["ffmpeg"]) {
        let packaged = Packaged::new(&fs::read(SAMPLE).unwrap(), &["--target", "2"]);
        assert_eq!(packaged.listing.segments.len(), 10);
        packaged.check();
    }
}

#[test]
fn a_transport_stream() {
    if let Some(input) = make("a_transport_stream", Format::TransportStream, 12) {
        let packaged = Packaged::new(&input, &["--target", "1"]);
        assert_eq!(packaged.listing.segments.len(), 12);
        assert!(packaged.listing.segments[0].map.is_none());
        packaged.check();
        packaged.join_everywhere();
    }
}

#[test]
fn a_fragmented_mp4() {
    if let Some(input) = make("a_fragmented_mp4", Format::Mp4, 12) {
        let packaged = Packaged::new(&input, &["--target", "1"]);
        assert_eq!(packaged.listing.segments.len(), 12);
        assert!(packaged.listing.segments[0].map.is_some());
        packaged.check();
        packaged.join_everywhere();
    }
}

#[test]
fn a_recording_beside_a_window() {
    let Some(input) = make("a_recording_beside_a_window", Format::Mp4, 12) else {
        return;
    };
    let options = ["--target", "0.4", "--window", "1", "--record"];
    let packaged = Packaged::new(&input, &options);
    let (out, live) = (packaged.out(), &packaged.listing);
    assert!(live.media_sequence > 0, "it slid");
    let recording = Listing::of_file(&out.join(RECORDING));
    assert!(recording.has_ended && recording.media_sequence == 0);
    assert!(recording.segments.ends_with(&live.segments));
    assert_eq!(Frames::of(out.join(RECORDING)), packaged.frames);
}
