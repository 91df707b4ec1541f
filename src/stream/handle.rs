//! A third view of a stream, for code that neither sends nor iterates.

use std::fmt;
use std::sync::Arc;

use super::shared::Shared;
use super::stats::StreamStats;

/// Closes a stream and reads its statistics from any thread, while another one iterates: for a
/// progress display or a Ctrl-C handler.
///
/// It keeps neither half of the stream alive, and still answers when both are gone.
///
/// ```
/// use segment_stream::{ProducedSegment, SegmentStream, SegmentStreamConfig};
/// use std::thread;
///
/// # fn main() -> std::io::Result<()> {
/// let (mut stream, sender) = SegmentStream::new(SegmentStreamConfig::default())?;
/// let handle = stream.handle();
/// let producer = thread::spawn(move || {
///     let mut sent = 0;
///     while sender.send(ProducedSegment::media(sent, vec![0; 100], 2.0)).is_ok() {
///         sent += 1;
///     }
///     sent
/// });
/// // Iterates until somebody closes: here, after ten segments.
/// while let Some(item) = stream.next() {
///     if item?.sequence == 9 {
///         handle.close();
///     }
/// }
/// let sent = producer.join().expect("the producer does not panic");
/// assert_eq!(handle.stats().yielded.segments, sent);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct StreamHandle {
    shared: Arc<Shared>,
}

impl StreamHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Closes the stream and returns at once, as
    /// [`SegmentStream::close`](crate::SegmentStream::close) does.
    pub fn close(&self) {
        self.shared.close();
    }

    /// Whether the stream accepts nothing more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// The state of the stream and its totals so far.
    #[must_use]
    pub fn stats(&self) -> StreamStats {
        self.shared.stats()
    }
}

impl fmt::Debug for StreamHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamHandle")
            .field("closed", &self.shared.is_closed())
            .field("stats", &self.stats())
            .finish()
    }
}
