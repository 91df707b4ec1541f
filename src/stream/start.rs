//! How a stream starts: its sinks, its writer threads, and the two halves.

use std::io;
use std::sync::Arc;

use super::iterator::Iteration;
use super::report::Report;
use super::shared::Shared;
use super::writer::{Writer, thread_name};
use super::{SegmentSender, SegmentStream, SegmentStreamConfig};
use crate::internal::deadline::Deadline;
use crate::internal::sync::channel::bounded;
use crate::internal::sync::thread;
use crate::internal::unwind::{catch, dispose};
use crate::sink::{DiskSink, SegmentSink, from_fn};

impl SegmentStream {
    /// A stream that writes each segment to the path in its hint, and the sender that feeds it.
    ///
    /// With [`auto_write`](SegmentStreamConfig::auto_write) off, segments pass through unwritten.
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

    /// A stream whose segments `sink` stores, and the sender that feeds it.
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
        reason = "a configuration may come to hold values that a stream keeps"
    )]
    pub fn with_sink<S>(config: SegmentStreamConfig, sink: S) -> io::Result<(Self, SegmentSender)>
    where
        S: SegmentSink + 'static,
    {
        Self::start(&config, vec![sink])
    }

    /// A stream with several writers, each with a sink and a thread of its own, for sinks whose
    /// cost is latency: an origin, an object store, a disk that syncs.
    ///
    /// `sink` is called with 0, 1, … `writers` - 1, on this thread. An idle writer takes the oldest
    /// queued segment, so several are written at the same time, and they may arrive at the
    /// destination out of order; the iteration is in order. A slow write holds up the iteration
    /// behind it, and the other writes only once all slots are taken: the depth should be a few
    /// times the number of writers.
    ///
    /// Segments with equal path hints are never written at the same time, and the later one is
    /// written last. Paths are equal if some file system takes them for one: a leading `.`, the
    /// case in ASCII, and dots and spaces at the end of a name do not count. Paths that lead to the
    /// same file in other ways (a link, other letters in upper case, one of them absolute) are not.
    ///
    /// Each sink's [`finish`](SegmentSink::finish) is called when its writer has nothing left to
    /// do. When one sink panics the stream closes, the queued segments come out as `Err`, and the
    /// other sinks end as usual. The writers of a [`DiskSink`] take clones of one sink, which share
    /// what they know of directories.
    ///
    /// # Errors
    ///
    /// No writers, or a [`channel_depth`](SegmentStreamConfig::channel_depth) below their number,
    /// which would leave some idle for good ([`InvalidInput`](io::ErrorKind::InvalidInput)); or a
    /// thread that cannot be started. The sinks are dropped then, without a `finish`, and the
    /// threads that did start have ended.
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
        reason = "a configuration may come to hold values that a stream keeps"
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
            // Made on its own thread: the end of a writer that never started would close the
            // stream.
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
}
