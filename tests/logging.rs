//! What nobody takes is logged, and a logger that panics does no harm.

mod common;

use std::io;
use std::sync::Mutex;

use common::gate::Gate;
use common::segments::segment;
use common::sinks::{Recording, failing};
use common::threads::must_end;
use log::{Level, LevelFilter, Log, Metadata, Record};
use segment_stream::{SegmentStream, SegmentStreamConfig, sink};

/// Remembers the messages, and panics at those that say so.
struct Remembering(Mutex<Vec<(Level, String)>>);

static LOGGER: Remembering = Remembering(Mutex::new(Vec::new()));

/// Every test here marks its messages with a word of its own, as they run side by side.
const POISON: &str = "poison";

impl Log for Remembering {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "segment_stream"
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let message = record.args().to_string();
            assert!(
                !message.contains(POISON),
                "the logger was made to panic here"
            );
            self.0.lock().unwrap().push((record.level(), message));
        }
    }

    fn flush(&self) {}
}

fn start_logging() {
    // Whichever test is first.
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(LevelFilter::Trace);
    }
}

fn logged(part: &str) -> Vec<(Level, String)> {
    let all = LOGGER.0.lock().unwrap();
    all.iter()
        .filter(|(_, message)| message.contains(part))
        .cloned()
        .collect()
}

#[test]
fn every_segment_that_was_not_written_is_logged() {
    start_logging();
    must_end(|| {
        let (stream, sender) = SegmentStream::with_sink(
            SegmentStreamConfig::default(),
            failing(|segment| segment.sequence == 1001),
        )
        .unwrap();
        for number in 1000..1003 {
            sender
                .send(segment(number).with_path("marked-a.ts"))
                .unwrap();
        }
        drop(sender);
        assert_eq!(stream.count(), 3);
        let message = "segment 1001: cannot write \"marked-a.ts\": no storage space";
        assert_eq!(logged("marked-a"), [(Level::Error, message.to_owned())]);
    });
}

#[test]
fn a_drop_logs_how_much_was_not_written_and_how_the_sink_ended() {
    start_logging();
    must_end(|| {
        let (stream, sender) =
            SegmentStream::with_sink(SegmentStreamConfig::default(), failing(|_| true)).unwrap();
        (0..7).for_each(|number| sender.send(segment(number)).unwrap());
        drop(stream);
        let (level, message) = logged("dropped with 7 unwritten").remove(0);
        assert_eq!(level, Level::Error, "{message}");

        let (mut sink, _calls) = Recording::new();
        sink.finish = Some(io::Error::other("marked-b"));
        let (stream, _sender) =
            SegmentStream::with_sink(SegmentStreamConfig::default(), sink).unwrap();
        drop(stream);
        let message = "the sink did not end well: marked-b".to_owned();
        assert_eq!(logged("marked-b"), [(Level::Error, message)]);
    });
}

#[test]
fn what_was_reported_is_not_logged_again() {
    start_logging();
    must_end(|| {
        let (mut sink, _calls) = Recording::new();
        sink.finish = Some(io::Error::other("marked-c"));
        let (stream, _sender) =
            SegmentStream::with_sink(SegmentStreamConfig::default(), sink).unwrap();
        assert!(stream.finish().is_err());
        assert!(logged("marked-c").is_empty());
    });
}

#[test]
fn a_logger_that_panics_every_time_loses_no_segment_and_ends_nobody() {
    start_logging();
    must_end(|| {
        let gate = Gate::default();
        let inner = gate.clone();
        let sink = sink::from_fn(move |_| {
            inner.pass();
            Err(io::Error::other(POISON))
        });
        let config = SegmentStreamConfig {
            channel_depth: 3,
            ..Default::default()
        };
        let (mut stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
        (0..3).for_each(|number| sender.send(segment(number)).unwrap());
        gate.open();
        for number in 0..3 {
            let error = stream.next().unwrap().unwrap_err();
            assert_eq!(error.into_segment(), segment(number));
        }
        // The writer is none the worse for it.
        sender.send(segment(3)).unwrap();
        assert!(stream.next().unwrap().is_err());

        let (mut sink, _calls) = Recording::new();
        sink.finish = Some(io::Error::other(POISON));
        let (other, _sender) =
            SegmentStream::with_sink(SegmentStreamConfig::default(), sink).unwrap();
        drop(other);
        stream.finish().unwrap();
    });
}
