//! Where a publisher puts its manifests: a sink, or an origin.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use super::driver::origin::{OriginHealth, OriginOptions, Port};
use crate::error::SinkError;
use crate::segment::ProducedSegment;
use crate::sink::{ObjectKind, SegmentSink, WriteContext};
use crate::stream::RetryPolicy;

/// The target duration of a manifest that has none before its end.
const UNKNOWN_TARGET: Duration = Duration::from_secs(10);

/// The destination of a publisher: a [`SegmentSink`], which it calls on the pushing thread, or an
/// [`Origin`].
pub trait Destination: sealed::Sealed {}

impl<S: SegmentSink> Destination for S {}

impl<S: SegmentSink + 'static> Destination for Origin<S> {}

/// An origin: a sink that is called on a thread of its own, so that a slow server never holds up
/// the iteration.
///
/// Give it to a publisher in the place of a sink. A push then hands the new manifest over and never
/// waits for the sink.
///
/// - **The latest version wins.** While a put is under way, newer versions replace one another; the
///   last one is put next. With [`in_order`](Origin::in_order) every version is put.
/// - **Retries.** A version is retried for two target durations, or as [`retry`](Origin::retry)
///   says. A newer version takes its place at the next attempt. Each call has a deadline one target
///   duration after it began.
/// - **Unknown outcomes.** After a put whose outcome is
///   [unknown](SinkError::has_unknown_outcome), such as a time-out, the current version is put
///   again at once and once more after one target duration. So the newest version is the last one
///   at a server that carries an abandoned request out up to one target duration later.
/// - **Deletions** begin to wait when a manifest without the segment was published and no older one
///   can come back. They are carried out on the same thread, between versions.
/// - **The alarm.** If nothing was published for 1.5 target durations, that is logged as an error
///   and shown by [`OriginHealth::is_overdue`].
///
/// For a manifest that is published at its end only, and that has no target duration, these times
/// count with 10 s.
///
/// Segments are uploaded by the stream, through a sink of its own; one whose upload failed is a gap
/// in the manifest.
///
/// A publisher that is dropped without a `finish` discards the versions that wait, logs that, and
/// waits for the call that its sink is in. In a [`Presentation`](crate::hls::Presentation) the drop
/// of the last publisher does this for all.
///
/// # Two origins
///
/// Each origin has a stream and a publisher of its own, so that they fail independently, under the
/// same names. The consumer of the first stream hands each item on to the second one, whether it
/// was stored or not. (A segment that was dropped or given up has no payload; pass its loss on with
/// [`SegmentSender::lost`](crate::SegmentSender::lost).)
///
/// ```
/// use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher, Origin};
/// use segment_stream::{ProducedSegment, SegmentStream, SegmentStreamConfig, sink};
/// use std::time::Duration;
///
/// # fn upload(_: &ProducedSegment) -> std::io::Result<()> { Ok(()) }
/// # fn main() -> std::io::Result<()> {
/// let publisher = || {
///     let playlist = MediaPlaylist::live("live.m3u8", Duration::from_secs(20))
///         .target_duration(Duration::from_secs(2));
///     MediaPlaylistPublisher::new(playlist, Origin::new(sink::from_fn(upload)))
/// };
/// let stream = || SegmentStream::with_sink(SegmentStreamConfig::default(), sink::from_fn(upload));
/// let (mut first, mut second) = (publisher()?, publisher()?);
/// let (mut to_first, sender) = stream()?;
/// let (mut to_second, forward) = stream()?;
/// let other = std::thread::spawn(move || {
///     for item in to_second.with_info() {
///         let _ = second.push(&item); // Logged, and repaired by the next push.
///     }
///     second.finish()
/// });
/// # sender.send(ProducedSegment::media(0, vec![0x47; 188], 2.0).with_path("0.ts"))?;
/// # drop(sender);
/// for item in to_first.with_info() {
///     let _ = first.push(&item);
///     // The second origin may be behind, which is no reason to hold up the first one.
///     if let Err(error) = forward.try_send(item) {
///         forward.give_up(error)?; // A gap in its playlist.
///     }
/// }
/// drop(forward);
/// first.finish()?;
/// other.join().unwrap()?;
/// # Ok(())
/// # }
/// ```
#[must_use = "an origin is given to a publisher"]
pub struct Origin<S> {
    sink: S,
    state_sink: Option<Box<dyn SegmentSink>>,
    retry: Option<RetryPolicy>,
    min_interval: Duration,
    versions: Option<usize>,
}

impl<S: SegmentSink + 'static> Origin<S> {
    /// An origin behind this sink. The latest version of the manifest is put, as often as it
    /// changes.
    pub fn new(sink: S) -> Self {
        Self {
            sink,
            state_sink: None,
            retry: None,
            min_interval: Duration::ZERO,
            versions: None,
        }
    }

    /// Writes the side file through a sink of its own, on the same thread, so that the server need
    /// not store it. A manifest is put only after its side file was written.
    pub fn with_state_sink(mut self, sink: impl SegmentSink + 'static) -> Self {
        self.state_sink = Some(Box::new(sink));
        self
    }

    /// Sets the pauses between attempts, and for how long a version is retried: for
    /// [`fallback`](RetryPolicy::fallback), and [`most`](RetryPolicy::most) at most. The default is
    /// two target durations, with pauses from 50 ms to 1 s. With
    /// [`while_there_is_room`](RetryPolicy::while_there_is_room) a version is retried until a newer
    /// one comes or, [in order](Self::in_order), until no other version may wait.
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = Some(retry);
        self
    }

    /// Sets the shortest time from the end of a put to the next put of the same manifest. By
    /// default there is none. Google Cloud Storage takes one write of an object each second.
    pub fn min_interval(mut self, interval: Duration) -> Self {
        self.min_interval = interval;
        self
    }

    /// Puts every version, in order, for a receiver that wants each. At most `versions` wait behind
    /// the one that is being put; 0 counts as 1. By default the latest version wins. A push whose
    /// version finds no room is an error, and the next push publishes what it entered.
    pub fn in_order(mut self, versions: usize) -> Self {
        self.versions = Some(versions);
        self
    }
}

impl<S: fmt::Debug> fmt::Debug for Origin<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin")
            .field("sink", &self.sink)
            .finish_non_exhaustive()
    }
}

/// The publisher thread of an [`Origin`], for health checks on any thread. A handle does not keep
/// the thread running.
#[derive(Debug, Clone)]
pub struct OriginHandle {
    /// `None` would be a publisher without an origin, which has no such handle.
    pub(crate) port: Option<Port>,
}

impl OriginHandle {
    /// The state of the thread at this moment. Never waits for the sink.
    #[must_use]
    pub fn health(&self) -> OriginHealth {
        let port = self.port.as_ref();
        port.map(Port::health).unwrap_or_default()
    }
}

/// How a publisher reaches its destination.
pub(crate) mod sealed {
    use crate::presentation::origin::{Origin, OriginRoute, Routed};
    use crate::sink::SegmentSink;

    pub trait Sealed: Sized {
        type Sink: SegmentSink;

        fn route(self) -> Route<Self::Sink>;
    }

    pub enum Route<S> {
        Inline(S),
        Origin(OriginRoute),
    }

    impl<S: SegmentSink> Sealed for S {
        type Sink = S;

        fn route(self) -> Route<S> {
            Route::Inline(self)
        }
    }

    impl<S: SegmentSink + 'static> Sealed for Origin<S> {
        type Sink = S;

        fn route(self) -> Route<S> {
            Route::Origin(OriginRoute {
                sink: Routed {
                    sink: Box::new(self.sink),
                    state: self.state_sink,
                },
                retry: self.retry,
                min_interval: self.min_interval,
                versions: self.versions,
            })
        }
    }
}

/// An origin without the type of its sink.
pub struct OriginRoute {
    pub(crate) sink: Routed,
    retry: Option<RetryPolicy>,
    min_interval: Duration,
    versions: Option<usize>,
}

impl OriginRoute {
    pub(crate) fn options(&self, target: Option<Duration>) -> OriginOptions {
        let mut options = OriginOptions::new(target.unwrap_or(UNKNOWN_TARGET));
        if let Some(retry) = self.retry {
            options = options.retry(retry);
        }
        options = options.min_interval(self.min_interval);
        match self.versions {
            Some(versions) => options.in_order(versions),
            None => options,
        }
    }
}

/// The sink of an origin, with that of the side files beside it.
pub(crate) struct Routed {
    sink: Box<dyn SegmentSink>,
    state: Option<Box<dyn SegmentSink>>,
}

impl Routed {
    fn of(&mut self, object: ObjectKind) -> &mut dyn SegmentSink {
        match &mut self.state {
            Some(state) if object == ObjectKind::State => &mut **state,
            _ => &mut *self.sink,
        }
    }
}

impl SegmentSink for Routed {
    fn write(&mut self, file: &ProducedSegment, context: &WriteContext) -> Result<(), SinkError> {
        self.of(context.object()).write(file, context)
    }

    fn remove(&mut self, path: &Path, context: &WriteContext) -> Result<(), SinkError> {
        self.of(context.object()).remove(path, context)
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        let state = self.state.as_mut().map_or(Ok(()), SegmentSink::finish);
        self.sink.finish().and(state)
    }
}
