//! Takes finished HLS and DASH segments out of a threaded program's memory and onto its disk, or to
//! any other destination: bounded, atomic, accounted for, and without an async runtime.
//!
//! ```text
//!  packager ──► SegmentSender ──► bounded queue ──► writer thread(s) ──► SegmentSink ──► disk, …
//!                    ▲                                    │
//!                    └── back-pressure: a slot is free ───┤
//!                        once the iterator yielded it     ▼
//!                                 for segment in SegmentStream ──► manifest publisher ──► sink
//! ```
//!
//! The producer hands each finished segment over with [`SegmentSender::send`] and goes on encoding;
//! it blocks only while the destination is [`channel_depth`](SegmentStreamConfig::channel_depth)
//! segments behind. A writer thread, or several, store them. The iterator yields each one once it
//! is stored, so that a manifest made from the iteration never names a missing file.
//!
//! # Quick start
//!
#![cfg_attr(feature = "hls", doc = include_str!("docs/quick_start.md"))]
#![cfg_attr(
    not(feature = "hls"),
    doc = "The example publishes a playlist; it is shown with feature `hls`."
)]
//!
//! # Where to look
//!
//! | To | Use |
//! |---|---|
//! | hand segments over, from one thread or several | [`SegmentSender`] |
//! | tell the manifest of discontinuities and losses | [`SegmentInfo`], [`SegmentSender::lost`] |
//! | have a muxer write to a `Write + Seek` | [`SegmentWriter`] |
//! | iterate over stored segments; end, report, discard | [`SegmentStream`] |
//! | end within a given time | [`SegmentStream::finish_timeout`] |
//! | bound the memory, choose what a full stream does | [`SegmentStreamConfig`], [`WhenFull`] |
//! | retry transient errors | [`RetryPolicy`], [`Recovery`] |
//! | write several segments at once | [`SegmentStream::with_writers`] |
//! | use an event loop instead of `for` | [`SegmentStream::try_next`] |
//! | close from a Ctrl-C handler, show progress | [`StreamHandle`], [`StreamStats`] |
//! | write files, confined and durable | [`DiskSink`], [`Durability`], [`Existing`] |
//! | clean up after a killed process | [`DiskSink::sweep`] |
//! | send segments elsewhere | [`SegmentSink`], [`sink::from_fn`] |
//! | record to disk, and upload what an origin missed | [`Backfill`] |
//! | have a failed segment back | [`WriteError`], [`SendError`], [`FinishError`] |
//!
//! # Promises
//!
#![doc = include_str!("docs/promises.md")]
//!
//! # Deadlocks to avoid
//!
#![doc = include_str!("docs/deadlocks.md")]
//!
//! # When the process ends
//!
#![doc = include_str!("docs/process_end.md")]
//!
//! # Systems
//!
#![doc = include_str!("docs/systems.md")]
//!
//! # Features
//!
//! The base depends on `crossbeam-channel`, `log` and `tempfile`; messages go to the [`log`]
//! facade, with key-value pairs. Every feature is off by default:
//!
//! - `hls`: publishes HLS playlists of what the iterator yields (`hls::MediaPlaylistPublisher`),
//!   through a sink or to an origin (`hls::Origin`).
//! - `dash`: publishes an MPD of the same segments beside the HLS playlists (`dash::Mpd`).
//! - `confined`: every rooted [`DiskSink`] reaches its directories by handle, so that a directory that
//!   is replaced by a link meanwhile leads nowhere. Needs Linux 5.6 or later; see
//!   [`DiskSink::rooted`].
//! - `http`: uploads to an HTTP origin (`HttpSink`).
//! - `s3`: uploads to an object store with the interface of Amazon S3 (`S3Sink`).
//! - `tls`: HTTPS for `http` and `s3`.

// An example that is pasted does not warn.
#![doc(test(attr(deny(warnings))))]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

mod backfill;
#[cfg(feature = "dash")]
pub mod dash;
mod error;
#[cfg(feature = "hls")]
pub mod hls;
#[cfg(feature = "dash")]
mod hls_with_dash;
mod internal;
#[cfg(feature = "hls")]
mod presentation;
mod segment;
pub mod sink;
mod stream;
#[cfg(feature = "hls")]
mod uri;

pub use backfill::{Backfill, BackfillOptions, BackfillStats, Recorder};
pub use error::{
    Recovery, SendError, SendErrorKind, SinkError, SinkErrorKind, WriteError, WriteErrorKind,
};
pub use segment::{LineError, LineErrorKind, MediaTime, ProducedSegment, SegmentInfo, Submission};
pub use sink::{
    DiskSink, Durability, Existing, ObjectKind, Pause, SegmentSink, Swept, WriteContext,
    pre_allocate_file,
};
#[cfg(feature = "http")]
pub use sink::{HttpCaching, HttpOptions, HttpRequest, HttpSink};
#[cfg(feature = "s3")]
pub use sink::{S3Bucket, S3Credentials, S3Integrity, S3Keys, S3Options, S3Sink, S3Swept};
pub use stream::{
    AtDeadline, FinishError, FinishErrorKind, NoNext, Report, RetryPolicy, SegmentSender,
    SegmentStream, SegmentStreamConfig, SegmentWriter, StreamHandle, StreamStats, Tally, WhenFull,
    WithInfo, Yielded,
};

/// Has the code of the README compiled and run with the other doctests.
#[cfg(all(doctest, feature = "hls"))]
#[doc = include_str!("../README.md")]
struct Readme;
