//! Resources of the whole process can be counted only if no other test runs in it.

use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};

use super::common::again::{again, must_pass};
use super::common::means::skip;
use super::common::threads::{must_end, thread_number, wait_until_asleep};
use super::count::{threads_and_descriptors, wait_until_all_sleep};
use super::memory::resident_bytes;
use super::{
    DEPTH, DiskSink, Halves, LENGTH, ProducedSegment, STREAMS, SegmentSink, drive, in_memory,
    one_at_a_time, open, sink,
};

fn run(test: &str) {
    let _turn = one_at_a_time();
    let test = format!("costs::{test}");
    let output = must_pass(&mut again(&[], &test, ""));
    print!("{}", String::from_utf8_lossy(&output.stdout));
    // Where it says that it skips.
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
}

/// Streams for a look at what they cost, with a sink that does nothing.
fn idle(test: &str, streams: u64) -> Option<Vec<Halves>> {
    (0..streams)
        .map(|_| open(test, sink::from_fn(|_| Ok(()))))
        .collect()
}

#[test]
fn an_idle_stream_costs_little_memory() {
    run("weighs_idle_streams");
}

#[test]
#[ignore = "a part of an_idle_stream_costs_little_memory"]
fn weighs_idle_streams() {
    must_end(|| {
        let test = "an_idle_stream_costs_little_memory";
        let Some(before) = resident_bytes() else {
            skip(
                test,
                "the system does not say how much memory a process has",
            );
            return;
        };
        let Some(streams) = idle(test, STREAMS) else {
            return;
        };
        // A thread has its startup resources once it waits for the first segment.
        wait_until_all_sleep();
        let after = resident_bytes().unwrap();
        let each = after.saturating_sub(before) / STREAMS;
        println!("an idle stream has {each} bytes resident, its thread included");
        assert!(each < 64 * 1024, "{each} bytes for each idle stream");
        drop(streams);
    });
}

#[test]
fn nothing_is_left_of_a_thousand_streams() {
    run("counts_what_is_left");
}

#[test]
#[ignore = "a part of nothing_is_left_of_a_thousand_streams"]
fn counts_what_is_left() {
    must_end(|| {
        let test = "nothing_is_left_of_a_thousand_streams";
        let folder = in_memory();
        let disk = || DiskSink::rooted(folder.path());
        let before = threads_and_descriptors();

        // Idle ones that are dropped, the sender first or last.
        let Some(mut streams) = idle(test, STREAMS) else {
            return;
        };
        assert_eq!(
            threads_and_descriptors(),
            (before.0 + streams.len(), before.1)
        );
        for (stream, sender) in streams.split_off(streams.len() / 2) {
            drop(sender);
            drop(stream);
        }
        for (stream, sender) in streams {
            drop(stream);
            drop(sender);
        }
        wait_until(before);

        // And those that have worked.
        let streams: Option<Vec<_>> = (0..STREAMS).map(|_| open(test, disk())).collect();
        let Some(streams) = streams else {
            return;
        };
        drive(streams, 0);
        wait_until(before);
    });
}

/// A thread that was joined is still in the kernel's list for a moment.
fn wait_until(expected: (usize, usize)) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while threads_and_descriptors() != expected && Instant::now() < deadline {
        thread::yield_now();
    }
    assert_eq!(threads_and_descriptors(), expected);
}

/// A measurement of a release build: no test depends on what time something takes.
#[test]
fn what_a_segment_costs_with_a_thousand_streams_and_with_one() {
    let test = "what_a_segment_costs_with_a_thousand_streams_and_with_one";
    if cfg!(debug_assertions) {
        println!("{test}: only in a release build");
        return;
    }
    let _turn = one_at_a_time();
    must_end(move || {
        let Some(mut thousand) = idle(test, STREAMS) else {
            return;
        };
        let (tell, told) = bounded(1);
        let mut one = [open(test, says_its_thread(tell)).unwrap()];
        per_segment(&mut one, 1, || {});
        let writer = told.recv().unwrap();

        // All sides in turn, so that what else goes on meets all of them. Of a thousand streams
        // each has a writer that sleeps when it is its turn, and the one stream has none unless it
        // is waited for.
        let mut ratios = [vec![], vec![]];
        for _ in 0..5 {
            let awake = per_segment(&mut one, STREAMS, || {});
            let asleep = per_segment(&mut one, STREAMS / 5, || wait_until_asleep(&writer));
            let together = per_segment(&mut thousand, STREAMS, || {});
            println!(
                "a segment takes {together:.2?} with 1,000 streams, {asleep:.2?} with one whose writer \
                 sleeps, {awake:.2?} with one whose writer is at it"
            );
            for (ratios, alone) in ratios.iter_mut().zip([asleep, awake]) {
                ratios.push(together.as_secs_f64() / alone.as_secs_f64());
            }
        }
        let [asleep, awake] = ratios.map(|mut ratios| {
            ratios.sort_by(f64::total_cmp);
            ratios[ratios.len() / 2]
        });
        println!("with 1,000 {asleep:.2} and {awake:.2} times as long, by the medians");
    });
}

/// Says which thread it is called on, once.
fn says_its_thread(tell: Sender<String>) -> impl SegmentSink {
    let mut tell = Some(tell);
    sink::from_fn(move |_| {
        if let Some(tell) = tell.take() {
            tell.send(thread_number()).unwrap();
        }
        Ok(())
    })
}

/// The time of a segment if one thread fills and empties one stream after the other, this many
/// times in all, `before` not counted.
fn per_segment(streams: &mut [Halves], bursts: u64, before: impl Fn()) -> Duration {
    let mut took = Duration::ZERO;
    for burst in 0..bursts {
        let at = usize::try_from(burst).unwrap() % streams.len();
        let (stream, sender) = &mut streams[at];
        before();
        let start = Instant::now();
        for number in 0..DEPTH {
            let segment = ProducedSegment::media(number, vec![0x47; LENGTH], 2.0);
            sender.send(segment).unwrap();
        }
        for number in 0..DEPTH {
            assert_eq!(stream.next().unwrap().unwrap().sequence, number);
        }
        took += start.elapsed();
    }
    took / u32::try_from(bursts * DEPTH).unwrap()
}
