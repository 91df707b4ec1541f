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
use super::submission::Standing;
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
        for p in std::iter::once(own).chain(core.due()) {
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

    /// Publishes the end, and waits for it until the deadline.
    pub(super) fn end_at(
        &mut self,
        port: &Port,
        deadline: Deadline,
        notices: Vec<Notice>,
    ) -> Result<Pushed, PublishError> {
        self.hand_over(port, deadline, notices)?;
        let own = self.own();
        let core = lock(&self.shared.core);
        let core = self
            .shared
            .wait_for_origin(core, port, deadline, |core| is_awaited(core, own));
        drop(core);
        // The thread may have ended with the last report.
        self.shared.collect(own, port, self.now());
        self.fate(own, Vec::new())
    }

    /// Hands the newest version over, and waits for room until the deadline.
    fn hand_over(
        &mut self,
        port: &Port,
        deadline: Deadline,
        notices: Vec<Notice>,
    ) -> Result<(), PublishError> {
        let own = self.own();
        let mut spent = Vec::new();
        let mut core = lock(&self.shared.core);
        core.publications[own].submissions.notices.extend(notices);
        let error = loop {
            match core.submit(own, &mut spent) {
                Ok(()) => break None,
                Err(Unsent::Full(_)) if deadline.left().is_none_or(|left| !left.is_zero()) => {
                    let landed = core.publications[own].landed;
                    core = self.shared.wait_for_origin(core, port, deadline, |core| {
                        core.publications[own].landed == landed
                    });
                }
                Err(unsent) => break Some(unsent.into_error()),
            }
        };
        let notices = match &error {
            Some(_) => core.take_notices(own),
            None => Vec::new(),
        };
        drop(core);
        dispose(spent);
        match error {
            None => Ok(()),
            error => self
                .outcome(PublishErrorKind::Sink, error.into_iter().collect(), notices)
                .map(drop),
        }
    }

    /// Ends the playlist, puts it within the time, and ends the thread.
    pub(crate) fn finish_timeout(mut self, timeout: Duration) -> Result<Pushed, PublishError> {
        let deadline = Deadline::after(timeout);
        let notices = self.close()?;
        let Some(port) = self.port().cloned() else {
            return self.publish_end(notices);
        };
        let handed_over = self.hand_over(&port, deadline, notices);
        if self.is_over() {
            let left = deadline.left().unwrap_or(Duration::MAX);
            let ended = self.end_driver(left);
            handed_over?;
            return ended;
        }
        // The thread of another rendition publishes the end, through this origin.
        handed_over.map(|()| Pushed::default())
    }

    pub(super) fn suspend_origin(
        &mut self,
        port: &Port,
        notices: Vec<Notice>,
    ) -> Result<Pushed, PublishError> {
        self.hand_over(port, Deadline::Never, notices)?;
        let own = self.own();
        let mut core = lock(&self.shared.core);
        let has_retired = !core.renditions[self.rendition].retired.is_empty();
        let submitted = if has_retired {
            core.submit_state(own)
        } else {
            Ok(())
        };
        drop(core);
        let error = submitted.err().map(Unsent::into_error);
        let ended = if self.is_over() {
            self.end_driver(Duration::MAX)
        } else {
            Ok(Pushed::default())
        };
        match error {
            None => ended,
            error => self.outcome(
                PublishErrorKind::Sink,
                error.into_iter().collect(),
                Vec::new(),
            ),
        }
    }

    fn is_over(&self) -> bool {
        self.core().renditions[self.rendition].is_over()
    }

    /// Puts what waits and ends the thread.
    fn end_driver(&mut self, timeout: Duration) -> Result<Pushed, PublishError> {
        let own = self.own();
        let driver: Option<OriginDriver> = self.shared.take_driver(self.rendition);
        let Some(driver) = driver else {
            return self.fate(own, Vec::new());
        };
        let Finished {
            reports,
            sink_error,
            is_timeout,
            ..
        } = driver.finish(timeout);
        let now = self.now();
        let mut spent = Vec::new();
        let mut core = lock(&self.shared.core);
        for report in reports {
            core.reported(report, now, &mut spent);
        }
        drop(core);
        dispose(spent);
        let ended = self.fate(own, sink_error.into_iter().collect());
        match ended {
            Err(error) if is_timeout => Err(error.into_timed_out()),
            ended => ended,
        }
    }

    /// Deletes all due files, and waits until each was tried.
    pub(super) fn delete_due_at(&mut self, port: &Port) -> Pushed {
        let own = self.own();
        let now = self.now();
        let mut core = lock(&self.shared.core);
        core.begin_deletions_anew(own, now);
        core.submit_deletion(own, now);
        let mut core = self
            .shared
            .wait_for_origin(core, port, Deadline::Never, |core| core.is_deleting(own));
        let notices = core.take_notices(own);
        drop(core);
        self.tell(&notices);
        Pushed { notices }
    }

    /// What became of the newest version.
    fn fate(&mut self, own: usize, mut errors: Vec<SinkError>) -> Result<Pushed, PublishError> {
        let mut core = lock(&self.shared.core);
        let path = core.publications[own].manifest.path.clone();
        let mut kind = PublishErrorKind::Sink;
        for p in std::iter::once(own).chain(indices(&core)) {
            match core.standing(p) {
                Standing::Failed(error) => errors.push(error),
                Standing::Awaited => {
                    kind = PublishErrorKind::TimedOut;
                    let why = "an earlier version may still take its place";
                    errors.push(SinkError::transient(why).with_path(&path));
                }
                Standing::Due | Standing::Published => {}
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

fn indices<F: Format>(core: &Core<F>) -> Vec<usize> {
    let all = 0..core.publications.len();
    let is_index = |p: &usize| core.publications[*p].manifest.state().is_none();
    all.filter(is_index).collect()
}

/// Whether the newest version of a manifest, or of one that names others, is under way.
fn is_awaited<F: Format>(core: &Core<F>, own: usize) -> bool {
    std::iter::once(own)
        .chain(indices(core))
        .any(|p| matches!(core.standing(p), Standing::Awaited))
}
