//! How a stream ends: with a report, within a time, without its queued segments, or dropped.

use std::time::Duration;

use log::Level;

use super::SegmentStream;
use super::log::log_end_of_sink;
use super::report::{FinishError, Report};
use crate::internal::deadline::Deadline;
use crate::internal::log::log;
use crate::internal::unwind::dispose;

impl SegmentStream {
    /// Closes the stream, blocks until everything accepted is written, and reports everything that
    /// was not yielded. It does not wait for the senders to be dropped.
    ///
    /// After the iteration has come to `None`, the report holds how the sink ended and no segment.
    ///
    /// # Errors
    ///
    /// A segment that was not yielded has failed, the sink's own
    /// [`finish`](crate::SegmentSink::finish) failed, or the sink panicked at any time. The report
    /// is inside. Called from the stream's own sink it closes the stream and cannot wait: the error
    /// says so.
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

    /// The same, but blocks no longer than `timeout`, whatever the sink does.
    ///
    /// At the deadline the writers are left to themselves. The report says how far each segment
    /// got: [`written`](Report::written), [`failed`](Report::failed), never begun
    /// ([`discarded`](Report::discarded), payload included), or [`in_doubt`](Report::in_doubt): its
    /// write is under way, at most one for each writer, and may still succeed. A writer ends when
    /// its sink returns; until then its thread, its sink and that one payload stay in memory. The
    /// process can exit nevertheless, unless the kernel holds the thread in a call that nothing
    /// interrupts, as a hung network or FUSE file system may.
    ///
    /// # Errors
    ///
    /// As for [`finish`](SegmentStream::finish); or the deadline passed
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
    /// assert_eq!(report.in_doubt[0].segment.sequence, 0);
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
        // Not joined, here or as this is dropped: even a writer that has ended may have foreign
        // code to run, such as the destructors of thread-locals.
        self.iteration.detach();
        report.into_result()
    }

    /// Closes the stream, discards the queued segments unwritten, and reports everything that was
    /// not yielded. It waits for a write that is under way, and not for senders.
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
}

impl Drop for SegmentStream {
    /// Closes, lets the writers finish everything accepted, and joins them. On a writer's own
    /// thread it only closes, and the writer finishes by itself.
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
            log(
                Level::Error,
                format_args!("a stream was dropped with {unwritten} unwritten segments in it"),
            );
        }
        if self.iteration.has_ended() {
            let mut report = Report::default();
            self.iteration.collect_sink_errors(&mut report);
            self.iteration.join(&mut report);
            report.sink_errors.into_iter().for_each(log_end_of_sink);
        }
    }
}
