//! The deletions of a job: bounded after each push, and in turns with a write that found no space.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::core::Core;
use super::deletion::{A_PUSH, Bound, Part, Pass, Step, is_no_space};
use super::driver::Action;
use super::format::Format;
use super::job::{NoSpace, Phase, Room};
use super::notice::Notice;
use super::retention::{Due, Moment};
use crate::error::SinkError;
use crate::sink::ObjectKind;

impl<F: Format> Core<F> {
    /// If no space is left, deletes due files before the next attempt.
    pub(super) fn not_written(&mut self, p: usize, error: SinkError, now: Duration) {
        let is_no_space = is_no_space(&error);
        let has_room = self.job(p).is_some_and(|job| job.room.is_some());
        let pass = (is_no_space && !has_room).then(|| self.pass(p, now));
        let Some(job) = self.job(p) else { return };
        match (&mut job.room, pass) {
            (Some(room), _) if is_no_space => {
                let before = std::mem::replace(&mut room.error, error);
                job.outcome.overcome.push(before);
                room.is_deleting = true;
                room.part = Part::default();
            }
            (_, Some(pass)) => {
                job.room = Some(Room {
                    pass,
                    part: Part::default(),
                    error,
                    is_deleting: true,
                });
            }
            (room, None) => {
                job.outcome.overcome.extend(room.take().map(|it| it.error));
                job.outcome.errors.push(error);
                self.gave_up(p);
            }
        }
    }

    /// The text was not published for certain. If the write of the manifest was tried, it counts
    /// as a listing all the same.
    pub(super) fn gave_up(&mut self, p: usize) {
        let it = &mut self.publications[p];
        for r in &it.manifest.covers {
            self.renditions[*r].about_to_list = None;
        }
        if let Some(job) = &mut it.job {
            job.attempt = 1;
            job.phase = Phase::Delete;
        }
    }

    /// The next deletion that may help a write. The sink of the segments has no space either and
    /// frees none, so it pays to exceed the limit of a push.
    pub(super) fn make_room(&mut self, p: usize, now: Duration) -> Option<Action> {
        let mut room = self.job(p)?.room.take()?;
        loop {
            if !room.part.has_begun() && room.pass.is_over(now) {
                self.no_room(p, room, now);
                return None;
            }
            match self.deletion(p, &mut room.pass, &mut room.part, A_PUSH, now) {
                Step::Delete(action) => {
                    self.job(p)?.room = Some(room);
                    return Some(action);
                }
                Step::Over(part) if part.deleted > 0 => {
                    room.is_deleting = false;
                    let job = self.job(p)?;
                    job.attempt += 1;
                    job.room = Some(room);
                    return None;
                }
                Step::Over(part) if part.is_last && !self.make_some_due(p, A_PUSH.files) => {
                    self.no_room(p, room, now);
                    return None;
                }
                Step::Over(_) => room.part = Part::default(),
            }
        }
    }

    pub(super) fn no_room(&mut self, p: usize, room: Room, now: Duration) {
        let path = self.publications[p].manifest.path.clone();
        let waiting = self.waiting(p).count();
        let Some(job) = self.job(p) else { return };
        if !room.pass.is_over(now) {
            job.outcome.no_space.push(NoSpace {
                path,
                error: room.error.clone(),
                waiting,
            });
        }
        job.outcome.errors.push(room.error);
        self.gave_up(p);
    }

    /// The next deletion within the bound of the request.
    pub(super) fn next_deletion(&mut self, p: usize, now: Duration) -> Option<Action> {
        let job = self.job(p)?;
        let bound = job.request.deletion?;
        let (pass, mut part) = (job.pass.take(), std::mem::take(&mut job.part));
        let mut pass = pass.unwrap_or_else(|| self.pass(p, now));
        match self.deletion(p, &mut pass, &mut part, bound, now) {
            Step::Delete(action) => {
                let job = self.job(p)?;
                (job.pass, job.part) = (Some(pass), part);
                Some(action)
            }
            Step::Over(_) => None,
        }
    }

    pub(super) fn deleted(&mut self, p: usize, file: PathBuf, result: Result<(), SinkError>) {
        if let Some(job) = self.job(p).filter(|_| result.is_ok()) {
            let part = match &mut job.room {
                Some(room) if room.is_deleting => &mut room.part,
                _ => &mut job.part,
            };
            part.deleted += 1;
        }
        let notice = self.file_deleted(p, file, result);
        if let Some(job) = self.job(p) {
            job.outcome.notices.extend(notice);
        }
    }

    /// Takes the result of a deletion.
    pub(super) fn file_deleted(
        &mut self,
        p: usize,
        file: PathBuf,
        result: Result<(), SinkError>,
    ) -> Option<Notice> {
        let has_ended = self.has_ended(p);
        let it = &mut self.publications[p];
        let retention = it.retention.as_mut()?;
        match result {
            Ok(()) => {
                retention.done(&file);
                if !has_ended {
                    it.names.was_deleted(file);
                }
                None
            }
            Err(error) if error.io_kind() == io::ErrorKind::Unsupported => {
                retention.give_up();
                Some(Notice::CannotDelete(error))
            }
            Err(error) => {
                // Lets the others go first.
                retention.postpone(&file);
                Some(Notice::NotDeleted(error))
            }
        }
    }

    /// The files of a manifest that wait for deletion.
    pub(crate) fn waiting(&self, p: usize) -> impl Iterator<Item = &Path> {
        let files = self.publications[p].files_waiting();
        files.filter(|file| !self.may_name(file))
    }

    pub(super) fn pass(&mut self, p: usize, now: Duration) -> Pass {
        let now = self.moment(p, now);
        let it = &mut self.publications[p];
        let pushes = it.names.pushes();
        let end = it.retention.as_mut().map_or(0, |retention| {
            retention.advance(now, pushes);
            retention.next_ticket()
        });
        self.exceed(p);
        Pass {
            last: None,
            end,
            began: now.clock,
        }
    }

    /// The next file of a pass that may be deleted.
    pub(super) fn deletion(
        &mut self,
        p: usize,
        pass: &mut Pass,
        part: &mut Part,
        bound: Bound,
        now: Duration,
    ) -> Step {
        let began = *part.began.get_or_insert(now);
        let has_ended = self.has_ended(p);
        let it = &self.publications[p];
        while let Some(retention) = &it.retention
            && let Some(Due {
                ticket,
                since,
                file,
            }) = retention.next_due(pass.last)
            && ticket < pass.end
        {
            if part.tried == bound.files || now.saturating_sub(began) > bound.time {
                return Step::Over(*part);
            }
            pass.last = Some(ticket);
            let is_held = !has_ended && it.names.holds(since);
            if is_held || self.may_name(&file) {
                continue;
            }
            part.tried += 1;
            return Step::Delete(Action::delete(file, ObjectKind::MediaSegment));
        }
        part.is_last = true;
        Step::Over(*part)
    }

    /// The current time of both clocks.
    fn moment(&self, p: usize, now: Duration) -> Moment {
        let covered = &self.publications[p].manifest.covers;
        let media = if self.has_ended(p) {
            // No more media comes, so none is waited for.
            u64::MAX
        } else {
            let media = covered.iter().map(|r| self.renditions[*r].media_time);
            media.min().unwrap_or_default()
        };
        Moment { media, clock: now }
    }
}
