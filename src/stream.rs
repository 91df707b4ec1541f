//! The consumer's half: iterates over what is stored, and ends the stream.

use std::fmt;
use std::io;
use std::iter::FusedIterator;
use std::mem;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded, unbounded};

use log::Level;

use crate::config::SegmentStreamConfig;
use crate::contain::tell;
use crate::error::{SinkError, WriteError};
use crate::handle::StreamHandle;
use crate::intake::{Intake, Patience};
use crate::report::{FinishError, Report};
use crate::segment::ProducedSegment;
use crate::sender::SegmentSender;
use crate::sink::{DiskSink, SegmentSink, from_fn};
use crate::stats::StreamStats;
use crate::writer::{Completion, Event, THREAD_NAME, Writer};

/// What the iterator yields.
type Item = Result<ProducedSegment, WriteError>;

/// Why there is no next segment, at least not now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoNext {
    /// None is done yet.
    NotYet,
    /// There will be none: the iteration has ended.
    Ended,
}

impl fmt::Display for NoNext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotYet => "no segment is done yet",
            Self::Ended => "the stream has ended",
        })
    }
}

impl std::error::Error for NoNext {}

/// The half that a manifest publisher keeps: an iterator over the segments, each yielded once it is
/// stored.
///
/// It yields in the order of acceptance. A segment that could not be written takes its place as an
/// `Err`, and the iteration goes on; `None` means the end, for good.
///
/// **The end** comes when every sender was dropped, or the stream was closed, and everything
/// accepted was yielded. [`finish`](SegmentStream::finish) ends it at once and reports;
/// [`drain`](SegmentStream::drain) discards what is not yet written; dropping it writes what was
/// accepted, and logs, but hands nothing back.
///
/// **Waiting.** `finish` and the drop wait until the sink has written what was accepted, `drain` for the
/// write that is under way, and all three for the sink's own `finish`, for as long as the sink takes.
/// Called from inside the stream's own sink they do not wait. `next` there waits for itself, for ever.
///
/// **The log.** Each segment that was not written is logged as an error when it happens (target
/// `segment_stream`), whether or not somebody takes it out of the iterator.
///
/// ```
/// use segment_stream::{ProducedSegment, SegmentStream, SegmentStreamConfig};
/// use std::thread;
///
/// # fn main() -> std::io::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path().to_path_buf();
/// let (mut stream, sender) = SegmentStream::new(SegmentStreamConfig::default())?;
/// thread::spawn(move || {
///     for number in 0..3 {
///         let path = folder.join(format!("{number:05}.ts"));
///         let segment = ProducedSegment::media(number, vec![0x47; 188], 2.0).with_path(path);
///         if sender.send(segment).is_err() {
///             break; // The stream was closed.
///         }
///     }
/// });
/// for item in &mut stream {
///     match item {
///         Ok(segment) => println!("{} is stored", segment.sequence),
///         Err(error) => eprintln!("{error}"),
///     }
/// }
/// stream.finish()?; // Reports what the iteration could not: how the sink ended.
/// # Ok(())
/// # }
/// ```
#[must_use = "a stream that is dropped is closed"]
pub struct SegmentStream {
    intake: Arc<Intake>,
    events: Receiver<Event>,
    /// Taken by whoever joins it.
    writer: Option<JoinHandle<()>>,
    stage: Stage,
}

enum Stage {
    Running,
    /// The writer has said its last word; it stands here until a report takes it.
    Ended(Result<(), SinkError>),
}

impl SegmentStream {
    /// A stream that writes each segment to the path in its hint, and the sender that feeds it.
    ///
    /// With [`auto_write`](SegmentStreamConfig::auto_write) off, segments pass through without being
    /// written.
    ///
    /// # Errors
    ///
    /// A [`channel_depth`](SegmentStreamConfig::channel_depth) of 0
    /// ([`InvalidInput`](io::ErrorKind::InvalidInput)), or a writer thread that cannot be started.
    pub fn new(config: SegmentStreamConfig) -> io::Result<(Self, SegmentSender)> {
        match (config.auto_write, config.pre_allocate) {
            (true, true) => Self::with_sink(config, DiskSink::new().pre_allocate()),
            (true, false) => Self::with_sink(config, DiskSink::new()),
            (false, _) => Self::with_sink(config, from_fn(|_| Ok(()))),
        }
    }

    /// A stream that has `sink` store its segments, and the sender that feeds it.
    ///
    /// The sink is always called: [`auto_write`](SegmentStreamConfig::auto_write) and
    /// [`pre_allocate`](SegmentStreamConfig::pre_allocate) only choose the sink of
    /// [`new`](SegmentStream::new).
    ///
    /// # Errors
    ///
    /// As for [`new`](SegmentStream::new); the sink is dropped.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a config may come to hold what a stream keeps"
    )]
    pub fn with_sink<S>(config: SegmentStreamConfig, sink: S) -> io::Result<(Self, SegmentSender)>
    where
        S: SegmentSink + 'static,
    {
        config.validate()?;
        let depth = config.channel_depth;
        let (queue, queued) = channel(depth);
        let (completed, events) = channel(depth.saturating_add(1));
        let intake = Arc::new(Intake::new(depth, queue));
        let writer = Writer::new(Arc::clone(&intake), queued, completed);
        let writer = thread::Builder::new()
            .name(THREAD_NAME.to_owned())
            .spawn(move || writer.run(sink))?;
        let sender = SegmentSender::new(Arc::clone(&intake));
        let stream = Self {
            intake,
            events,
            writer: Some(writer),
            stage: Stage::Running,
        };
        Ok((stream, sender))
    }

    /// A handle that closes the stream and reads its numbers from elsewhere.
    #[must_use]
    pub fn handle(&self) -> StreamHandle {
        StreamHandle::new(Arc::clone(&self.intake))
    }

    /// Closes the stream: every `send` from now on, and every one that waits, gets its segment back.
    /// What was accepted before is still written and yielded, and then the iteration ends. Returns
    /// at once.
    pub fn close(&self) {
        self.intake.close();
    }

    /// Whether the stream accepts nothing more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.intake.is_closed()
    }

    /// What the stream has done so far.
    #[must_use]
    pub fn stats(&self) -> StreamStats {
        self.intake.stats()
    }

    /// Payload bytes that came out as `Ok` so far, stored or merely passed.
    #[must_use]
    pub fn bytes_written(&self) -> u64 {
        self.stats().yielded.bytes
    }

    /// Segments that came out so far, `Ok` or `Err`.
    #[must_use]
    pub fn segments_received(&self) -> u64 {
        let stats = self.stats();
        stats.yielded.segments + stats.failed.segments
    }

    /// The next segment if one is done; never waits.
    ///
    /// # Errors
    ///
    /// [`NoNext::NotYet`], or [`NoNext::Ended`] where `next` would return `None`.
    ///
    /// ```
    /// use segment_stream::{NoNext, SegmentStream, SegmentStreamConfig};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (mut stream, sender) = SegmentStream::new(SegmentStreamConfig::default())?;
    /// match stream.try_next() {
    ///     Ok(Ok(segment)) => println!("{} is stored", segment.sequence),
    ///     Ok(Err(error)) => eprintln!("{error}"),
    ///     Err(NoNext::NotYet) => { /* do something else meanwhile */ }
    ///     Err(NoNext::Ended) => { /* leave the event loop */ }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_next(&mut self) -> Result<Item, NoNext> {
        self.completion(Patience::None).map(Completion::into_item)
    }

    /// The next segment; waits for it, but no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// [`NoNext::NotYet`] when the time is over, or [`NoNext::Ended`] where `next` would return
    /// `None`.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Item, NoNext> {
        self.completion(Patience::lasting(timeout))
            .map(Completion::into_item)
    }

    /// Closes the stream, waits until everything accepted is written, and reports what was not
    /// yielded. It does not wait for the senders to be dropped.
    ///
    /// After the iteration has come to `None`, the report holds how the sink ended and no segment.
    ///
    /// # Errors
    ///
    /// A segment that was not yielded has failed, the sink's own
    /// [`finish`](SegmentSink::finish) failed, or the sink panicked at any time. The report is
    /// inside. Called from the stream's own sink it cannot wait: it closes, and that it did not wait
    /// is the error.
    ///
    /// ```
    /// use segment_stream::{ProducedSegment, SegmentStream, SegmentStreamConfig};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (stream, sender) = SegmentStream::new(SegmentStreamConfig::default())?;
    /// sender.send(ProducedSegment::media(0, vec![0; 100], 2.0))?;
    /// let report = stream.finish()?;
    /// assert_eq!(report.written.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn finish(mut self) -> Result<Report, FinishError> {
        self.intake.close();
        self.collect_report().into_result()
    }

    /// Closes the stream, discards what is queued without writing it, and reports everything that
    /// was not yielded. A write that is under way is waited for; senders are not.
    ///
    /// Afterwards the iteration has ended.
    ///
    /// # Errors
    ///
    /// As for [`finish`](SegmentStream::finish).
    ///
    /// ```
    /// use segment_stream::{ProducedSegment, SegmentStream, SegmentStreamConfig};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (mut stream, sender) = SegmentStream::new(SegmentStreamConfig::default())?;
    /// for number in 0..5 {
    ///     sender.send(ProducedSegment::media(number, vec![0; 100], 2.0))?;
    /// }
    /// let report = stream.drain()?;
    /// assert_eq!(report.written.len() + report.discarded.len(), 5);
    /// # Ok(())
    /// # }
    /// ```
    pub fn drain(&mut self) -> Result<Report, FinishError> {
        self.intake.close_and_discard();
        self.collect_report().into_result()
    }

    /// Takes what comes out until the writer has ended.
    fn collect_report(&mut self) -> Report {
        let patience = self.patience_to_the_end();
        let mut report = Report::default();
        while let Ok(completion) = self.completion(patience) {
            match completion {
                Completion::Written(segment) | Completion::Passed(segment) => {
                    report.written.push(segment);
                }
                Completion::Failed(error) => report.failed.push(error),
                Completion::Discarded(segment) => report.discarded.push(segment),
            }
        }
        report.sink_error = self.settle().err();
        report
    }

    /// The writer thread itself, inside its sink, can take what is there and must not wait.
    fn patience_to_the_end(&self) -> Patience {
        if self.intake.is_writer_thread() {
            Patience::None
        } else {
            Patience::Endless
        }
    }

    fn completion(&mut self, patience: Patience) -> Result<Completion, NoNext> {
        if let Stage::Ended(_) = self.stage {
            return Err(NoNext::Ended);
        }
        let received = match patience {
            Patience::None => self.events.try_recv().map_err(|error| match error {
                TryRecvError::Empty => RecvTimeoutError::Timeout,
                TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
            }),
            Patience::Until(deadline) => self.events.recv_deadline(deadline),
            Patience::Endless => self.events.recv().map_err(RecvTimeoutError::from),
        };
        match received {
            Ok(Event::Completed(completion)) => {
                completion.release(&self.intake);
                Ok(completion)
            }
            Ok(Event::Ended(outcome)) => self.end(outcome),
            Err(RecvTimeoutError::Timeout) => Err(NoNext::NotYet),
            Err(RecvTimeoutError::Disconnected) => self.end(Err(writer_died())),
        }
    }

    fn end(&mut self, outcome: Result<(), SinkError>) -> Result<Completion, NoNext> {
        self.stage = Stage::Ended(outcome);
        Err(NoNext::Ended)
    }

    /// Joins the writer, which has said its last word, and hands that out, once.
    fn settle(&mut self) -> Result<(), SinkError> {
        let Stage::Ended(outcome) = &mut self.stage else {
            let cause = io::Error::new(
                io::ErrorKind::Deadlock,
                "the stream is closed, but its own sink cannot wait for its end",
            );
            return Err(SinkError::permanent(cause));
        };
        let outcome = mem::replace(outcome, Ok(()));
        if self.intake.is_writer_thread() {
            return outcome;
        }
        match self.writer.take().map(JoinHandle::join) {
            None | Some(Ok(())) => outcome,
            Some(Err(_)) => outcome.and(Err(writer_died())),
        }
    }
}

impl Iterator for SegmentStream {
    type Item = Item;

    /// Waits for the next segment; `None` once there will be no more.
    fn next(&mut self) -> Option<Item> {
        self.completion(Patience::Endless)
            .ok()
            .map(Completion::into_item)
    }
}

impl FusedIterator for SegmentStream {}

impl Drop for SegmentStream {
    /// Closes, lets the writer finish what was accepted, and joins it. On the writer's own thread it
    /// only closes, and the writer finishes by itself.
    fn drop(&mut self) {
        self.intake.close();
        let patience = self.patience_to_the_end();
        let mut unwritten = 0_u64;
        while let Ok(completion) = self.completion(patience) {
            let is_written = matches!(completion, Completion::Written(_) | Completion::Passed(_));
            unwritten += u64::from(!is_written);
        }
        if unwritten > 0 {
            tell(
                Level::Error,
                format_args!("a stream was dropped with {unwritten} unwritten segments in it"),
            );
        }
        if matches!(self.stage, Stage::Ended(_))
            && let Err(error) = self.settle()
        {
            tell(
                Level::Error,
                format_args!("the sink did not end well: {error}"),
            );
        }
    }
}

impl fmt::Debug for SegmentStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentStream")
            .field("closed", &self.intake.is_closed())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

fn writer_died() -> SinkError {
    SinkError::permanent("the writer thread panicked")
}

/// A channel for `capacity` messages at most. The slots see to that, so the channel's own bound only
/// saves allocations; it reserves its whole capacity at once, which a huge depth must not ask for.
fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    const RESERVED_AT_MOST: usize = 1024;
    if capacity <= RESERVED_AT_MOST {
        bounded(capacity)
    } else {
        unbounded()
    }
}
