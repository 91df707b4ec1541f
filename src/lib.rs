//! Takes finished HLS and DASH segments out of a threaded program's memory and onto its disk, or to
//! any other destination: bounded, atomic, accounted for, and without an async runtime.
//!
//! ```text
//!  packager ──► SegmentSender ──(bounded queue)──► writer threads ──► SegmentSink ──► disk, …
//!                    ▲                                   │
//!                    │                               (channel)
//!                    └── back-pressure: a slot is free ──┤
//!                        when the iterator has yielded   ▼
//!                                           for segment in SegmentStream ──► manifest publisher
//! ```
//!
//! The producer hands each finished segment over with [`SegmentSender::send`] and goes on encoding;
//! it waits only where the destination is [`channel_depth`](SegmentStreamConfig::channel_depth)
//! segments behind. A writer thread, or several, store them. The iterator yields each one once it is stored, so
//! that a manifest made from the iteration never names what is not there.
//!
//! # Quick start
//!
//! ```
//! use segment_stream::{DiskSink, ProducedSegment, SegmentStream, SegmentStreamConfig};
//! use std::thread;
//!
//! fn main() -> std::io::Result<()> {
//!     let folder = std::env::temp_dir().join("segment-stream-quick-start");
//!     let sink = DiskSink::rooted(&folder);
//!     let (mut stream, sender) = SegmentStream::with_sink(SegmentStreamConfig::default(), sink)?;
//!
//!     thread::spawn(move || {
//!         for number in 0..10 {
//!             let payload = vec![0x47; 188_000]; // A finished segment, from your encoder.
//!             let path = format!("{number:05}.ts");
//!             let segment = ProducedSegment::media(number, payload, 2.0).with_path(path);
//!             if sender.send(segment).is_err() {
//!                 break; // The stream was closed.
//!             }
//!         }
//!     });
//!
//!     for item in &mut stream {
//!         match item {
//!             Ok(segment) => println!("segment {} is on disk", segment.sequence),
//!             Err(error) => eprintln!("{error}"),
//!         }
//!     }
//!     stream.finish()?;
//! #   std::fs::remove_dir_all(folder)?;
//!     Ok(())
//! }
//! ```
//!
//! # Where to look
//!
//! | You want to | Look at |
//! |---|---|
//! | hand segments over, from one thread or several | [`SegmentSender`] |
//! | have a muxer write to a [`Write`](std::io::Write) | [`SegmentWriter`] |
//! | iterate over what is stored; end, report, discard | [`SegmentStream`] |
//! | end within a given time, whatever the sink does | [`SegmentStream::finish_timeout`] |
//! | bound the memory, choose what a full stream does | [`SegmentStreamConfig`], [`WhenFull`] |
//! | try again what may heal | [`RetryPolicy`], [`Recovery`] |
//! | write several segments at once | [`SegmentStream::with_writers`] |
//! | use your own event loop instead of `for` | [`SegmentStream::try_next`], [`SegmentStream::next_timeout`] |
//! | close from a Ctrl-C handler, show progress, watch over its health | [`StreamHandle`], [`StreamStats`] |
//! | write files, confined to a folder, durable or not | [`DiskSink`], [`Durability`], [`Existing`] |
//! | clean up after a killed process | [`DiskSink::sweep`] |
//! | send segments elsewhere | [`SegmentSink`], [`sink::from_fn`] |
//! | know what failed, and have the segment back | [`WriteError`], [`SendError`], [`FinishError`] |
//!
//! # Promises
//!
//! 1. **Accounted.** A segment whose `send` returned `Ok` comes out exactly once, in the order of
//!    acceptance: as `Ok`, and then it is whole at its destination, or as an `Err` with the reason
//!    and the segment inside; from the iterator, or in the report of
//!    [`finish`](SegmentStream::finish), [`finish_timeout`](SegmentStream::finish_timeout) or
//!    [`drain`](SegmentStream::drain). A `send` that returns `Err` hands the segment back. Dropping the
//!    stream writes what was accepted, and logs, but hands nothing back. (A segment without a path hint
//!    has no destination on the disk sink: it passes as `Ok`, and is counted apart.) The exceptions are
//!    asked for: with [`WhenFull::DropOldest`] a media segment that made room comes out as an `Err`
//!    without its payload, and in a long stall one such `Err` stands for many, of which it tells the
//!    number, the bytes and the duration; and what `finish_timeout` had no time for is reported as never
//!    begun, with its payload, or as in doubt, without it, at most one for each writer.
//! 2. **Never half.** No reader ever sees part of a file under its final name, whatever fails and
//!    whenever the process dies; with [`Durability::Full`] also whenever the power fails. This is the
//!    promise of [`DiskSink`]; a closure that calls `fs::write` does not make it.
//! 3. **Bounded.** Between acceptance and being yielded there are never more than `channel_depth`
//!    segments, nor more than [`channel_bytes`](SegmentStreamConfig::channel_bytes) payload bytes where
//!    that is set (but for a single segment that is larger and alone). Payloads are moved, never copied.
//! 4. **Never stuck.** Either half may be dropped at any time, in any order, on any thread, with
//!    senders alive, blocked or leaked, and with a sink that panics: nothing deadlocks, and everybody
//!    is told. What is ever waited for is the sink: its writes, its `finish` and its drop; and
//!    `finish_timeout` waits for none of them longer than it is told. Senders that wait are let in in the
//!    order in which they came, however large their segments. (A logger is waited for too, by whoever tells it
//!    something, and by nobody else.)
//! 5. **Never silent.** No I/O error is swallowed. What nobody is left to be told of is logged. (What
//!    repeats itself is logged once, and then counted: one message in ten seconds.)
//! 6. **Confined.** A [rooted](DiskSink::rooted) disk sink writes nothing outside its root, whatever the path
//!    hint says. The limit: a process that may write below the root can replace a directory by a symbolic link
//!    in the middle of a write, and so lead it outside. Only permissions prevent that.
//!
//! # Ways to wait for oneself
//!
//! No library can prevent these, so know them:
//!
//! - One thread that sends more than `channel_depth` segments before it iterates. Iterate on another
//!   thread, or use [`try_send`](SegmentSender::try_send).
//! - A consumer that sends into the stream that it iterates over: when the stream is full, the slot
//!   that it waits for is the one that it should free.
//! - A sink that keeps a [`SegmentSender`] of its own stream: the last sender is never gone, so the
//!   iteration ends only when somebody closes the stream. (A `send` from inside the sink is an error
//!   and not a deadlock; `next` inside the sink does wait for itself.)
//! - Two chained streams driven by one thread: each link needs a thread of its own.
//!
//! # When the process ends
//!
//! - **`process::exit`, a signal, or the return from `main`** while another thread has the stream: the
//!   writer thread ends where it stands, and up to `channel_depth` accepted segments are lost. No half
//!   file is seen; a temp file may stay for [`DiskSink::sweep`]. So [`finish`](SegmentStream::finish)
//!   first. (A stream that `main` itself drops is waited for.)
//! - **`fork`:** the child has no writer thread. A stream that crosses a fork is of no use there, and
//!   waiting for it waits for ever, also by dropping it; leave it alone, and call `exec`.
//! - **`panic = "abort"`:** a panic of the sink ends the process like any other, and what is said
//!   here about sinks that panic does not apply.
//!
//! # Features
//!
//! The base depends on `crossbeam-channel`, `log` and `tempfile`; messages go to the [`log`] facade, with
//! key-value pairs for loggers that take them.
//! Everything else is optional, and off by default:
//!
//! - `hls`: publishes HLS playlists of what the iterator yields (`hls::MediaPlaylistPublisher`).

// An example that is pasted does not warn.
#![doc(test(attr(deny(warnings))))]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

mod error;
#[cfg(feature = "hls")]
pub mod hls;
mod internal;
mod segment;
pub mod sink;
mod stream;
#[cfg(feature = "hls")]
mod uri;

pub use error::{
    Recovery, SendError, SendErrorKind, SinkError, SinkErrorKind, WriteError, WriteErrorKind,
};
pub use segment::{LineError, LineErrorKind, MediaTime, ProducedSegment, SegmentInfo, Submission};
pub use sink::{
    DiskSink, Durability, Existing, ObjectKind, Pause, SegmentSink, Swept, WriteContext,
    pre_allocate_file,
};
pub use stream::{
    AtDeadline, FinishError, FinishErrorKind, NoNext, Report, RetryPolicy, SegmentSender,
    SegmentStream, SegmentStreamConfig, SegmentWriter, StreamHandle, StreamStats, Tally, WhenFull,
    WithInfo, Yielded,
};

/// Has the code of the README compiled and run with the other doctests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
