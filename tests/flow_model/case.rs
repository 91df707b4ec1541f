//! Runs a case: a real stream beside the model, and after each step a comparison of the two.

use std::mem;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use segment_stream::{
    FinishError, NoNext, ProducedSegment, Report, SegmentSender, SegmentStream, SendError,
    StreamHandle, StreamStats, WhenFull, WriteError, WriteErrorKind,
};

use super::gated::{Begun, Gates};
use super::model::{Fate, Met, Model, Next, Numbers, Offer, Out, Sent};
use super::patience::{Checked, call, deadline, ensure, equal, eventually, missed};
use super::setup::Parcel;
use super::steps::{Answer, Ending, Script, Step};

/// The sequence numbers go down, as a stream never looks at them.
const HIGHEST: u64 = 1_000_000;

fn sequence(id: usize) -> u64 {
    HIGHEST - id as u64
}

fn id_of(segment: &ProducedSegment) -> usize {
    usize::try_from(HIGHEST - segment.sequence).expect("there are few")
}

/// What a call that ends the stream came to.
enum Ended {
    Reported(Result<Report, FinishError>),
    Drained(SegmentStream, Result<Report, FinishError>),
    Dropped,
}

struct Case<'a> {
    script: &'a Script,
    model: Model,
    gates: Gates,
    /// Whose sink waits for an answer: segment and writer.
    in_sinks: Vec<(usize, usize)>,
    handle: StreamHandle,
    sender: Option<SegmentSender>,
    /// `None` once a call that ends the stream has it.
    stream: Option<SegmentStream>,
    /// What the sends on threads of their own came to.
    returned: Receiver<(usize, Result<(), SendError>)>,
    returns: Sender<(usize, Result<(), SendError>)>,
    offers: Vec<Offer>,
    /// What came out, by the numbers of the segments, in order.
    came: Vec<usize>,
    is_draining: bool,
    /// Out of the next one of these comes what becomes of a write at the end.
    rest_at: usize,
}

/// Runs the steps, and then whatever ends the stream.
pub(crate) fn run(script: &Script) -> Checked<Met> {
    let mut case = Case::new(script);
    for (place, step) in script.steps.iter().enumerate() {
        case.step(step)
            .map_err(|why| format!("step {place}, {step:?}: {why}"))?;
    }
    case.end()
        .map_err(|why| format!("at the end, {:?}: {why}", script.ending))?;
    Ok(case.model.met)
}

impl<'a> Case<'a> {
    fn new(script: &'a Script) -> Self {
        let setup = &script.setup;
        let mut gates = Gates::new();
        let sink = |writer| gates.sink(writer);
        let (stream, sender) =
            SegmentStream::with_writers(setup.config(), setup.writers, sink).unwrap();
        let (returns, returned) = unbounded();
        Self {
            script,
            model: Model::new(setup),
            gates,
            in_sinks: Vec::new(),
            handle: stream.handle(),
            sender: Some(sender),
            stream: Some(stream),
            returned,
            returns,
            offers: Vec::new(),
            came: Vec::new(),
            is_draining: false,
            rest_at: 0,
        }
    }

    fn step(&mut self, step: &Step) -> Checked {
        match *step {
            Step::TrySend(parcel) => self.send(parcel, false),
            Step::SendInNoTime(parcel) => self.send(parcel, true),
            Step::Send { parcel, is_timed } => self.send_and_wait(parcel, is_timed),
            Step::Burst {
                parcel,
                count,
                init_at,
            } => (0..count).try_for_each(|at| {
                let is_init = at == init_at;
                self.send(Parcel { is_init, ..parcel }, false)
            }),
            Step::Answer(which, answer) => self.answer(which, answer),
            Step::Next => self.next(),
            Step::Close => self.close(),
            Step::DropSenders => self.drop_senders(),
        }
    }

    fn offer(&mut self, parcel: Parcel) -> Offer {
        let id = self.offers.len();
        self.offers.push(Offer { id, parcel });
        self.offers[id]
    }

    /// In one of the two ways that do not wait.
    fn send(&mut self, parcel: Parcel, in_no_time: bool) -> Checked {
        if self.sender.is_none() {
            return Ok(());
        }
        let offer = self.offer(parcel);
        let segment = parcel.segment(sequence(offer.id));
        let expected = self.model.send(offer);
        let sender = self.sender.as_ref().expect("it was looked for");
        let result = if in_no_time {
            sender.send_timeout(segment, Duration::ZERO)
        } else {
            sender.try_send(segment)
        };
        let found = match &result {
            Ok(()) => Sent::Accepted,
            Err(error) if error.is_closed() => Sent::Closed,
            Err(error) if error.is_timeout() && in_no_time => Sent::Full,
            Err(error) if error.is_full() && !in_no_time => Sent::Full,
            Err(error) => return Err(format!("{error:?}")),
        };
        if let Err(error) = result {
            same(&error.into_segment(), &offer, false)?;
        }
        equal("sent", &found, &expected)?;
        self.settle()
    }

    /// On a thread of its own.
    fn send_and_wait(&mut self, parcel: Parcel, is_timed: bool) -> Checked {
        // When room is made by dropping, whether the first in the line is dropped for the second
        // depends on how soon a writer takes it.
        let most = match self.script.setup.when_full {
            WhenFull::DropOldest => 1,
            _ => 3,
        };
        let Some(sender) = self.sender.clone().filter(|_| self.model.line() < most) else {
            return Ok(());
        };
        let offer = self.offer(parcel);
        let segment = parcel.segment(sequence(offer.id));
        self.model.send_and_wait(offer);
        let returns = self.returns.clone();
        thread::spawn(move || {
            let result = if is_timed {
                sender.send_timeout(segment, Duration::MAX)
            } else {
                sender.send(segment)
            };
            // First, so that whoever hears of the return finds the sender gone.
            drop(sender);
            let _ = returns.send((offer.id, result));
        });
        self.settle()
    }

    fn answer(&mut self, which: usize, answer: Answer) -> Checked {
        if self.model.under_way().is_empty() {
            return Ok(());
        }
        self.end_write(which, answer);
        self.settle()
    }

    /// Leaves it to the caller to wait for what follows.
    fn end_write(&mut self, which: usize, answer: Answer) {
        let under_way = self.model.under_way();
        let id = under_way[which % under_way.len()];
        let at = self.in_sinks.iter().position(|it| it.0 == id);
        let at = at.expect("what the model has under way was seen to begin");
        let (_, writer) = self.in_sinks.swap_remove(at);
        self.model.end(id, answer);
        self.gates.answer(writer, answer);
    }

    fn next(&mut self) -> Checked {
        let stream = self.stream.as_mut().expect("nobody ended it");
        let (item, out) = match self.model.next() {
            Next::Ended => {
                // The writers' last words may be on their way.
                let next = eventually(
                    || stream.try_next(),
                    |next| !matches!(next, Err(NoNext::NotYet)),
                    |next| format!("not ended: {next:?}"),
                )?;
                return ensure(matches!(next, Err(NoNext::Ended)), || format!("{next:?}"));
            }
            Next::NotYet => {
                return match stream.try_next() {
                    Err(NoNext::NotYet) => Ok(()),
                    other => Err(format!("nothing should come, and there was {other:?}")),
                };
            }
            // The write has ended, but the news of it may be on its way.
            Next::Out(out) => {
                let item = eventually(
                    || stream.try_next(),
                    |next| !matches!(next, Err(NoNext::NotYet)),
                    |_| format!("{out:?} does not come"),
                )?;
                (item.map_err(|why| why.to_string())?, out)
            }
        };
        self.check_out(&out, item)?;
        self.model.take(&out);
        self.settle()
    }

    fn close(&mut self) -> Checked {
        self.handle.close();
        self.model.close();
        self.settle()
    }

    fn drop_senders(&mut self) -> Checked {
        if self.sender.take().is_some() {
            self.model.drop_sender();
        }
        self.settle()
    }

    /// Waits until what the last step should lead to has happened, and no more.
    fn settle(&mut self) -> Checked {
        self.see_begun()?;
        self.see_returned()?;
        let mut expected = self.model.numbers();
        if self.is_draining {
            expected = expected.with_discarded_in_flight();
        }
        let is_closed = self.model.is_closed();
        let is_draining = self.is_draining;
        let handle = &self.handle;
        let numbers = |stats: &StreamStats| {
            let numbers = Numbers::from(stats);
            if is_draining {
                // What is discarded comes out before the call returns, and it is left open when.
                numbers.with_discarded_in_flight()
            } else {
                numbers
            }
        };
        let stats = eventually(
            || handle.stats(),
            |stats| numbers(stats) == expected && handle.is_closed() == is_closed,
            |stats| format!("{:?}, expected {expected:?}, {is_closed:?}", numbers(stats)),
        )?;
        let is_empty = stats.in_flight.segments == 0;
        equal("has no age", &stats.oldest_age.is_none(), &is_empty)?;
        if expected.writing == 0 {
            equal("stalled for", &stats.stalled_for, &Duration::ZERO)?;
            equal("retries", &stats.retries, &self.model.retries())?;
        }
        if let Some(stream) = &self.stream {
            let received = self.model.segments_received();
            equal("received", &stream.segments_received(), &received)?;
            let written = expected.yielded.bytes;
            equal("written", &stream.bytes_written(), &written)?;
        }
        let bytes = self.script.setup.bytes.map_or(u64::MAX, |it| it as u64);
        let in_flight = expected.in_flight;
        assert!(in_flight.segments <= self.script.setup.depth as u64);
        assert!(in_flight.bytes <= bytes || in_flight.segments == 1);
        match self.gates.begun.try_recv() {
            Ok(begun) => Err(format!("begun out of turn: {:?}", begun.segment)),
            Err(_) => Ok(()),
        }
    }

    fn see_begun(&mut self) -> Checked {
        let mut expected = mem::take(&mut self.model.begun);
        let deadline = deadline();
        while !expected.is_empty() {
            let Ok(begun) = self.gates.begun.recv_deadline(deadline) else {
                return missed(format!("not begun (number, attempt): {expected:?}"));
            };
            let Begun {
                writer,
                segment,
                attempt,
            } = begun;
            let id = id_of(&segment);
            let Some(at) = expected.iter().position(|it| *it == (id, attempt)) else {
                return Err(format!(
                    "attempt {attempt} at {segment:?} was begun, expected {expected:?}"
                ));
            };
            expected.swap_remove(at);
            same(&segment, &self.offers[id], false)?;
            let is_free = self.in_sinks.iter().all(|it| it.1 != writer);
            ensure(is_free, || format!("writer {writer} has two segments"))?;
            self.in_sinks.push((id, writer));
        }
        Ok(())
    }

    fn see_returned(&mut self) -> Checked {
        let mut expected = mem::take(&mut self.model.answered);
        let deadline = deadline();
        while !expected.is_empty() {
            let Ok((id, result)) = self.returned.recv_deadline(deadline) else {
                return missed(format!(
                    "not returned (number, as accepted): {expected:?}, {:?}",
                    self.handle
                ));
            };
            let returned = (id, result.is_ok());
            let Some(at) = expected.iter().position(|it| *it == returned) else {
                return Err(format!("returned {returned:?}, expected {expected:?}"));
            };
            expected.swap_remove(at);
            if let Err(error) = result {
                ensure(error.is_closed(), || format!("{error:?}"))?;
                same(&error.into_segment(), &self.offers[id], false)?;
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Checked {
        match self.script.ending {
            Ending::DropSenders => {
                self.drop_senders()?;
                self.iterate_to_the_end()?;
            }
            Ending::Close => {
                self.close()?;
                self.iterate_to_the_end()?;
            }
            Ending::FinishAtOnce => self.finish_at_once()?,
            ending => self.end_by_call(ending)?,
        }
        let (returned, accepted) = (mem::take(&mut self.came), self.model.ids());
        if self.script.ending != Ending::DropStream {
            equal("came out", &returned, &accepted)?;
        }
        equal("in flight", &self.model.numbers().in_flight.segments, &0)?;
        if let Some(sender) = self.sender.take() {
            let Err(error) = sender.send(self.any_parcel().segment(0)) else {
                return Err("the stream has ended and accepts segments".into());
            };
            ensure(error.is_closed(), || format!("{error:?}"))?;
        }
        let ends = &self.gates.ends;
        let well = self.script.setup.writers - self.model.panicked();
        let expected = (well, self.script.setup.writers);
        eventually(
            || {
                let finished = ends.finished.load(Ordering::SeqCst);
                (finished, ends.dropped.load(Ordering::SeqCst))
            },
            |found| *found == expected,
            |found| format!("sinks (finished, dropped): {found:?}, expected {expected:?}"),
        )
        .map(drop)
    }

    fn any_parcel(&self) -> Parcel {
        let plain = Parcel {
            size: 10,
            is_init: false,
            hint: None,
            secs: 2.0,
        };
        self.offers.first().map_or(plain, |offer| offer.parcel)
    }

    /// How the next write ends, by what the script has for the end.
    fn rest(&mut self) -> (usize, Answer) {
        let rest = &self.script.rest;
        let (which, answer) = rest[self.rest_at % rest.len()];
        self.rest_at += 1;
        match answer {
            // Enough is enough, or there would be no end.
            Answer::Busy if self.rest_at > 50 => (which, Answer::Stored),
            other => (which, other),
        }
    }

    fn iterate_to_the_end(&mut self) -> Checked {
        loop {
            match self.model.next() {
                Next::Out(_) => self.next()?,
                Next::Ended => {
                    self.next()?;
                    break;
                }
                Next::NotYet if self.model.under_way().is_empty() => {
                    ensure(self.model.is_pausing(), || "the model is stuck".into())?;
                    self.close()?;
                }
                Next::NotYet => {
                    self.next()?;
                    let (which, answer) = self.rest();
                    self.answer(which, answer)?;
                }
            }
        }
        let stream = self.stream.take().expect("nobody ended it");
        let ended = call(move || Ended::Reported(stream.finish()));
        self.check_report(Vec::new(), ended.wait("the call that ends the stream")?)
    }

    fn end_by_call(&mut self, ending: Ending) -> Checked {
        if self.model.is_closed() {
            // That the call has begun could not be seen then, and a pause would be cut short or
            // not.
            self.close()?;
        }
        let mut stream = self.stream.take().expect("nobody ended it");
        let mut outs = Vec::new();
        if ending == Ending::Drain {
            self.is_draining = true;
            outs.extend(self.model.discard_queued());
        } else {
            self.model.close();
        }
        let ended = call(move || match ending {
            Ending::Finish => Ended::Reported(stream.finish()),
            Ending::FinishInTime => Ended::Reported(stream.finish_timeout(Duration::MAX)),
            Ending::Drain => {
                let result = stream.drain();
                Ended::Drained(stream, result)
            }
            _ => {
                drop(stream);
                Ended::Dropped
            }
        });
        outs.extend(self.model.take_all());
        self.settle()?;
        while !self.model.under_way().is_empty() {
            let (which, answer) = self.rest();
            self.end_write(which, answer);
            // Whoever waits inside takes at once what is done.
            outs.extend(self.model.take_all());
            self.settle()?;
        }
        let ended = ended.wait("the call that ends the stream")?;
        self.is_draining = false;
        self.settle()?;
        self.check_report(outs, ended)
    }

    fn finish_at_once(&mut self) -> Checked {
        let stream = self.stream.take().expect("nobody ended it");
        self.model.close();
        let is_writing = !self.model.under_way().is_empty();
        let outs = self.model.give_up();
        let ended = call(move || Ended::Reported(stream.finish_timeout(Duration::ZERO)));
        let ended = ended.wait("the call that ends the stream")?;
        if let (true, Ended::Reported(result)) = (is_writing, &ended) {
            let is_timeout = result.as_ref().is_err_and(FinishError::is_timeout);
            ensure(is_timeout, || format!("not told of the time: {result:?}"))?;
        }
        self.settle()?;
        self.check_report(outs, ended)?;
        while !self.model.under_way().is_empty() {
            let (which, answer) = self.rest();
            self.answer(which, answer)?;
        }
        Ok(())
    }

    fn check_report(&mut self, mut outs: Vec<Out>, ended: Ended) -> Checked {
        // Each list of the report is in this order, and so is what is made of all of them.
        outs.sort_by_key(|out| out.places.start);
        let result = match ended {
            Ended::Reported(result) => result,
            Ended::Dropped => return Ok(()),
            Ended::Drained(mut stream, result) => {
                let next = stream.try_next();
                ensure(matches!(next, Err(NoNext::Ended)), || format!("{next:?}"))?;
                let received = self.model.segments_received();
                equal("received", &stream.segments_received(), &received)?;
                result
            }
        };
        let is_ok = result.is_ok();
        let report = result.unwrap_or_else(FinishError::into_report);
        let should_be_ok = report.failed.is_empty() && report.sink_errors.is_empty();
        equal("is well", &is_ok, &should_be_ok)?;
        let sink_errors = report.sink_errors.len();
        if self.script.ending == Ending::FinishAtOnce {
            let least = self.model.panicked() + report.in_doubt.len();
            let may_be = least..=self.script.setup.writers;
            ensure(may_be.contains(&sink_errors), || {
                format!("{sink_errors} sink errors, expected {may_be:?}")
            })?;
        } else {
            equal("sink errors", &sink_errors, &self.model.panicked())?;
        }
        let mut written = report.written.into_iter();
        let mut failed = report.failed.into_iter();
        let mut discarded = report.discarded.into_iter();
        let mut in_doubt = report.in_doubt.into_iter();
        for out in &outs {
            let item = match out.fate {
                Fate::Written | Fate::Passed => written.next().map(|it| Ok(it.segment)),
                Fate::Discarded => discarded.next().map(|it| Ok(it.segment)),
                Fate::InDoubt => in_doubt.next().map(|it| Ok(it.segment)),
                _ => failed.next().map(Err),
            };
            let item = item.ok_or_else(|| format!("{out:?} is not in the report"))?;
            self.check_out(out, item)?;
        }
        let more = written.chain(discarded).chain(in_doubt).next();
        ensure(more.is_none(), || format!("more than should be: {more:?}"))?;
        let more = failed.next();
        ensure(more.is_none(), || format!("more than should be: {more:?}"))
    }

    /// Compares what came out with what should.
    fn check_out(&mut self, out: &Out, item: Result<ProducedSegment, WriteError>) -> Checked {
        let offers: Vec<Offer> = out
            .places
            .clone()
            .map(|place| *self.model.offer_at(place))
            .collect();
        self.came.extend(offers.iter().map(|offer| offer.id));
        match (out.fate, item) {
            (Fate::Written | Fate::Passed | Fate::Discarded, Ok(segment)) => {
                same(&segment, &offers[0], false)
            }
            (Fate::InDoubt, Ok(segment)) => same(&segment, &offers[0], true),
            (fate, Err(error)) => check_error(fate, &offers, out.attempts, error),
            (fate, item) => Err(format!("{item:?} came out, and not as {fate:?}")),
        }
        .map_err(|why| format!("{out:?}: {why}"))
    }
}

impl Drop for Case<'_> {
    fn drop(&mut self) {
        self.gates.open();
        self.handle.close();
        if let Some(stream) = self.stream.take() {
            // The case has failed, and what is wrong may well be that this never returns.
            thread::spawn(move || drop(stream));
        }
    }
}

fn check_error(fate: Fate, offers: &[Offer], attempts: u32, error: WriteError) -> Checked {
    let kind = match fate {
        Fate::Failed => WriteErrorKind::Failed,
        Fate::Panicked => WriteErrorKind::Panicked,
        Fate::Aborted => WriteErrorKind::Aborted,
        Fate::Dropped => WriteErrorKind::Dropped,
        _ => return Err(format!("{error:?} came out, and not as {fate:?}")),
    };
    equal("kind", &error.kind(), &kind)?;
    let has_init = offers.iter().any(|offer| offer.parcel.is_init);
    ensure(!(has_init && fate == Fate::Dropped), || {
        format!("an initialisation segment is among {offers:?}")
    })?;
    equal("attempts", &error.attempts(), &attempts)?;
    let (first, last) = (offers[0], offers[offers.len() - 1]);
    equal("segments", &error.segments(), &(offers.len() as u64))?;
    equal("sequence", &error.sequence(), &sequence(first.id))?;
    equal("last", &error.last_sequence(), &sequence(last.id))?;
    let bytes: usize = offers.iter().map(|offer| offer.parcel.size).sum();
    equal("bytes", &error.byte_len(), &(bytes as u64))?;
    let hint = first.parcel.segment(0).path_hint;
    equal("path", &error.path(), &hint.as_deref())?;
    let secs = error.duration_secs();
    if offers.len() == 1 {
        let expected = first.parcel.secs;
        equal("duration", &secs.to_bits(), &expected.to_bits())?;
    } else {
        // What cannot be a duration counts as zero.
        let usable = |secs: &f64| (0.0..=3600.0).contains(secs);
        let each = offers.iter().map(|offer| offer.parcel.secs);
        let sum: f64 = each.filter(usable).sum();
        ensure((secs - sum).abs() < 1e-6, || {
            format!("{secs} s, expected {sum} s")
        })?;
    }
    same(&error.into_segment(), &first, fate == Fate::Dropped)
}

/// Whether it is what was offered, byte for byte, or all of it but the payload.
fn same(found: &ProducedSegment, offer: &Offer, without_payload: bool) -> Checked {
    let mut expected = offer.parcel.segment(sequence(offer.id));
    if without_payload {
        expected.data.clear();
    }
    equal("payload", &found.data, &expected.data)?;
    // As bits, since NaN is no other NaN's equal.
    let parts = |it: &ProducedSegment| {
        let ProducedSegment {
            sequence,
            duration_secs,
            is_init,
            path_hint,
            ..
        } = it.clone();
        (sequence, duration_secs.to_bits(), is_init, path_hint)
    };
    equal("segment", &parts(found), &parts(&expected))
}
