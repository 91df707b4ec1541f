//! Where segments go: the [`SegmentSink`] trait, a sink made of a closure, and the disk sink.

mod context;
mod disk;

pub use context::{Pause, WriteContext};
pub use disk::{DiskSink, Durability, Existing, Swept, pre_allocate_file};

use std::fmt;
use std::io;
use std::path::Path;

use crate::error::SinkError;
use crate::segment::ProducedSegment;

/// Where a stream's segments go.
///
/// The stream calls it on its writer thread, one segment at a time and in the order of acceptance. (With
/// [several writers](crate::SegmentStream::with_writers) each has a sink of its own.) It runs under `catch_unwind`: should it panic, the segment comes out as an `Err`, the stream
/// closes, and the sink is dropped without another call.
///
/// A sink must not keep a [`SegmentSender`](crate::SegmentSender) of its own stream, or the stream
/// never ends by itself, and cannot send through it: that is an error, not a deadlock.
///
/// ```
/// use segment_stream::{
///     ProducedSegment, SegmentSink, SegmentStream, SegmentStreamConfig, SinkError, WriteContext,
/// };
/// use std::io::Write;
///
/// /// Appends every segment to one output.
/// struct Concatenate<W>(W);
///
/// impl<W: Write + Send> SegmentSink for Concatenate<W> {
///     fn write(&mut self, segment: &ProducedSegment, _: &WriteContext) -> Result<(), SinkError> {
///         // What is appended cannot be taken back, so there is no second attempt.
///         self.0.write_all(&segment.data).map_err(SinkError::permanent)
///     }
///
///     fn finish(&mut self) -> Result<(), SinkError> {
///         Ok(self.0.flush()?)
///     }
/// }
///
/// # fn main() -> std::io::Result<()> {
/// let config = SegmentStreamConfig::default();
/// let (stream, sender) = SegmentStream::with_sink(config, Concatenate(std::io::sink()))?;
/// sender.send(ProducedSegment::media(0, vec![0; 1024], 2.0))?;
/// stream.finish()?;
/// # Ok(())
/// # }
/// ```
pub trait SegmentSink: Send {
    /// Puts one segment at its destination, and returns once it is there.
    ///
    /// After an error that [may heal](SinkError::may_heal) it is called again with the same segment, as the
    /// stream's [`RetryPolicy`](crate::RetryPolicy) says: each attempt must begin anew, and one that has left
    /// something at the destination must not be in the way of the next.
    ///
    /// # Errors
    ///
    /// Whatever kept it from arriving; the stream adds which segment it was.
    fn write(&mut self, segment: &ProducedSegment, context: &WriteContext)
    -> Result<(), SinkError>;

    /// Removes what a segment with this path hint left at the destination. That it is already gone
    /// is a success.
    ///
    /// The stream itself never calls this; a publisher with a window of segments does.
    ///
    /// # Errors
    ///
    /// Whatever kept it from being removed; by default, that this sink cannot remove.
    fn remove(&mut self, path: &Path) -> Result<(), SinkError> {
        let unsupported = io::Error::new(
            io::ErrorKind::Unsupported,
            "this sink does not remove segments",
        );
        Err(SinkError::permanent(unsupported)
            .with_operation("remove")
            .with_path(path))
    }

    /// Called once, when the last segment was written and before the sink is dropped, but not after
    /// a panic.
    ///
    /// # Errors
    ///
    /// Whatever goes wrong at the end; it reaches the caller of
    /// [`SegmentStream::finish`](crate::SegmentStream::finish).
    fn finish(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

impl<S: SegmentSink + ?Sized> SegmentSink for Box<S> {
    fn write(
        &mut self,
        segment: &ProducedSegment,
        context: &WriteContext,
    ) -> Result<(), SinkError> {
        (**self).write(segment, context)
    }

    fn remove(&mut self, path: &Path) -> Result<(), SinkError> {
        (**self).remove(path)
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        (**self).finish()
    }
}

/// A sink that calls `write` for every segment, and again after an error that may heal
/// (see [`SegmentSink::write`]).
///
/// ```
/// use segment_stream::{ProducedSegment, SegmentStream, SegmentStreamConfig, sink};
///
/// # fn main() -> std::io::Result<()> {
/// let (bytes, received) = crossbeam_channel::unbounded();
/// let sink = sink::from_fn(move |segment| {
///     bytes.send(segment.byte_len()).map_err(std::io::Error::other)
/// });
/// let (stream, sender) = SegmentStream::with_sink(SegmentStreamConfig::default(), sink)?;
/// sender.send(ProducedSegment::media(0, vec![0; 1024], 2.0))?;
/// stream.finish()?;
/// assert_eq!(received.recv(), Ok(1024));
/// # Ok(())
/// # }
/// ```
pub fn from_fn<F>(write: F) -> FromFn<F>
where
    F: FnMut(&ProducedSegment) -> io::Result<()> + Send,
{
    FromFn(write)
}

/// The sink that [`from_fn`] makes of a closure.
#[derive(Clone)]
pub struct FromFn<F>(F);

impl<F> SegmentSink for FromFn<F>
where
    F: FnMut(&ProducedSegment) -> io::Result<()> + Send,
{
    fn write(&mut self, segment: &ProducedSegment, _: &WriteContext) -> Result<(), SinkError> {
        Ok((self.0)(segment)?)
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFn").finish_non_exhaustive()
    }
}
