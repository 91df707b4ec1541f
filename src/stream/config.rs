//! How a stream is set up.

use std::io;
use std::time::Duration;

use super::retry::RetryPolicy;

/// How a [`SegmentStream`](crate::SegmentStream) is set up: a literal that ends with
/// `..Default::default()`, or setters.
///
/// ```
/// use segment_stream::SegmentStreamConfig;
///
/// let config = SegmentStreamConfig { channel_depth: 2, ..Default::default() };
/// assert!(config.auto_write && !config.pre_allocate);
/// assert_eq!(SegmentStreamConfig::default().channel_depth(2), config);
/// ```
///
/// Fields may be added in any version, so a literal without `..Default::default()` does not
/// compile:
///
/// ```compile_fail,E0063
/// use segment_stream::{RetryPolicy, SegmentStreamConfig, WhenFull};
/// use std::time::Duration;
///
/// let config = SegmentStreamConfig {
///     channel_depth: 2,
///     channel_bytes: None,
///     when_full: WhenFull::Block,
///     retry: RetryPolicy::default(),
///     stall_warning: Duration::MAX,
///     auto_write: true,
///     pre_allocate: false,
/// };
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentStreamConfig {
    /// The largest number of segments between [`send`](crate::SegmentSender::send) and the
    /// iterator: queued, being written, and done but not yet yielded, all together. At least 1, and
    /// at least the number of writers; 8 by default. There is no upper limit but memory, which
    /// segments take and the depth does not.
    pub channel_depth: usize,
    /// The largest number of bytes that they may have together: their payloads, and the lines of
    /// their [information](crate::SegmentInfo::byte_len). `None`, the default, sets no bound.
    ///
    /// A single segment that is larger passes when it is alone in the stream. So 0 means one
    /// segment at a time (and any number of empty ones).
    pub channel_bytes: Option<usize>,
    /// What happens when one of the two bounds is reached; [`WhenFull::Block`] by default.
    pub when_full: WhenFull,
    /// For how long a failed write is retried.
    pub retry: RetryPolicy,
    /// How long a `send` waits before it logs a warning, once; 5 s by default. [`Duration::MAX`] is
    /// never.
    pub stall_warning: Duration,
    /// Whether [`SegmentStream::new`](crate::SegmentStream::new) writes each segment to its path
    /// hint; `true` by default. Otherwise the segments pass through unwritten.
    pub auto_write: bool,
    /// Whether [`SegmentStream::new`](crate::SegmentStream::new) sets the length of each file
    /// before it is written, as [`DiskSink::pre_allocate`](crate::DiskSink::pre_allocate) does;
    /// `false` by default.
    pub pre_allocate: bool,
    #[doc(hidden)]
    pub _more: (),
}

impl SegmentStreamConfig {
    /// Sets [`channel_depth`](SegmentStreamConfig::channel_depth).
    #[must_use]
    pub fn channel_depth(mut self, segments: usize) -> Self {
        self.channel_depth = segments;
        self
    }

    /// Sets [`channel_bytes`](SegmentStreamConfig::channel_bytes).
    #[must_use]
    pub fn channel_bytes(mut self, bytes: usize) -> Self {
        self.channel_bytes = Some(bytes);
        self
    }

    /// Sets [`when_full`](SegmentStreamConfig::when_full).
    #[must_use]
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// Sets [`retry`](SegmentStreamConfig::retry).
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Sets [`stall_warning`](SegmentStreamConfig::stall_warning).
    #[must_use]
    pub fn stall_warning(mut self, after: Duration) -> Self {
        self.stall_warning = after;
        self
    }

    /// Has segments pass through unwritten: [`auto_write`](SegmentStreamConfig::auto_write) off.
    #[must_use]
    pub fn pass_through(mut self) -> Self {
        self.auto_write = false;
        self
    }

    /// Sets the length of each file before it is written:
    /// [`pre_allocate`](SegmentStreamConfig::pre_allocate) on.
    #[must_use]
    pub fn pre_allocate(mut self) -> Self {
        self.pre_allocate = true;
        self
    }
}

/// What `send` does when the stream is full.
///
/// [`try_send`](crate::SegmentSender::try_send) and
/// [`send_timeout`](crate::SegmentSender::send_timeout) are two other ways: they give the new
/// segment back.
///
/// A live source of 25 segments in a second, for 20 s, whose sink stalls for 10 s of them, with the
/// default depth of 8:
///
/// | | delivered | lost | producer late by up to | what was queued when the stall ended |
/// |---|---|---|---|---|
/// | `send`, `Block` | 500 | 0 | 9.68 s | 9.96 to 9.72 s old |
/// | `send`, `DropOldest` | 258 | 242 | 0.00 s | 0.28 to 0.04 s old |
/// | `try_send` | 258 | 242 | 0.00 s | 9.96 to 9.72 s old |
/// | `send_timeout` of 20 ms | 258 | 242 | 0.02 s | 9.96 to 9.72 s old |
///
/// (In simulated time. A deeper stream carries a longer stall: with a depth of 256 none of the four
/// loses a segment or is late.)
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// `send` blocks until there is room: nothing is lost, and the producer is as slow as the sink.
    #[default]
    Block,
    /// The oldest queued media segments make room: the producer goes on, and the viewer gets the
    /// newest.
    ///
    /// A dropped segment is yielded in its place, as an `Err` of the kind
    /// [`Dropped`](crate::WriteErrorKind::Dropped) with everything but its payload. While more
    /// than 64 wait to be yielded, a dropped one joins its neighbour, and one error stands for both
    /// ([`WriteError::segments`](crate::WriteError::segments)): a stall costs no memory, however
    /// long.
    ///
    /// One stream should then carry one rendition: an error that stands for several has the path of
    /// the first only.
    ///
    /// Only queued segments are dropped, only as many as are needed, and none if even that would
    /// not make room. An initialisation segment is never dropped, nor a segment that the sink has
    /// begun or that waits to be yielded. If nothing can be dropped, `send` waits and `try_send` is
    /// refused, as with `Block`. So the depth should be above the number of writers, and the
    /// consumer should keep up.
    DropOldest,
}

impl Default for SegmentStreamConfig {
    fn default() -> Self {
        Self {
            channel_depth: 8,
            channel_bytes: None,
            when_full: WhenFull::default(),
            retry: RetryPolicy::default(),
            stall_warning: Duration::from_secs(5),
            auto_write: true,
            pre_allocate: false,
            _more: (),
        }
    }
}

impl SegmentStreamConfig {
    pub(super) fn validate(&self, writers: usize) -> io::Result<()> {
        let refuse = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        if writers == 0 {
            return refuse("a stream without a writer would never write: it takes at least 1");
        }
        if self.channel_depth == 0 {
            return refuse(
                "channel_depth is 0, so no segment could ever be sent: it must be at least 1",
            );
        }
        if self.channel_depth < writers {
            return refuse(
                "channel_depth is below the number of writers, so some could never have anything to do",
            );
        }
        Ok(())
    }
}
