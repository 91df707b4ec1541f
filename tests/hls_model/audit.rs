//! Follows the changes in the directory, and compares them with the clauses and the expected
//! result.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::clauses;
use super::expected::{Expected, Pending, What, longest};
use super::folder::{Change, Record};
use super::setup::Setup;
use super::text::{Entry, Text, parse};

/// Until when a file must stay (RFC 8216 §6.2.2).
#[derive(Debug, Clone, Copy, Default)]
struct Until {
    clock: Duration,
    media: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Audit {
    pub(crate) last: Option<Text>,
    last_raw: Vec<u8>,
    pub(crate) present: BTreeMap<PathBuf, Vec<u8>>,
    pub(crate) ever_listed: BTreeSet<PathBuf>,
    until: BTreeMap<PathBuf, Until>,
    /// The paths whose old content was replaced by another one.
    overwritten: BTreeSet<PathBuf>,
    /// By number, the duration of the longest published playlist that listed it.
    longest_listing: BTreeMap<u64, u64>,
    /// The numbers of all entries that start a discontinuity.
    discontinuities: BTreeSet<u64>,
    /// Of the next entry, in microseconds since 1970.
    date: Option<i64>,
    /// Whether `finish` was called: then no media comes any more.
    pub(crate) is_over: bool,
}

pub(crate) const TAGS: [&str; 2] = ["#EXT-X-DATERANGE:", "#x-own:"];

impl Audit {
    pub(crate) fn new(first_date: i64) -> Self {
        Self {
            date: Some(first_date),
            ..Self::default()
        }
    }

    /// Where the next session goes on, the dates included.
    pub(crate) fn resume(&mut self) {
        if let Some(last) = self.last.as_ref().and_then(|text| text.entries.last()) {
            let micros = i64::try_from(last.micros).expect("hours");
            self.date = last.date.map(|date| date * 1000 + micros);
        }
    }

    pub(crate) fn follow(
        &mut self,
        record: &Record,
        expected: &mut Expected,
        setup: &Setup,
    ) -> Result<(), String> {
        let path = &record.path;
        match &record.change {
            Change::Stored(data) => {
                match self.present.insert(path.clone(), data.clone()) {
                    // Another file than the one of this name that was deleted.
                    None => {
                        self.ever_listed.remove(path);
                        self.until.remove(path);
                    }
                    // The producer reused the name, so nothing can keep the old file.
                    Some(before) if before != *data => {
                        self.overwritten.insert(path.clone());
                    }
                    Some(_) => {}
                }
                if path == Path::new(setup.path) {
                    self.published(data, record.at, expected, setup)
                        .map_err(|why| format!("{why}\n{}", String::from_utf8_lossy(data)))?;
                }
                Ok(())
            }
            Change::Removed => {
                self.present.remove(path);
                self.removed(path, record.at, expected, setup)
                    .map_err(|why| format!("{} was removed: {why}", path.display()))
            }
        }
    }

    fn removed(
        &self,
        path: &Path,
        at: Duration,
        expected: &Expected,
        setup: &Setup,
    ) -> Result<(), String> {
        if setup.deletes.is_none() {
            // There is none of its own, and an old one must not be taken for one.
            if path == setup.state_path() {
                return Ok(());
            }
            return Err("everything is to be kept".into());
        }
        if path == Path::new(setup.path) {
            return Err("it is the playlist".into());
        }
        let has_ended = self.last.as_ref().is_some_and(|text| text.has_ended);
        if path == setup.state_path() && !has_ended {
            return Err("the side file is still needed".into());
        }
        if self.is_listed(path, setup) {
            return Err("the published playlist lists it".into());
        }
        if setup.is_part(path) && self.is_named(path, setup) {
            return Err("the side file names it".into());
        }
        let until = match self.until.get(path) {
            Some(until) if !self.overwritten.contains(path) => until,
            _ => return Ok(()),
        };
        if let Some(early) = until.clock.checked_sub(at).filter(|it| !it.is_zero()) {
            return Err(format!("too early by {early:?} of the clock (§6.2.2)"));
        }
        if expected.media_time < until.media && !self.is_over {
            let early = until.media - expected.media_time;
            return Err(format!("too early by {early} µs of media (§6.2.2)"));
        }
        Ok(())
    }

    /// Whether the side file names this part of it.
    fn is_named(&self, part: &Path, setup: &Setup) -> bool {
        let text = self.present.get(&setup.state_path());
        let text = String::from_utf8_lossy(text.map_or(&[][..], Vec::as_slice)).into_owned();
        let name = part
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        text.lines().any(|line| {
            let words: Vec<_> = line.split(' ').collect();
            let ["parts", letter, _, first, end] = *words else {
                return false;
            };
            let number = name
                .strip_prefix(letter)
                .and_then(|it| it.parse::<u64>().ok());
            let [first, end] = [first, end].map(|it| it.parse::<u64>().expect("a number"));
            number.is_some_and(|number| (first..end).contains(&number))
        })
    }

    pub(crate) fn is_listed(&self, path: &Path, setup: &Setup) -> bool {
        let names = |entry: &Entry| {
            (!entry.is_gap && setup.file(&entry.uri) == path)
                || entry
                    .map
                    .as_ref()
                    .is_some_and(|map| setup.file(map) == path)
        };
        let entries = self.last.iter().flat_map(|text| &text.entries);
        entries.into_iter().any(names)
    }

    fn published(
        &mut self,
        raw: &[u8],
        at: Duration,
        expected: &mut Expected,
        setup: &Setup,
    ) -> Result<(), String> {
        let is_tag = |line: &str| TAGS.iter().any(|tag| line.starts_with(tag));
        let text = std::str::from_utf8(raw).map_err(|error| error.to_string())?;
        let text = parse(text, &setup.prefix(), is_tag)?;
        clauses::of_text(&text, setup)?;
        if let Some(before) = &self.last {
            clauses::of_change(before, &text, setup)?;
            if before.has_ended && raw != self.last_raw {
                return Err("another text after EXT-X-ENDLIST".into());
            }
        } else {
            clauses::of_window(None, &text, setup)?;
        }
        self.is_as_expected(&text, expected)
            .map_err(|why| format!("{why}; expected {expected:#?}"))?;
        self.new_entries(&text, expected, setup)?;
        self.all_is_present(&text, setup)?;
        self.left(&text, at, expected.media_time, setup);
        let total = text.total();
        for number in text.media_sequence..text.end() {
            let longest = self.longest_listing.entry(number).or_default();
            *longest = (*longest).max(total);
        }
        for entry in &text.entries {
            let file = (!entry.is_gap).then_some(&entry.uri);
            let named = file.into_iter().chain(&entry.map);
            self.ever_listed.extend(named.map(|uri| setup.file(uri)));
        }
        raw.clone_into(&mut self.last_raw);
        self.last = Some(text);
        Ok(())
    }

    fn is_as_expected(&self, text: &Text, expected: &Expected) -> Result<(), String> {
        if Some(text.version) != expected.version {
            return Err(format!(
                "version {}, which is not what it takes",
                text.version
            ));
        }
        if text.has_ended && !self.is_over {
            return Err("it ends, and nobody said so".into());
        }
        Ok(())
    }

    /// Holds what has come since the last text against what was pushed.
    fn new_entries(
        &mut self,
        text: &Text,
        expected: &mut Expected,
        setup: &Setup,
    ) -> Result<(), String> {
        expected.target = Some(text.target);
        let mut number = expected.number.unwrap_or(text.end());
        if self.last.is_none() && text.media_sequence < number {
            return Err("it begins with another number".into());
        }
        for pending in std::mem::take(&mut expected.pending) {
            // Of a gap that would go beyond the last number, what is left is left out.
            let numbers = usize::try_from((1 << 53) - number).unwrap_or(usize::MAX);
            let pieces = pending.what.pieces(text.target).into_iter();
            for (piece, micros) in pieces.take(numbers).enumerate() {
                let is_first = piece == 0;
                if is_first && pending.starts_discontinuity {
                    self.discontinuities.insert(number);
                }
                if is_first && pending.date > self.date {
                    self.date = pending.date;
                }
                let mut lasts = micros;
                if number >= text.media_sequence {
                    let entry = text
                        .get(number)
                        .ok_or(format!("number {number} is missing"))?;
                    self.is_entry(entry, &pending, is_first, micros, setup)
                        .map_err(|why| {
                            format!("number {number}: {why}: {entry:#?} {pending:#?}")
                        })?;
                    if let What::Gap { micros: None } = pending.what {
                        lasts = entry.micros;
                    }
                }
                let lasts = i64::try_from(lasts).expect("hours");
                self.date = self.date.map(|date| date + lasts);
                number += 1;
            }
        }
        if number != text.end() {
            return Err(format!(
                "it ends before {}, and should before {number}",
                text.end()
            ));
        }
        expected.number = Some(number);
        let removed = self.discontinuities.range(..text.media_sequence).count() as u64;
        if removed != text.discontinuity_sequence {
            return Err(format!(
                "{removed} discontinuities have been removed (§6.2.2)"
            ));
        }
        Ok(())
    }

    fn is_entry(
        &self,
        entry: &Entry,
        pending: &Pending,
        is_first: bool,
        micros: u64,
        setup: &Setup,
    ) -> Result<(), String> {
        let is_same = |one: u64, other: u64| one.abs_diff(other) <= 1;
        match &pending.what {
            What::Gap { micros: all } => {
                if !entry.is_gap {
                    return Err("what is not there is listed".into());
                }
                if all.is_some() && !is_same(entry.micros, micros) {
                    return Err(format!("it lasts {micros} µs"));
                }
            }
            What::Segment {
                file, listed_as, ..
            } => {
                if entry.is_gap || setup.file(&entry.uri) != *file {
                    return Err("it is another segment".into());
                }
                if !is_same(entry.micros, listed_as.unwrap_or(micros)) {
                    return Err(format!("it lasts {micros} µs"));
                }
            }
        }
        if entry.starts_discontinuity != (is_first && pending.starts_discontinuity) {
            return Err("the discontinuity".into());
        }
        if entry.map.as_deref().map(|uri| setup.file(uri)) != pending.map {
            return Err("another initialisation segment".into());
        }
        let tags = if is_first { &pending.tags[..] } else { &[] };
        if entry.keys != pending.keys || entry.tags != tags {
            return Err("other keys or tags".into());
        }
        let date = self.date.filter(|_| setup.is_dated);
        match (entry.date, date) {
            (None, None) => Ok(()),
            (Some(found), Some(date)) if (date - found * 1000).abs() <= 1500 => Ok(()),
            _ => Err(format!("the date, which should be {date:?} µs")),
        }
    }

    fn all_is_present(&self, text: &Text, setup: &Setup) -> Result<(), String> {
        for entry in &text.entries {
            let segment = (!entry.is_gap).then_some(&entry.uri);
            for uri in segment.into_iter().chain(&entry.map) {
                if !self.present.contains_key(&setup.file(uri)) {
                    return Err(format!("{uri:?} is listed, and is not there"));
                }
            }
        }
        Ok(())
    }

    /// Notes until when that must stay which this text lists no more.
    fn left(&mut self, text: &Text, at: Duration, media: u64, setup: &Setup) {
        let Some(before) = &self.last else {
            return;
        };
        let margin = Duration::from_secs(setup.deletes.unwrap_or_default());
        for number in before.media_sequence..text.media_sequence.min(before.end()) {
            let entry = before.get(number).expect("it is in between");
            let stays = entry.micros + self.longest_listing[&number];
            let segment = (!entry.is_gap).then_some(&entry.uri);
            for uri in segment.into_iter().chain(&entry.map) {
                let until = self.until.entry(setup.file(uri)).or_default();
                until.clock = until.clock.max(at + Duration::from_micros(stays) + margin);
                until.media = until.media.max(media + stays);
            }
        }
    }

    /// Nothing that was ever listed, and nothing of these, is there unless the last text lists it.
    pub(crate) fn nothing_is_left(
        &self,
        of: &BTreeSet<PathBuf>,
        setup: &Setup,
    ) -> Result<(), String> {
        let is_left = |path: &&PathBuf| !self.is_listed(path, setup);
        let mut left = of
            .iter()
            .filter(|it| self.present.contains_key(*it))
            .filter(is_left);
        match left.next() {
            None => Ok(()),
            Some(path) => Err(format!(
                "{} is never deleted, and {} more",
                path.display(),
                left.count()
            )),
        }
    }

    /// The duration of the longest published playlist of all.
    pub(crate) fn longest_ever(&self) -> u64 {
        self.longest_listing
            .values()
            .copied()
            .max()
            .unwrap_or_default()
    }

    /// A duration that was reported as too long is what it takes to be that.
    pub(crate) fn is_too_long(micros: u64, listed_as: u64, expected: &Expected) -> bool {
        listed_as < micros
            && expected
                .target
                .is_some_and(|target| listed_as == longest(target, expected.version))
    }
}
