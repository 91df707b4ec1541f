//! The consumer's half: iterates over what is stored, and ends the stream.

mod accept;
mod attempt;
mod config;
mod extension;
mod handle;
mod iterator;
mod log;
mod report;
mod retry;
mod segment_writer;
mod sender;
mod shared;
mod slots;
mod stats;
mod waiters;
mod writer;
mod yielded;

pub use config::{SegmentStreamConfig, WhenFull};
pub use handle::StreamHandle;
pub use report::{FinishError, Report};
pub use retry::{AtDeadline, RetryPolicy};
pub use segment_writer::SegmentWriter;
pub use sender::SegmentSender;
pub use stats::{StreamStats, Tally};
pub use yielded::{NoNext, WithInfo, Yielded};

use std::fmt;
use std::io;
use std::iter::FusedIterator;
use std::sync::Arc;
use std::time::Duration;

use ::log::Level;

use self::iterator::Iteration;
use self::shared::Shared;
use self::writer::{Writer, thread_name};
use crate::error::WriteError;
use crate::internal::deadline::Deadline;
use crate::internal::log::log as log_message;
use crate::internal::sync::channel::bounded;
use crate::internal::sync::thread;
use crate::internal::unwind::{catch, dispose};
use crate::segment::ProducedSegment;
use crate::sink::{DiskSink, SegmentSink, from_fn};

/// The item of the iteration.
type Item = Result<ProducedSegment, WriteError>;

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
/// **The log** (target `segment_stream`). That a segment was not written is logged as an error when it
/// happens, whether or not somebody takes it out of the iterator; and so, as warnings, are a second attempt,
/// a dropped segment, and a `send` that waits for long; and as information, that a segment was written after
/// some that failed. What repeats itself is counted: of each kind there is one message in ten seconds, and a
/// last one at the end with those that were held back. A logger is called on the thread that has something to
/// tell, which waits for it.
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
    shared: Arc<Shared>,
    iteration: Iteration,
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
        Self::start(&config, vec![sink])
    }

    /// A stream with several writers, each with a sink and a thread of its own, for sinks whose cost is
    /// latency: an origin, an object store, a disk that syncs.
    ///
    /// `sink` is called with 0, 1, … `writers` - 1, on this thread. Whichever writer is free takes the
    /// oldest queued segment, so several are written at the same time, and the order in which they arrive
    /// at the destination is not that of acceptance; the order of the iteration still is. A slow write
    /// holds up the iteration behind it and not the other writes, until all slots are taken: so the depth
    /// should be a few times the number of writers.
    ///
    /// Segments with equal path hints are never written at the same time, and the later one is written
    /// last. (Equal as [`Path`](std::path::Path)s, a `.` in front aside: two that lead to the same file in
    /// other ways, by a link, in upper case, or one of them absolute, are not.)
    ///
    /// Each sink's [`finish`](SegmentSink::finish) is called when its writer has nothing left to do. When
    /// one sink panics the stream closes, what is queued comes out as `Err`, and the other sinks end as
    /// usual. Clones of one [`DiskSink`] go together: what one has found out of a folder they all know.
    ///
    /// # Errors
    ///
    /// No writers at all, or a [`channel_depth`](SegmentStreamConfig::channel_depth) below their number,
    /// so that some could never have anything to do ([`InvalidInput`](io::ErrorKind::InvalidInput)); or
    /// a thread that cannot be started. The sinks are dropped then, without a `finish`, and the threads
    /// that did start have ended.
    ///
    /// ```
    /// use segment_stream::{ProducedSegment, SegmentStream, SegmentStreamConfig, sink};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let config = SegmentStreamConfig { channel_depth: 16, ..Default::default() };
    /// let (stream, sender) = SegmentStream::with_writers(config, 4, |_| {
    ///     sink::from_fn(|_segment| Ok(())) // Here: a connection of its own for each writer.
    /// })?;
    /// for number in 0..8 {
    ///     sender.send(ProducedSegment::media(number, vec![0; 100], 2.0))?;
    /// }
    /// drop(sender);
    /// for (number, item) in (0..).zip(stream) {
    ///     assert_eq!(item?.sequence, number);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a config may come to hold what a stream keeps"
    )]
    pub fn with_writers<S, F>(
        config: SegmentStreamConfig,
        writers: usize,
        sink: F,
    ) -> io::Result<(Self, SegmentSender)>
    where
        S: SegmentSink + 'static,
        F: FnMut(usize) -> S,
    {
        config.validate(writers)?;
        Self::start(&config, (0..writers).map(sink).collect())
    }

    fn start<S>(config: &SegmentStreamConfig, sinks: Vec<S>) -> io::Result<(Self, SegmentSender)>
    where
        S: SegmentSink + 'static,
    {
        let writers = sinks.len();
        config.validate(writers)?;
        let shared = Arc::new(Shared::new(config, writers));
        let (done, rings) = bounded(1);
        let mut threads = Vec::with_capacity(writers);
        let mut failure = None;
        for (number, sink) in sinks.into_iter().enumerate() {
            if failure.is_some() {
                dispose(sink);
                continue;
            }
            let (shared, done) = (Arc::clone(&shared), done.clone());
            // Made on its own thread: the end of one that never started would close the stream.
            let run = move || Writer::new(shared, done).run(sink);
            let start = || {
                thread::Builder::new()
                    .name(thread_name(number, writers))
                    .spawn(run)
            };
            // A thread that does not start drops its sink, which may panic.
            match catch(start).unwrap_or_else(|panic| Err(io::Error::other(panic))) {
                Ok(thread) => threads.push(thread),
                Err(error) => failure = Some(error),
            }
        }
        drop(done);
        shared.set_writers(threads.iter().map(|it| it.thread().id()).collect());
        let started = threads.len();
        let mut iteration = Iteration::new(Arc::clone(&shared), rings, threads);
        if let Some(error) = failure {
            shared.fail_to_start(started);
            while iteration.next(Deadline::Never).is_ok() {}
            iteration.join(&mut Report::default());
            return Err(error);
        }
        let sender = SegmentSender::new(Arc::clone(&shared));
        Ok((Self { shared, iteration }, sender))
    }

    /// A handle that closes the stream and reads its numbers from elsewhere.
    #[must_use]
    pub fn handle(&self) -> StreamHandle {
        StreamHandle::new(Arc::clone(&self.shared))
    }

    /// Closes the stream: every `send` from now on, and every one that waits, gets its segment back.
    /// What was accepted before is still written and yielded, and then the iteration ends. Returns
    /// at once.
    pub fn close(&self) {
        self.shared.close();
    }

    /// Whether the stream accepts nothing more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// What the stream has done so far.
    #[must_use]
    pub fn stats(&self) -> StreamStats {
        self.shared.stats()
    }

    /// Payload bytes that came out as `Ok` so far, stored or merely passed.
    #[must_use]
    pub fn bytes_written(&self) -> u64 {
        self.stats().yielded.bytes
    }

    /// Segments that came out so far, `Ok` or `Err`.
    #[must_use]
    pub fn segments_received(&self) -> u64 {
        self.shared.segments_received()
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
    /// drop(sender); // Or give it to the encoder's thread.
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
        self.next_result(Deadline::Now)
    }

    /// The next segment; waits for it, but no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// [`NoNext::NotYet`] when the time is over, or [`NoNext::Ended`] where `next` would return
    /// `None`.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Item, NoNext> {
        self.next_result(Deadline::after(timeout))
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
        self.shared.close();
        let mut report = self.report(Report::default());
        self.iteration.collect_finished(&mut report);
        report.into_result()
    }

    /// The same, but waits no longer than `timeout`, whatever the sink does.
    ///
    /// When the time is over the writers are left to themselves, and the report says of each segment how
    /// far it got: [`written`](Report::written), [`failed`](Report::failed), never begun
    /// ([`discarded`](Report::discarded), payload included), or [`in_doubt`](Report::in_doubt): its write
    /// is still under way, at most one for each writer, and may yet succeed. A writer ends when its sink
    /// returns; until then its thread, its sink and that one payload stay in memory. The process can exit
    /// all the same, unless the kernel itself holds the thread in a call that nothing interrupts, as a hung
    /// network or FUSE file system may.
    ///
    /// # Errors
    ///
    /// As for [`finish`](SegmentStream::finish); or the time was over
    /// ([`FinishError::is_timeout`]).
    ///
    /// ```
    /// use segment_stream::{ProducedSegment, SegmentStream, SegmentStreamConfig, sink};
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let hanging = sink::from_fn(|_| loop { std::thread::park() });
    /// let (stream, sender) = SegmentStream::with_sink(SegmentStreamConfig::default(), hanging)?;
    /// for number in 0..3 {
    ///     sender.send(ProducedSegment::media(number, vec![0; 100], 2.0))?;
    /// }
    /// # while stream.stats().writing == 0 { std::thread::yield_now() }
    /// let error = stream.finish_timeout(Duration::from_millis(10)).unwrap_err();
    /// assert!(error.is_timeout());
    /// let report = error.into_report();
    /// assert_eq!(report.in_doubt[0].sequence, 0);
    /// assert_eq!(report.discarded.len(), 2); // With their payloads, to be put elsewhere.
    /// # Ok(())
    /// # }
    /// ```
    pub fn finish_timeout(mut self, timeout: Duration) -> Result<Report, FinishError> {
        self.shared.close();
        let deadline = if self.shared.is_writer_thread() {
            Deadline::Now
        } else {
            Deadline::after(timeout)
        };
        let mut report = Report::default();
        self.iteration.collect(deadline, &mut report);
        if self.iteration.has_ended() {
            self.iteration.collect_sink_errors(&mut report);
        } else {
            self.iteration.give_up(&mut report);
        }
        // Not joined, here or as this is dropped: even a writer that has ended may have foreign code to run, such
        // as the destructors of thread-locals.
        self.iteration.detach();
        report.into_result()
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
        let mut report = Report::default();
        self.iteration.discard_queued(&mut report);
        self.report(report).into_result()
    }

    /// A second iterator over the same stream, whose items have the
    /// [information](crate::SegmentInfo) that travelled with each segment. A plain `for` drops it.
    ///
    /// ```
    /// use segment_stream::{ProducedSegment, SegmentInfo, SegmentStream, SegmentStreamConfig};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (mut stream, sender) = SegmentStream::new(SegmentStreamConfig::default())?;
    /// let segment = ProducedSegment::media(0, vec![0; 100], 2.0);
    /// sender.send((segment, SegmentInfo::new().discontinuity()))?;
    /// drop(sender);
    /// for yielded in stream.with_info() {
    ///     assert_eq!(yielded.result?.sequence, 0);
    ///     assert_eq!(yielded.info.discontinuities(), 1);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_info(&mut self) -> WithInfo<'_> {
        WithInfo::new(self)
    }

    /// Adds what comes out until the writers have ended.
    fn report(&mut self, mut report: Report) -> Report {
        self.iteration
            .collect(self.deadline_of_the_end(), &mut report);
        self.iteration.collect_sink_errors(&mut report);
        self.iteration.join(&mut report);
        report
    }

    /// A writer thread itself, inside its sink, can take what is there and must not wait.
    fn deadline_of_the_end(&self) -> Deadline {
        if self.shared.is_writer_thread() {
            Deadline::Now
        } else {
            Deadline::Never
        }
    }

    fn next_yielded(&mut self, deadline: Deadline) -> Result<Yielded, NoNext> {
        self.iteration.next(deadline)
    }

    fn next_result(&mut self, deadline: Deadline) -> Result<Item, NoNext> {
        self.next_yielded(deadline).map(|yielded| yielded.result)
    }
}

impl Iterator for SegmentStream {
    type Item = Item;

    /// Waits for the next segment; `None` once there will be no more.
    fn next(&mut self) -> Option<Item> {
        self.next_result(Deadline::Never).ok()
    }
}

impl FusedIterator for SegmentStream {}

impl Drop for SegmentStream {
    /// Closes, lets the writer finish what was accepted, and joins it. On the writer's own thread it
    /// only closes, and the writer finishes by itself.
    fn drop(&mut self) {
        self.shared.close();
        let deadline = self.deadline_of_the_end();
        let mut unwritten = 0_u64;
        while let Ok(yielded) = self.iteration.next(deadline) {
            if let Err(error) = yielded.result {
                unwritten += error.segments();
                dispose(error);
            }
        }
        if unwritten > 0 {
            log_message(
                Level::Error,
                format_args!("a stream was dropped with {unwritten} unwritten segments in it"),
            );
        }
        if self.iteration.has_ended() {
            let mut report = Report::default();
            self.iteration.collect_sink_errors(&mut report);
            self.iteration.join(&mut report);
            report
                .sink_errors
                .into_iter()
                .for_each(log::log_end_of_sink);
        }
    }
}

impl fmt::Debug for SegmentStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentStream")
            .field("closed", &self.shared.is_closed())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
