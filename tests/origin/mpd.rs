//! An MPD beside the playlists, at the same origins.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use segment_stream::dash::{AdaptationSet, Mpd, Previous, Representation};
use segment_stream::hls::{
    MediaPlaylist, MediaPlaylistPublisher, Notice, Origin, Presentation, ResumeErrorKind,
};
use segment_stream::{
    MediaTime, ProducedSegment, SegmentInfo, SegmentSink, SinkError, WriteContext,
};

use crate::common::gate::Gate;
use crate::common::threads::must_end;
use crate::lost::stored;
use crate::server::{Answer, Connection, Server};
use crate::{LONG, live};

type Publisher<S = Connection> = MediaPlaylistPublisher<Origin<S>>;

const NAMES: [&str; 2] = ["video", "audio"];

fn mpd() -> Mpd {
    let of = |name: &str, bandwidth| Representation::new(format!("{name}.m3u8"), bandwidth);
    Mpd::new("live.mpd")
        .adaptation_set(AdaptationSet::video().representation(of("video", 3_000_000)))
        .adaptation_set(AdaptationSet::audio().representation(of("audio", 128_000)))
}

fn presentation(playlist: MediaPlaylist) -> Presentation {
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_366_800);
    Presentation::new(playlist.program_date_time(date)).expect("it is valid")
}

fn push_maps<S: SegmentSink + 'static>(publishers: &mut [Publisher<S>; 2]) {
    for (publisher, name) in publishers.iter_mut().zip(NAMES) {
        let map = ProducedSegment::init(vec![0]).with_path(format!("{name}-init.mp4"));
        publisher.push(&Ok(map)).expect("it is taken");
    }
}

/// Pushes a segment as long as the target duration, and returns what the publisher told.
fn push<S: SegmentSink + 'static>(
    publisher: &mut Publisher<S>,
    name: &str,
    number: u64,
) -> Vec<Notice> {
    let path = format!("{name}-{number}.m4s");
    let segment = ProducedSegment::media(number, vec![0], LONG.as_secs_f64()).with_path(path);
    let time = MediaTime {
        start: number * LONG.as_secs(),
        duration: LONG.as_secs(),
        timescale: NonZeroU32::MIN,
    };
    let item = stored((segment, SegmentInfo::new().media_time(time)));
    publisher.push(&item).expect("it is taken").notices
}

fn pair(presentation: &Presentation, server: &Server) -> [Publisher; 2] {
    let mut publishers = NAMES.map(|name| {
        let origin = Origin::new(server.sink());
        let publisher = presentation.rendition(format!("{name}.m3u8"), origin);
        publisher.expect("a thread starts")
    });
    push_maps(&mut publishers);
    publishers
}

#[test]
fn it_is_put_with_the_playlists_and_ends_with_them() {
    must_end(|| {
        let server = Server::open();
        let presentation = presentation(live()).mpd(mpd()).expect("it is valid");
        let [mut video, mut audio] = pair(&presentation, &server);
        for number in 0..3 {
            push(&mut video, "video", number);
            push(&mut audio, "audio", number);
        }
        server.wait_for("put live.mpd", 1);
        let text = server.object("live.mpd").expect("it was put");
        assert!(text.contains("type=\"dynamic\""), "{text}");
        video.finish().expect("it is put");
        audio.finish().expect("it is put");
        let text = server.object("live.mpd").expect("it was put");
        assert!(text.contains("type=\"static\""), "{text}");
        assert!(text.contains("<S t=\"0\" d=\"1000\" r=\"2\"/>"), "{text}");
    });
}

#[test]
fn one_that_was_refused_is_told_and_put_again() {
    must_end(|| {
        let server = Server::open();
        let presentation = presentation(live()).mpd(mpd()).expect("it is valid");
        let [mut video, mut audio] = pair(&presentation, &server);
        server.answers("live.mpd", [Answer::Refused]);
        push(&mut video, "video", 0);
        push(&mut audio, "audio", 0);
        server.wait_for("put live.mpd", 1);
        let mut told = Vec::new();
        for number in 1.. {
            told.append(&mut push(&mut video, "video", number));
            told.append(&mut push(&mut audio, "audio", number));
            if server.object("live.mpd").is_some() {
                break;
            }
            thread::yield_now();
        }
        for mut it in [video, audio] {
            told.append(&mut it.finish().expect("it is put").notices);
        }
        let of_mpd = |it: &&Notice| it.to_string().contains("live.mpd");
        assert_eq!(told.iter().filter(of_mpd).count(), 1, "{told:?}");
    });
}

/// Its first put is held up, and those after it are refused for as long as the test says.
#[derive(Clone)]
struct Stalling {
    inner: Server,
    gate: Gate,
    is_refusing: Arc<AtomicBool>,
}

impl SegmentSink for Stalling {
    fn write(&mut self, file: &ProducedSegment, context: &WriteContext) -> Result<(), SinkError> {
        if file.path_hint.as_deref() == Some(Path::new("live.mpd")) {
            if self.gate.arrivals() == 0 {
                self.gate.pass();
            } else if self.is_refusing.load(Ordering::SeqCst) {
                return Err(SinkError::permanent("403"));
            }
        }
        self.inner.sink().write(file, context)
    }

    fn remove(&mut self, path: &Path, context: &WriteContext) -> Result<(), SinkError> {
        self.inner.sink().remove(path, context)
    }
}

/// While its first text is on its way, the playlist of another origin goes on, and newer texts are
/// made. The old text lands and stands.
#[test]
fn no_file_goes_that_an_old_text_names_which_lands_late() {
    must_end(|| {
        let server = Server::open();
        let sink = Stalling {
            inner: server.clone(),
            gate: Gate::default(),
            is_refusing: Arc::new(AtomicBool::new(true)),
        };
        let clock = Arc::new(AtomicU64::new(0));
        let presentation = presentation(live()).mpd(mpd()).expect("it is valid");
        let presentation = presentation.with_clock({
            let clock = Arc::clone(&clock);
            move || Duration::from_secs(clock.load(Ordering::SeqCst))
        });
        let mut publishers = NAMES.map(|name| {
            let origin = Origin::new(sink.clone());
            let publisher = presentation.rendition(format!("{name}.m3u8"), origin);
            publisher.expect("a thread starts")
        });
        push_maps(&mut publishers);
        let [mut video, mut audio] = publishers;
        let is_put = |number: u64| {
            let text = server.object("audio.m3u8").unwrap_or_default();
            text.contains(&format!("audio-{number}.m4s"))
        };
        for number in 0..10 {
            clock.fetch_add(LONG.as_secs(), Ordering::SeqCst);
            push(&mut video, "video", number);
            push(&mut audio, "audio", number);
            sink.gate.wait_for_arrivals(1);
            while !is_put(number) {
                thread::yield_now();
            }
        }
        sink.gate.open();
        while server.object("live.mpd").is_none() {
            thread::yield_now();
        }
        for number in 10..20 {
            clock.fetch_add(LONG.as_secs(), Ordering::SeqCst);
            push(&mut video, "video", number);
            push(&mut audio, "audio", number);
        }
        clock.fetch_add(100 * LONG.as_secs(), Ordering::SeqCst);
        let _ = audio.delete_due();
        let text = server.object("live.mpd").expect("it was put");
        assert!(text.contains("startNumber=\"0\""), "{text}");
        assert_eq!(server.count("delete audio-0.m4s"), 0);
        // A text without it lands, and then it waits like any other.
        sink.is_refusing.store(false, Ordering::SeqCst);
        for number in 20.. {
            clock.fetch_add(LONG.as_secs(), Ordering::SeqCst);
            push(&mut video, "video", number);
            push(&mut audio, "audio", number);
            if server.count("delete audio-0.m4s") > 0 {
                break;
            }
            thread::yield_now();
        }
        let text = server.object("live.mpd").expect("it was put");
        assert!(!text.contains("startNumber=\"0\""), "{text}");
    });
}

#[test]
fn it_is_resumed_through_the_sink() {
    must_end(|| {
        let server = Server::open();
        let first = presentation(live()).mpd(mpd()).expect("it is valid");
        let [mut video, mut audio] = pair(&first, &server);
        push(&mut video, "video", 0);
        push(&mut audio, "audio", 0);
        server.wait_for("put live.mpd", 1);
        video.suspend().expect("it is put");
        audio.suspend().expect("it is put");
        let previous = Previous::read_through(&mut server.sink(), &mpd());
        let previous = previous.expect("it is readable").expect("it is there");
        let again = presentation(live());
        let again = again.resume_mpd(mpd(), &previous).expect("it is whole");
        let [mut video, mut audio] = pair(&again, &server);
        push(&mut video, "video", 1);
        push(&mut audio, "audio", 1);
        video.finish().expect("it is put");
        audio.finish().expect("it is put");
        let text = server.object("live.mpd").expect("it was put");
        assert!(text.contains("<Period id=\"1\""), "{text}");
        let previous = Previous::read_through(&mut server.sink(), &mpd());
        let previous = previous.expect("it is readable").expect("it is there");
        let ended = presentation(live()).resume_mpd(mpd(), &previous);
        assert_eq!(ended.unwrap_err().kind(), ResumeErrorKind::Ended);
    });
}
