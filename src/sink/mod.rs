//! Sinks: the [`SegmentSink`] trait, sinks made from closures, the disk sink, the HTTP sink and the
//! S3 sink.

mod context;
mod disk;
mod hint;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "s3")]
mod s3;

pub use context::{ObjectKind, Pause, WriteContext};
pub use disk::{DiskSink, Durability, Existing, Swept, pre_allocate_file};
#[cfg(feature = "http")]
pub use http::{HttpCaching, HttpOptions, HttpRequest, HttpSink};
#[cfg(feature = "s3")]
pub use s3::{S3Bucket, S3Credentials, S3Integrity, S3Keys, S3Options, S3Sink, S3Swept};

use std::fmt;
use std::io;
use std::path::Path;

use crate::error::SinkError;
use crate::segment::ProducedSegment;

/// The destination of a stream's segments.
///
/// The stream calls the sink on its writer thread, one segment at a time and in the order of
/// acceptance. (With [several writers](crate::SegmentStream::with_writers) each has a sink of its
/// own.) If the sink panics, the segment comes out as an `Err`, the stream closes, and the sink is
/// dropped without another call.
///
/// A sink must not keep a [`SegmentSender`](crate::SegmentSender) of its own stream, or the stream
/// never ends by itself. Nor can it send through one: that is an error and no deadlock.
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
///         // Appended bytes cannot be taken back, so there is no second attempt.
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
    /// Stores one segment, and returns once it is at its destination.
    ///
    /// After a [transient](SinkError::is_transient) error the stream calls it again with the same
    /// segment, as its [`RetryPolicy`](crate::RetryPolicy) says. Each attempt must start anew, and
    /// the remains of a failed attempt must not be in the way of the next.
    ///
    /// # Errors
    ///
    /// The segment was not stored. The stream adds the segment, and the operation and the path if
    /// the error has none.
    fn write(&mut self, segment: &ProducedSegment, context: &WriteContext)
    -> Result<(), SinkError>;

    /// Removes the object that was written with this path hint. If it is already gone, that is a
    /// success.
    ///
    /// The stream never calls it; a publisher with a window of segments does.
    ///
    /// # Errors
    ///
    /// The object was not removed. By default the error is
    /// [`Unsupported`](crate::SinkErrorKind::Unsupported).
    fn remove(&mut self, path: &Path, context: &WriteContext) -> Result<(), SinkError> {
        let _ = context;
        Err(unsupported("remove", path))
    }

    /// Returns the whole object that was written with this path hint, or `None` if there is none.
    ///
    /// The stream never calls it; a publisher that resumes does.
    ///
    /// # Errors
    ///
    /// The object cannot be read, or is longer than the [limit](WriteContext::read_limit), which
    /// is [`TooLarge`](crate::SinkErrorKind::TooLarge). A sink never returns a part of an object.
    /// By default the error is [`Unsupported`](crate::SinkErrorKind::Unsupported).
    fn read(&mut self, path: &Path, context: &WriteContext) -> Result<Option<Vec<u8>>, SinkError> {
        let _ = context;
        Err(unsupported("read", path))
    }

    /// Ends the sink. Called once, after the last segment and before the sink is dropped, but not
    /// after a panic.
    ///
    /// # Errors
    ///
    /// The sink did not end well. The caller of
    /// [`SegmentStream::finish`](crate::SegmentStream::finish) gets the error.
    fn finish(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

fn unsupported(operation: &'static str, path: &Path) -> SinkError {
    let cause = io::Error::new(
        io::ErrorKind::Unsupported,
        "this sink does not support the operation",
    );
    SinkError::permanent(cause)
        .with_operation(operation)
        .with_path(path)
}

impl<S: SegmentSink + ?Sized> SegmentSink for Box<S> {
    fn write(
        &mut self,
        segment: &ProducedSegment,
        context: &WriteContext,
    ) -> Result<(), SinkError> {
        (**self).write(segment, context)
    }

    fn remove(&mut self, path: &Path, context: &WriteContext) -> Result<(), SinkError> {
        (**self).remove(path, context)
    }

    fn read(&mut self, path: &Path, context: &WriteContext) -> Result<Option<Vec<u8>>, SinkError> {
        (**self).read(path, context)
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        (**self).finish()
    }
}

/// A sink that calls `write` for every segment.
///
/// After a transient error the stream calls it again, as [`SegmentSink::write`] says. With
/// [`from_fn_with_context`] the closure also has the context, and returns a [`SinkError`].
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

/// The sink that [`from_fn`] makes from a closure.
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

/// A sink that calls `write` for every segment, with the context of the attempt.
///
/// ```
/// use segment_stream::{ProducedSegment, SegmentStream, SegmentStreamConfig, SinkError, sink};
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// // A server that is busy at the first attempt.
/// let sink = sink::from_fn_with_context(|_, context| match context.attempt() {
///     1 => Err(SinkError::transient("503 Service Unavailable")
///         .with_retry_after(Duration::from_millis(1))),
///     _ => Ok(()),
/// });
/// let (stream, sender) = SegmentStream::with_sink(SegmentStreamConfig::default(), sink)?;
/// sender.send(ProducedSegment::media(0, vec![0; 1024], 2.0))?;
/// drop(sender);
/// assert_eq!(stream.count(), 1);
/// # Ok(())
/// # }
/// ```
pub fn from_fn_with_context<F>(write: F) -> FromFnWithContext<F>
where
    F: FnMut(&ProducedSegment, &WriteContext) -> Result<(), SinkError> + Send,
{
    FromFnWithContext(write)
}

/// The sink that [`from_fn_with_context`] makes from a closure.
#[derive(Clone)]
pub struct FromFnWithContext<F>(F);

impl<F> SegmentSink for FromFnWithContext<F>
where
    F: FnMut(&ProducedSegment, &WriteContext) -> Result<(), SinkError> + Send,
{
    fn write(
        &mut self,
        segment: &ProducedSegment,
        context: &WriteContext,
    ) -> Result<(), SinkError> {
        (self.0)(segment, context)
    }
}

impl<F> fmt::Debug for FromFnWithContext<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFnWithContext").finish_non_exhaustive()
    }
}
