//! How a stream is set up.

use std::io;

/// How a [`SegmentStream`](crate::SegmentStream) is set up.
///
/// Build it with `..Default::default()`: fields may be added in any version, and a literal that names all
/// of them stops compiling then.
///
/// ```
/// use segment_stream::SegmentStreamConfig;
///
/// let config = SegmentStreamConfig { channel_depth: 2, ..Default::default() };
/// assert!(config.auto_write && !config.pre_allocate);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentStreamConfig {
    /// How many segments may be between [`send`](crate::SegmentSender::send) and the iterator at
    /// once: queued, being written, and written but not yet yielded, all together. At least 1; the
    /// default is 8. There is no upper limit but memory, which the segments take and not the depth.
    pub channel_depth: usize,
    /// Whether [`SegmentStream::new`](crate::SegmentStream::new) writes each segment to its path
    /// hint. Without it the segments pass through as they are. The default is `true`.
    pub auto_write: bool,
    /// Whether [`SegmentStream::new`](crate::SegmentStream::new) sets the length of each file before
    /// it is written, as [`DiskSink::pre_allocate`](crate::DiskSink::pre_allocate) does. The default
    /// is `false`.
    pub pre_allocate: bool,
}

impl Default for SegmentStreamConfig {
    fn default() -> Self {
        Self {
            channel_depth: 8,
            auto_write: true,
            pre_allocate: false,
        }
    }
}

impl SegmentStreamConfig {
    pub(crate) fn validate(&self) -> io::Result<()> {
        if self.channel_depth == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "channel_depth is 0, so no segment could ever be sent: it must be at least 1",
            ));
        }
        Ok(())
    }
}
