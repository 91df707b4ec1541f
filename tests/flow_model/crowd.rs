//! Real threads that really wait: what holds in whatever order they come to run.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use segment_stream::{
    FinishError, NoNext, ProducedSegment, Report, SegmentSender, SegmentSink, SegmentStream,
    SinkError, StreamHandle, StreamStats, Submission, Tally, WhenFull, WriteContext, WriteError,
    WriteErrorKind,
};

use super::patience::{Checked, ensure, eventually};
use super::setup::{Parcel, Retries, Setup, parcel, setup};
use crate::common::sync::Mutex;
use crate::common::threads::give_way;

/// A producer's number stands above this in the sequence, its own count below.
const PRODUCER: u64 = 1 << 32;

#[derive(Debug, Clone)]
pub(crate) struct Crowd {
    setup: Setup,
    /// What each producer sends.
    producers: Vec<Vec<Wish>>,
    /// How often the consumer steps back before it takes the next one, in turns.
    consumer: Vec<u8>,
    ending: Ending,
}

#[derive(Debug, Clone, Copy)]
struct Wish {
    parcel: Parcel,
    way: Way,
    write: Write,
    /// How often its producer, and its writer, step back.
    pauses: (u8, u8),
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Send,
    TrySend,
    SendTimeout(Duration),
}

/// What becomes of its write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Write {
    Stored,
    Passed,
    Refused,
    /// The first attempt fails in a way that heals.
    StoredAgain,
}

/// After so many items, or when the producers have nothing left.
#[derive(Debug, Clone, Copy)]
enum Ending {
    DropSenders,
    Close(usize),
    Finish(usize),
    FinishTimeout(usize, Duration),
    Drain(usize),
    DropStream(usize),
}

fn wish() -> impl Strategy<Value = Wish> {
    let way = prop_oneof![
        8 => Just(Way::Send),
        1 => Just(Way::TrySend),
        1 => Just(Way::SendTimeout(Duration::ZERO)),
        1 => Just(Way::SendTimeout(Duration::from_micros(300))),
    ];
    let write = prop_oneof![
        12 => Just(Write::Stored),
        1 => Just(Write::Passed),
        2 => Just(Write::Refused),
        2 => Just(Write::StoredAgain),
    ];
    let pauses = (pause(), pause());
    (parcel(), way, write, pauses).prop_map(|(parcel, way, write, pauses)| Wish {
        parcel,
        way,
        write,
        pauses,
    })
}

fn pause() -> impl Strategy<Value = u8> {
    prop_oneof![6 => Just(0_u8), 2 => 1..4_u8, 1 => 4..40_u8]
}

pub(crate) fn crowd() -> impl Strategy<Value = Crowd> {
    let when_full = prop_oneof![Just(WhenFull::Block), Just(WhenFull::DropOldest)];
    let after = 0..80_usize;
    let brief = prop_oneof![Just(0_u64), 1..400_u64].prop_map(Duration::from_micros);
    let ending = prop_oneof![
        4 => Just(Ending::DropSenders),
        1 => after.clone().prop_map(Ending::Close),
        1 => after.clone().prop_map(Ending::Finish),
        1 => (after.clone(), brief).prop_map(|(after, time)| Ending::FinishTimeout(after, time)),
        1 => after.clone().prop_map(Ending::Drain),
        1 => after.prop_map(Ending::DropStream),
    ];
    let wishes = proptest::collection::vec(wish(), 1..60);
    (
        when_full.prop_flat_map(setup),
        proptest::collection::vec(wishes, 1..6),
        proptest::collection::vec(pause(), 1..8),
        ending,
    )
        .prop_map(|(setup, producers, consumer, ending)| Crowd {
            // The others wait for what does not come by itself.
            setup: Setup {
                retries: Retries::AtOnce,
                ..setup
            },
            producers,
            consumer,
            ending,
        })
}

/// What the sinks share with the test.
struct Shared {
    crowd: Crowd,
    handle: OnceLock<StreamHandle>,
    /// The paths, each in one writer's hand.
    in_hand: Mutex<Vec<u8>>,
    /// In the order in which the sinks saw them first.
    begun: Mutex<Vec<u64>>,
    received: AtomicU64,
    faults: Mutex<Vec<String>>,
}

impl Shared {
    fn wish(&self, sequence: u64) -> Checked<&Wish> {
        let index = |number: u64| usize::try_from(number).expect("a small number");
        let producer = self.crowd.producers.get(index(sequence / PRODUCER));
        let wish = producer.and_then(|wishes| wishes.get(index(sequence % PRODUCER)));
        wish.ok_or_else(|| format!("nobody sent {sequence}"))
    }

    fn no_fault(&self) -> Checked {
        let faults = self.faults.lock().unwrap();
        faults.first().map_or(Ok(()), |fault| Err(fault.clone()))
    }

    /// Whether it is what was sent; returns what it was sent for.
    fn check(&self, segment: &ProducedSegment, has_payload: bool) -> Checked<&Wish> {
        let wish = self.wish(segment.sequence)?;
        let mut sent = wish.parcel.segment(segment.sequence);
        if !has_payload {
            sent.data.clear();
        }
        let is_same = segment.data == sent.data
            && segment.is_init == sent.is_init
            && segment.path_hint == sent.path_hint
            && segment.duration_secs.to_bits() == sent.duration_secs.to_bits();
        ensure(is_same, || format!("{segment:?} is not {sent:?}"))?;
        Ok(wish)
    }

    /// What is to hold at every moment.
    fn look(&self) -> Checked<StreamStats> {
        let setup = &self.crowd.setup;
        let stats = self.handle.get().map(StreamHandle::stats);
        let stats = stats.unwrap_or_default();
        let together = [
            stats.yielded,
            stats.failed,
            stats.discarded,
            stats.dropped,
            stats.in_flight,
        ];
        let sum = |of: fn(&Tally) -> u64| together.iter().map(of).sum::<u64>();
        let books = Tally {
            segments: sum(|it| it.segments),
            bytes: sum(|it| it.bytes),
        };
        let Tally { segments, bytes } = stats.in_flight;
        let most_bytes = setup.bytes.map_or(u64::MAX, |it| it as u64);
        let holds = books == stats.accepted
            && segments <= setup.depth as u64
            && (bytes <= most_bytes || segments == 1)
            && stats.queued.segments + stats.writing <= segments
            && stats.queued.bytes <= bytes
            && stats.writing <= setup.writers as u64;
        ensure(holds, || format!("{stats:?}"))?;
        Ok(stats)
    }

    fn write(&self, segment: &ProducedSegment, context: &WriteContext) -> Checked<Write> {
        let wish = self.check(segment, true)?;
        let is_first = context.attempt() == 1;
        if is_first {
            let mut begun = self.begun.lock().unwrap();
            begun.push(segment.sequence);
            // Its own count, besides that of the stream; one may be in the consumer's hand.
            let out = self.received.load(Ordering::SeqCst);
            let most = out + self.crowd.setup.depth as u64 + 1;
            ensure(begun.len() as u64 <= most, || {
                format!("{} begun, {out} received", begun.len())
            })?;
        }
        if let Some(path) = wish.parcel.path() {
            let mut in_hand = self.in_hand.lock().unwrap();
            ensure(!in_hand.contains(&path), || {
                format!("{segment:?} is written twice at the same time")
            })?;
            in_hand.push(path);
        }
        self.look()?;
        give_way(wish.pauses.1.into());
        if let Some(path) = wish.parcel.path() {
            self.in_hand.lock().unwrap().retain(|it| *it != path);
        }
        Ok(match wish.write {
            Write::StoredAgain if !is_first => Write::Stored,
            other => other,
        })
    }
}

struct Busy(Arc<Shared>);

impl SegmentSink for Busy {
    fn write(
        &mut self,
        segment: &ProducedSegment,
        context: &WriteContext,
    ) -> Result<(), SinkError> {
        let write = self.0.write(segment, context).unwrap_or_else(|fault| {
            self.0.faults.lock().unwrap().push(fault);
            Write::Stored
        });
        match write {
            Write::Stored => Ok(()),
            Write::Passed => {
                context.no_destination();
                Ok(())
            }
            Write::Refused => Err(SinkError::permanent("refused")),
            Write::StoredAgain => Err(SinkError::transient("busy")),
        }
    }
}

/// What one producer got accepted.
#[derive(Default)]
struct Accepted(Vec<u64>);

fn produce(shared: &Shared, producer: usize, sender: &SegmentSender) -> Checked<Accepted> {
    let mut accepted = Accepted::default();
    let wishes = &shared.crowd.producers[producer];
    for (sequence, wish) in (producer as u64 * PRODUCER..).zip(wishes) {
        give_way(wish.pauses.0.into());
        let segment = wish.parcel.segment(sequence);
        let result = match wish.way {
            Way::Send => sender.send(segment),
            Way::TrySend => sender.try_send(segment),
            Way::SendTimeout(time) => sender.send_timeout(segment, time),
        };
        let Err(error) = result else {
            accepted.0.push(sequence);
            continue;
        };
        let is_right = match wish.way {
            Way::Send => error.is_closed(),
            Way::TrySend => error.is_closed() || error.is_full(),
            Way::SendTimeout(_) => error.is_closed() || error.is_timeout(),
        };
        ensure(is_right, || format!("{error:?}"))?;
        shared.check(error.segment(), true)?;
    }
    Ok(accepted)
}

/// What came out, by the way in which it did.
#[derive(Default)]
struct Came {
    /// Those that are known by their numbers, in the order in which they came.
    order: Vec<u64>,
    /// Those that an error stands for besides its first and its last.
    unnamed: u64,
    ok: Tally,
    failed: Tally,
    dropped: Tally,
    discarded: Tally,
    in_doubt: u64,
}

fn add(tally: &mut Tally, segments: u64, bytes: u64) {
    tally.segments += segments;
    tally.bytes += bytes;
}

impl Came {
    fn item(&mut self, shared: &Shared, item: Result<ProducedSegment, WriteError>) -> Checked {
        match item {
            Ok(segment) => {
                let wish = shared.check(&segment, true)?;
                ensure(wish.write != Write::Refused, || {
                    format!("{segment:?} was refused and came out as stored")
                })?;
                self.order.push(segment.sequence);
                add(&mut self.ok, 1, segment.byte_len() as u64);
            }
            Err(error) => self.error(shared, &error)?,
        }
        Ok(())
    }

    fn error(&mut self, shared: &Shared, error: &WriteError) -> Checked {
        let is_dropped = error.kind() == WriteErrorKind::Dropped;
        let wish = shared.check(error.segment(), !is_dropped)?;
        let (segments, bytes) = (error.segments(), error.byte_len());
        self.order.push(error.sequence());
        if !is_dropped {
            let is_right = error.kind() == WriteErrorKind::Failed
                && wish.write == Write::Refused
                && segments == 1;
            ensure(is_right, || format!("{error:?}"))?;
            add(&mut self.failed, segments, bytes);
            return Ok(());
        }
        let last = shared.wish(error.last_sequence())?;
        let is_right = !wish.parcel.is_init
            && !last.parcel.is_init
            && shared.crowd.setup.when_full == WhenFull::DropOldest
            && (segments == 1) == (error.sequence() == error.last_sequence());
        ensure(is_right, || format!("{error:?}"))?;
        if segments > 1 {
            self.order.push(error.last_sequence());
            self.unnamed += segments - 2;
        }
        add(&mut self.dropped, segments, bytes);
        Ok(())
    }

    fn report(&mut self, shared: &Shared, result: Result<Report, FinishError>) -> Checked {
        let report = result.unwrap_or_else(FinishError::into_report);
        for Submission { segment, .. } in report.written {
            self.item(shared, Ok(segment))?;
        }
        for error in report.failed {
            self.item(shared, Err(error))?;
        }
        for Submission { segment, .. } in report.discarded {
            shared.check(&segment, true)?;
            self.order.push(segment.sequence);
            add(&mut self.discarded, 1, segment.byte_len() as u64);
        }
        for Submission { segment, .. } in report.in_doubt {
            shared.check(&segment, false)?;
            self.order.push(segment.sequence);
            self.in_doubt += 1;
        }
        Ok(())
    }
}

pub(crate) fn run(crowd: &Crowd) -> Checked {
    let setup = &crowd.setup;
    let shared = Arc::new(Shared {
        crowd: crowd.clone(),
        handle: OnceLock::new(),
        in_hand: Mutex::default(),
        begun: Mutex::default(),
        received: AtomicU64::new(0),
        faults: Mutex::default(),
    });
    let sink = |_| Busy(Arc::clone(&shared));
    let (stream, sender) =
        SegmentStream::with_writers(setup.config(), setup.writers, sink).unwrap();
    let handle = stream.handle();
    let _ = shared.handle.set(handle.clone());
    let producers: Vec<_> = (0..crowd.producers.len())
        .map(|producer| {
            let (shared, sender) = (Arc::clone(&shared), sender.clone());
            thread::spawn(move || produce(&shared, producer, &sender))
        })
        .collect();
    drop(sender);
    let mut came = Came::default();
    let consumed = consume(&shared, stream, &mut came);
    let accepted: Checked<Vec<Accepted>> =
        producers.into_iter().map(|it| it.join().unwrap()).collect();
    // What a sink found comes first, as the rest may follow from it.
    shared.no_fault()?;
    consumed?;
    let accepted = accepted?;
    let stats = eventually(
        || shared.look(),
        // A write that was in doubt ends when it ends.
        |looked| !matches!(looked, Ok(stats) if stats.in_flight.segments > 0),
        |stats| format!("still in flight: {stats:?}"),
    )??;
    shared.no_fault()?;
    came.check(&shared, &accepted, &stats)
}

/// Takes what the script says, and then ends the stream as it says.
fn consume(shared: &Shared, mut stream: SegmentStream, came: &mut Came) -> Checked {
    let (most, in_between) = match shared.crowd.ending {
        Ending::DropSenders => (usize::MAX, false),
        Ending::Close(after)
        | Ending::Finish(after)
        | Ending::FinishTimeout(after, _)
        | Ending::Drain(after)
        | Ending::DropStream(after) => (after, after % 2 == 0),
    };
    let pauses = shared.crowd.consumer.iter().cycle();
    for (_, pauses) in (0..most).zip(pauses) {
        give_way((*pauses).into());
        let item = if in_between {
            match stream.try_next() {
                Ok(item) => item,
                Err(NoNext::NotYet) => {
                    thread::yield_now();
                    continue;
                }
                Err(NoNext::Ended) => break,
            }
        } else if let Some(item) = stream.next() {
            item
        } else {
            break;
        };
        let segments = item.as_ref().map_or_else(WriteError::segments, |_| 1);
        let is_dropped = matches!(&item, Err(error) if error.kind() == WriteErrorKind::Dropped);
        came.item(shared, item)?;
        if !is_dropped {
            shared.received.fetch_add(segments, Ordering::SeqCst);
        }
        shared.look()?;
    }
    // From here on the sinks cannot know how much is out.
    shared.received.store(u64::MAX / 2, Ordering::SeqCst);
    match shared.crowd.ending {
        Ending::Close(_) => stream.close(),
        Ending::Finish(_) => return came.report(shared, stream.finish()),
        Ending::FinishTimeout(_, time) => return came.report(shared, stream.finish_timeout(time)),
        Ending::Drain(_) => came.report(shared, stream.drain())?,
        Ending::DropStream(_) => {
            drop(stream);
            return Ok(());
        }
        Ending::DropSenders => {}
    }
    for item in &mut stream {
        came.item(shared, item)?;
    }
    came.report(shared, stream.finish())
}

impl Came {
    fn check(self, shared: &Shared, accepted: &[Accepted], stats: &StreamStats) -> Checked {
        let all: Vec<u64> = accepted
            .iter()
            .flat_map(|it| it.0.iter().copied())
            .collect();
        let total = all.len() as u64;
        ensure(stats.accepted.segments == total, || {
            format!("{total} were accepted, and {stats:?}")
        })?;
        if matches!(shared.crowd.ending, Ending::DropStream(_)) {
            // Nothing of what was left was handed back, but it was written.
            return Ok(());
        }
        let mut known = self.order.clone();
        known.sort_unstable();
        let times = known.len();
        known.dedup();
        ensure(known.len() == times, || "something came out twice".into())?;
        let mut missing = all.clone();
        missing.retain(|sequence| known.binary_search(sequence).is_err());
        ensure(known.len() + missing.len() == all.len(), || {
            "something came out that was not accepted".into()
        })?;
        // What is missing is in the middle of what an error stands for.
        let init = missing
            .iter()
            .find(|it| shared.wish(**it).is_ok_and(|wish| wish.parcel.is_init));
        ensure(init.is_none(), || format!("lost: {init:?}"))?;
        ensure(missing.len() as u64 == self.unnamed, || {
            format!("{} are missing: {missing:?}", missing.len())
        })?;
        let in_doubt = self.in_doubt;
        let found = (self.dropped, self.discarded);
        ensure(found == (stats.dropped, stats.discarded), || {
            format!("came out {found:?}, and {stats:?}")
        })?;
        if in_doubt > 0 {
            return Ok(());
        }
        let found = (self.ok, self.failed);
        ensure(found == (stats.yielded, stats.failed), || {
            format!("came out {found:?}, and {stats:?}")
        })?;
        self.check_order(shared)
    }

    /// Of what came out of the iterator.
    fn check_order(&self, shared: &Shared) -> Checked {
        if !matches!(shared.crowd.ending, Ending::DropSenders | Ending::Close(_)) {
            return Ok(());
        }
        let mut latest: BTreeMap<u64, u64> = BTreeMap::new();
        for sequence in &self.order {
            let before = latest.insert(sequence / PRODUCER, *sequence);
            ensure(before.is_none_or(|before| before < *sequence), || {
                format!("{sequence} came out after {before:?}")
            })?;
        }
        // Where one writer has everything, or a path, it is written in the order of acceptance.
        let places: BTreeMap<u64, usize> = self.order.iter().copied().zip(0..).collect();
        let mut latest: BTreeMap<Option<u8>, usize> = BTreeMap::new();
        for sequence in &*shared.begun.lock().unwrap() {
            let place = places[sequence];
            let path = shared.wish(*sequence)?.parcel.path();
            let of_path = path.is_some().then_some(path);
            let of_writer = (shared.crowd.setup.writers == 1).then_some(None);
            for key in [of_path, of_writer].into_iter().flatten() {
                let before = latest.insert(key, place);
                ensure(before.is_none_or(|before| before < place), || {
                    format!("{sequence} was begun out of order")
                })?;
            }
        }
        Ok(())
    }
}
