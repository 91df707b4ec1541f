//! The handle of one rendition: it enters items and publishes what has changed.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use log::Level;

use super::clip::{NoClip, Section};
use super::clipping::{Made, NotMade};
use super::core::Core;
use super::deletion::ALL;
use super::driver::inline::{Busy, Shared};
pub(crate) use super::driver::link::Clock;
use super::driver::link::SharedClock;
use super::driver::origin::Port;
use super::error::{PublishError, PublishErrorKind};
use super::format::Format;
use super::item::Item;
use super::job::{Outcome, Request, Write};
use super::notice::{Notice, NoticeLog};
use super::origin::sealed::Route;
use super::outlet::Outlet;
use super::rendition::{Life, NUMBERS_END};
use super::time::{secs, to_duration};
use crate::error::SinkError;
use crate::internal::log::log as tell;
use crate::internal::sync::{MutexGuard, lock};
use crate::sink::{SegmentSink, WriteContext};

/// The time of day.
pub(crate) type WallClock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// The result of a push.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Pushed {
    /// The irregularities that the publisher handled. They are logged as well.
    pub notices: Vec<Notice>,
}

/// The handle of a rendition, with a destination of its own. All destinations of a presentation
/// have one root.
pub(crate) struct Handle<F: Format, S: SegmentSink> {
    pub(super) shared: Arc<Shared<F>>,
    pub(super) rendition: usize,
    pub(super) path: PathBuf,
    pub(super) outlet: Outlet<S>,
    notice_log: NoticeLog,
    pub(super) clock: SharedClock,
    wall_clock: WallClock,
}

impl<F: Format, S: SegmentSink> Handle<F, S> {
    /// # Errors
    ///
    /// The publisher thread of an origin cannot be started.
    pub(crate) fn new(
        shared: Arc<Shared<F>>,
        rendition: usize,
        route: Route<S>,
        clock: Clock,
    ) -> io::Result<Self> {
        let clock = SharedClock::new(clock);
        let core = lock(&shared.core);
        let path = core.renditions[rendition].path.clone();
        let target = core.settings.target();
        drop(core);
        let outlet = match route {
            Route::Inline(sink) => Outlet::inline(sink),
            Route::Origin(origin) => {
                let options = origin.options(target.map(to_duration));
                Outlet::Origin(shared.start(rendition, &clock, options, origin.sink)?)
            }
        };
        shared.enter();
        Ok(Self {
            shared,
            rendition,
            path,
            outlet,
            notice_log: NoticeLog::default(),
            clock,
            wall_clock: Arc::new(SystemTime::now),
        })
    }

    /// A handle whose publisher thread is simulated.
    #[cfg(all(test, not(shuttle)))]
    pub(crate) fn simulated(
        shared: Arc<Shared<F>>,
        rendition: usize,
        sink: S,
        clock: super::driver::origin::simulated::VirtualClock,
    ) -> (Self, super::driver::origin::simulated::Simulated<S>) {
        let passed = clock.clone();
        let shared_clock = SharedClock::new(Arc::new(move || passed.passed()));
        let core = lock(&shared.core);
        let path = core.renditions[rendition].path.clone();
        let target = core.settings.target().map(to_duration).unwrap_or_default();
        drop(core);
        let (port, simulated) = shared.simulate(rendition, &shared_clock, target, sink, clock);
        shared.enter();
        let it = Self {
            shared,
            rendition,
            path,
            outlet: Outlet::Origin(port),
            notice_log: NoticeLog::default(),
            clock: shared_clock,
            wall_clock: Arc::new(SystemTime::now),
        };
        (it, simulated)
    }

    /// The way to the origin, if there is one.
    pub(crate) fn port(&self) -> Option<&Port> {
        self.outlet.port()
    }

    pub(super) fn own(&self) -> usize {
        self.core().publication_of(self.rendition)
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
        self.clock.now()
    }

    pub(crate) fn set_clock(&mut self, clock: Clock) {
        let now = clock();
        let mut core = self.core();
        let p = core.publication_of(self.rendition);
        core.publications[p].begin_at(now);
        drop(core);
        self.clock.set(clock);
    }

    pub(crate) fn set_wall_clock(&mut self, clock: WallClock) {
        self.wall_clock = clock;
    }

    pub(crate) fn set_state_sink(&mut self, sink: Box<dyn SegmentSink>) {
        self.outlet.set_state_sink(sink);
    }

    pub(crate) fn set_context(&mut self, context: WriteContext) {
        self.outlet.set_context(context);
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
        let mut core = self.begin_call();
        let entered = core.push(self.rendition, item.result(), &info, &mut notices);
        drop(core);
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
        let notices = self.close()?;
        self.publish(notices, Busy::Wait)
    }

    /// Publishes what is entered, as a push does.
    #[cfg(all(test, not(shuttle)))]
    pub(crate) fn carry_on(&mut self, notices: Vec<Notice>) -> Result<Pushed, PublishError> {
        self.publish(notices, Busy::Pass)
    }

    pub(super) fn publish_end(&mut self, notices: Vec<Notice>) -> Result<Pushed, PublishError> {
        self.publish(notices, Busy::Wait)
    }

    /// Takes no more items.
    pub(crate) fn close(&mut self) -> Result<Vec<Notice>, PublishError> {
        let mut notices = Vec::new();
        let mut core = self.begin_call();
        core.start();
        let it = &core.renditions[self.rendition];
        if it.entries.is_empty() && it.told.is_empty() {
            drop(core);
            return Err(self.refuse(PublishErrorKind::Invalid, "no segment was ever pushed"));
        }
        core.close(self.rendition, Life::Ended, &mut notices);
        Ok(notices)
    }

    pub(crate) fn suspend(mut self) -> Result<Pushed, PublishError> {
        let mut notices = Vec::new();
        let mut core = self.begin_call();
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
        if let Some(port) = self.port().cloned() {
            return self.suspend_origin(&port, notices);
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
        drop(self.begin_call());
        if let Some(port) = self.port().cloned() {
            return self.delete_due_at(&port);
        }
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

    /// Makes a clip of all renditions.
    pub(crate) fn clip(
        &mut self,
        section: &Section,
        name: &str,
        until: Option<SystemTime>,
    ) -> Result<Made, NotMade> {
        drop(self.begin_call());
        let r = self.rendition;
        let made = self.with_sinks(|shared, sinks| shared.clip(r, section, name, until, sinks));
        made.unwrap_or(Err(NotMade::Refused(NoClip::AtOrigin)))
    }

    /// Releases a clip; `None` if there is none of this name.
    pub(crate) fn release_clip(&mut self, name: &str) -> Option<Pushed> {
        drop(self.begin_call());
        let outcome = self.with_sinks(|shared, sinks| shared.release_clip(name, sinks))??;
        self.report(&outcome);
        Some(Pushed {
            notices: outcome.notices,
        })
    }

    /// The clocks are foreign code, so they are read before the lock.
    fn begin_call(&self) -> MutexGuard<'_, Core<F>> {
        let (now, wall) = (self.now(), (self.wall_clock)());
        let mut core = self.core();
        core.begin_call(now, wall);
        core
    }

    /// The files that no manifest names and that wait for deletion.
    pub(crate) fn waiting_for_deletion(&self) -> Vec<PathBuf> {
        let core = self.core();
        let waiting = core.waiting(core.publication_of(self.rendition));
        waiting.map(std::path::Path::to_path_buf).collect()
    }

    pub(super) fn tell(&mut self, notices: &[Notice]) {
        self.notice_log.tell(notices);
    }

    pub(super) fn report(&mut self, outcome: &Outcome) {
        self.tell(&outcome.notices);
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
        self.shared.leave();
    }
}
