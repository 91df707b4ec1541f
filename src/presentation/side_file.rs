//! The side file of a manifest: written before the manifest, and deleted once no later session
//! needs it.

use std::path::PathBuf;

use super::config::Extent;
use super::core::Core;
use super::driver::{Action, Document};
use super::entry::Size;
use super::format::Format;
use super::job::Phase;
use super::journal::{self, Head, Published};
use super::parts::Position;
use super::pins::beside;
use super::rendition::Rendition;
use super::retention::Retention;
use super::retired::{Retired, RetiredFiles};
use super::time::Micros;
use crate::error::SinkError;

mod end;

/// The lines that a push writes down anew, so that parts with many dead lines die.
const RENEWED: usize = 16;

/// The files that leave next and are noted at an origin. While an older side file may come back,
/// fewer leave.
const LEAVING: usize = 16;

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
        let most = parts.of_a_large_one();
        let tail = retention.lines(sealed..Position::MAX).take(most).count();
        let live = retention.count() - tail;
        // A longer tail is sealed first.
        if tail < most && parts.lines() > 2 * live + parts.tolerated() {
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
        let most = it.waiting_parts.of_a_large_one();
        let tail = retention.lines(sealed..Position::MAX).take(most).count();
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

    /// The path of the side file at an origin, and its text with all pending deletions. There it
    /// has no parts, as each version brings it whole.
    pub(super) fn state_text(&mut self, p: usize) -> Option<(PathBuf, Vec<u8>)> {
        let it = &mut self.publications[p];
        it.retention.as_ref()?;
        let path = it.manifest.state()?.clone();
        it.dissolve_parts();
        Some((path, self.side_file(p)))
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
        let reaches = covered().map(Rendition::reach);
        let head = Head {
            published,
            texts: &it.texts,
            newest: reaches.max().unwrap_or_default(),
            leaving: self.leaving(p, published.longest),
        };
        journal::render(header, &head, &logs, &it.clips, sizes, retired)
    }

    /// The files that leave next. At an origin this side file may come back when they have left.
    fn leaving(&self, p: usize, longest: Micros) -> Vec<Retired> {
        let it = &self.publications[p];
        let never = match self.settings.extent {
            Extent::Growing | Extent::AtTheEnd => true,
            Extent::Window(_) | Extent::Recording => it.port.is_none(),
        };
        if never {
            return Vec::new();
        }
        let mut leaving = RetiredFiles::default();
        for r in &it.manifest.covers {
            let entries = &self.renditions[*r].entries;
            for entry in (0..LEAVING).map_while(|place| entries.get(place)) {
                let stays = entry.micros.saturating_add(longest);
                let map = entry.initialisation.as_ref();
                let map = map.map(|map| (&map.file, map.bytes));
                let files = entry.file().map(|file| (file, entry.bytes));
                for (file, bytes) in files.into_iter().chain(map) {
                    let bytes = if self.settings.counts_bytes() {
                        bytes
                    } else {
                        0
                    };
                    leaving.push(Retired::new(file.clone(), stays).with_bytes(bytes));
                }
            }
        }
        leaving.take()
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
}
