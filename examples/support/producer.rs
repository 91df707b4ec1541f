//! The thread that reads, cuts and sends; and what it leaves behind when it is stopped.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use segment_stream::{ProducedSegment, SegmentSender};

use super::pace::Pace;

const CHUNK_LEN: usize = 64 * 1024;
/// How long a read that has just returned gets to hand over what it brought.
const GRACE: Duration = Duration::from_millis(200);

/// Makes segments of what is read.
pub(crate) trait Packager {
    /// Takes the next bytes, and adds the segments that they complete.
    ///
    /// # Errors
    ///
    /// What is wrong with the input. The segments before the fault were added.
    fn push(
        &mut self,
        bytes: &[u8],
        segments: &mut VecDeque<ProducedSegment>,
    ) -> Result<(), String>;

    /// Ends the input: adds the last segment.
    ///
    /// # Errors
    ///
    /// What is wrong with the input, here or before.
    fn finish(self, segments: &mut VecDeque<ProducedSegment>) -> Result<(), String>;

    /// Ends in the middle: adds what is held, in whole packets or boxes.
    fn stop(self, segments: &mut VecDeque<ProducedSegment>);

    /// Takes the payload of a segment that nobody needs any more, for one that comes.
    fn recycle(&mut self, payload: Vec<u8>);

    /// The number of programs in the stream, once known.
    fn programs(&self) -> Option<usize>;
}

/// What the reading thread shares with the one that ends the work.
///
/// A `read` of standard input may block for ever, and nothing wakes it. So what was read is kept here,
/// where it can be taken without the reading thread.
pub(crate) struct Producer<P> {
    state: Mutex<State<P>>,
    changed: Condvar,
}

struct State<P> {
    stage: Stage,
    /// Gone once the input has ended or [`Producer::stop`] has taken it.
    packager: Option<P>,
    /// The number of programs in the stream, once known.
    programs: Option<usize>,
    pace: Pace,
    unsent: VecDeque<ProducedSegment>,
    fault: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Waits for input, and holds nothing.
    Reading,
    /// Has input or a segment in its hands.
    Busy,
    Done,
}

/// What was read and has not been sent.
pub(crate) struct Rest {
    pub(crate) segments: VecDeque<ProducedSegment>,
    /// Why the input ended before its end.
    pub(crate) fault: Option<String>,
    /// Else it is blocked in a `read`.
    pub(crate) reader_has_ended: bool,
}

impl<P: Packager> Producer<P> {
    pub(crate) fn new(packager: P, pace: Pace) -> Self {
        let state = State {
            stage: Stage::Reading,
            packager: Some(packager),
            programs: None,
            pace,
            unsent: VecDeque::new(),
            fault: None,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// Reads to the end, or until the stream is closed.
    pub(crate) fn run(&self, mut input: impl Read, sender: &SegmentSender) {
        let _done = Done(self);
        let mut chunk = vec![0; CHUNK_LEN];
        while !sender.is_closed() {
            let read = input.read(&mut chunk);
            let goes_on = {
                let mut state = self.lock();
                state.stage = Stage::Busy;
                state.take(read, &chunk)
            };
            if !self.send_all(sender) || !goes_on {
                return;
            }
            self.lock().stage = Stage::Reading;
        }
    }

    /// Sends what was cut. What a closed stream gives back stays here.
    fn send_all(&self, sender: &SegmentSender) -> bool {
        loop {
            let Some(segment) = self.take_due(sender) else {
                return true;
            };
            if let Err(refused) = sender.send(segment) {
                self.lock().unsent.push_front(refused.into_segment());
                return false;
            }
        }
    }

    /// The next segment, once it is due. A closed stream refuses it, so there is no more to wait for.
    fn take_due(&self, sender: &SegmentSender) -> Option<ProducedSegment> {
        let mut state = self.lock();
        while !state.unsent.is_empty() && !sender.is_closed() {
            let wait = state.pace.wait();
            if wait.is_zero() {
                break;
            }
            let waited = self.changed.wait_timeout(state, wait);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let segment = state.unsent.pop_front()?;
        state.pace.handed_on(&segment);
        Some(segment)
    }

    /// Has it look whether the stream was closed, in case it waits for a segment to be due.
    pub(crate) fn wake(&self) {
        // Whoever holds the lock has not looked yet, or waits already.
        drop(self.lock());
        self.changed.notify_all();
    }

    /// The number of programs in the stream, once known.
    pub(crate) fn programs(&self) -> Option<usize> {
        self.lock().programs
    }

    /// Takes the payload of a segment that nobody needs any more, for one that comes.
    pub(crate) fn recycle(&self, payload: Vec<u8>) {
        if let Some(packager) = &mut self.lock().packager {
            packager.recycle(payload);
        }
    }

    /// Takes what was read and not sent, the segment that was still growing included. To be called
    /// once the stream is closed; a `read` that is under way then brings nothing more.
    pub(crate) fn stop(&self) -> Rest {
        let deadline = Instant::now() + GRACE;
        let mut state = self.lock();
        loop {
            let wait = match state.stage {
                Stage::Done => break,
                // Ends by itself: a closed stream refuses a `send` at once.
                Stage::Busy => GRACE,
                Stage::Reading => deadline.saturating_duration_since(Instant::now()),
            };
            if wait.is_zero() {
                break;
            }
            let waited = self.changed.wait_timeout(state, wait);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if let Some(packager) = state.packager.take() {
            packager.stop(&mut state.unsent);
        }
        Rest {
            segments: std::mem::take(&mut state.unsent),
            fault: state.fault.take(),
            reader_has_ended: state.stage == Stage::Done,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<P>> {
        // After a panic the state is still the best account of what was read.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Packager> State<P> {
    /// Packages what a `read` brought. Returns whether more is to be read.
    fn take(&mut self, read: io::Result<usize>, chunk: &[u8]) -> bool {
        let Some(mut packager) = self.packager.take() else {
            return false;
        };
        let goes_on = match read {
            Ok(0) => false,
            Ok(len) => {
                let pushed = packager.push(&chunk[..len], &mut self.unsent);
                self.programs = self.programs.or(packager.programs());
                pushed.is_ok()
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => true,
            Err(error) => {
                self.fault = Some(format!("cannot read on: {error}"));
                false
            }
        };
        if goes_on {
            self.packager = Some(packager);
        } else if let Err(fault) = packager.finish(&mut self.unsent) {
            // The cause comes first: a stream that could not be read on also ends too early.
            self.fault.get_or_insert(fault);
        }
        goes_on
    }
}

/// Says that the thread has ended, even where it panics.
struct Done<'a, P: Packager>(&'a Producer<P>);

impl<P: Packager> Drop for Done<'_, P> {
    fn drop(&mut self) {
        self.0.lock().stage = Stage::Done;
        self.0.changed.notify_all();
    }
}
