//! Disk first, origin second: what the live edge missed is uploaded from disk.

mod journal;
mod ledger;
mod object;
mod options;
mod recorder;
mod shared;
mod stats;
mod worker;

pub use options::BackfillOptions;
pub use recorder::Recorder;
pub use stats::BackfillStats;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use log::Level;

use self::journal::Journal;
use self::ledger::Ledger;
use self::object::quoted;
use self::shared::Shared;
use self::worker::Worker;
use crate::error::WriteError;
use crate::internal::deadline::Deadline;
use crate::internal::log::log;
use crate::internal::sync::thread;
use crate::segment::{ProducedSegment, SegmentInfo, Submission};
use crate::sink::SegmentSink;
use crate::stream::{SegmentSender, Yielded};

/// Uploads from disk what an origin missed, while another stream uploads the live edge.
///
/// Two streams are chained. The first one records to disk through a [`Recorder`], which notes each
/// segment in a journal. [`forward`](Backfill::forward) passes each segment on to the second
/// stream, which uploads it, and [`note`](Backfill::note) tells its outcome. What the second stream
/// did not get to the origin is read from disk and uploaded later, oldest first, by a thread of the
/// backfill.
///
/// - **The recording** never waits for the origin.
/// - **The live edge goes first.** An upload from disk begins only while no segment is on its way
///   between `forward` and `note`. At most one is under way, for at most the
///   [time limit](BackfillOptions::time_limit).
/// - **A gap stays a gap** in the live playlist at the origin, as a published entry never changes.
///   A playlist on disk has no such gap, and [`Recorder::with_manifests`] uploads it.
/// - **Retention waits** for the origin, see [`Recorder`].
/// - **The journal** survives the death of the process at any time. The next session uploads what
///   is left. A segment whose upload could not be noted is uploaded twice, under the same name.
///
/// Several origins have a backfill each. Their recorders wrap one another, so that a file stays on
/// disk until each origin has it:
///
/// ```
/// use segment_stream::{Backfill, BackfillOptions, DiskSink, sink};
///
/// # fn main() -> std::io::Result<()> {
/// # let directory = tempfile::tempdir()?;
/// # let directory = directory.path();
/// # let (first_origin, second_origin) = (sink::from_fn(|_| Ok(())), sink::from_fn(|_| Ok(())));
/// let (disk, options) = (DiskSink::rooted(directory), BackfillOptions::holding(1_000_000_000));
/// let second = Backfill::open(
///     directory.join(".second"), disk.clone(), second_origin, options.clone())?;
/// // It deletes through the recorder of the other one.
/// let first = Backfill::open(
///     directory.join(".first"), second.recorder(disk.clone()), first_origin, options)?;
/// let disk = first.recorder(second.recorder(disk));
/// # drop(disk);
/// # Ok(())
/// # }
/// ```
///
/// With one origin:
///
/// ```
/// use segment_stream::{
///     Backfill, BackfillOptions, DiskSink, ProducedSegment, SegmentStream, SegmentStreamConfig,
///     WhenFull, sink,
/// };
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// # let directory = tempfile::tempdir()?;
/// # let directory = directory.path();
/// # let origin = sink::from_fn(|_| Ok(()));
/// let disk = DiskSink::rooted(directory);
/// let options = BackfillOptions::holding(1_000_000_000);
/// let backfill = Backfill::open(
///     directory.join(".backfill"), disk.clone(), origin.clone(), options)?;
///
/// let config = SegmentStreamConfig::default();
/// let (mut on_disk, sender) =
///     SegmentStream::with_sink(config.clone(), backfill.recorder(disk))?;
/// let (at_origin, live_edge) =
///     SegmentStream::with_sink(config.when_full(WhenFull::DropOldest), origin)?;
///
/// std::thread::scope(|scope| {
///     scope.spawn(move || {
///         let segment = ProducedSegment::media(0, vec![0x47; 188], 2.0);
///         sender.send(segment.with_path("00000.ts"))
///     });
///     let backfill = &backfill;
///     scope.spawn(move || {
///         for item in on_disk.with_info() {
///             backfill.forward(item, &live_edge);
///         }
///     });
///     for item in at_origin {
///         backfill.note(&item);
///         // And a publisher of the origin's playlist gets it.
///     }
/// });
/// assert_eq!(backfill.finish_timeout(Duration::from_secs(60)).owed, 0);
/// # Ok(())
/// # }
/// ```
///
/// The backfill never deletes at the origin. A publisher there deletes what its own playlist
/// listed, so segments that were uploaded later stay.
#[must_use = "without it nothing is uploaded from disk"]
pub struct Backfill {
    shared: Arc<Shared>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Backfill {
    /// Opens or creates the journal, and starts the thread that uploads.
    ///
    /// `local` reads and deletes what the recorder writes, and `origin` stores it under the same
    /// names; both belong to the backfill alone. The file `journal` must be of this origin alone,
    /// and must not be one of the segments. A second file beside it, with `.lock` added, keeps
    /// other processes off it.
    ///
    /// What an earlier session left is uploaded from now on.
    ///
    /// # Errors
    ///
    /// - The journal cannot be read or written, or the thread cannot be started.
    /// - Another backfill has the journal open ([`ResourceBusy`](io::ErrorKind::ResourceBusy)).
    /// - The file is no journal ([`InvalidData`](io::ErrorKind::InvalidData)). It is unchanged.
    pub fn open<L, O>(
        journal: impl AsRef<Path>,
        local: L,
        origin: O,
        options: BackfillOptions,
    ) -> io::Result<Self>
    where
        L: SegmentSink + 'static,
        O: SegmentSink + 'static,
    {
        let path = journal.as_ref();
        let name = |error: io::Error| {
            let why = format!("cannot open the journal {}: {error}", quoted(path));
            io::Error::new(error.kind(), why)
        };
        let (lock, text) = Journal::read(path).map_err(name)?;
        let mut ledger = Ledger::new(options.deletes_local);
        let Some(unreadable) = ledger.read(&text) else {
            let why = "it was not written by a backfill";
            return Err(name(io::Error::new(io::ErrorKind::InvalidData, why)));
        };
        if unreadable > 0 {
            log(
                Level::Error,
                format_args!(
                    "{} has {unreadable} lines that cannot be read",
                    quoted(path)
                ),
            );
        }
        let journal = Journal::create(path, lock, &ledger.render(), options.is_synced);
        let shared = Arc::new(Shared::new(ledger, journal.map_err(name)?, options));
        let worker = Worker {
            shared: Arc::clone(&shared),
            local,
            origin,
        };
        let thread = thread::Builder::new()
            .name("segment-backfill".into())
            .spawn(move || worker.run())?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// The sink of a stream that records, or of a publisher on disk.
    pub fn recorder<S: SegmentSink>(&self, sink: S) -> Recorder<S> {
        Recorder::new(sink, Arc::clone(&self.shared))
    }

    /// Passes an item of the recording on to the stream that uploads the live edge. Never blocks.
    ///
    /// A segment that was recorded is sent, and if there is no room for it, it is recorded there as
    /// a loss. A stream with [`WhenFull::DropOldest`](crate::WhenFull::DropOldest) makes room. A
    /// segment that was not recorded becomes a loss as well. So each item of the recording has an
    /// item at the live edge, and the playlists have the same numbers.
    pub fn forward(&self, item: Yielded, live_edge: &SegmentSender) {
        match item.result {
            Ok(segment) => self.send((segment, item.info).into(), live_edge),
            Err(error) => lose(&error, item.info, live_edge),
        }
    }

    /// As [`forward`](Backfill::forward) with a copy of the payload, for a further origin.
    pub fn forward_copy(&self, item: &Yielded, live_edge: &SegmentSender) {
        match &item.result {
            Ok(segment) => self.send((segment.clone(), item.info.clone()).into(), live_edge),
            Err(error) => lose(error, item.info.clone(), live_edge),
        }
    }

    fn send(&self, submission: Submission, live_edge: &SegmentSender) {
        let name = submission.segment.path_hint.clone();
        let refused = live_edge.try_send(submission);
        let lost = refused.or_else(|error| live_edge.give_up(error));
        // The live edge has ended, and there is nothing to be noted.
        if lost.is_err()
            && let Some(name) = name
        {
            let mut state = self.shared.lock();
            let id = state.ledger.find(&name);
            id.into_iter().for_each(|id| state.ledger.miss(id));
            self.shared.commit(state, None);
        }
    }

    /// Takes an item of the live edge: the origin has the segment, or the backfill has to upload
    /// it. Note every item, `Ok` or `Err`; one that is not noted holds up the backfill until
    /// [`finish_timeout`](Backfill::finish_timeout).
    pub fn note(&self, item: &Result<ProducedSegment, WriteError>) {
        let segment = match item {
            Ok(segment) => segment,
            Err(error) => error.segment(),
        };
        let mut state = self.shared.lock();
        let name = segment.path_hint.as_deref();
        let id = name.and_then(|name| state.ledger.find(name));
        match (item, id) {
            (Ok(segment), Some(id)) if state.ledger.is_it(id, segment) => {
                drop(state);
                return self.shared.settle(id);
            }
            // It is an older one of this name.
            (Ok(_), _) => {}
            (Err(error), id) => {
                id.into_iter().for_each(|id| state.ledger.miss(id));
                // One error stands for several, with the name of the first.
                if error.segments() > 1 {
                    state
                        .ledger
                        .miss_all(error.sequence(), error.last_sequence());
                }
            }
        }
        self.shared.commit(state, None);
    }

    /// The current figures.
    #[must_use]
    pub fn stats(&self) -> BackfillStats {
        self.shared.stats()
    }

    /// Whether the origin does not have the object of this name, and will get it.
    #[must_use]
    pub fn is_owed(&self, name: impl AsRef<Path>) -> bool {
        let state = self.shared.lock();
        let id = state.ledger.find(name.as_ref());
        id.is_some_and(|id| state.ledger.is_owed(id))
    }

    /// Uploads what is left, for at most `timeout`, and ends the backfill. Returns the figures of
    /// the end; a later session uploads what is [owed](BackfillStats::owed).
    ///
    /// Call it when both streams have ended. It ends early if the origin refuses all that is left.
    /// The journal can be opened again once the recorders are dropped, and an upload that was still
    /// under way has ended.
    #[must_use = "what is owed is left for a later session"]
    pub fn finish_timeout(mut self, timeout: Duration) -> BackfillStats {
        let deadline = Deadline::after(timeout);
        let mut state = self.shared.lock();
        state.ledger.end_live();
        state.is_ending = true;
        // What has failed is tried once more.
        (state.from, state.deletes_from, state.pause_until) = (0, 0, None);
        self.shared.notify();
        while !state.has_ended {
            let left = deadline.left();
            if left.is_some_and(|left| left.is_zero()) {
                break;
            }
            state = self.shared.wait(state, left);
        }
        let has_ended = state.has_ended;
        drop(state);
        self.cut_short();
        if !has_ended {
            // A sink may hang.
            self.thread = None;
        }
        self.shared.stats()
    }

    fn cut_short(&self) {
        let state = self.shared.lock();
        self.shared.cancel.raise();
        drop(state);
        self.shared.notify();
    }
}

fn lose(error: &WriteError, info: SegmentInfo, live_edge: &SegmentSender) {
    if error.segment().is_init {
        return;
    }
    let duration = Duration::try_from_secs_f64(error.duration_secs()).unwrap_or_default();
    // A closed stream has no playlist that would need it.
    let _ = live_edge.lost(error.sequence(), duration, info);
}

/// Waits for the sinks, which know that they should end.
impl Drop for Backfill {
    fn drop(&mut self) {
        self.cut_short();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            // Its panics are caught.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Backfill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backfill").finish_non_exhaustive()
    }
}
