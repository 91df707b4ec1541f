//! Any bytes as the life of a stream: its configuration, the segments sent and taken, its end.

use std::collections::VecDeque;
use std::time::Duration;

use segment_stream::{
    FinishError, NoNext, ProducedSegment, Report, RetryPolicy, SegmentSender, SegmentSink,
    SegmentStream, SegmentStreamConfig, SinkError, StreamStats, WhenFull, WriteContext, WriteError,
    WriteErrorKind,
};

use super::bytes::Bytes;

/// More of them show nothing new.
const STEPS: usize = 200;

pub(crate) fn check(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let config = config(&mut bytes);
    let writers = bytes.below(5);
    let is_valid = writers > 0 && config.channel_depth >= writers;
    let made = SegmentStream::with_writers(config.clone(), writers, |_| Sink);
    assert_eq!(made.is_ok(), is_valid);
    if let Ok((stream, sender)) = made {
        let books = Books {
            config,
            sent: 0,
            expected: VecDeque::new(),
        };
        books.run(stream, sender, &mut bytes);
    }
}

fn config(bytes: &mut Bytes<'_>) -> SegmentStreamConfig {
    SegmentStreamConfig {
        channel_depth: bytes.below(10),
        channel_bytes: bytes.of(&[None, Some(0), Some(1), Some(100), Some(usize::MAX)]),
        when_full: bytes.of(&[WhenFull::Block, WhenFull::DropOldest]),
        retry: bytes.of(&[
            RetryPolicy::never(),
            RetryPolicy {
                first_pause: Duration::from_micros(1),
                longest_pause: Duration::from_micros(1),
                least: Duration::from_micros(10),
                most: Duration::from_micros(10),
                fallback: Duration::ZERO,
                ..RetryPolicy::default()
            },
        ]),
        ..Default::default()
    }
}

/// The segment itself says how its write ends.
struct Sink;

const FAILS: u8 = 1;
const MAY_HEAL: u8 = 2;
const NO_DESTINATION: u8 = 3;

impl SegmentSink for Sink {
    fn write(
        &mut self,
        segment: &ProducedSegment,
        context: &WriteContext,
    ) -> Result<(), SinkError> {
        match segment.data.first() {
            Some(&FAILS) => Err(SinkError::permanent("it fails")),
            Some(&MAY_HEAL) if context.attempt() == 1 => Err(SinkError::transient("it may heal")),
            Some(&NO_DESTINATION) => {
                context.no_destination();
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The segments that were accepted and have not come out, in their order.
struct Books {
    config: SegmentStreamConfig,
    sent: u64,
    expected: VecDeque<ProducedSegment>,
}

impl Books {
    fn run(mut self, mut stream: SegmentStream, sender: SegmentSender, bytes: &mut Bytes<'_>) {
        let mut senders = vec![sender];
        for _ in 0..STEPS {
            if bytes.is_empty() {
                break;
            }
            match bytes.below(16) {
                0..=7 => self.send(senders.last(), bytes),
                8..=11 => self.take(stream.try_next()),
                12 => self.take(stream.next_timeout(Duration::from_micros(50))),
                13 => senders.extend(senders.last().cloned()),
                14 => drop(senders.pop()),
                _ if bytes.below(8) == 0 => stream.close(),
                _ => {}
            }
            self.check(stream.stats());
        }
        match bytes.below(5) {
            0 => {
                let report = stream.finish().unwrap_or_else(FinishError::into_report);
                self.end(report, false);
            }
            1 => {
                let report = stream.drain().unwrap_or_else(FinishError::into_report);
                self.end(report, true);
                assert_eq!(stream.stats().in_flight.segments, 0);
            }
            2 => {
                let timeout = Duration::from_micros(bytes.byte().into());
                let report = stream.finish_timeout(timeout);
                self.end(report.unwrap_or_else(FinishError::into_report), true);
            }
            3 => {
                senders.clear();
                stream.by_ref().for_each(|item| self.take(Ok(item)));
                assert_eq!(self.expected, []);
            }
            _ => drop(stream),
        }
    }

    fn send(&mut self, sender: Option<&SegmentSender>, bytes: &mut Bytes<'_>) {
        let Some(sender) = sender else {
            return;
        };
        let len = bytes.of(&[1, 0, 1, 50, 101]);
        let segment = ProducedSegment {
            sequence: self.sent,
            data: vec![bytes.byte() & 7; len],
            duration_secs: 2.0,
            is_init: bytes.below(8) == 7,
            // Those of one path wait for one another.
            path_hint: bytes
                .of(&[None, None, Some("a"), Some("b")])
                .map(Into::into),
        };
        self.sent += 1;
        let kept = segment.clone();
        match sender.try_send(segment) {
            Ok(()) => self.expected.push_back(kept),
            Err(error) => {
                assert!(error.is_full() || error.is_closed());
                assert_eq!(error.into_segment(), kept, "it is handed back");
            }
        }
    }

    fn take(&mut self, item: Result<Result<ProducedSegment, WriteError>, NoNext>) {
        match item {
            Ok(Ok(segment)) => self.landed(&segment),
            Ok(Err(error)) => self.failed(&error),
            Err(NoNext::Ended) => assert_eq!(self.expected, []),
            Err(_) => {}
        }
    }

    fn landed(&mut self, segment: &ProducedSegment) {
        let expected = self.expected.pop_front();
        assert_eq!(
            Some(segment),
            expected.as_ref(),
            "in the order of acceptance"
        );
        assert_ne!(segment.data.first(), Some(&FAILS));
    }

    fn failed(&mut self, error: &WriteError) {
        if error.kind() != WriteErrorKind::Dropped {
            let expected = self.expected.pop_front();
            assert_eq!(Some(error.segment()), expected.as_ref());
            assert!([FAILS, MAY_HEAL].contains(&error.segment().data[0]));
            return;
        }
        assert_eq!(self.config.when_full, WhenFull::DropOldest);
        let many = usize::try_from(error.segments()).unwrap();
        let lost: Vec<_> = self.expected.drain(..many).collect();
        assert!(lost.iter().all(|segment| !segment.is_init));
        assert_eq!(lost[0].sequence, error.sequence());
        assert_eq!(lost[many - 1].sequence, error.last_sequence());
        let len: usize = lost.iter().map(ProducedSegment::byte_len).sum();
        assert_eq!(len as u64, error.byte_len());
        let secs: f64 = lost.iter().map(|segment| segment.duration_secs).sum();
        assert!((secs - error.duration_secs()).abs() < 1e-6);
        assert!(error.segment().data.is_empty());
    }

    fn check(&self, stats: StreamStats) {
        let come_out = [
            stats.yielded,
            stats.failed,
            stats.discarded,
            stats.dropped,
            stats.in_flight,
        ];
        let segments: u64 = come_out.iter().map(|tally| tally.segments).sum();
        let bytes: u64 = come_out.iter().map(|tally| tally.bytes).sum();
        assert_eq!(
            (segments, bytes),
            (stats.accepted.segments, stats.accepted.bytes)
        );
        let in_flight = stats.in_flight;
        assert!(in_flight.segments <= self.config.channel_depth as u64);
        let most = self.config.channel_bytes.unwrap_or(usize::MAX) as u64;
        assert!(
            in_flight.bytes <= most || in_flight.segments == 1,
            "{stats:?}"
        );
    }

    /// Each list of the report is in the order of acceptance, and together they are all that was
    /// left.
    fn end(mut self, report: Report, may_discard: bool) {
        assert!(may_discard || report.discarded.len() + report.in_doubt.len() == 0);
        let mut written = report.written.into_iter().map(|it| it.segment).peekable();
        let mut failed = report.failed.into_iter().peekable();
        let mut discarded = report.discarded.into_iter().map(|it| it.segment).peekable();
        let mut in_doubt = report.in_doubt.into_iter().map(|it| it.segment).peekable();
        while let Some(next) = self.expected.front().map(|next| next.sequence) {
            if let Some(segment) = written.next_if(|it| it.sequence == next) {
                self.landed(&segment);
            } else if let Some(error) = failed.next_if(|it| it.sequence() == next) {
                self.failed(&error);
            } else if let Some(segment) = discarded.next_if(|it| it.sequence == next) {
                assert_eq!(Some(segment), self.expected.pop_front());
            } else {
                let segment = in_doubt.next_if(|it| it.sequence == next);
                assert!(segment.is_some(), "segment {next} is nowhere");
                self.expected.pop_front();
            }
        }
        let left = (
            written.count(),
            failed.count(),
            discarded.count(),
            in_doubt.count(),
        );
        assert_eq!(left, (0, 0, 0, 0), "what was not accepted came out");
    }
}
