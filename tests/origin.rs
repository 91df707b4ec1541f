//! Publishing to origins, over sinks that hang, fail, and keep silent.
#![cfg(feature = "hls")]

mod common;

#[path = "origin/ends.rs"]
mod ends;
#[path = "hls_model/lost.rs"]
mod lost;
#[cfg(feature = "dash")]
#[path = "origin/mpd.rs"]
mod mpd;
#[path = "origin/server.rs"]
mod server;
#[path = "origin/several.rs"]
mod several;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use common::threads::must_end;
use segment_stream::hls::{
    MediaPlaylist, MediaPlaylistPublisher, Notice, Origin, Previous, PublishErrorKind, Retention,
};
use segment_stream::{ProducedSegment, SegmentStream, SegmentStreamConfig, sink};

use server::{Answer, Connection, Server};

type Publisher = MediaPlaylistPublisher<Origin<Connection>>;

/// Far longer than any test takes, so that no timer ends before its time.
const LONG: Duration = Duration::from_secs(1_000);

/// A live playlist of which no timer of the thread ever ends.
fn live() -> MediaPlaylist {
    MediaPlaylist::live("live.m3u8", Duration::ZERO).target_duration(LONG)
}

fn publisher(server: &Server) -> Publisher {
    MediaPlaylistPublisher::new(live(), Origin::new(server.sink())).expect("a thread starts")
}

fn media(number: u64) -> ProducedSegment {
    ProducedSegment::media(number, vec![0x47], 2.0).with_path(format!("{number}.ts"))
}

/// A clock that the test moves.
#[derive(Clone, Default)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn of(publisher: Publisher) -> (Publisher, Self) {
        let clock = Self::default();
        let it = clock.clone();
        let publisher =
            publisher.with_clock(move || Duration::from_secs(it.0.load(Ordering::Relaxed)));
        (publisher, clock)
    }

    fn wait(&self, secs: u64) {
        self.0.fetch_add(secs, Ordering::Relaxed);
    }
}

/// The first put hangs for as long as anybody likes, and the iteration goes on.
#[test]
fn a_put_that_hangs_never_holds_up_the_iteration_and_the_latest_version_wins() {
    must_end(|| {
        let server = Server::default();
        let playlist = MediaPlaylist::event("live.m3u8").target_duration(LONG);
        let mut publisher =
            MediaPlaylistPublisher::new(playlist, Origin::new(server.sink())).unwrap();
        let handle = publisher.handle();
        let config = SegmentStreamConfig::default();
        let (stream, sender) = SegmentStream::with_sink(config, sink::from_fn(|_| Ok(()))).unwrap();
        let producer = thread::spawn(move || {
            for number in 0..100 {
                sender.send(media(number)).unwrap();
            }
        });
        for item in stream {
            publisher.push(&item).unwrap();
            server.gate.wait_for_arrivals(1);
        }
        producer.join().unwrap();
        assert_eq!(server.count("put live.m3u8"), 0);
        let health = handle.health();
        assert!(health.is_running && health.in_flight_for.is_some());
        assert_eq!(health.waiting, 1);
        server.gate.open();
        publisher.finish().unwrap();
        // The first, and the last two at most: the end may take the place of the last segment.
        let puts = server.count("put live.m3u8");
        assert!((2..=3).contains(&puts), "{:?}", server.calls());
        let text = server.object("live.m3u8").unwrap();
        assert!(text.ends_with("99.ts\n#EXT-X-ENDLIST\n"), "{text}");
    });
}

#[test]
fn a_version_is_retried_and_a_refused_one_is_told_by_the_next_push() {
    must_end(|| {
        let server = Server::open();
        server.answers("live.m3u8", [Answer::Busy, Answer::Busy]);
        let mut publisher = publisher(&server);
        let handle = publisher.handle();
        publisher.push(&Ok(media(0))).unwrap();
        server.wait_for("put live.m3u8", 3);
        server.answers("live.m3u8", [Answer::Refused]);
        assert!(publisher.push(&Ok(media(1))).unwrap().notices.is_empty());
        server.wait_for("put live.m3u8", 4);
        while handle.health().in_flight_for.is_some() {
            thread::yield_now();
        }
        let health = handle.health();
        assert_eq!(health.failures, 1);
        let error = health.last_error.unwrap();
        assert_eq!(error, "cannot write \"live.m3u8\": 403");
        // The report may be a moment behind.
        let mut notices = Vec::new();
        for number in 2.. {
            notices.extend(publisher.push(&Ok(media(number))).unwrap().notices);
            if !notices.is_empty() {
                break;
            }
            thread::yield_now();
        }
        assert!(matches!(&notices[..], [Notice::NotPublished(error)]
            if error.to_string() == "cannot write \"live.m3u8\": 403"));
        publisher.finish().unwrap();
        assert_eq!(handle.health().failures, 0);
        assert!(server.object("live.m3u8").unwrap().contains("\n1.ts\n"));
    });
}

/// The server stores an aborted put after the next one. Only a repetition one target duration later
/// is the last word, and the end waits for it.
#[test]
fn the_newest_version_is_the_last_one_at_a_server_that_delays_an_aborted_put() {
    must_end(|| {
        let server = Server::open();
        let playlist = MediaPlaylist::event("live.m3u8").target_duration(Duration::from_secs(1));
        let mut publisher =
            MediaPlaylistPublisher::new(playlist, Origin::new(server.sink())).unwrap();
        publisher.push(&Ok(media(0))).unwrap();
        server.wait_for("put live.m3u8", 1);
        server.answers("live.m3u8", [Answer::Delayed]);
        publisher.push(&Ok(media(1))).unwrap();
        publisher.finish().unwrap();
        let text = server.object("live.m3u8").unwrap();
        assert!(text.ends_with("\n1.ts\n#EXT-X-ENDLIST\n"), "{text}");
        // The aborted one, the newest, and the newest again.
        assert_eq!(server.count("put live.m3u8"), 4);
    });
}

/// Pushes until old segments have left the playlist. Returns the next number.
fn fill(publisher: &mut Publisher, count: u64) -> u64 {
    for number in 0..count {
        publisher.push(&Ok(media(number))).unwrap();
    }
    count
}

/// A live playlist of 6 s.
fn short(server: &Server) -> (Publisher, Clock) {
    let playlist =
        MediaPlaylist::live("live.m3u8", Duration::ZERO).target_duration(Duration::from_secs(2));
    let publisher = MediaPlaylistPublisher::new(playlist, Origin::new(server.sink()));
    Clock::of(publisher.unwrap())
}

#[test]
fn a_file_is_deleted_only_after_the_version_without_it_has_landed() {
    must_end(|| {
        let server = Server::default();
        let (mut publisher, clock) = short(&server);
        let next = fill(&mut publisher, 5);
        // Neither state nor playlist is there yet, and the files have left the playlist for long.
        server.gate.wait_for_arrivals(1);
        clock.wait(1_000);
        publisher.push(&Ok(media(next))).unwrap();
        assert_eq!(publisher.waiting_for_deletion().count(), 0);
        server.gate.open();
        // The wait begins as the version lands.
        server.wait_for("put live.m3u8", 2);
        while publisher.waiting_for_deletion().count() < 3 {
            thread::yield_now();
        }
        assert_eq!(server.count("delete 0.ts"), 0);
        clock.wait(1_000);
        for number in next + 1..next + 20 {
            publisher.push(&Ok(media(number))).unwrap();
        }
        server.wait_for("delete 0.ts", 1);
        publisher.finish().unwrap();
    });
}

#[test]
fn a_resumed_playlist_is_read_through_the_sink() {
    must_end(|| {
        let server = Server::open();
        let mut first = publisher(&server);
        fill(&mut first, 3);
        first.suspend().unwrap();
        assert!(server.is_gone());
        let previous = Previous::read_through(&mut server.sink(), &live()).unwrap();
        let previous = previous.expect("there is a playlist");
        assert!(previous.state.is_some());
        let origin = Origin::new(server.sink());
        let mut second = MediaPlaylistPublisher::resume(live(), origin, &previous).unwrap();
        assert_eq!(second.next_sequence(), 3);
        second.push(&Ok(media(3))).unwrap();
        second.finish().unwrap();
        let text = server.object("live.m3u8").unwrap();
        assert!(
            text.ends_with(
                "\n2.ts\n#EXT-X-DISCONTINUITY\n#EXTINF:2.000000,\n3.ts\n#EXT-X-ENDLIST\n"
            )
        );
    });
}

/// An earlier session went through a sink, and its side file has parts. At an origin it has none,
/// as each version brings it whole.
#[test]
fn the_parts_of_a_side_file_become_one_and_are_deleted() {
    must_end(|| {
        let server = Server::open();
        let playlist = MediaPlaylist::live("live.m3u8", Duration::ZERO)
            .target_duration(Duration::from_secs(2))
            .retention(Retention::Delete { margin: LONG })
            .side_file_lines(2);
        let mut first = MediaPlaylistPublisher::new(playlist.clone(), server.sink()).unwrap();
        for number in 0..20 {
            first.push(&Ok(media(number))).unwrap();
        }
        let mut waiting: Vec<_> = first.waiting_for_deletion().collect();
        first.suspend().unwrap();
        let parts = server.names(".live.m3u8.state.");
        assert!(
            waiting.len() > 9 && parts.len() > 2,
            "{waiting:?} {parts:?}"
        );

        let read = || {
            Previous::read_through(&mut server.sink(), &playlist)
                .unwrap()
                .unwrap()
        };
        let origin = Origin::new(server.sink());
        let mut second = MediaPlaylistPublisher::resume(playlist.clone(), origin, &read()).unwrap();
        second.push(&Ok(media(20))).unwrap();
        for part in &parts {
            server.wait_for(&format!("delete {part}"), 1);
        }
        second.suspend().unwrap();
        assert_eq!(server.names(".live.m3u8.state."), [""; 0]);
        let third = MediaPlaylistPublisher::resume(playlist.clone(), server.sink(), &read());
        let mut still: Vec<_> = third.unwrap().waiting_for_deletion().collect();
        waiting.sort();
        still.sort();
        still.retain(|file| waiting.contains(file));
        assert_eq!(still, waiting);
    });
}

/// It begins to fail, and the playlist is not put without it.
#[test]
fn side_files_go_to_their_own_sink_and_come_first() {
    must_end(|| {
        let (server, memory) = (Server::open(), Server::open());
        let origin = Origin::new(server.sink()).with_state_sink(memory.sink());
        let mut publisher = MediaPlaylistPublisher::new(live(), origin).unwrap();
        publisher.push(&Ok(media(0))).unwrap();
        server.wait_for("put live.m3u8", 1);
        assert_eq!(memory.calls(), ["put .live.m3u8.state"]);
        memory.answers(".live.m3u8.state", [Answer::Refused]);
        // The push itself may tell of it already. It fails once, and the end makes up for it.
        let mut notices = publisher.push(&Ok(media(1))).unwrap().notices;
        memory.wait_for("put .live.m3u8.state", 2);
        let error = loop {
            if let Some(Notice::NotPublished(error)) = notices.into_iter().next() {
                break error;
            }
            thread::yield_now();
            notices = publisher.push(&Ok(media(2))).unwrap().notices;
        };
        assert_eq!(error.to_string(), "cannot write \".live.m3u8.state\": 403");
        publisher.finish().unwrap();
        assert!(server.calls().iter().all(|it| it == "put live.m3u8"));
        // Nothing waits for deletion, so no later session needs it.
        publisher.delete_due();
        assert_eq!(memory.object(".live.m3u8.state"), None);
    });
}

/// It would be taken for that of the new playlist.
#[test]
fn the_side_file_of_an_earlier_session_goes_before_the_first_playlist() {
    must_end(|| {
        let server = Server::open();
        server.store(".live.m3u8.state", "old");
        let playlist = live().retention(Retention::Keep);
        let mut publisher =
            MediaPlaylistPublisher::new(playlist, Origin::new(server.sink())).unwrap();
        publisher.push(&Ok(media(0))).unwrap();
        publisher.finish().unwrap();
        let calls = server.calls();
        assert_eq!(calls[..2], ["delete .live.m3u8.state", "put live.m3u8"]);
        assert_eq!(server.count("delete .live.m3u8.state"), 1);
    });
}

#[test]
fn in_order_every_version_is_put_and_one_without_room_is_refused() {
    must_end(|| {
        let server = Server::default();
        let playlist = MediaPlaylist::event("live.m3u8").target_duration(LONG);
        let origin = Origin::new(server.sink()).in_order(3);
        let mut publisher = MediaPlaylistPublisher::new(playlist, origin).unwrap();
        publisher.push(&Ok(media(0))).unwrap();
        server.gate.wait_for_arrivals(1);
        for number in 1..4 {
            publisher.push(&Ok(media(number))).unwrap();
        }
        let refused = publisher.push(&Ok(media(4))).unwrap_err();
        assert_eq!(refused.kind(), PublishErrorKind::Sink);
        let expected = "the manifest was not published: cannot write \"live.m3u8\": \
                        as many versions wait for the origin as may wait";
        assert_eq!(refused.to_string(), expected);
        server.gate.open();
        // It waits for room.
        publisher.finish().unwrap();
        assert_eq!(server.count("put live.m3u8"), 5);
        let text = server.object("live.m3u8").unwrap();
        assert!(text.ends_with("\n4.ts\n#EXT-X-ENDLIST\n"), "{text}");
    });
}

#[test]
fn the_first_number_can_be_chosen() {
    must_end(|| {
        let server = Server::open();
        let playlist = live().first_sequence(0);
        let mut publisher =
            MediaPlaylistPublisher::new(playlist, Origin::new(server.sink())).unwrap();
        assert_eq!(publisher.next_sequence(), 0);
        for number in 100..102 {
            publisher.push(&Ok(media(number))).unwrap();
        }
        assert_eq!(publisher.next_sequence(), 2);
        publisher.finish().unwrap();
        let text = server.object("live.m3u8").unwrap();
        assert!(text.contains("#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:2.000000,\n100.ts\n"));
    });
}
