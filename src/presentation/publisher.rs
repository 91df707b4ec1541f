//! The handle of one rendition: it enters items and publishes what has changed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use log::Level;

use super::core::Core;
use super::deletion::{A_PUSH, ALL, Bound};
use super::driver::inline::{Busy, Shared, Sinks};
use super::error::{PublishError, PublishErrorKind};
use super::format::Format;
use super::item::Item;
use super::job::{Outcome, Request, Write};
use super::notice::{Notice, NoticeLog};
use super::rendition::{Life, NUMBERS_END};
use super::time::{secs, to_duration};
use crate::error::SinkError;
use crate::internal::log::log as tell;
use crate::internal::sync::{MutexGuard, lock};
use crate::sink::{SegmentSink, WriteContext};

/// The time since some moment in the past.
pub(crate) type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// The time of day.
pub(crate) type WallClock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// The result of a push.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Pushed {
    /// The irregularities that the publisher handled. They are logged as well.
    pub notices: Vec<Notice>,
}

/// The handle of a rendition, with a sink of its own. All sinks of a presentation have one root.
pub(crate) struct Handle<F: Format, S: SegmentSink> {
    shared: Arc<Shared<F>>,
    rendition: usize,
    path: PathBuf,
    sink: S,
    state_sink: Option<Box<dyn SegmentSink>>,
    context: WriteContext,
    notice_log: NoticeLog,
    clock: Clock,
    wall_clock: WallClock,
}

impl<F: Format, S: SegmentSink> Handle<F, S> {
    pub(crate) fn new(shared: Arc<Shared<F>>, rendition: usize, sink: S, clock: Clock) -> Self {
        let path = lock(&shared.core).renditions[rendition].path.clone();
        Self {
            shared,
            rendition,
            path,
            sink,
            state_sink: None,
            context: WriteContext::default(),
            notice_log: NoticeLog::default(),
            clock,
            wall_clock: Arc::new(SystemTime::now),
        }
    }

    pub(crate) fn core(&self) -> MutexGuard<'_, Core<F>> {
        lock(&self.shared.core)
    }

    pub(crate) fn shared(&self) -> Arc<Shared<F>> {
        Arc::clone(&self.shared)
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        &self.path
    }

    pub(crate) fn rendition(&self) -> usize {
        self.rendition
    }

    pub(crate) fn now(&self) -> Duration {
        (self.clock)()
    }

    pub(crate) fn set_clock(&mut self, clock: Clock) {
        let now = clock();
        let mut core = self.core();
        let p = core.publication_of(self.rendition);
        core.publications[p].begin_at(now);
        drop(core);
        self.clock = clock;
    }

    pub(crate) fn set_wall_clock(&mut self, clock: WallClock) {
        self.wall_clock = clock;
    }

    pub(crate) fn set_state_sink(&mut self, sink: Box<dyn SegmentSink>) {
        self.state_sink = Some(sink);
    }

    pub(crate) fn set_context(&mut self, context: WriteContext) {
        self.context = context;
    }

    /// The number of the next segment.
    pub(crate) fn next_sequence(&self) -> u64 {
        let core = self.core();
        if core.has_started {
            return core.next_number(self.rendition).unwrap_or(NUMBERS_END);
        }
        let ends = core.renditions.iter().map(super::rendition::Rendition::end);
        ends.max().unwrap_or_default().min(NUMBERS_END)
    }

    pub(crate) fn is_unpublished(&self) -> bool {
        let core = self.core();
        core.publications[core.publication_of(self.rendition)].is_unpublished()
    }

    pub(crate) fn push(&mut self, item: &impl Item) -> Result<Pushed, PublishError> {
        let mut notices = Vec::new();
        let info = item.info();
        let now = (self.wall_clock)();
        let entered = self
            .core()
            .push(self.rendition, item.result(), &info, now, &mut notices);
        let Err(refused) = entered else {
            return self.publish(notices, Busy::Pass);
        };
        let is_over = self.core().renditions[self.rendition].life != Life::Open;
        if !is_over {
            // The items before this one may not be published yet.
            notices = self.publish(notices, Busy::Pass)?.notices;
        }
        Err(self.refuse_with(PublishErrorKind::Ended, refused, notices))
    }

    pub(crate) fn finish(&mut self) -> Result<Pushed, PublishError> {
        let mut notices = Vec::new();
        let mut core = self.core();
        core.start();
        let it = &core.renditions[self.rendition];
        if it.entries.is_empty() && it.told.is_empty() {
            drop(core);
            return Err(self.refuse(PublishErrorKind::Invalid, "no segment was ever pushed"));
        }
        core.close(self.rendition, Life::Ended, &mut notices);
        drop(core);
        self.publish(notices, Busy::Wait)
    }

    pub(crate) fn suspend(mut self) -> Result<Pushed, PublishError> {
        let mut notices = Vec::new();
        let mut core = self.core();
        if core.is_at_the_end() {
            drop(core);
            return Err(self.refuse(
                PublishErrorKind::Invalid,
                "a manifest that is published at the end cannot be suspended",
            ));
        }
        core.start();
        let it = &core.renditions[self.rendition];
        let has_nothing = it.entries.is_empty() && it.told.is_empty();
        core.close(self.rendition, Life::Left, &mut notices);
        let it = &core.renditions[self.rendition];
        let has_retired = !it.retired.is_empty();
        let is_unpublished =
            core.publications[core.publication_of(self.rendition)].is_unpublished();
        drop(core);
        if has_nothing {
            return Ok(Pushed::default());
        }
        if is_unpublished {
            return self.publish(notices, Busy::Wait);
        }
        let write = if has_retired {
            Write::State
        } else {
            Write::Nothing
        };
        let request = Request {
            write,
            deletion: None,
        };
        self.carry_out(request, Busy::Wait, notices)
    }

    /// Deletes all due files, each tried once.
    pub(crate) fn delete_due(&mut self) -> Pushed {
        let request = Request {
            write: Write::Nothing,
            deletion: Some(ALL),
        };
        let mut outcome = Outcome::default();
        self.drive_own(request, Busy::Wait, &mut outcome);
        self.report(&outcome);
        Pushed {
            notices: outcome.notices,
        }
    }

    /// The files that no manifest names and that wait for deletion.
    pub(crate) fn waiting_for_deletion(&self) -> Vec<PathBuf> {
        let core = self.core();
        let waiting = core.waiting(core.publication_of(self.rendition));
        waiting.map(std::path::Path::to_path_buf).collect()
    }

    fn publish(&mut self, notices: Vec<Notice>, busy: Busy) -> Result<Pushed, PublishError> {
        let request = publish(A_PUSH);
        self.carry_out(request, busy, notices)
    }

    /// Does what the rendition's own manifest needs, and then what every other one needs that has
    /// changed, so that no rendition is late by a segment.
    fn carry_out(
        &mut self,
        request: Request,
        busy: Busy,
        notices: Vec<Notice>,
    ) -> Result<Pushed, PublishError> {
        let mut outcome = Outcome {
            notices,
            ..Outcome::default()
        };
        self.drive_own(request, busy, &mut outcome);
        let mut tried = Vec::new();
        loop {
            let due = self.core().due();
            let Some(p) = due.into_iter().find(|p| !tried.contains(p)) else {
                break;
            };
            tried.push(p);
            let done = self.drive(p, publish(A_PUSH), Busy::Pass);
            done.into_iter().for_each(|done| outcome.append(done));
        }
        self.report(&outcome);
        if outcome.errors.is_empty() {
            Ok(Pushed {
                notices: outcome.notices,
            })
        } else {
            Err(PublishError::new(outcome.errors, outcome.notices))
        }
    }

    fn drive_own(&mut self, request: Request, busy: Busy, outcome: &mut Outcome) {
        let own = self.core().publication_of(self.rendition);
        let done = self.drive(own, request, busy);
        done.into_iter().for_each(|done| outcome.append(done));
    }

    fn drive(&mut self, p: usize, request: Request, busy: Busy) -> Option<Outcome> {
        let target = self.core().settings.target().unwrap_or_default();
        let mut sinks = Sinks {
            sink: &mut self.sink,
            state: self.state_sink.as_deref_mut(),
            context: &self.context,
            target: to_duration(target),
            clock: &*self.clock,
        };
        self.shared.drive(p, request, busy, &mut sinks)
    }

    fn report(&mut self, outcome: &Outcome) {
        self.notice_log.tell(&outcome.notices);
        for no_space in &outcome.no_space {
            let (path, error) = (&no_space.path, &no_space.error);
            self.notice_log.tell_no_space(path, error, no_space.waiting);
        }
    }

    fn refuse(&self, kind: PublishErrorKind, reason: &'static str) -> PublishError {
        self.refuse_with(kind, reason, Vec::new())
    }

    fn refuse_with(
        &self,
        kind: PublishErrorKind,
        reason: &'static str,
        notices: Vec<Notice>,
    ) -> PublishError {
        let cause = SinkError::permanent(reason).with_path(&self.path);
        PublishError::refused(kind, cause, notices)
    }
}

fn publish(deletion: Bound) -> Request {
    Request {
        write: Write::Manifest,
        deletion: Some(deletion),
    }
}

impl<F: Format, S: SegmentSink> Drop for Handle<F, S> {
    fn drop(&mut self) {
        let mut notices = Vec::new();
        let mut core = self.core();
        let is_open = core.renditions[self.rendition].life == Life::Open;
        let mut others = core.renditions.iter().enumerate();
        let has_others = others.any(|(r, it)| r != self.rendition && it.life == Life::Open);
        let is_missed = is_open && has_others;
        if is_open && core.renditions.len() > 1 {
            core.close(self.rendition, Life::Left, &mut notices);
        }
        let own = &core.publications[core.publication_of(self.rendition)];
        // Another thread that is at it publishes this as well, and one that is not yet will.
        let is_left_to_others = own.job.is_some() || (has_others && own.version > own.tried);
        let is_unpublished = own.is_unpublished() && !is_left_to_others;
        let missing = secs(core.renditions[self.rendition].total());
        drop(core);
        let path = self.path.display();
        if is_unpublished {
            tell(
                Level::Error,
                format_args!(
                    "the manifest {path} was dropped with changes unpublished; it would list {missing:.3} s"
                ),
            );
        }
        if is_missed {
            tell(
                Level::Error,
                format_args!(
                    "the publisher of {path} was dropped before its end; the other renditions go on without it"
                ),
            );
        }
    }
}
