//! The side file of a manifest: written before the manifest, and deleted once no later session
//! needs it.

use std::io;

use super::core::Core;
use super::deletion::A_PUSH;
use super::driver::{Action, Document};
use super::entry::Size;
use super::format::Format;
use super::job::Phase;
use super::journal::{self, Published};
use super::notice::Notice;
use super::parts::Position;
use super::pins::beside;
use super::rendition::Rendition;
use super::retention::Retention;
use crate::error::SinkError;
use crate::sink::ObjectKind;

/// The lines that a push writes down anew, so that parts with many dead lines die.
const RENEWED: usize = 16;

/// The parts that a push writes.
const PARTS_AT_ONCE: usize = 32;

impl<F: Format> Core<F> {
    /// The next object of the side file that has changed: a part, or the file itself.
    pub(super) fn state(&mut self, p: usize) -> Option<Action> {
        self.publications[p].retention.as_ref()?;
        self.age_parts(p);
        if let Some(part) = self.due_part(p) {
            return Some(part);
        }
        let state = self.side_file(p);
        let it = &mut self.publications[p];
        if state == it.written_state {
            return None;
        }
        // After a failure either of the two texts may be stored.
        it.written_state.clear();
        let path = it.manifest.state()?.clone();
        Some(Action::Put(it.object(path, state)))
    }

    /// Forgets dead parts, and has lines of old parts written anew if most of the lines are dead.
    fn age_parts(&mut self, p: usize) {
        let numbers = self.size_numbers(p);
        let it = &mut self.publications[p];
        let Some(retention) = &mut it.retention else {
            return;
        };
        let parts = &mut it.waiting_parts;
        parts.advance(retention.first_ticket());
        let sealed = parts.sealed();
        let tail = retention.lines(sealed..Position::MAX).count();
        let live = retention.count() - tail;
        if parts.lines() > 2 * live + parts.tolerated() {
            retention.renew_oldest(RENEWED, sealed);
            parts.advance(retention.first_ticket());
        }
        parts.announce(tail);
        if let Some((first, end)) = numbers {
            let parts = &mut it.size_parts;
            parts.advance(first);
            let tail = end.saturating_sub(first.max(parts.sealed()));
            parts.announce(usize::try_from(tail).unwrap_or(usize::MAX));
        }
    }

    /// The numbers whose lengths are noted: those that are listed for certain.
    fn size_numbers(&self, p: usize) -> Option<(u64, u64)> {
        if !self.settings.counts_bytes() {
            return None;
        }
        let it = &self.publications[p];
        let covered = it.manifest.covers.iter().map(|r| &self.renditions[*r]);
        let first = covered.map(|it| it.media_sequence).min()?;
        Some((first, it.published.number.max(first)))
    }

    fn sizes(&self, p: usize, numbers: std::ops::Range<u64>) -> impl Iterator<Item = (u64, Size)> {
        let covered = &self.publications[p].manifest.covers;
        numbers.map(move |number| {
            let mut sum = Size::default();
            for r in covered {
                let size = self.renditions[*r].size(number);
                sum.segment += size.segment;
                sum.map += size.map;
            }
            (number, sum)
        })
    }

    fn due_part(&mut self, p: usize) -> Option<Action> {
        let numbers = self.size_numbers(p);
        let it = &self.publications[p];
        let retention = it.retention.as_ref()?;
        if it.job.as_ref()?.parts_written >= PARTS_AT_ONCE {
            return None;
        }
        let header = it.manifest.state_header();
        let sealed = it.waiting_parts.sealed().max(retention.first_ticket());
        let tail = retention.lines(sealed..Position::MAX).count();
        let next = retention.next_ticket();
        let (seal, bytes, lines) = if let Some(seal) = it.waiting_parts.due(sealed, tail, next) {
            let lines = retention.lines(seal.range.clone());
            let bytes = journal::render_waiting(header, seal.name, lines);
            let lines = retention.lines(seal.range.clone()).count();
            (seal, bytes, lines)
        } else {
            let (first, end) = numbers?;
            let tail = end.saturating_sub(first.max(it.size_parts.sealed()));
            let tail = usize::try_from(tail).unwrap_or(usize::MAX);
            let seal = it.size_parts.due(first, tail, end)?;
            let range = seal.range.start.max(first)..seal.range.end;
            let lines = usize::try_from(range.end.saturating_sub(range.start));
            let lines = lines.unwrap_or_default();
            let bytes = journal::render_sizes(header, seal.name, self.sizes(p, range));
            (seal, bytes, lines)
        };
        let it = &mut self.publications[p];
        let path = beside(it.manifest.state()?, &seal.name.word());
        it.job.as_mut()?.seal = Some((seal, lines));
        Some(Action::Put(it.object(path, bytes)))
    }

    /// The text of the side file, with all pending deletions that are in no part.
    fn side_file(&self, p: usize) -> Vec<u8> {
        let it = &self.publications[p];
        // The manifest that is about to be published counts already.
        let covered = || it.manifest.covers.iter().map(|r| &self.renditions[*r]);
        let longest = covered().map(|it| {
            let about_to = it.about_to_list.map_or(it.total(), |(_, total)| total);
            it.longest_published.max(about_to)
        });
        let published = Published {
            longest: longest.max().unwrap_or_default(),
            ..it.published
        };
        let waiting = it.retention.iter().flat_map(|retention| {
            let lines = retention.lines(it.waiting_parts.sealed()..Position::MAX);
            lines.map(|(_, retired)| retired)
        });
        let retired =
            waiting.chain(covered().flat_map(|it| it.retiring.iter().chain(it.retired.iter())));
        let first_ticket = it.retention.as_ref().map_or(0, Retention::first_ticket);
        let mut logs = vec![(&it.waiting_parts, first_ticket)];
        let mut numbers = 0..0;
        if let Some((first, _)) = self.size_numbers(p) {
            logs.push((&it.size_parts, first));
            // Those that are about to be listed come back as well.
            let end = covered().map(Rendition::end).max().unwrap_or_default();
            numbers = first.max(it.size_parts.sealed())..end;
        }
        let header = it.manifest.state_header();
        let sizes = self.sizes(p, numbers);
        let clips = &it.clips;
        journal::render(header, published, &it.texts, &logs, clips, sizes, retired)
    }

    pub(super) fn state_done(
        &mut self,
        p: usize,
        document: Document,
        result: Result<(), SinkError>,
        now: std::time::Duration,
    ) {
        let seal = self.job(p).and_then(|job| job.seal.take());
        let it = &mut self.publications[p];
        match (result, seal) {
            (Ok(()), Some((seal, lines))) => {
                it.parts(seal.name.log).was_stored(&seal, lines);
                if let Some(job) = &mut it.job {
                    job.parts_written += 1;
                }
                self.written(p, Phase::State);
            }
            (Ok(()), None) => {
                it.state_landed(document.bytes);
                self.written(p, Phase::Manifest);
            }
            (Err(error), _) => self.not_written(p, error, now),
        }
    }

    /// Deletes the side file of an earlier session before the first publication.
    pub(super) fn old_state(&mut self, p: usize) -> Option<Action> {
        let it = &self.publications[p];
        let path = it.manifest.state().filter(|_| it.may_have_old_state)?;
        Some(Action::delete(path.clone(), ObjectKind::State))
    }

    pub(super) fn old_state_deleted(&mut self, p: usize, result: Result<(), SinkError>) {
        let it = &mut self.publications[p];
        let Some(job) = &mut it.job else { return };
        job.phase = Phase::Render;
        match result {
            Ok(()) => {
                it.may_have_old_state = false;
                it.give_up_parts();
                it.parts_landed();
            }
            // A sink that cannot delete hardly wrote one.
            Err(error) if error.io_kind() == io::ErrorKind::Unsupported => {
                it.may_have_old_state = false;
                job.outcome.overcome.push(error);
            }
            // A failed deletion does not prevent the publication.
            Err(error) => job.outcome.notices.push(Notice::NotDeleted(error)),
        }
    }

    /// The next part to delete, within the bound of a push.
    pub(super) fn part_deletion(&mut self, p: usize) -> Option<Action> {
        let it = &self.publications[p];
        let job = it.job.as_ref()?;
        job.request.deletion?;
        if job.parts_deleted >= A_PUSH.files {
            return None;
        }
        it.delete_part()
    }

    pub(super) fn part_deleted(&mut self, p: usize, result: Result<(), SinkError>) {
        let it = &mut self.publications[p];
        let Some(name) = it.garbage() else { return };
        match result {
            Ok(()) => {
                it.parts(name.log).was_deleted(name);
                if let Some(job) = &mut it.job {
                    job.parts_deleted += 1;
                }
            }
            Err(error) => self.part_not_deleted(p, error),
        }
    }

    fn part_not_deleted(&mut self, p: usize, error: SinkError) {
        let it = &mut self.publications[p];
        let Some(job) = &mut it.job else { return };
        // The next push tries again.
        job.parts_deleted = usize::MAX;
        if error.io_kind() == io::ErrorKind::Unsupported {
            job.outcome.notices.push(Notice::CannotDelete(error));
            if let Some(retention) = &mut it.retention {
                retention.give_up();
            }
        } else {
            job.outcome.notices.push(Notice::NotDeleted(error));
        }
    }

    /// Deletes the side file once no later session needs it: first all names of parts in it, then
    /// the parts, and then the file itself. So a session that is killed meanwhile forgets none.
    pub(super) fn end_state(&mut self, p: usize) -> Option<Action> {
        let it = &self.publications[p];
        it.job.as_ref()?.request.deletion?;
        let retention = it.retention.as_ref()?;
        let is_done = retention.count() == 0 && !retention.has_given_up();
        if !self.has_ended(p) || it.is_unpublished() || !is_done {
            return None;
        }
        let job = it.job.as_ref()?;
        let path = it.manifest.state()?.clone();
        if it.may_name_parts() {
            self.publications[p].give_up_parts();
            let state = self.side_file(p);
            let it = &mut self.publications[p];
            it.written_state.clear();
            return Some(Action::Put(it.object(path, state)));
        }
        let part = (job.parts_deleted < usize::MAX).then(|| it.delete_part());
        match part.flatten() {
            Some(part) => Some(part),
            None if it.garbage().is_some() => None,
            None => Some(Action::delete(path, ObjectKind::State)),
        }
    }

    /// The side file that names no part. Without it no part may be deleted.
    pub(super) fn last_state_done(
        &mut self,
        p: usize,
        document: Document,
        result: Result<(), SinkError>,
    ) {
        let it = &mut self.publications[p];
        match result {
            Ok(()) => it.state_landed(document.bytes),
            Err(error) => {
                let Some(job) = &mut it.job else { return };
                job.phase = Phase::Over;
                job.outcome.notices.push(Notice::NotDeleted(error));
            }
        }
    }

    pub(super) fn end_state_deleted(&mut self, p: usize, result: Result<(), SinkError>) {
        let it = &mut self.publications[p];
        if it.garbage().is_some() {
            return self.part_deleted(p, result);
        }
        let Some(job) = &mut it.job else { return };
        job.phase = Phase::Over;
        match result {
            Ok(()) => it.retention = None,
            Err(error) if error.io_kind() == io::ErrorKind::Unsupported => {
                job.outcome.notices.push(Notice::CannotDelete(error));
                if let Some(retention) = &mut it.retention {
                    retention.give_up();
                }
            }
            Err(error) => job.outcome.notices.push(Notice::NotDeleted(error)),
        }
    }
}
