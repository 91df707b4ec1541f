//! The thread that reads, cuts and sends; and what it leaves behind when it is stopped.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use segment_stream::{ProducedSegment, SegmentSender};

use crate::folder::segment_name;
use crate::mpegts::{Cut, Cutter};

const CHUNK_LEN: usize = 64 * 1024;
/// How long a read that has just returned gets to hand over what it brought.
const GRACE: Duration = Duration::from_millis(200);

/// What the reading thread shares with the one that ends the recording.
///
/// A `read` of standard input may block for ever, and nothing wakes it. So what was read is kept here,
/// where it can be taken without the reading thread.
pub(crate) struct Producer {
    state: Mutex<State>,
    stage_changed: Condvar,
}

struct State {
    stage: Stage,
    /// Gone once the input has ended or [`Producer::stop`] has taken it.
    cutter: Option<Cutter>,
    /// The number of programs in the stream, once known.
    programs: Option<usize>,
    next_number: u64,
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

impl Producer {
    pub(crate) fn new(target: Duration, first_number: u64) -> Self {
        let state = State {
            stage: Stage::Reading,
            cutter: Some(Cutter::new(target)),
            programs: None,
            next_number: first_number,
            unsent: VecDeque::new(),
            fault: None,
        };
        Self {
            state: Mutex::new(state),
            stage_changed: Condvar::new(),
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
            let Some(segment) = self.lock().unsent.pop_front() else {
                return true;
            };
            if let Err(refused) = sender.send(segment) {
                self.lock().unsent.push_front(refused.into_segment());
                return false;
            }
        }
    }

    /// The number of programs in the stream, once known.
    pub(crate) fn programs(&self) -> Option<usize> {
        self.lock().programs
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
            let waited = self.stage_changed.wait_timeout(state, wait);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if let Some(cut) = state.cutter.take().and_then(Cutter::stop) {
            state.queue(cut);
        }
        Rest {
            segments: std::mem::take(&mut state.unsent),
            fault: state.fault.take(),
            reader_has_ended: state.stage == Stage::Done,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // After a panic the state is still the best account of what was read.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Cuts what a `read` brought. Returns whether more is to be read.
    fn take(&mut self, read: io::Result<usize>, chunk: &[u8]) -> bool {
        let Some(mut cutter) = self.cutter.take() else {
            return false;
        };
        let mut cuts = Vec::new();
        let goes_on = match read {
            Ok(0) => false,
            Ok(len) => {
                let pushed = cutter.push(&chunk[..len], &mut cuts);
                self.programs = self.programs.or(cutter.programs());
                pushed.is_ok()
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => true,
            Err(error) => {
                self.fault = Some(format!("cannot read on: {error}"));
                false
            }
        };
        if goes_on {
            self.cutter = Some(cutter);
        } else if let Err(fault) = cutter.finish(&mut cuts) {
            // The cause comes first: a stream that could not be read on also ends too early.
            self.fault.get_or_insert_with(|| fault.to_string());
        }
        for cut in cuts {
            self.queue(cut);
        }
        goes_on
    }

    fn queue(&mut self, cut: Cut) {
        let number = self.next_number;
        self.next_number += 1;
        let segment = ProducedSegment::media(number, cut.data, cut.duration.as_secs_f64());
        self.unsent
            .push_back(segment.with_path(segment_name(number)));
    }
}

/// Says that the thread has ended, even where it panics.
struct Done<'a>(&'a Producer);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.lock().stage = Stage::Done;
        self.0.stage_changed.notify_all();
    }
}
