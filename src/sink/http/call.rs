//! The call in progress: its limits, and how far it came. A sink and its connections share it.

use std::io;
use std::time::{Duration, Instant};

use crate::internal::sync::{self, Mutex, now};
use crate::sink::WriteContext;

/// The longest time for which a blocked call does not look at its limits.
const SLICE: Duration = Duration::from_millis(50);

/// The bytes of a reply that are read, unless the reply is the object that was asked for.
pub(super) const REPLY_LIMIT: u64 = 64 * 1024;

/// One request at a time.
pub(super) struct Call(Mutex<State>);

struct State {
    limits: Limits,
    /// The last time that a byte was sent or received.
    progress: Instant,
    stage: Stage,
    /// The head of the request, until a connection sends it.
    head: Option<Vec<u8>>,
    wanted: Wanted,
    /// The bytes of the reply that may still come.
    room: u64,
    has_early_reply: bool,
    /// The headers of the reply that ureq does not get to see.
    hidden: Vec<(&'static str, String)>,
    /// The text of the reply, if it is wanted.
    text: Vec<u8>,
    /// The number of the connections that may be used. Older ones count as closed.
    generation: u64,
}

/// Until when a call may take.
struct Limits {
    context: WriteContext,
    deadline: Instant,
    shutdown_grace: Duration,
}

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Resolve,
    Connect,
    /// From here on, the server may have the request.
    Send,
    Receive,
}

/// What is wanted of the body of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sink) enum Wanted {
    No,
    /// The object, if the status is 200.
    Object,
    /// The text of any reply.
    #[cfg_attr(not(feature = "s3"), allow(dead_code, reason = "for the S3 sink"))]
    Text,
    /// The object if the status is 200, and the text of any other reply.
    #[cfg_attr(not(feature = "s3"), allow(dead_code, reason = "for the S3 sink"))]
    ObjectOrText,
}

/// What becomes of the body of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passage {
    /// Only its length passes to ureq.
    Dropped,
    /// The same, and the text is kept here.
    Kept,
    /// It passes to ureq.
    Free,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Resolve => "resolving the name of the origin",
            Self::Connect => "connecting",
            Self::Send => "sending the request",
            Self::Receive => "waiting for the reply",
        }
    }
}

impl Call {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State {
            limits: Limits {
                context: WriteContext::default(),
                deadline: now(),
                shutdown_grace: Duration::ZERO,
            },
            progress: now(),
            stage: Stage::Resolve,
            head: None,
            wanted: Wanted::No,
            room: 0,
            has_early_reply: false,
            hidden: Vec::new(),
            text: Vec::new(),
            generation: 0,
        }))
    }

    /// Begins a call. The deadline is that of the context, or `timeout` from now if that is sooner.
    pub(super) fn begin(&self, context: &WriteContext, timeout: Duration, grace: Duration) {
        let started = now();
        let latest = started.checked_add(timeout);
        let deadline = [latest, context.deadline()].into_iter().flatten().min();
        let mut state = sync::lock(&self.0);
        state.limits = Limits {
            context: context.clone(),
            deadline: deadline.unwrap_or(started),
            shutdown_grace: grace,
        };
        state.progress = started;
    }

    /// Begins one request of the call.
    pub(super) fn request(&self, head: Vec<u8>, wanted: Wanted) {
        let mut state = sync::lock(&self.0);
        state.stage = Stage::Resolve;
        state.head = Some(head);
        state.wanted = wanted;
        state.room = REPLY_LIMIT;
        state.has_early_reply = false;
        state.hidden.clear();
        state.text.clear();
    }

    /// An error if the time is over, or if the stream shuts down and nothing has moved for the
    /// grace.
    pub(super) fn check(&self) -> io::Result<()> {
        let state = sync::lock(&self.0);
        let doing = state.stage.name();
        let (limits, now) = (&state.limits, now());
        if now >= limits.deadline {
            let message = format!("timed out while {doing}");
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        }
        let idle = now.saturating_duration_since(state.progress);
        if idle >= limits.shutdown_grace && limits.context.is_shutting_down() {
            // Not `Interrupted`: `write_all` repeats a call that was interrupted.
            let message = format!("cut short while {doing}, as the stream shuts down");
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        }
        Ok(())
    }

    /// The time for which a call may block before it checks again.
    pub(super) fn slice(&self) -> Duration {
        self.left().min(SLICE).max(Duration::from_millis(1))
    }

    /// The time until the deadline.
    pub(super) fn left(&self) -> Duration {
        let deadline = sync::lock(&self.0).limits.deadline;
        deadline.saturating_duration_since(now())
    }

    /// Runs `work` with a deadline in `time` from now, unless that of the call is sooner.
    pub(super) fn within<T>(&self, time: Duration, work: impl FnOnce() -> T) -> T {
        let set = |deadline: Instant| {
            let mut state = sync::lock(&self.0);
            std::mem::replace(&mut state.limits.deadline, deadline)
        };
        let deadline = sync::lock(&self.0).limits.deadline;
        let sooner = now()
            .checked_add(time)
            .map_or(deadline, |at| at.min(deadline));
        set(sooner);
        let result = work();
        set(deadline);
        result
    }

    pub(super) fn enter(&self, reached: Stage) {
        let mut state = sync::lock(&self.0);
        state.stage = reached;
        state.progress = now();
    }

    pub(super) fn stage(&self) -> Stage {
        sync::lock(&self.0).stage
    }

    /// Notes that bytes were sent.
    pub(super) fn sent(&self) {
        sync::lock(&self.0).progress = now();
    }

    /// The head of the request, for the connection that sends it.
    pub(super) fn take_head(&self) -> Option<Vec<u8>> {
        sync::lock(&self.0).head.take()
    }

    /// The bytes that may be read now: those of a reply are limited, those of a handshake are not.
    pub(super) fn room(&self) -> io::Result<usize> {
        let state = sync::lock(&self.0);
        if state.stage < Stage::Send {
            return Ok(usize::MAX);
        }
        if state.room == 0 {
            let message = format!("the reply is longer than {REPLY_LIMIT} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(usize::try_from(state.room).unwrap_or(usize::MAX))
    }

    /// Notes that `count` bytes were received.
    pub(super) fn received(&self, count: usize) {
        let mut state = sync::lock(&self.0);
        state.progress = now();
        if state.stage >= Stage::Send {
            state.room = state.room.saturating_sub(count as u64);
        }
    }

    /// Notes the status of the reply. Returns what becomes of its body.
    pub(super) fn status(&self, status: u16) -> Passage {
        let mut state = sync::lock(&self.0);
        match (state.wanted, status) {
            (Wanted::Object | Wanted::ObjectOrText, 200) => {
                // The reader of the object has a limit of its own.
                state.room = u64::MAX;
                Passage::Free
            }
            (Wanted::Text | Wanted::ObjectOrText, _) => Passage::Kept,
            (Wanted::No | Wanted::Object, _) => Passage::Dropped,
        }
    }

    /// Keeps a piece of the text of the reply.
    pub(super) fn keep(&self, piece: &[u8]) {
        sync::lock(&self.0).text.extend_from_slice(piece);
    }

    #[cfg(any(feature = "s3", test))]
    pub(super) fn take_text(&self) -> Vec<u8> {
        std::mem::take(&mut sync::lock(&self.0).text)
    }

    /// Notes that the server replied, and does not take the rest of the request.
    pub(super) fn early_reply(&self) {
        sync::lock(&self.0).has_early_reply = true;
    }

    pub(super) fn has_early_reply(&self) -> bool {
        sync::lock(&self.0).has_early_reply
    }

    /// Notes a header of the reply. One of an interim reply is replaced.
    pub(super) fn hide(&self, name: &'static str, value: String) {
        let mut state = sync::lock(&self.0);
        state.hidden.retain(|(known, _)| *known != name);
        state.hidden.push((name, value));
    }

    pub(super) fn take_hidden(&self) -> Vec<(&'static str, String)> {
        std::mem::take(&mut sync::lock(&self.0).hidden)
    }

    pub(super) fn generation(&self) -> u64 {
        sync::lock(&self.0).generation
    }

    /// Has the next request use a new connection.
    pub(super) fn renew(&self) {
        sync::lock(&self.0).generation += 1;
    }
}
