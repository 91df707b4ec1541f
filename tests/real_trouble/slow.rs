//! A slow disk: 100 ms for each write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use segment_stream::{DiskSink, SegmentStream, SegmentStreamConfig};
use tempfile::tempdir;

use super::common::again::{again, folder, must_pass};
use super::common::config::once;
use super::common::folder::entries;
use super::common::means::have_tools;
use super::common::threads::must_end;
use super::memory::resident_bytes;
use super::segment;

const DELAY: Duration = Duration::from_millis(100);
const DEPTH: u64 = 4;
const SENDS: u64 = 24;
const LARGE: usize = 1 << 20;

#[test]
fn a_slow_disk() {
    if !have_tools("a_slow_disk", &["strace"]) {
        return;
    }
    let work = tempdir().unwrap();
    let delay = format!("inject=write:delay_enter={}", DELAY.as_micros());
    let prefix = [
        "strace",
        "-f",
        "-qq",
        "-e",
        "trace=write",
        "-e",
        &delay,
        "-o",
        "/dev/null",
    ];
    let output = must_pass(&mut again(
        &prefix,
        "slow::writes_to_a_slow_disk",
        work.path(),
    ));
    print!("{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
#[ignore = "a part of a_slow_disk"]
fn writes_to_a_slow_disk() {
    must_end(|| {
        let root = folder();
        let config = SegmentStreamConfig {
            channel_depth: usize::try_from(DEPTH).unwrap(),
            ..once()
        };
        let (mut stream, sender) =
            SegmentStream::with_sink(config, DiskSink::rooted(&root)).unwrap();
        let large = |number: u64| segment(number, LARGE, format!("{number}.ts"));
        for number in 0..DEPTH {
            sender.send(large(number)).unwrap();
        }
        // Nothing is yielded yet, so nothing more can be taken, however fast the disk is.
        assert!(sender.try_send(large(DEPTH)).unwrap_err().is_full());
        let begun = Instant::now();
        let refused = sender.send_timeout(large(DEPTH), Duration::from_millis(50));
        let took = begun.elapsed();
        assert!(refused.unwrap_err().is_timeout());
        assert!(took >= Duration::from_millis(50) && took < Duration::from_millis(1050));
        let resident = resident_bytes().unwrap();

        // One who looks on, far more often than the disk writes.
        let handle = stream.handle();
        let is_over = Arc::new(AtomicBool::new(false));
        let onlooker = thread::spawn({
            let is_over = Arc::clone(&is_over);
            move || {
                let (mut longest, mut growths, mut most) = (Duration::ZERO, 0_u32, 0);
                let (mut in_flight, mut before) = (0, Duration::ZERO);
                while !is_over.load(Ordering::Relaxed) {
                    let stats = handle.stats();
                    in_flight = in_flight.max(stats.in_flight.segments);
                    growths += u32::from(stats.stalled_for > before);
                    before = stats.stalled_for;
                    longest = longest.max(before);
                    most = most.max(resident_bytes().unwrap());
                    thread::sleep(Duration::from_millis(10));
                }
                (in_flight, longest, growths, most)
            }
        });
        let begun = Instant::now();
        let producer = thread::spawn(move || {
            let mut longest = Duration::ZERO;
            for number in DEPTH..SENDS {
                let begun = Instant::now();
                let segment = segment(number, LARGE, format!("{number}.ts"));
                sender.send(segment).unwrap();
                longest = longest.max(begun.elapsed());
            }
            longest
        });
        assert!(stream.all(|item| item.is_ok()));
        let took = begun.elapsed();
        let longest_send = producer.join().unwrap();
        is_over.store(true, Ordering::Relaxed);
        let (in_flight, stalled_for, growths, most) = onlooker.join().unwrap();
        println!(
            "slow disk: {SENDS} MiB in {took:.1?}; at most {in_flight} in flight; the longest send took \
             {longest_send:.0?}; stalled for up to {stalled_for:.0?}, grew {growths} times; {} MiB resident, \
             at most {} MiB",
            resident >> 20,
            most >> 20
        );
        assert!(took > DELAY * u32::try_from(SENDS - DEPTH - 1).unwrap());
        assert!(longest_send > DELAY / 2, "it waits for the disk");
        assert_eq!(in_flight, DEPTH);
        assert!(
            stalled_for > DELAY / 2 && growths > 20,
            "it is told while it lasts"
        );
        assert!(stream.stats().longest_write >= DELAY);
        assert_eq!(entries(&root).len() as u64, SENDS);
        // All slots were taken at the first look. One more is in the producer's hands, and one in
        // the consumer's.
        assert!(most < resident + (4 * LARGE as u64), "{resident} {most}");
    });
}
