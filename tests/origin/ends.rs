//! The end: by a finish, by a drop, by a panic, by the process.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher, Origin, PublishErrorKind};

use crate::common::again::{again, must_pass};
use crate::common::threads::must_end;
use crate::server::{Answer, Server};
use crate::{live, media, publisher};

const BRIEF: Duration = Duration::from_millis(20);

#[test]
fn after_the_end_nothing_is_overdue() {
    must_end(|| {
        let server = Server::open();
        let mut publisher = publisher(&server);
        let handle = publisher.handle();
        assert_eq!(handle.health().unpublished_for, None);
        publisher.push(&Ok(media(0))).unwrap();
        publisher.finish().unwrap();
        let health = handle.health();
        assert!(health.is_running && !health.is_overdue);
        assert_eq!((health.unpublished_for, health.waiting), (None, 0));
        drop(publisher);
        assert!(server.is_gone() && !handle.health().is_running);
    });
}

#[test]
fn a_finish_says_that_the_end_was_refused_and_may_be_called_again() {
    must_end(|| {
        let server = Server::open();
        let mut publisher = publisher(&server);
        publisher.push(&Ok(media(0))).unwrap();
        server.wait_for("put live.m3u8", 1);
        server.answers("live.m3u8", [Answer::Refused]);
        let error = publisher.finish().unwrap_err();
        assert_eq!(error.kind(), PublishErrorKind::Sink);
        assert_eq!(
            error.to_string(),
            "the manifest was not published: cannot write \"live.m3u8\": 403"
        );
        publisher.finish().unwrap();
        let text = server.object("live.m3u8").unwrap();
        assert!(text.ends_with("#EXT-X-ENDLIST\n"), "{text}");
    });
}

#[test]
fn a_finish_within_a_time_leaves_a_sink_that_hangs_to_itself() {
    must_end(|| {
        let server = Server::default();
        let mut publisher = publisher(&server);
        publisher.push(&Ok(media(0))).unwrap();
        server.gate.wait_for_arrivals(1);
        let error = publisher.finish_timeout(BRIEF).unwrap_err();
        assert_eq!(error.kind(), PublishErrorKind::TimedOut);
        assert!(!server.is_gone());
        server.gate.open();
        while !server.is_gone() {
            thread::yield_now();
        }
        assert!(server.was_shutting_down());
        assert_eq!(server.calls(), ["put .live.m3u8.state"]);
    });
}

#[test]
fn a_finish_within_a_time_publishes_the_end_and_ends_the_sink() {
    must_end(|| {
        let server = Server::open();
        server.answers("live.m3u8", [Answer::Busy]);
        let mut publisher = publisher(&server);
        publisher.push(&Ok(media(0))).unwrap();
        publisher.finish_timeout(crate::LONG).unwrap();
        assert!(server.is_gone());
        let text = server.object("live.m3u8").unwrap();
        assert!(text.ends_with("#EXT-X-ENDLIST\n"), "{text}");
    });
}

/// It waits for the call that the sink is in, and for no other.
#[test]
fn a_drop_discards_what_waits() {
    must_end(|| {
        let server = Server::default();
        let mut publisher = publisher(&server);
        let handle = publisher.handle();
        publisher.push(&Ok(media(0))).unwrap();
        server.gate.wait_for_arrivals(1);
        publisher.push(&Ok(media(1))).unwrap();
        let dropped = thread::spawn(move || drop(publisher));
        // The drop has begun, and the put is still in its sink.
        while handle.health().is_running {
            thread::yield_now();
        }
        assert!(!server.is_gone());
        server.gate.open();
        dropped.join().unwrap();
        assert!(server.is_gone() && server.was_shutting_down());
        assert_eq!(server.calls(), ["put .live.m3u8.state"]);
    });
}

#[test]
fn a_sink_that_panics_fails_every_later_push_and_deadlocks_nobody() {
    must_end(|| {
        let server = Server::open();
        server.answers("live.m3u8", [Answer::Panics]);
        let mut publisher = publisher(&server);
        let handle = publisher.handle();
        publisher.push(&Ok(media(0))).unwrap();
        while handle.health().is_running {
            thread::yield_now();
        }
        let error = publisher.push(&Ok(media(1))).unwrap_err();
        let expected = "the manifest was not published: cannot write \"live.m3u8\": the publisher \
                        thread of the origin has ended: cannot write \"live.m3u8\": the sink \
                        panicked: the sink was made to panic here";
        assert_eq!(error.to_string(), expected);
        assert_eq!(publisher.next_sequence(), 2, "the item is entered");
        assert!(publisher.finish().is_err());
        let _ = publisher.delete_due();
        drop(publisher);
        assert!(server.is_gone());
    });
}

/// While a finish waits for the put that panics.
#[test]
fn a_sink_that_panics_ends_a_finish_that_waits() {
    must_end(|| {
        let server = Server::default();
        server.answers(".live.m3u8.state", [Answer::Panics]);
        let mut publisher = publisher(&server);
        publisher.push(&Ok(media(0))).unwrap();
        server.gate.wait_for_arrivals(1);
        let finished = thread::spawn(move || publisher.finish().map(drop));
        server.gate.open();
        assert!(finished.join().unwrap().is_err());
    });
}

#[test]
fn a_process_exits_while_a_put_hangs() {
    must_end(|| {
        must_pass(&mut again(&[], "ends::returns_with_a_put_that_hangs", ""));
    });
}

#[test]
#[ignore = "a part of `a_process_exits_while_a_put_hangs`, which runs it"]
fn returns_with_a_put_that_hangs() {
    let server = Server::default();
    let mut publisher = publisher(&server);
    publisher.push(&Ok(media(0))).unwrap();
    server.gate.wait_for_arrivals(1);
    // Nobody drops it.
    std::mem::forget(publisher);
}

/// On the thread of the sink itself nothing can be waited for.
#[test]
fn a_publisher_that_is_dropped_inside_its_own_sink_does_not_deadlock() {
    must_end(|| {
        let place: Arc<Mutex<Option<Box<dyn Send>>>> = Arc::default();
        let gate = crate::common::gate::Gate::default();
        let sink = {
            let (place, gate) = (Arc::clone(&place), gate.clone());
            segment_stream::sink::from_fn(move |_| {
                gate.pass();
                drop(place.lock().unwrap().take());
                Ok(())
            })
        };
        let mut publisher = MediaPlaylistPublisher::new(live(), Origin::new(sink)).unwrap();
        let handle = publisher.handle();
        publisher.push(&Ok(media(0))).unwrap();
        *place.lock().unwrap() = Some(Box::new(publisher));
        gate.open();
        while handle.health().is_running {
            thread::yield_now();
        }
    });
}

#[test]
fn a_vod_playlist_is_put_at_the_end() {
    must_end(|| {
        let server = Server::open();
        let playlist = MediaPlaylist::vod("all.m3u8");
        let mut publisher =
            MediaPlaylistPublisher::new(playlist, Origin::new(server.sink())).unwrap();
        publisher.push(&Ok(media(0))).unwrap();
        publisher.push(&Ok(media(1))).unwrap();
        assert_eq!(server.count("put all.m3u8"), 0);
        publisher.finish_timeout(crate::LONG).unwrap();
        let text = server.object("all.m3u8").unwrap();
        assert!(text.ends_with("\n1.ts\n#EXT-X-ENDLIST\n"), "{text}");
    });
}
