//! The thread that reads, cuts and sends, and the rest that it leaves when it is stopped.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use segment_stream::{SegmentSender, Submission};

use super::pace::Pace;

const CHUNK_LEN: usize = 64 * 1024;
/// The time that a read which has just returned has to deliver its bytes.
const GRACE: Duration = Duration::from_millis(200);

/// Makes segments of the bytes that were read.
pub trait Packager {
    /// Takes the next bytes, and adds the segments that they complete.
    ///
    /// # Errors
    ///
    /// The fault of the input. The segments before the fault were added.
    fn push(&mut self, bytes: &[u8], segments: &mut VecDeque<Submission>) -> Result<(), String>;

    /// Ends the input: adds the last segment.
    ///
    /// # Errors
    ///
    /// The fault of the input, here or before.
    fn finish(&mut self, segments: &mut VecDeque<Submission>) -> Result<(), String>;

    /// Stops in the middle of the input: adds the held data, in whole packets or boxes.
    fn stop(self, segments: &mut VecDeque<Submission>);

    /// Takes the payload of a finished segment for reuse.
    fn recycle(&mut self, payload: Vec<u8>);

    /// Takes what a user should know of the input, a line each.
    fn take_notices(&mut self) -> Vec<String>;
}

/// The state that the reading thread shares with the thread that ends the work.
///
/// A `read` of standard input may block forever, and nothing can wake it. The data that was read
/// is therefore kept here, where another thread can take it.
pub struct Producer<P> {
    state: Mutex<State<P>>,
    changed: Condvar,
}

struct State<P> {
    stage: Stage,
    /// `None` once the input has ended or [`Producer::stop`] has taken it.
    packager: Option<P>,
    /// What the user was not told yet.
    notices: Vec<String>,
    pace: Pace,
    unsent: VecDeque<Submission>,
    fault: Option<String>,
    /// When the read began that is under way.
    reading_since: Instant,
}

/// The state of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Bytes come, or have ended.
    Flowing,
    /// No byte has come for so long.
    Silent(Duration),
    /// It broke off.
    Lost,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Waits for input, and holds nothing.
    Reading,
    /// Holds input or a segment.
    Busy,
    Done,
}

/// The data that was read and not sent.
pub struct Rest {
    pub segments: VecDeque<Submission>,
    /// Why the input ended before its end.
    pub fault: Option<String>,
    /// If not, it is blocked in a `read`.
    pub reader_has_ended: bool,
}

impl<P: Packager> Producer<P> {
    pub fn new(packager: P, pace: Pace) -> Self {
        let state = State {
            stage: Stage::Reading,
            packager: Some(packager),
            notices: Vec::new(),
            pace,
            unsent: VecDeque::new(),
            fault: None,
            reading_since: Instant::now(),
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// Reads to the end, or until the stream is closed.
    pub fn run(&self, mut input: impl Read, sender: &SegmentSender) {
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
            let mut state = self.lock();
            (state.stage, state.reading_since) = (Stage::Reading, Instant::now());
        }
    }

    /// Sends the segments. A segment that a closed stream refuses stays here.
    fn send_all(&self, sender: &SegmentSender) -> bool {
        loop {
            let Some(segment) = self.take_due(sender) else {
                return true;
            };
            if let Err(refused) = sender.send(segment) {
                self.lock().unsent.push_front(refused.into_submission());
                return false;
            }
        }
    }

    /// The next segment, once it is due. After a close it is returned at once, because the stream
    /// refuses it anyway.
    fn take_due(&self, sender: &SegmentSender) -> Option<Submission> {
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
        state.pace.handed_on(&segment.segment);
        Some(segment)
    }

    /// Wakes a thread that waits for a segment to be due, so that it notices the close of the
    /// stream.
    pub fn wake(&self) {
        // A thread that holds the lock has not looked yet, or waits already.
        drop(self.lock());
        self.changed.notify_all();
    }

    /// The state of the input.
    pub fn input(&self) -> Input {
        let state = self.lock();
        match state.stage {
            _ if state.fault.is_some() => Input::Lost,
            Stage::Reading => Input::Silent(state.reading_since.elapsed()),
            Stage::Busy | Stage::Done => Input::Flowing,
        }
    }

    /// Takes what the user should know of the input, a line each.
    pub fn take_notices(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().notices)
    }

    /// Takes the payload of a finished segment for reuse.
    pub fn recycle(&self, payload: Vec<u8>) {
        if let Some(packager) = &mut self.lock().packager {
            packager.recycle(payload);
        }
    }

    /// Takes the data that was read and not sent, with the unfinished segment. Call it once the
    /// stream is closed. A `read` that is under way then brings nothing more.
    pub fn stop(&self) -> Rest {
        let deadline = Instant::now() + GRACE;
        let mut state = self.lock();
        loop {
            let wait = match state.stage {
                Stage::Done => break,
                // It ends by itself: a closed stream refuses a `send` at once.
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
    /// Packages the bytes of a `read`. Returns whether to read more.
    fn take(&mut self, read: io::Result<usize>, chunk: &[u8]) -> bool {
        let Some(mut packager) = self.packager.take() else {
            return false;
        };
        let goes_on = match read {
            Ok(0) => false,
            Ok(len) => {
                let pushed = packager.push(&chunk[..len], &mut self.unsent);
                self.notices.extend(packager.take_notices());
                pushed.is_ok()
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => true,
            Err(error) => {
                self.fault = Some(format!("cannot read: {error}"));
                false
            }
        };
        if goes_on {
            self.packager = Some(packager);
        } else {
            let finished = packager.finish(&mut self.unsent);
            self.notices.extend(packager.take_notices());
            if let Err(fault) = finished {
                // The cause comes first: an input that could not be read also ends too early.
                self.fault.get_or_insert(fault);
            }
        }
        goes_on
    }
}

/// Marks the end of the thread, also after a panic.
struct Done<'a, P: Packager>(&'a Producer<P>);

impl<P: Packager> Drop for Done<'_, P> {
    fn drop(&mut self) {
        self.0.lock().stage = Stage::Done;
        self.0.changed.notify_all();
    }
}
