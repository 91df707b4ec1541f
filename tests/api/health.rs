//! The statistics of a handle for a stream that is stuck, from any thread.

use std::thread;
use std::time::{Duration, Instant};

use crate::common::config::depth;
use crate::common::gate::Gate;
use crate::common::segments::segment;
use crate::common::sinks::gated;
use crate::common::threads::{must_end, spawn_asleep};
use segment_stream::SegmentStream;

#[test]
fn a_stalled_stream_says_so() {
    must_end(|| {
        let gate = Gate::default();
        let (mut stream, sender) = SegmentStream::with_sink(depth(3), gated(&gate)).unwrap();
        let handle = stream.handle();
        let idle = handle.stats();
        assert_eq!((idle.oldest_age, idle.stalled_for), (None, Duration::ZERO));
        assert_eq!((idle.writing, idle.waiting_senders), (0, 0));

        let before = Instant::now();
        sender.send(segment(0)).unwrap();
        gate.wait_for_arrivals(1);
        let begun = Instant::now();
        (1..3).for_each(|number| sender.send(segment(number)).unwrap());
        let waiting = spawn_asleep(move || sender.send(segment(3)));
        // Some time passes, however little.
        while begun.elapsed() < Duration::from_millis(5) {
            thread::yield_now();
        }
        let least = begun.elapsed();
        let stats = thread::spawn(move || handle.stats()).join().unwrap();
        let most = before.elapsed();
        assert!((least..=most).contains(&stats.stalled_for), "{stats:?}");
        assert!((stats.stalled_for..=most).contains(&stats.oldest_age.unwrap()));
        assert_eq!((stats.writing, stats.waiting_senders), (1, 1));
        assert_eq!((stats.in_flight.segments, stats.in_flight.bytes), (3, 192));
        assert_eq!((stats.queued.segments, stats.queued.bytes), (2, 128));

        // Written and not yet yielded: nothing is stalled, and the oldest is as old as ever.
        gate.open();
        while stream.stats().queued.segments + stream.stats().writing > 0 {
            thread::yield_now();
        }
        let stats = stream.stats();
        assert_eq!(stats.stalled_for, Duration::ZERO);
        assert!(stats.oldest_age.unwrap() >= least);
        assert!(stats.longest_write >= least && stats.mean_write > Duration::ZERO);
        assert!(stats.mean_write <= stats.longest_write);
        // There were three, one of which was held.
        assert!(stats.mean_write >= least / 4);

        stream.by_ref().for_each(|item| drop(item.unwrap()));
        waiting.join().unwrap().unwrap();
        let stats = stream.stats();
        assert_eq!((stats.oldest_age, stats.in_flight.segments), (None, 0));
    });
}

#[test]
fn with_several_writers_it_is_the_slowest_that_counts() {
    must_end(|| {
        let gate = Gate::default();
        let slow = gate.clone();
        let (mut stream, sender) = SegmentStream::with_writers(depth(8), 2, |_| {
            let slow = slow.clone();
            segment_stream::sink::from_fn(move |segment| {
                if segment.sequence == 0 {
                    slow.pass();
                }
                Ok(())
            })
        })
        .unwrap();
        sender.send(segment(0)).unwrap();
        gate.wait_for_arrivals(1);
        let begun = Instant::now();
        (1..6).for_each(|number| sender.send(segment(number)).unwrap());
        while stream.stats().queued.segments + stream.stats().writing > 1 {
            thread::yield_now();
        }
        let least = begun.elapsed();
        let stats = stream.stats();
        assert!(stats.stalled_for >= least, "{stats:?}");
        assert_eq!((stats.writing, stats.in_flight.segments), (1, 6));
        gate.open();
        drop(sender);
        assert_eq!(stream.by_ref().count(), 6);
        assert_eq!(stream.stats().stalled_for, Duration::ZERO);
    });
}
