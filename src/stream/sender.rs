//! The producer's half.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::shared::Shared;
use crate::error::{Loss, SendError};
use crate::internal::deadline::Deadline;
use crate::segment::{ProducedSegment, SegmentInfo, Submission};

/// The producer's half: hands finished segments to the stream, and blocks while the stream is full.
///
/// A clone is a sender of the same stream, for several producers; the segments of each keep their
/// order. After the last clone is dropped, the iteration ends once everything accepted was yielded.
///
/// A segment is accepted as soon as there is room: one of the
/// [`channel_depth`](crate::SegmentStreamConfig::channel_depth) slots, and its bytes within
/// [`channel_bytes`](crate::SegmentStreamConfig::channel_bytes) if that is set. Both are free again
/// once the iterator has yielded it. So a thread that sends more than that before anybody iterates
/// deadlocks. (With [`WhenFull::DropOldest`](crate::WhenFull::DropOldest) the oldest queued
/// segments make room.)
///
/// Senders that wait are served first come, first served; neither a smaller segment nor `try_send`
/// overtakes them. After [`stall_warning`](crate::SegmentStreamConfig::stall_warning) a sender that
/// still waits logs a warning, once, and the others go first while its logger runs.
///
/// ```
/// use segment_stream::{ProducedSegment, SegmentStream, SegmentStreamConfig};
///
/// # fn main() -> std::io::Result<()> {
/// let config = SegmentStreamConfig { channel_depth: 2, ..Default::default() };
/// let (mut stream, sender) = SegmentStream::new(config)?;
/// sender.send(ProducedSegment::media(0, vec![0; 10], 2.0))?;
/// sender.send(ProducedSegment::media(1, vec![0; 10], 2.0))?;
///
/// let error = sender.try_send(ProducedSegment::media(2, vec![0; 10], 2.0)).unwrap_err();
/// assert!(error.is_full());
/// let segment = error.into_segment();
///
/// assert!(stream.next().is_some_and(|item| item.is_ok()));
/// sender.try_send(segment)?;
/// # Ok(())
/// # }
/// ```
#[must_use = "when the last sender is dropped the stream ends"]
pub struct SegmentSender {
    shared: Arc<Shared>,
}

impl SegmentSender {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        shared.add_sender();
        Self { shared }
    }

    /// Hands a segment over; blocks until there is room.
    ///
    /// The wait ends in an error if the stream is closed or dropped meanwhile, or its sink panics.
    ///
    /// # Errors
    ///
    /// The stream is closed ([`SendErrorKind::Closed`](crate::SendErrorKind::Closed)), or the call
    /// comes from its own sink ([`OwnWriter`](crate::SendErrorKind::OwnWriter)). The segment is
    /// inside.
    pub fn send(&self, submission: impl Into<Submission>) -> Result<(), SendError> {
        self.shared.accept(submission.into(), Deadline::Never)
    }

    /// Hands a segment over if there is room; never blocks.
    ///
    /// # Errors
    ///
    /// There is no room, or other senders wait for it
    /// ([`SendErrorKind::Full`](crate::SendErrorKind::Full)), or as for
    /// [`send`](SegmentSender::send). The segment is inside.
    pub fn try_send(&self, submission: impl Into<Submission>) -> Result<(), SendError> {
        self.shared.accept(submission.into(), Deadline::Now)
    }

    /// Hands a segment over; blocks until there is room, but no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// There was no room in time ([`SendErrorKind::Timeout`](crate::SendErrorKind::Timeout)), or as
    /// for [`send`](SegmentSender::send). The segment is inside.
    pub fn send_timeout(
        &self,
        submission: impl Into<Submission>,
        timeout: Duration,
    ) -> Result<(), SendError> {
        self.shared
            .accept(submission.into(), Deadline::after(timeout))
    }

    /// Gives up a segment that was refused: records its loss in the place that it would have had.
    ///
    /// A refusal alone records nothing, since the usual caller tries again. The loss is yielded as
    /// an `Err` of kind [`GivenUp`](crate::WriteErrorKind::GivenUp), so that a manifest lists a gap
    /// of its duration. Its information stays, its payload does not. Never blocks, and works on a
    /// full stream; a loss takes no slot.
    ///
    /// # Errors
    ///
    /// The stream is closed ([`SendErrorKind::Closed`](crate::SendErrorKind::Closed)).
    ///
    /// ```
    /// use segment_stream::{ProducedSegment, SegmentStream, SegmentStreamConfig, WriteErrorKind};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let config = SegmentStreamConfig { channel_depth: 1, ..Default::default() };
    /// let (mut stream, sender) = SegmentStream::new(config)?;
    /// sender.send(ProducedSegment::media(0, vec![0; 10], 2.0))?;
    /// if let Err(error) = sender.try_send(ProducedSegment::media(1, vec![0; 10], 2.0)) {
    ///     sender.give_up(error)?;
    /// }
    /// assert!(stream.next().is_some_and(|item| item.is_ok()));
    /// let error = stream.next().expect("the loss has its place").unwrap_err();
    /// assert_eq!((error.sequence(), error.kind()), (1, WriteErrorKind::GivenUp));
    /// # Ok(())
    /// # }
    /// ```
    pub fn give_up(&self, error: SendError) -> Result<(), SendError> {
        let Submission { segment, info } = error.into_submission();
        self.shared.lose(segment, info, Loss::of)
    }

    /// Records the loss of a media segment that never was: `sequence` is its number and `duration`
    /// that of the media that is missing, a week at most. Otherwise as
    /// [`give_up`](SegmentSender::give_up).
    ///
    /// # Errors
    ///
    /// The stream is closed ([`SendErrorKind::Closed`](crate::SendErrorKind::Closed)).
    pub fn lost(
        &self,
        sequence: u64,
        duration: Duration,
        info: SegmentInfo,
    ) -> Result<(), SendError> {
        let segment = ProducedSegment::media(sequence, Vec::new(), duration.as_secs_f64());
        self.shared.lose(segment, info, Loss::told)
    }

    /// Whether the stream accepts nothing more. `false` promises nothing about the next `send`.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }
}

impl Clone for SegmentSender {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared))
    }
}

impl Drop for SegmentSender {
    fn drop(&mut self) {
        self.shared.remove_sender();
    }
}

impl fmt::Debug for SegmentSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentSender")
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
