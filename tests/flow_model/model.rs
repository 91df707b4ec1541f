//! What a stream should do, by what the documentation says of it. Slow and plain: whatever can be
//! counted anew is counted anew.

use std::collections::VecDeque;
use std::mem;
use std::ops::Range;

use segment_stream::{StreamStats, Tally, WhenFull};

use super::setup::{Parcel, Retries, Setup};
use super::steps::Answer;

/// How many dropped segments that nobody has been told of get an error each, wherever they stood.
/// Those beyond it that follow one another share one.
const RECORDS: usize = 64;

/// A segment that was handed to `send`, whether or not it was accepted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offer {
    pub(crate) id: usize,
    pub(crate) parcel: Parcel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    Accepted,
    Full,
    Closed,
}

/// How a segment comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Written,
    Passed,
    Failed,
    Panicked,
    Aborted,
    Dropped,
    Discarded,
    InDoubt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Queued,
    Writing {
        attempt: u32,
        is_last: bool,
    },
    /// Between two attempts, until the shutdown.
    Pausing {
        attempt: u32,
    },
    Done {
        fate: Fate,
        attempts: u32,
    },
    /// No longer in flight, and still to be told of.
    Dropped,
    /// Reported as in doubt; its write goes on.
    InDoubt {
        attempt: u32,
        is_last: bool,
    },
    Out,
}

struct Entry {
    offer: Offer,
    state: State,
}

/// What comes out at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Out {
    pub(crate) fate: Fate,
    /// In the order of acceptance.
    pub(crate) places: Range<usize>,
    pub(crate) attempts: u32,
}

impl Out {
    fn one(place: usize, fate: Fate, attempts: u32) -> Self {
        Self {
            fate,
            places: place..place + 1,
            attempts,
        }
    }
}

/// What `try_next` should say.
#[derive(Debug)]
pub(crate) enum Next {
    Out(Out),
    NotYet,
    Ended,
}

/// What of the [`StreamStats`] is no time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) accepted: Tally,
    pub(crate) yielded: Tally,
    pub(crate) failed: Tally,
    pub(crate) discarded: Tally,
    pub(crate) dropped: Tally,
    pub(crate) without_destination: Tally,
    pub(crate) in_flight: Tally,
    pub(crate) queued: Tally,
    pub(crate) writing: u64,
    pub(crate) waiting_senders: u64,
}

impl From<&StreamStats> for Numbers {
    fn from(stats: &StreamStats) -> Self {
        Self {
            accepted: stats.accepted,
            yielded: stats.yielded,
            failed: stats.failed,
            discarded: stats.discarded,
            dropped: stats.dropped,
            without_destination: stats.without_destination,
            in_flight: stats.in_flight,
            queued: stats.queued,
            writing: stats.writing,
            waiting_senders: stats.waiting_senders,
        }
    }
}

impl Numbers {
    pub(crate) fn with_discarded_in_flight(mut self) -> Self {
        let discarded = mem::take(&mut self.discarded);
        self.in_flight.segments += discarded.segments;
        self.in_flight.bytes += discarded.bytes;
        self
    }
}

fn add(tally: &mut Tally, size: usize) {
    tally.segments += 1;
    tally.bytes += size as u64;
}

/// How often what the cases are there for has happened.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Met {
    pub(crate) dropped: u64,
    pub(crate) dropped_several_at_once: u64,
    pub(crate) merged: u64,
    pub(crate) stepped_over_init: u64,
    pub(crate) let_in_above_the_bound: u64,
    pub(crate) held_up_by_equal_path: u64,
    pub(crate) let_in_from_line: u64,
    pub(crate) refused_behind_line: u64,
    pub(crate) retried: u64,
    pub(crate) pauses_cut_short: u64,
    pub(crate) aborted: u64,
    pub(crate) discarded: u64,
    pub(crate) in_doubt: u64,
}

impl Met {
    pub(crate) fn and(self, more: Self) -> Self {
        Self {
            dropped: self.dropped + more.dropped,
            dropped_several_at_once: self.dropped_several_at_once + more.dropped_several_at_once,
            merged: self.merged + more.merged,
            stepped_over_init: self.stepped_over_init + more.stepped_over_init,
            let_in_above_the_bound: self.let_in_above_the_bound + more.let_in_above_the_bound,
            held_up_by_equal_path: self.held_up_by_equal_path + more.held_up_by_equal_path,
            let_in_from_line: self.let_in_from_line + more.let_in_from_line,
            refused_behind_line: self.refused_behind_line + more.refused_behind_line,
            retried: self.retried + more.retried,
            pauses_cut_short: self.pauses_cut_short + more.pauses_cut_short,
            aborted: self.aborted + more.aborted,
            discarded: self.discarded + more.discarded,
            in_doubt: self.in_doubt + more.in_doubt,
        }
    }

    /// Whether everything has happened that can with this policy, and has to.
    pub(crate) fn is_everything(&self, when_full: WhenFull) -> bool {
        let with_both = [
            self.let_in_above_the_bound,
            self.held_up_by_equal_path,
            self.let_in_from_line,
            self.refused_behind_line,
            self.retried,
            self.pauses_cut_short,
            self.aborted,
            self.discarded,
            self.in_doubt,
        ];
        let by_dropping = [
            self.dropped,
            self.dropped_several_at_once,
            self.merged,
            self.stepped_over_init,
        ];
        let has_happened = |count: &u64| *count > 0;
        let drops = when_full == WhenFull::DropOldest;
        with_both.iter().all(has_happened) && (!drops || by_dropping.iter().all(has_happened))
    }
}

pub(crate) struct Model {
    setup: Setup,
    accepted: Vec<Entry>,
    /// Everything before this place is out.
    next: usize,
    line: VecDeque<Offer>,
    has_sender: bool,
    is_closed: bool,
    /// It was shut down, and not only left by its senders.
    is_hurried: bool,
    /// The writers whose sink has not panicked.
    writers: usize,
    panicked: usize,
    /// The places of what was dropped and is still to be told of, by the errors that will tell.
    losses: VecDeque<Range<usize>>,
    /// Of what is out.
    out: Numbers,
    segments_received: u64,
    /// Attempts that ended, but for each segment's first.
    retries: u64,
    /// Calls of a sink that are to be seen now: which segment, and which attempt.
    pub(crate) begun: Vec<(usize, u32)>,
    /// Waiting sends that are to return now, and whether as accepted.
    pub(crate) answered: Vec<(usize, bool)>,
    pub(crate) met: Met,
}

impl Model {
    pub(crate) fn new(setup: &Setup) -> Self {
        Self {
            setup: setup.clone(),
            accepted: Vec::new(),
            next: 0,
            line: VecDeque::new(),
            has_sender: true,
            is_closed: false,
            is_hurried: false,
            writers: setup.writers,
            panicked: 0,
            losses: VecDeque::new(),
            out: Numbers::default(),
            segments_received: 0,
            retries: 0,
            begun: Vec::new(),
            answered: Vec::new(),
            met: Met::default(),
        }
    }

    pub(crate) fn offer_at(&self, place: usize) -> &Offer {
        &self.accepted[place].offer
    }

    pub(crate) fn ids(&self) -> Vec<usize> {
        self.accepted.iter().map(|entry| entry.offer.id).collect()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    pub(crate) fn panicked(&self) -> usize {
        self.panicked
    }

    pub(crate) fn retries(&self) -> u64 {
        self.retries
    }

    pub(crate) fn segments_received(&self) -> u64 {
        self.segments_received
    }

    pub(crate) fn line(&self) -> usize {
        self.line.len()
    }

    /// What is not out yet, with its place.
    fn rest(&self) -> impl Iterator<Item = (usize, &Entry)> {
        (self.next..).zip(&self.accepted[self.next..])
    }

    fn in_flight(&self) -> impl Iterator<Item = (usize, &Entry)> {
        self.rest()
            .filter(|(_, entry)| !matches!(entry.state, State::Dropped | State::Out))
    }

    fn queued(&self) -> impl Iterator<Item = (usize, &Entry)> {
        self.rest()
            .filter(|(_, entry)| entry.state == State::Queued)
    }

    fn in_hand(&self) -> impl Iterator<Item = (usize, &Entry)> {
        self.rest().filter(|(_, entry)| {
            matches!(
                entry.state,
                State::Writing { .. } | State::Pausing { .. } | State::InDoubt { .. }
            )
        })
    }

    /// The segments whose sink waits for an answer, in the order of acceptance.
    pub(crate) fn under_way(&self) -> Vec<usize> {
        self.in_hand()
            .filter(|(_, entry)| !matches!(entry.state, State::Pausing { .. }))
            .map(|(_, entry)| entry.offer.id)
            .collect()
    }

    pub(crate) fn is_pausing(&self) -> bool {
        self.in_hand()
            .any(|(_, entry)| matches!(entry.state, State::Pausing { .. }))
    }

    pub(crate) fn numbers(&self) -> Numbers {
        let mut numbers = self.out;
        for (_, entry) in self.rest() {
            let size = entry.offer.parcel.size;
            match entry.state {
                State::Dropped => add(&mut numbers.dropped, size),
                State::Out => continue,
                _ => add(&mut numbers.in_flight, size),
            }
            if entry.state == State::Queued {
                add(&mut numbers.queued, size);
            }
            add(&mut numbers.accepted, size);
        }
        numbers.writing = self.in_hand().count() as u64;
        numbers.waiting_senders = self.line.len() as u64;
        numbers
    }

    /// What has to be dropped so that a segment of this length can be let in: the places, or `None`
    /// where even that would not make room.
    fn room_for(&self, length: usize) -> Option<Vec<usize>> {
        let mut victims = Vec::new();
        let mut queued_media = self
            .queued()
            .filter(|(_, entry)| !entry.offer.parcel.is_init)
            .map(|(place, _)| place);
        loop {
            let sizes: Vec<usize> = self
                .in_flight()
                .filter(|(place, _)| !victims.contains(place))
                .map(|(_, entry)| entry.offer.parcel.size)
                .collect();
            let is_within_bytes = self.setup.bytes.is_none_or(|most| {
                let together: u128 = sizes.iter().chain([&length]).map(|&it| it as u128).sum();
                sizes.is_empty() || together <= most as u128
            });
            if sizes.len() < self.setup.depth && is_within_bytes {
                return Some(victims);
            }
            if self.setup.when_full != WhenFull::DropOldest {
                return None;
            }
            victims.push(queued_media.next()?);
        }
    }

    /// A `send` that does not wait.
    pub(crate) fn send(&mut self, offer: Offer) -> Sent {
        if self.is_closed {
            return Sent::Closed;
        }
        let room = self.room_for(offer.parcel.size);
        if !self.line.is_empty() {
            // First come, first served.
            self.met.refused_behind_line += u64::from(room.is_some());
            return Sent::Full;
        }
        let Some(victims) = room else {
            return Sent::Full;
        };
        self.accept(offer, &victims);
        self.begin();
        Sent::Accepted
    }

    /// A `send` that waits if it has to.
    pub(crate) fn send_and_wait(&mut self, offer: Offer) {
        match self.send(offer) {
            Sent::Accepted => self.answered.push((offer.id, true)),
            Sent::Closed => self.answered.push((offer.id, false)),
            Sent::Full => self.line.push_back(offer),
        }
    }

    fn accept(&mut self, offer: Offer, victims: &[usize]) {
        self.met.dropped_several_at_once += u64::from(victims.len() > 1);
        for &place in victims {
            self.met.dropped += 1;
            let steps_over = self.queued().any(|(queued, _)| queued < place);
            self.met.stepped_over_init += u64::from(steps_over);
            self.accepted[place].state = State::Dropped;
            let is_limit = self.losses.len() >= RECORDS;
            match self.losses.back_mut() {
                Some(last) if is_limit && last.end == place => {
                    last.end = place + 1;
                    self.met.merged += 1;
                }
                _ => self.losses.push_back(place..place + 1),
            }
        }
        let is_above = |most| offer.parcel.size > most;
        self.met.let_in_above_the_bound += u64::from(self.setup.bytes.is_some_and(is_above));
        self.accepted.push(Entry {
            offer,
            state: State::Queued,
        });
    }

    /// Whoever is free takes the oldest queued segment, but of equal paths one at a time.
    fn begin(&mut self) {
        while self.in_hand().count() < self.writers {
            let paths: Vec<u8> = self
                .in_hand()
                .filter_map(|(_, entry)| entry.offer.parcel.path())
                .collect();
            let is_free = |entry: &Entry| {
                let path = entry.offer.parcel.path();
                path.is_none_or(|path| !paths.contains(&path))
            };
            let held_up = self.queued().filter(|(_, entry)| !is_free(entry)).count();
            self.met.held_up_by_equal_path += u64::from(held_up > 0);
            let Some((place, _)) = self.queued().find(|(_, entry)| is_free(entry)) else {
                return;
            };
            self.attempt(place, 1, false);
        }
    }

    fn attempt(&mut self, place: usize, attempt: u32, is_last: bool) {
        let entry = &mut self.accepted[place];
        entry.state = match entry.state {
            State::InDoubt { .. } => State::InDoubt { attempt, is_last },
            _ => State::Writing { attempt, is_last },
        };
        self.begun.push((entry.offer.id, attempt));
    }

    /// A call of the sink for this segment ends.
    pub(crate) fn end(&mut self, id: usize, answer: Answer) {
        let is_it = |(_, entry): &(usize, &Entry)| entry.offer.id == id;
        let (place, entry) = self.in_hand().find(is_it).expect("it is under way");
        let (attempt, is_last) = match entry.state {
            State::Writing { attempt, is_last } | State::InDoubt { attempt, is_last } => {
                (attempt, is_last)
            }
            other => unreachable!("it is {other:?}"),
        };
        self.retries += u64::from(attempt > 1);
        let fate = match answer {
            Answer::Stored => Fate::Written,
            Answer::Passed => Fate::Passed,
            Answer::Refused => Fate::Failed,
            Answer::Panicked => Fate::Panicked,
            Answer::Busy => match self.setup.retries {
                Retries::AtOnce | Retries::AfterShutdown if is_last => Fate::Failed,
                // A pause is cut short, or takes no time.
                Retries::AtOnce | Retries::AfterShutdown if self.is_hurried => {
                    self.met.retried += 1;
                    return self.attempt(place, attempt + 1, true);
                }
                Retries::AtOnce => {
                    self.met.retried += 1;
                    return self.attempt(place, attempt + 1, false);
                }
                Retries::AfterShutdown => {
                    self.accepted[place].state = State::Pausing { attempt };
                    return;
                }
                Retries::Never | Retries::TooLate => Fate::Failed,
            },
        };
        if matches!(self.accepted[place].state, State::InDoubt { .. }) {
            // It was reported already, and counts when its write ends.
            self.enter(place, fate);
        } else {
            self.accepted[place].state = State::Done {
                fate,
                attempts: attempt,
            };
        }
        if answer == Answer::Panicked {
            self.writers -= 1;
            self.panicked += 1;
            let queued: Vec<usize> = self.queued().map(|(place, _)| place).collect();
            self.met.aborted += queued.len() as u64;
            for place in queued {
                self.accepted[place].state = State::Done {
                    fate: Fate::Aborted,
                    attempts: 0,
                };
            }
            self.close();
        }
        self.begin();
    }

    pub(crate) fn close(&mut self) {
        self.is_closed = true;
        self.is_hurried = true;
        let refused = self.line.drain(..).map(|offer| (offer.id, false));
        self.answered.extend(refused);
        let pausing: Vec<_> = self
            .in_hand()
            .filter_map(|(place, entry)| match entry.state {
                State::Pausing { attempt } => Some((place, attempt)),
                _ => None,
            })
            .collect();
        for (place, attempt) in pausing {
            self.met.pauses_cut_short += 1;
            self.attempt(place, attempt + 1, true);
        }
    }

    /// Whoever waits has a sender of his own.
    pub(crate) fn drop_sender(&mut self) {
        self.has_sender = false;
        self.is_closed |= self.line.is_empty();
    }

    /// What `drain` begins with.
    pub(crate) fn discard_queued(&mut self) -> Vec<Out> {
        let queued: Vec<usize> = self.queued().map(|(place, _)| place).collect();
        self.met.discarded += queued.len() as u64;
        let discarded = queued.into_iter().map(|place| {
            self.enter(place, Fate::Discarded);
            Out::one(place, Fate::Discarded, 0)
        });
        let discarded = discarded.collect();
        self.close();
        discarded
    }

    /// What comes next in the order of acceptance, done or not.
    fn first(&self) -> Option<(usize, &Entry)> {
        self.rest()
            .find(|(_, entry)| !matches!(entry.state, State::Out | State::InDoubt { .. }))
    }

    pub(crate) fn next(&self) -> Next {
        let Some((place, first)) = self.first() else {
            return if self.is_closed {
                Next::Ended
            } else {
                Next::NotYet
            };
        };
        match first.state {
            State::Done { fate, attempts } => Next::Out(Out::one(place, fate, attempts)),
            State::Dropped => Next::Out(self.first_loss()),
            _ => Next::NotYet,
        }
    }

    fn first_loss(&self) -> Out {
        Out {
            fate: Fate::Dropped,
            places: self.losses[0].clone(),
            attempts: 0,
        }
    }

    /// That comes out, and what waits for room may have it.
    pub(crate) fn take(&mut self, out: &Out) {
        for place in out.places.clone() {
            self.enter(place, out.fate);
        }
        if out.fate == Fate::Dropped {
            self.losses.pop_front();
        }
        self.let_in();
        self.begin();
    }

    /// It is out, and goes into the books.
    fn enter(&mut self, place: usize, fate: Fate) {
        self.accepted[place].state = State::Out;
        while let Some(State::Out) = self.accepted.get(self.next).map(|entry| entry.state) {
            self.next += 1;
        }
        let size = self.accepted[place].offer.parcel.size;
        add(&mut self.out.accepted, size);
        let books = match fate {
            Fate::Written => &mut self.out.yielded,
            Fate::Passed => {
                add(&mut self.out.without_destination, size);
                &mut self.out.yielded
            }
            Fate::Failed | Fate::Panicked | Fate::Aborted => &mut self.out.failed,
            Fate::Dropped => &mut self.out.dropped,
            Fate::Discarded => &mut self.out.discarded,
            Fate::InDoubt => unreachable!("it counts when its write has ended"),
        };
        add(books, size);
        self.segments_received += u64::from(fate != Fate::Discarded);
    }

    fn let_in(&mut self) {
        while let Some(first) = self.line.front().copied()
            && let Some(victims) = self.room_for(first.parcel.size)
        {
            self.line.pop_front();
            self.accept(first, &victims);
            self.answered.push((first.id, true));
            self.met.let_in_from_line += 1;
        }
        self.is_closed |= !self.has_sender && self.line.is_empty();
    }

    /// What comes out of a report that waits: everything that is done, as far as the order goes.
    pub(crate) fn take_all(&mut self) -> Vec<Out> {
        let mut taken = Vec::new();
        while let Next::Out(out) = self.next() {
            self.take(&out);
            taken.push(out);
        }
        taken
    }

    /// What comes out of a report that does not wait: everything.
    pub(crate) fn give_up(&mut self) -> Vec<Out> {
        let mut taken = self.discard_queued();
        for (place, entry) in (0..).zip(&mut self.accepted) {
            if let State::Writing { attempt, is_last } = entry.state {
                self.met.in_doubt += 1;
                entry.state = State::InDoubt { attempt, is_last };
                taken.push(Out::one(place, Fate::InDoubt, 0));
            }
        }
        while let Some((place, entry)) = self.first() {
            let out = match entry.state {
                State::Done { fate, attempts } => Out::one(place, fate, attempts),
                State::Dropped => self.first_loss(),
                other => unreachable!("it is {other:?}"),
            };
            self.take(&out);
            taken.push(out);
        }
        taken
    }
}
