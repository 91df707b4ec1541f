//! Several playlists, and several origins.

use std::thread;
use std::time::Duration;

use segment_stream::hls::{
    MediaPlaylist, MediaPlaylistPublisher, MultivariantPlaylist, Origin, Presentation, Variant,
};
use segment_stream::{
    ProducedSegment, RetryPolicy, SegmentSender, SegmentStream, SegmentStreamConfig, SinkError,
    sink,
};

use crate::common::threads::must_end;
use crate::lost::lost;
use crate::server::{Answer, Server};
use crate::{LONG, live, media};

fn presentation(playlist: MediaPlaylist) -> Presentation {
    let main = MultivariantPlaylist::new("main.m3u8")
        .variant(Variant::new("high.m3u8", 4_000_000))
        .variant(Variant::new("low.m3u8", 900_000));
    Presentation::new(playlist)
        .unwrap()
        .multivariant(main)
        .unwrap()
}

fn of(rendition: &str, number: u64) -> ProducedSegment {
    ProducedSegment::media(number, vec![0x47], 2.0).with_path(format!("{rendition}-{number}.ts"))
}

/// One of them is refused at first. What names both waits for both.
#[test]
fn a_multivariant_playlist_is_put_once_its_media_playlists_have_landed() {
    must_end(|| {
        let server = Server::open();
        let presentation = presentation(live());
        server.answers("low.m3u8", [Answer::Refused]);
        let origin = || Origin::new(server.sink());
        let mut high = presentation.rendition("high.m3u8", origin()).unwrap();
        let mut low = presentation.rendition("low.m3u8", origin()).unwrap();
        high.push(&Ok(of("high", 0))).unwrap();
        assert_eq!(server.calls(), [""; 0], "the other one has not told yet");
        low.push(&Ok(of("low", 0))).unwrap();
        server.wait_for("put low.m3u8", 1);
        server.wait_for("put high.m3u8", 1);
        assert_eq!(server.object("main.m3u8"), None);
        // Either thread publishes both.
        for number in 1.. {
            high.push(&Ok(of("high", number))).unwrap();
            low.push(&Ok(of("low", number))).unwrap();
            if server.object("main.m3u8").is_some() {
                break;
            }
            thread::yield_now();
        }
        let calls = server.calls();
        let main = calls.iter().position(|it| it == "put main.m3u8").unwrap();
        let landed = calls[..main].iter().filter(|it| *it == "put low.m3u8");
        assert!(landed.count() >= 2, "{calls:?}");
        high.finish().unwrap();
        low.finish().unwrap();
        assert_eq!(server.count("put main.m3u8"), 1);
    });
}

/// It changes no more, so that nothing but its failure makes it due again.
#[test]
fn a_multivariant_playlist_that_was_refused_is_put_with_the_next_push() {
    must_end(|| {
        let server = Server::open();
        let presentation = presentation(live());
        server.answers("main.m3u8", [Answer::Refused]);
        let origin = || Origin::new(server.sink());
        let mut high = presentation.rendition("high.m3u8", origin()).unwrap();
        let mut low = presentation.rendition("low.m3u8", origin()).unwrap();
        high.push(&Ok(of("high", 0))).unwrap();
        low.push(&Ok(of("low", 0))).unwrap();
        server.wait_for("put main.m3u8", 1);
        assert_eq!(server.object("main.m3u8"), None);
        for number in 1.. {
            high.push(&Ok(of("high", number))).unwrap();
            low.push(&Ok(of("low", number))).unwrap();
            if server.object("main.m3u8").is_some() {
                break;
            }
            thread::yield_now();
        }
        high.finish().unwrap();
        low.finish().unwrap();
        assert_eq!(server.count("put main.m3u8"), 2);
    });
}

/// The last report brings it, and nobody pushes any more.
#[test]
fn the_multivariant_playlist_of_recordings_is_put_with_their_end() {
    must_end(|| {
        for is_bounded in [false, true] {
            let server = Server::open();
            let presentation = presentation(MediaPlaylist::vod(""));
            let origin = || Origin::new(server.sink());
            let mut high = presentation.rendition("high.m3u8", origin()).unwrap();
            let mut low = presentation.rendition("low.m3u8", origin()).unwrap();
            high.push(&Ok(of("high", 0))).unwrap();
            low.push(&Ok(of("low", 0))).unwrap();
            if is_bounded {
                high.finish_timeout(LONG).unwrap();
                low.finish_timeout(LONG).unwrap();
            } else {
                high.finish().unwrap();
                low.finish().unwrap();
            }
            drop(presentation);
            let calls = server.calls();
            assert_eq!(calls.last().unwrap(), "put main.m3u8", "{calls:?}");
            assert_eq!(calls.iter().filter(|it| it.contains("main")).count(), 1);
        }
    });
}

#[test]
fn sinks_and_origins_are_not_mixed_in_one_presentation() {
    must_end(|| {
        let server = Server::open();
        let presentation = Presentation::new(live()).unwrap();
        let _high = presentation.rendition("high.m3u8", server.sink()).unwrap();
        let refused = presentation.rendition("low.m3u8", Origin::new(server.sink()));
        let error = refused.unwrap_err().to_string();
        assert_eq!(
            error,
            "of a presentation all playlists go to origins, or none"
        );
    });
}

/// A consumer pushes each item to two publishers. The first origin refuses the playlist for a
/// while, and the second one does not notice.
#[test]
fn one_item_goes_to_two_publishers_that_fail_independently() {
    must_end(|| {
        let (one, other) = (Server::open(), Server::open());
        let event = || MediaPlaylist::event("live.m3u8").target_duration(LONG);
        let start = |server: &Server| {
            MediaPlaylistPublisher::new(event(), Origin::new(server.sink())).unwrap()
        };
        let (mut first, mut second) = (start(&one), start(&other));
        one.answers(
            "live.m3u8",
            [Answer::Refused, Answer::Silent, Answer::Panics],
        );
        let items = (0..10).map(|number| {
            if number == 4 {
                lost(media(number))
            } else {
                Ok(media(number))
            }
        });
        for (item, version) in items.zip(1..) {
            let _ = first.push(&item);
            second.push(&item).unwrap();
            other.wait_for("put live.m3u8", version);
        }
        // Its sink has panicked.
        assert!(first.finish().is_err());
        second.finish().unwrap();
        let text = other.object("live.m3u8").unwrap();
        assert!(text.contains("\n#EXT-X-GAP\n#EXTINF:2.000000,\n4.ts\n"));
        assert!(text.ends_with("\n9.ts\n#EXT-X-ENDLIST\n"));
        let error = first.push(&Ok(media(10))).unwrap_err().to_string();
        assert!(error.contains("it has ended"), "{error}");
    });
}

/// A stream to an origin that refuses some of the segments.
fn uploads(refused: &'static [u64]) -> (SegmentStream, SegmentSender) {
    let sink = sink::from_fn_with_context(move |segment, _| {
        if refused.contains(&segment.sequence) {
            return Err(SinkError::permanent("403"));
        }
        Ok(())
    });
    let config = SegmentStreamConfig {
        retry: RetryPolicy::never(),
        ..Default::default()
    };
    SegmentStream::with_sink(config, sink).unwrap()
}

/// Each origin has a stream and a publisher. Numbers stay in step, and gaps are its own.
#[test]
fn two_origins_have_gaps_of_their_own_under_the_same_numbers() {
    must_end(|| {
        let (one, other) = (Server::open(), Server::open());
        let event = || MediaPlaylist::event("live.m3u8").target_duration(LONG);
        let start = |server: &Server| {
            MediaPlaylistPublisher::new(event(), Origin::new(server.sink())).unwrap()
        };
        let (mut first, mut second) = (start(&one), start(&other));
        let (mut to_first, sender) = uploads(&[2]);
        let (mut to_second, forward) = uploads(&[3, 4]);
        let consumer = thread::spawn(move || {
            for item in to_second.with_info() {
                second.push(&item).unwrap();
            }
            second.finish().unwrap();
        });
        let producer = thread::spawn(move || {
            for number in 0..8 {
                let info = segment_stream::SegmentInfo::new();
                let info = if number == 5 {
                    info.discontinuity()
                } else {
                    info
                };
                sender.send((media(number), info)).unwrap();
            }
        });
        for item in to_first.with_info() {
            first.push(&item).unwrap();
            // Whether the first origin has it or not.
            forward.send(item).unwrap();
        }
        drop(forward);
        first.finish().unwrap();
        producer.join().unwrap();
        consumer.join().unwrap();
        let gaps = |server: &Server| -> Vec<String> {
            let text = server.object("live.m3u8").unwrap();
            let lines: Vec<_> = text.lines().collect();
            let named = lines.windows(3).filter(|it| it[0] == "#EXT-X-GAP");
            named.map(|it| it[2].to_owned()).collect()
        };
        assert_eq!(gaps(&one), ["2.ts"]);
        assert_eq!(gaps(&other), ["3.ts", "4.ts"]);
        let plain = |server: &Server| {
            let text = server.object("live.m3u8").unwrap();
            text.replace("#EXT-X-GAP\n", "")
        };
        assert_eq!(plain(&one), plain(&other), "the rest is the same");
        assert!(plain(&one).contains("#EXT-X-DISCONTINUITY\n#EXTINF:2.000000,\n5.ts\n"));
    });
}

/// Nothing but the time is between them.
#[test]
fn a_rendition_that_is_finished_early_is_ended_by_the_others() {
    must_end(|| {
        let server = Server::open();
        let presentation = presentation(live());
        let origin = || Origin::new(server.sink());
        let mut high = presentation.rendition("high.m3u8", origin()).unwrap();
        let mut low = presentation.rendition("low.m3u8", origin()).unwrap();
        high.push(&Ok(of("high", 0))).unwrap();
        // The other one has told nothing, so that nothing can be listed yet.
        high.finish_timeout(Duration::from_secs(1)).unwrap();
        low.push(&Ok(of("low", 0))).unwrap();
        low.finish().unwrap();
        server.wait_for("put high.m3u8", 1);
        let text = server.object("high.m3u8").unwrap();
        assert!(text.ends_with("high-0.ts\n#EXT-X-ENDLIST\n"), "{text}");
    });
}
