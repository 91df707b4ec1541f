//! The producer's half.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::SendError;
use crate::intake::{Intake, Patience};
use crate::segment::ProducedSegment;

/// The half that a packager keeps: hands finished segments to the stream, and waits where the
/// stream is full.
///
/// Clone it for several producers; each one's segments keep their order. When the last clone is
/// dropped, the iteration ends after everything accepted was yielded.
///
/// A segment is accepted as soon as there is room: one of the
/// [`channel_depth`](crate::SegmentStreamConfig::channel_depth) slots, and its bytes within
/// [`channel_bytes`](crate::SegmentStreamConfig::channel_bytes) where that is set. Both are free again when
/// the iterator has yielded it. So a thread that sends more than that before anybody iterates waits for
/// itself. (With [`WhenFull::DropOldest`](crate::WhenFull::DropOldest) the oldest that is queued makes room.)
///
/// Those that wait are let in in the order in which they came; nobody overtakes them, with a smaller segment
/// or with `try_send`. After [`stall_warning`](crate::SegmentStreamConfig::stall_warning) one that still waits
/// tells the log so, once, and while the logger has it the others go first.
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
    intake: Arc<Intake>,
}

impl SegmentSender {
    pub(crate) fn new(intake: Arc<Intake>) -> Self {
        intake.add_sender();
        Self { intake }
    }

    /// Hands a segment over; waits for room for as long as it takes.
    ///
    /// It ends in an error, and not never, when the stream is closed or dropped meanwhile, or its
    /// sink panics.
    ///
    /// # Errors
    ///
    /// The stream is closed ([`SendError::is_closed`]), or the call comes from its own sink
    /// ([`SendError::is_own_writer`]). The segment is inside.
    pub fn send(&self, segment: ProducedSegment) -> Result<(), SendError> {
        self.intake.accept(segment, Patience::Endless)
    }

    /// Hands a segment over if there is room; never waits.
    ///
    /// # Errors
    ///
    /// There is no room, or others wait for it ([`SendError::is_full`]), the stream is closed ([`SendError::is_closed`]), or
    /// the call comes from its own sink ([`SendError::is_own_writer`]). The segment is inside.
    pub fn try_send(&self, segment: ProducedSegment) -> Result<(), SendError> {
        self.intake.accept(segment, Patience::None)
    }

    /// Hands a segment over; waits for room, but no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// There was no room in time ([`SendError::is_timeout`]), the stream is closed
    /// ([`SendError::is_closed`]), or the call comes from its own sink
    /// ([`SendError::is_own_writer`]). The segment is inside.
    pub fn send_timeout(
        &self,
        segment: ProducedSegment,
        timeout: Duration,
    ) -> Result<(), SendError> {
        self.intake.accept(segment, Patience::lasting(timeout))
    }

    /// Whether the stream accepts nothing more. `false` promises nothing about the next `send`.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.intake.is_closed()
    }
}

impl Clone for SegmentSender {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.intake))
    }
}

impl Drop for SegmentSender {
    fn drop(&mut self) {
        self.intake.remove_sender();
    }
}

impl fmt::Debug for SegmentSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentSender")
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
