//! Brings a rendition of an earlier session in step with the others.

use std::sync::Arc;

use super::core::Core;
use super::entry::{Content, Entry};
use super::format::Format;

impl<F: Format> Core<F> {
    /// Lists gaps for the numbers that `furthest` lists and this rendition does not.
    pub(super) fn catch_up(&mut self, r: usize, furthest: usize) {
        let Ok([behind, ahead]) = self.renditions.get_disjoint_mut([r, furthest]) else {
            // It is the furthest one.
            return;
        };
        if !behind.has_begun {
            // Nothing of it was ever published, so it begins with what comes.
            behind.media_sequence = ahead.end();
            behind.discontinuity_sequence = ahead.discontinuities();
            return;
        }
        if behind.end() < ahead.media_sequence {
            // The numbers between them are not known any more.
            let longest = behind.longest_published;
            while let Some(gone) = behind.entries.pop_front() {
                let stays = gone.micros.saturating_add(longest);
                if let Content::Stored(file) = gone.content {
                    behind.retire(file, stays, gone.bytes);
                }
                if let Some(map) = gone.initialisation {
                    behind.retire(map.file.clone(), stays, map.bytes);
                }
            }
            behind.media_sequence = ahead.media_sequence;
            behind.discontinuity_sequence = ahead.discontinuity_sequence;
        }
        let first = behind.end();
        for number in first..ahead.end() {
            let place = usize::try_from(number - ahead.media_sequence).unwrap_or(usize::MAX);
            let Some(fact) = ahead.entries.get(place) else {
                break;
            };
            let last = behind.entries.back();
            let start = behind.position;
            let end = start + (fact.end - fact.start);
            behind.position = end;
            behind.media_time = behind.media_time.saturating_add(fact.micros);
            behind.entries.push_back(Entry {
                content: Content::Missing(None),
                start,
                end,
                time: None,
                micros: fact.micros,
                starts_discontinuity: fact.starts_discontinuity,
                initialisation: last.and_then(|last| last.initialisation.clone()),
                keys: last.map_or_else(Arc::default, |last| Arc::clone(&last.keys)),
                sequence: last.and_then(|last| last.sequence),
                lines: Vec::new(),
                date: fact.date,
                since: self.now,
                bytes: 0,
            });
        }
    }
}
