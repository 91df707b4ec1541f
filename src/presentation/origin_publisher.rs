//! The handle of a rendition that goes to an origin: it hands versions over, and waits for them at
//! the end.

use std::time::Duration;

use super::core::Core;
use super::driver::origin::{Finished, OriginDriver, Port};
use super::error::{PublishError, PublishErrorKind};
use super::format::Format;
use super::notice::Notice;
use super::over_origin::Unsent;
use super::publisher::{Handle, Pushed};
use super::submission::VersionState;
use crate::error::SinkError;
use crate::internal::deadline::Deadline;
use crate::internal::sync::lock;
use crate::internal::unwind::dispose;
use crate::sink::SegmentSink;

impl<F: Format, S: SegmentSink> Handle<F, S> {
    /// Hands the rendition's own manifest over, and every other one that has changed.
    pub(super) fn push_to(
        &mut self,
        port: &Port,
        mut notices: Vec<Notice>,
    ) -> Result<Pushed, PublishError> {
        let own = self.own();
        let now = self.now();
        let (mut spent, mut errors) = (Vec::new(), Vec::new());
        let mut core = lock(&self.shared.core);
        let mut ports = vec![port.clone()];
        let others = core.due().into_iter().filter(|p| *p != own);
        for p in std::iter::once(own).chain(others) {
            ports.extend(core.port_of(p));
            let submitted = core.submit(p, &mut spent);
            errors.extend(submitted.err().map(Unsent::into_error));
        }
        core.begin_deletions(own, now);
        core.submit_deletion(own, now);
        notices.append(&mut core.take_notices(own));
        drop(core);
        dispose(spent);
        ports.iter().for_each(Port::check_alarm);
        self.outcome(PublishErrorKind::Sink, errors, notices)
    }

    /// Publishes the end, and waits until it stands, or until the deadline.
    pub(super) fn end_at(
        &mut self,
        port: &Port,
        deadline: Deadline,
        notices: Vec<Notice>,
    ) -> Result<Pushed, PublishError> {
        let (concerned, errors) = self.hand_over(port, deadline, notices);
        self.fate(&concerned, deadline, errors)
    }

    /// Hands the newest version over, and waits for room until the deadline. Then hands over every
    /// other one that has changed. Returns the manifests whose fate the caller learns.
    fn hand_over(
        &mut self,
        port: &Port,
        deadline: Deadline,
        notices: Vec<Notice>,
    ) -> (Vec<usize>, Vec<SinkError>) {
        let own = self.own();
        let (mut spent, mut errors) = (Vec::new(), Vec::new());
        let mut core = lock(&self.shared.core);
        core.publications[own].submissions.notices.extend(notices);
        loop {
            match core.submit(own, &mut spent) {
                Err(Unsent::Full(_)) if deadline.left().is_none_or(|left| !left.is_zero()) => {
                    core = self
                        .shared
                        .wait_for_origin(core, deadline, |_| port.is_running() && port.is_full());
                }
                submitted => {
                    errors.extend(submitted.err().map(Unsent::into_error));
                    break;
                }
            }
        }
        for p in core.due() {
            let submitted = core.submit(p, &mut spent);
            errors.extend(submitted.err().map(Unsent::into_error));
        }
        let concerned = concerned(&core, own);
        drop(core);
        dispose(spent);
        (concerned, errors)
    }

    /// Waits until the fate of these manifests is known.
    fn wait_for_the_end(&self, concerned: &[usize], deadline: Deadline) {
        let core = lock(&self.shared.core);
        let core = self.shared.wait_for_origin(core, deadline, |core| {
            concerned.iter().any(|p| is_awaited(core, *p))
        });
        let ports: Vec<_> = core.publications.iter().map(|it| it.port.clone()).collect();
        drop(core);
        // A thread may have ended with its last report.
        let now = self.now();
        for (p, port) in ports.iter().enumerate() {
            if let Some(port) = port {
                self.shared.collect(p, port, now);
            }
        }
    }

    /// Ends the manifest, puts it within the time, and ends the thread.
    pub(crate) fn finish_timeout(mut self, timeout: Duration) -> Result<Pushed, PublishError> {
        let deadline = Deadline::after(timeout);
        let notices = self.close()?;
        let Some(port) = self.port().cloned() else {
            return self.publish_end(notices);
        };
        let (concerned, mut errors) = self.hand_over(&port, deadline, notices);
        let is_timeout = self.end_driver(deadline, &mut errors);
        match self.fate(&concerned, deadline, errors) {
            Err(error) if is_timeout => Err(error.into_timed_out()),
            ended => ended,
        }
    }

    pub(super) fn suspend_origin(
        &mut self,
        port: &Port,
        notices: Vec<Notice>,
    ) -> Result<Pushed, PublishError> {
        let (concerned, mut errors) = self.hand_over(port, Deadline::Never, notices);
        let own = self.own();
        let mut core = lock(&self.shared.core);
        if !core.renditions[self.rendition].retired.is_empty() {
            let submitted = core.submit_state(own);
            errors.extend(submitted.err().map(Unsent::into_error));
        }
        drop(core);
        self.end_driver(Deadline::Never, &mut errors);
        self.fate(&concerned, Deadline::Never, errors)
    }

    /// Puts what waits and ends the thread, if no other rendition may still need it. Returns
    /// whether the time was over before.
    fn end_driver(&mut self, deadline: Deadline, errors: &mut Vec<SinkError>) -> bool {
        let own = self.own();
        let core = lock(&self.shared.core);
        let is_over = core.renditions[self.rendition].is_over();
        let is_needed = !is_over || matches!(core.version_state(own), VersionState::Due);
        drop(core);
        if is_needed {
            return false;
        }
        let driver: Option<OriginDriver> = self.shared.take_driver(self.rendition);
        let Some(driver) = driver else { return false };
        let Finished {
            reports,
            sink_error,
            is_timeout,
        } = driver.finish(deadline.left().unwrap_or(Duration::MAX));
        self.shared.take(reports, self.now());
        errors.extend(sink_error);
        is_timeout
    }

    /// Deletes all due files, and waits until each was tried.
    pub(super) fn delete_due_at(&mut self, port: &Port) -> Pushed {
        let own = self.own();
        let now = self.now();
        let mut core = lock(&self.shared.core);
        core.begin_deletions_anew(own, now);
        core.submit_deletion(own, now);
        let mut core = self.shared.wait_for_origin(core, Deadline::Never, |core| {
            core.is_deleting(own) && port.is_running()
        });
        let notices = core.take_notices(own);
        drop(core);
        self.tell(&notices);
        Pushed { notices }
    }

    /// Waits for these manifests, and says what became of them.
    fn fate(
        &mut self,
        concerned: &[usize],
        deadline: Deadline,
        mut errors: Vec<SinkError>,
    ) -> Result<Pushed, PublishError> {
        self.wait_for_the_end(concerned, deadline);
        let own = self.own();
        let mut core = lock(&self.shared.core);
        let is_too_late = deadline.left().is_some_and(|left| left.is_zero());
        let mut kind = PublishErrorKind::Sink;
        for p in concerned {
            let p = *p;
            match core.version_state(p) {
                VersionState::Failed(error) => errors.push(error),
                // Begun after the wait, by another thread.
                VersionState::Awaited if is_awaited(&core, p) && !is_too_late => {}
                VersionState::Awaited => {
                    kind = PublishErrorKind::TimedOut;
                    let why = "it is not certain that the newest version stands";
                    let path = &core.publications[p].manifest.path;
                    errors.push(SinkError::transient(why).with_path(path));
                }
                VersionState::Due | VersionState::Published => {}
            }
        }
        let notices = core.take_notices(own);
        drop(core);
        self.outcome(kind, errors, notices)
    }

    fn outcome(
        &mut self,
        kind: PublishErrorKind,
        errors: Vec<SinkError>,
        notices: Vec<Notice>,
    ) -> Result<Pushed, PublishError> {
        self.tell(&notices);
        if errors.is_empty() {
            return Ok(Pushed { notices });
        }
        Err(PublishError::of_kind(kind, errors, notices))
    }
}

/// Whether a manifest is under way, and its thread runs.
fn is_awaited<F: Format>(core: &Core<F>, p: usize) -> bool {
    let is_awaited = matches!(core.version_state(p), VersionState::Awaited);
    is_awaited && core.port_of(p).is_some_and(|port| port.is_running())
}

/// The manifests that a call waits for at the end: its own, those that name others, and after the
/// last rendition all.
fn concerned<F: Format>(core: &Core<F>, own: usize) -> Vec<usize> {
    let all = 0..core.publications.len();
    let are_all_over = core.are_all_over();
    let is_concerned =
        |p: &usize| *p == own || are_all_over || core.publications[*p].manifest.state().is_none();
    let mut concerned: Vec<_> = all.filter(is_concerned).collect();
    // Its own error comes first.
    concerned.sort_by_key(|p| *p != own);
    concerned
}
