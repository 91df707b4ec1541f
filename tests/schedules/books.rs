//! An observer's own books of a stream: what was handed over, what the sinks were asked to do, and
//! what came out; and what has to be true of all that, however the threads ran.
//!
//! The books are under a lock of the standard library, which shuttle does not know, and so add no
//! schedules.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use segment_stream::{
    FinishError, NoNext, ProducedSegment, Report, RetryPolicy, SegmentSender, SegmentSink,
    SegmentStream, SegmentStreamConfig, SendError, SinkError, StreamHandle, Submission, WhenFull,
    WriteContext, WriteError, WriteErrorKind,
};
use shuttle::thread;
use std::time::Duration;

/// Waits are for ever, unless the scenario asks for something else: a sender that waits to tell the
/// log of it would wake up by itself, and hide a wake-up that was lost.
pub(crate) fn depth(channel_depth: usize) -> SegmentStreamConfig {
    SegmentStreamConfig {
        channel_depth,
        retry: RetryPolicy::never(),
        stall_warning: Duration::MAX,
        ..Default::default()
    }
}

/// The same with a byte bound.
pub(crate) fn depth_and_bytes(channel_depth: usize, channel_bytes: usize) -> SegmentStreamConfig {
    SegmentStreamConfig {
        channel_bytes: Some(channel_bytes),
        ..depth(channel_depth)
    }
}

/// The same, dropping the oldest.
pub(crate) fn dropping(channel_depth: usize) -> SegmentStreamConfig {
    SegmentStreamConfig {
        when_full: WhenFull::DropOldest,
        ..depth(channel_depth)
    }
}

/// A segment of this many bytes, which tell which one it is.
pub(crate) fn sized(sequence: u64, length: usize) -> ProducedSegment {
    ProducedSegment::media(sequence, vec![sequence.to_le_bytes()[0]; length], 2.0)
}

pub(crate) fn segment(sequence: u64) -> ProducedSegment {
    sized(sequence, 3)
}

pub(crate) fn segment_at(sequence: u64, path: &str) -> ProducedSegment {
    segment(sequence).with_path(path)
}

pub(crate) fn join_all(threads: impl IntoIterator<Item = thread::JoinHandle<()>>) {
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

#[derive(Clone, Default)]
pub(crate) struct Books(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    /// Counts what happens.
    clock: u64,
    sends: Vec<Handover>,
    calls: Vec<Call>,
    /// How many sinks there are.
    sinks: usize,
    /// What came out, in lists of which each is in the order of acceptance.
    iterated: Vec<Out>,
    /// Each with the length of the iteration before it.
    reported: Vec<(usize, Vec<Out>)>,
}

/// A segment and what became of the attempt to send it.
#[derive(Clone)]
struct Handover {
    segment: ProducedSegment,
    began: u64,
    ended: u64,
    accepted: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Did {
    Begin(u64, Option<PathBuf>),
    End(u64, Ended),
    Finish,
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Ended {
    Well,
    Badly,
    Panicking,
}

struct Call {
    writer: usize,
    did: Did,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    Written,
    Failed(WriteErrorKind),
    Discarded,
    InDoubt,
}

#[derive(Debug, Clone)]
struct Out {
    sequence: u64,
    came: Came,
}

/// How the scenario ended, as far as the audit must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Everything accepted came out.
    HandedOut,
    /// The stream was dropped, and what had not come out was written without being handed out.
    Dropped,
}

impl Books {
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has it sent in the way that `how` says, and books whether it was accepted. Returns the error
    /// otherwise, from which the segment must come back whole.
    pub(crate) fn hand_over(
        &self,
        segment: ProducedSegment,
        how: impl FnOnce(ProducedSegment) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        let kept = segment.clone();
        let at = {
            let mut entries = self.lock();
            let began = entries.tick();
            entries.sends.push(Handover {
                segment: kept.clone(),
                began,
                ended: u64::MAX,
                accepted: false,
            });
            entries.sends.len() - 1
        };
        let sent = how(segment);
        let mut entries = self.lock();
        entries.sends[at].ended = entries.tick();
        entries.sends[at].accepted = sent.is_ok();
        if let Err(error) = &sent {
            assert_eq!(*error.segment(), kept, "it is handed back whole");
        }
        drop(entries);
        sent
    }

    /// Sends it, waiting as long as it takes; returns whether it was accepted.
    pub(crate) fn send(&self, sender: &SegmentSender, segment: ProducedSegment) -> bool {
        match self.hand_over(segment, |it| sender.send(it)) {
            Ok(()) => true,
            Err(error) => {
                assert!(error.is_closed(), "{error}");
                false
            }
        }
    }

    /// A thread that sends them in this order, until one is refused, and then drops the sender.
    pub(crate) fn producer(
        &self,
        sender: SegmentSender,
        segments: impl IntoIterator<Item = ProducedSegment> + Send + 'static,
    ) -> thread::JoinHandle<()> {
        let books = self.clone();
        thread::spawn(move || {
            for segment in segments {
                if !books.send(&sender, segment) {
                    assert!(sender.is_closed());
                    return;
                }
            }
        })
    }

    /// A sink that does what `write` says and enters it into the books.
    pub(crate) fn sink<F>(&self, writer: usize, write: F) -> Noting<F>
    where
        F: FnMut(&ProducedSegment, &WriteContext) -> Result<(), SinkError> + Send,
    {
        self.lock().sinks += 1;
        Noting {
            books: self.clone(),
            writer,
            write,
            finish: None,
        }
    }

    /// A sink that writes whatever comes, and lets others run in between.
    pub(crate) fn plain(&self, writer: usize) -> impl SegmentSink + use<> {
        self.sink(writer, |_, _| {
            thread::yield_now();
            Ok(())
        })
    }

    /// Enters what the iterator yielded.
    pub(crate) fn yielded(&self, item: Result<ProducedSegment, WriteError>) {
        let out = match item {
            Ok(segment) => self.lock().out(&segment, Came::Written),
            Err(error) => self.lock().failed(&error),
        };
        self.lock().iterated.push(out);
    }

    /// Iterates to the end.
    pub(crate) fn iterate(&self, stream: &mut SegmentStream) {
        for item in &mut *stream {
            self.yielded(item);
        }
        assert!(stream.is_closed());
        let (gone, sinks) = self.gone();
        assert_eq!(
            gone, sinks,
            "the end of the iteration is the end of the sinks"
        );
        assert!(stream.next().is_none(), "the end is for good");
        assert_eq!(stream.try_next().unwrap_err(), NoNext::Ended);
    }

    /// Enters what a report holds, and returns how many sinks did not end well.
    pub(crate) fn reported(&self, result: Result<Report, FinishError>) -> usize {
        let report = result.unwrap_or_else(FinishError::into_report);
        let mut entries = self.lock();
        let before = entries.iterated.len();
        let mut enter = |came, submissions: &[Submission]| {
            let segments = submissions.iter().map(|it| &it.segment);
            let list = segments.map(|it| entries.out(it, came)).collect();
            entries.reported.push((before, list));
        };
        enter(Came::Written, &report.written);
        enter(Came::Discarded, &report.discarded);
        enter(Came::InDoubt, &report.in_doubt);
        let failed = report.failed.iter().map(|it| entries.failed(it)).collect();
        entries.reported.push((before, failed));
        report.sink_errors.len()
    }

    /// How many segments came out so far.
    pub(crate) fn came_out(&self) -> usize {
        let entries = self.lock();
        entries.outs().count()
    }

    /// The numbers of the segments that were written, in order.
    pub(crate) fn written(&self) -> Vec<u64> {
        let entries = self.lock();
        let written = entries.calls.iter().filter_map(|call| match call.did {
            Did::End(sequence, Ended::Well) => Some(sequence),
            _ => None,
        });
        written.collect()
    }

    /// The numbers of the segments that were accepted, in the order in which the calls returned.
    pub(crate) fn accepted(&self) -> Vec<u64> {
        let entries = self.lock();
        let accepted = entries.sends.iter().filter(|it| it.accepted);
        accepted.map(|it| it.segment.sequence).collect()
    }

    /// How many came out as this kind of error.
    pub(crate) fn failed(&self, kind: WriteErrorKind) -> usize {
        let entries = self.lock();
        let failed = entries.outs().filter(|it| it.came == Came::Failed(kind));
        failed.count()
    }

    /// How many sinks are gone, and how many there are or were.
    fn gone(&self) -> (usize, usize) {
        let entries = self.lock();
        let gone = entries.calls.iter().filter(|it| it.did == Did::Gone);
        (gone.count(), entries.sinks)
    }

    /// Waits until every sink is gone, as one has to whose writers nobody joins.
    pub(crate) fn wait_until_gone(&self) {
        while self.gone().0 < self.gone().1 {
            thread::yield_now();
        }
    }

    /// Checks all of it, when every sender and the stream are gone or have ended.
    pub(crate) fn audit(&self, handle: &StreamHandle, ending: Ending) {
        assert!(handle.is_closed());
        // Writers that nobody joins give their segment's slot back a little after its write.
        while handle.stats().in_flight.segments > 0 {
            thread::yield_now();
        }
        let entries = self.lock();
        entries.audit_sends();
        entries.audit_calls();
        entries.audit_outs(ending);
        entries.audit_stats(handle, ending);
    }
}

impl Entries {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn out(&self, segment: &ProducedSegment, came: Came) -> Out {
        if came == Came::InDoubt {
            assert!(segment.data.is_empty(), "the sink still has it");
        } else {
            let sent = &self.handover(segment.sequence).segment;
            assert_eq!(segment, sent, "it comes out whole");
        }
        Out {
            sequence: segment.sequence,
            came,
        }
    }

    fn failed(&self, error: &WriteError) -> Out {
        assert_eq!(error.segments(), 1, "too few are dropped here to be merged");
        let came = Came::Failed(error.kind());
        if error.kind() == WriteErrorKind::Dropped {
            let sequence = error.sequence();
            return Out { sequence, came };
        }
        self.out(error.segment(), came)
    }

    fn outs(&self) -> impl Iterator<Item = &Out> {
        let reported = self.reported.iter().flat_map(|it| &it.1);
        self.iterated.iter().chain(reported)
    }

    fn handover(&self, sequence: u64) -> &Handover {
        let mut sends = self.sends.iter();
        sends
            .find(|it| it.segment.sequence == sequence)
            .expect("only what was handed over is met again")
    }

    fn audit_sends(&self) {
        let mut numbers: Vec<_> = self.sends.iter().map(|it| it.segment.sequence).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), self.sends.len(), "the scenario numbers them");
    }

    /// What came first was not handed over only after the other had been accepted.
    fn check_order(&self, sequences: impl IntoIterator<Item = u64>, what: &str) {
        let sends: Vec<_> = sequences.into_iter().map(|it| self.handover(it)).collect();
        for (at, earlier) in sends.iter().enumerate() {
            for later in &sends[at..] {
                assert!(
                    earlier.began < later.ended,
                    "{what}: {} came before {}, which had been accepted before",
                    earlier.segment.sequence,
                    later.segment.sequence
                );
            }
        }
    }

    /// The sinks were called as they have to be: one segment at a time, equal paths neither at the
    /// same time nor out of order, `finish` once after all of it unless it panicked.
    fn audit_calls(&self) {
        let mut hands: BTreeMap<usize, (u64, Option<PathBuf>)> = BTreeMap::new();
        let mut by_path: BTreeMap<PathBuf, Vec<u64>> = BTreeMap::new();
        let mut finished = BTreeSet::new();
        let mut panicked = BTreeSet::new();
        for Call { writer, did } in &self.calls {
            match did {
                Did::Begin(sequence, path) => {
                    assert!(!finished.contains(writer) && !panicked.contains(writer));
                    if let Some(path) = path {
                        let is_held = hands.values().any(|it| it.1.as_ref() == Some(path));
                        assert!(!is_held, "{} is written twice at once", path.display());
                        by_path.entry(path.clone()).or_default().push(*sequence);
                    }
                    let before = hands.insert(*writer, (*sequence, path.clone()));
                    assert!(before.is_none(), "one at a time");
                }
                Did::End(sequence, how) => {
                    let held = hands.remove(writer).expect("it has begun");
                    assert_eq!(held.0, *sequence);
                    if *how == Ended::Panicking {
                        panicked.insert(*writer);
                    }
                }
                Did::Finish => {
                    assert!(!hands.contains_key(writer) && !panicked.contains(writer));
                    assert!(finished.insert(*writer), "it ends once");
                }
                Did::Gone => {
                    let has_ended = finished.contains(writer) || panicked.contains(writer);
                    assert!(has_ended && !hands.contains_key(writer), "gone unfinished");
                }
            }
        }
        let gone = self.calls.iter().filter(|it| it.did == Did::Gone).count();
        assert_eq!(gone, self.sinks, "every sink is gone, once");
        for (path, mut sequences) in by_path {
            // Attempts at one segment follow one another.
            sequences.dedup();
            self.check_order(sequences, &path.display().to_string());
        }
    }

    fn audit_outs(&self, ending: Ending) {
        // Every list is in the order of acceptance, and the iteration comes before what a report
        // holds.
        self.check_order(self.iterated.iter().map(|it| it.sequence), "iterated");
        for (before, list) in &self.reported {
            let list = self.iterated[..*before].iter().chain(list);
            self.check_order(list.map(|it| it.sequence), "iterated and reported");
        }
        for sent in &self.sends {
            let sequence = sent.segment.sequence;
            let came: Vec<_> = self.outs().filter(|it| it.sequence == sequence).collect();
            let (mut begun, mut well, mut badly, mut panicking) = (0, 0, 0, 0);
            for call in &self.calls {
                match call.did {
                    Did::Begin(number, _) if number == sequence => begun += 1,
                    Did::End(number, how) if number == sequence => match how {
                        Ended::Well => well += 1,
                        Ended::Badly => badly += 1,
                        Ended::Panicking => panicking += 1,
                    },
                    _ => {}
                }
            }
            let told = format!("{sequence}, which came out as {came:?}");
            if !sent.accepted {
                assert!(came.is_empty() && begun == 0, "refused: {told}");
                continue;
            }
            assert!(well <= 1 && panicking <= 1, "{told}");
            let expected = match &came[..] {
                [out] => match out.came {
                    Came::Written => well == 1,
                    Came::Failed(WriteErrorKind::Failed) => well == 0 && badly > 0,
                    Came::Failed(WriteErrorKind::Panicked) => well == 0 && panicking == 1,
                    Came::Failed(_) | Came::Discarded => begun == 0,
                    // It was begun, and how it ended is for the books alone.
                    Came::InDoubt => begun > 0,
                },
                [] if ending == Ending::Dropped => well == 1 || self.has_panicked(),
                _ => false,
            };
            assert!(expected, "{told}, begun {begun} times");
        }
        for out in self.outs() {
            assert!(self.handover(out.sequence).accepted, "{out:?}");
        }
    }

    fn has_panicked(&self) -> bool {
        let mut calls = self.calls.iter();
        calls.any(|it| matches!(it.did, Did::End(_, Ended::Panicking)))
    }

    fn audit_stats(&self, handle: &StreamHandle, ending: Ending) {
        let stats = handle.stats();
        let tally = |of: &mut dyn FnMut(&Handover) -> bool| {
            let (mut segments, mut bytes) = (0, 0);
            for sent in self.sends.iter().filter(|it| it.accepted) {
                if of(sent) {
                    segments += 1;
                    bytes += sent.segment.data.len() as u64;
                }
            }
            (segments, bytes)
        };
        let accepted = tally(&mut |_| true);
        let written = tally(&mut |sent| {
            let did = Did::End(sent.segment.sequence, Ended::Well);
            self.calls.iter().any(|call| call.did == did)
        });
        let came = |sent: &Handover, came: Came| {
            let is_it = |out: &Out| out.sequence == sent.segment.sequence && out.came == came;
            self.outs().any(is_it)
        };
        let dropped = tally(&mut |sent| came(sent, Came::Failed(WriteErrorKind::Dropped)));
        let discarded = tally(&mut |sent| came(sent, Came::Discarded));
        let of = |tally: segment_stream::Tally| (tally.segments, tally.bytes);
        assert_eq!(of(stats.accepted), accepted);
        assert_eq!(of(stats.yielded), written);
        assert_eq!(of(stats.discarded), discarded);
        if ending == Ending::HandedOut {
            assert_eq!(of(stats.dropped), dropped);
        }
        let rest = (
            accepted.0 - written.0 - discarded.0 - stats.dropped.segments,
            accepted.1 - written.1 - discarded.1 - stats.dropped.bytes,
        );
        assert_eq!(of(stats.failed), rest);
        assert_eq!(of(stats.in_flight), (0, 0));
        assert_eq!(of(stats.queued), (0, 0));
        assert_eq!((stats.writing, stats.waiting_senders), (0, 0));
        assert_eq!(stats.oldest_age, None);
    }
}

/// A sink that enters its calls into the books.
pub(crate) struct Noting<F> {
    books: Books,
    writer: usize,
    write: F,
    finish: Option<SinkError>,
}

impl<F> Noting<F> {
    /// Its `finish` fails.
    pub(crate) fn ending_badly(mut self) -> Self {
        self.finish = Some(SinkError::permanent("it was made to end badly"));
        self
    }

    fn note(&self, did: Did) {
        let writer = self.writer;
        self.books.lock().calls.push(Call { writer, did });
    }
}

impl<F> SegmentSink for Noting<F>
where
    F: FnMut(&ProducedSegment, &WriteContext) -> Result<(), SinkError> + Send,
{
    fn write(
        &mut self,
        segment: &ProducedSegment,
        context: &WriteContext,
    ) -> Result<(), SinkError> {
        let sequence = segment.sequence;
        self.note(Did::Begin(sequence, segment.path_hint.clone()));
        let mut end = NoteEnd {
            books: &self.books,
            writer: self.writer,
            sequence,
            how: Ended::Panicking,
        };
        let result = (self.write)(segment, context);
        end.how = if result.is_ok() {
            Ended::Well
        } else {
            Ended::Badly
        };
        result
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        self.note(Did::Finish);
        self.finish.take().map_or(Ok(()), Err)
    }
}

impl<F> Drop for Noting<F> {
    fn drop(&mut self) {
        self.note(Did::Gone);
    }
}

/// Enters the end of a write, also when that is a panic.
struct NoteEnd<'a> {
    books: &'a Books,
    writer: usize,
    sequence: u64,
    how: Ended,
}

impl Drop for NoteEnd<'_> {
    fn drop(&mut self) {
        let did = Did::End(self.sequence, self.how);
        let writer = self.writer;
        self.books.lock().calls.push(Call { writer, did });
    }
}
