//! The stage: a sender, a ring of slots, writer threads and an iterator. `src/README.md` follows a
//! segment through it.

mod accept;
mod attempt;
mod config;
mod end;
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
mod start;
mod stats;
mod waiters;
mod with_info;
mod writer;
mod yielded;

pub use config::{SegmentStreamConfig, WhenFull};
pub use handle::StreamHandle;
pub use report::{FinishError, FinishErrorKind, Report};
#[cfg(feature = "hls")]
pub(crate) use retry::random;
pub use retry::{AtDeadline, RetryPolicy};
pub use segment_writer::SegmentWriter;
pub use sender::SegmentSender;
pub use stats::{StreamStats, Tally};
pub use with_info::WithInfo;
pub use yielded::{NoNext, Yielded};

use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;
use std::time::Duration;

use self::iterator::Iteration;
use self::shared::Shared;
use crate::error::WriteError;
use crate::internal::deadline::Deadline;
use crate::segment::ProducedSegment;

/// The item of the iteration.
type Item = Result<ProducedSegment, WriteError>;

/// The consumer's half: an iterator over the segments, each yielded once it is stored.
///
/// It yields in the order of acceptance. A segment that could not be written takes its place as an
/// `Err`, and the iteration goes on. `None` is final.
///
/// **The end** comes when every sender was dropped, or the stream was closed, and everything
/// accepted was yielded. [`finish`](SegmentStream::finish) ends the stream at once and reports;
/// [`drain`](SegmentStream::drain) discards the queued segments; a drop writes everything accepted,
/// and logs, but hands nothing back.
///
/// **Waiting.** `finish` and the drop wait until the sink has written everything accepted, `drain`
/// for the write that is under way, and all three for the sink's own `finish`. Only
/// [`finish_timeout`](SegmentStream::finish_timeout) bounds the wait. Called from inside the
/// stream's own sink they do not wait; `next` there deadlocks.
///
/// **The log** (target `segment_stream`). A segment that was not written is logged as an error when
/// it happens, whether or not the iterator is read. A retry, a dropped segment and a `send` that
/// waits for long are logged as warnings, and a success after failures as information. Repeated
/// messages are counted: each kind is logged once in ten seconds, and at the end with the number of
/// those held back. A logger runs on the thread that has the message, and holds up only that
/// thread.
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
    /// A handle that closes the stream and reads its statistics from any thread.
    #[must_use]
    pub fn handle(&self) -> StreamHandle {
        StreamHandle::new(Arc::clone(&self.shared))
    }

    /// Closes the stream and returns at once. Every `send` from now on, and every one that waits,
    /// gets its segment back. Everything accepted before is still written and yielded, and then the
    /// iteration ends.
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

    /// Payload bytes that came out as `Ok` so far, stored or passed through.
    #[must_use]
    pub fn bytes_written(&self) -> u64 {
        self.stats().yielded.bytes
    }

    /// Segments that came out so far, `Ok` or `Err`. An `Err` that stands for several counts all of
    /// them.
    #[must_use]
    pub fn segments_received(&self) -> u64 {
        self.shared.segments_received()
    }

    /// The next segment if it is done; never blocks.
    ///
    /// # Errors
    ///
    /// [`NoNext::NotYet`], or [`NoNext::Ended`] if `next` would return `None`.
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

    /// The next segment; blocks until it is done, but no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// [`NoNext::NotYet`] once the time has passed, or [`NoNext::Ended`] if `next` would return
    /// `None`.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Item, NoNext> {
        self.next_result(Deadline::after(timeout))
    }

    /// A second iterator over the same stream. Its items have the [information](crate::SegmentInfo)
    /// that travelled with each segment, which a plain `for` drops.
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
        WithInfo::new(&mut self.iteration)
    }

    fn next_result(&mut self, deadline: Deadline) -> Result<Item, NoNext> {
        self.iteration.next(deadline).map(|yielded| yielded.result)
    }
}

impl Iterator for SegmentStream {
    type Item = Item;

    /// Blocks until the next segment is done; `None` once there will be no more.
    fn next(&mut self) -> Option<Item> {
        self.next_result(Deadline::Never).ok()
    }
}

impl FusedIterator for SegmentStream {}

impl fmt::Debug for SegmentStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentStream")
            .field("closed", &self.is_closed())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
