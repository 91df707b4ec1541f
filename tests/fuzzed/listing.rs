//! The entries of a published media playlist, with the rules for it and for its change.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

const SECOND: u64 = 1_000_000;
/// The first millisecond of the year 10000, since 1970.
const END_OF_DATES: i64 = 253_402_300_800_000;
/// The longest duration of a segment in milliseconds, plus one for rounding.
const LONGEST: i64 = 3_600_001;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) version: usize,
    pub(crate) target: u64,
    pub(crate) media_sequence: u64,
    pub(crate) discontinuity_sequence: u64,
    pub(crate) has_ended: bool,
    pub(crate) entries: Vec<Entry>,
    /// The URIs of the initialisation segments.
    pub(crate) maps: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) uri: String,
    pub(crate) micros: u64,
    pub(crate) is_gap: bool,
    pub(crate) starts_discontinuity: bool,
    pub(crate) date: Option<i64>,
}

impl Listing {
    /// Reads it with another reader than the crate's own; the durations, which that one rounds, by
    /// hand.
    pub(crate) fn read(text: &[u8]) -> Result<Self, String> {
        let (rest, read) = m3u8_rs::parse_media_playlist(text).map_err(|why| format!("{why:?}"))?;
        if !rest.is_empty() {
            return Err("not all of it is a playlist".into());
        }
        let text = std::str::from_utf8(text).map_err(|why| why.to_string())?;
        let durations: Option<Vec<u64>> = text
            .lines()
            .filter_map(|line| line.strip_prefix("#EXTINF:"))
            .map(micros)
            .collect();
        let durations = durations.ok_or("an EXTINF that is not as 2.000000,")?;
        if durations.len() != read.segments.len() {
            return Err(format!("{} EXTINF", durations.len()));
        }
        let maps = read.segments.iter().filter_map(|it| it.map.as_ref());
        let maps = maps.map(|map| map.uri.clone()).collect();
        let entries = read.segments.into_iter().zip(durations);
        Ok(Self {
            version: read.version.ok_or("no version")?,
            target: read.target_duration,
            media_sequence: read.media_sequence,
            discontinuity_sequence: read.discontinuity_sequence,
            has_ended: read.end_list,
            entries: entries.map(Entry::of).collect(),
            maps,
        })
    }

    /// The number after the last one.
    pub(crate) fn end(&self) -> u64 {
        self.media_sequence + self.entries.len() as u64
    }

    /// The files that it names, from a playlist in this folder, by URIs that begin with `base`. A
    /// gap names none.
    pub(crate) fn files(&self, folder: &Path, base: &str) -> Vec<PathBuf> {
        let there = self.entries.iter().filter(|entry| !entry.is_gap);
        let uris = there.map(|entry| &entry.uri).chain(&self.maps);
        uris.map(|uri| file(uri.strip_prefix(base).expect("the base URL"), folder))
            .collect()
    }

    /// The rules for the playlist itself (RFC 8216 §4.3.3.1 and §7).
    pub(crate) fn check(&self) -> Result<(), String> {
        if ![3, 5, 6].contains(&self.version) {
            return Err(format!("version {}", self.version));
        }
        if self.end() > 1 << 53 {
            return Err("a number of 2^53 or more".into());
        }
        for Entry { micros, uri, .. } in &self.entries {
            let counts = if self.version >= 6 {
                (micros + SECOND / 2) / SECOND
            } else {
                micros.div_ceil(SECOND)
            };
            if counts > self.target {
                return Err(format!("{uri} lasts {micros} µs of {} s", self.target));
            }
        }
        self.check_dates()
    }

    /// From the first one on they are missing only where the year would have five digits.
    fn check_dates(&self) -> Result<(), String> {
        let mut last = None;
        let mut is_over = false;
        for Entry { date, uri, .. } in &self.entries {
            match (*date, last) {
                (Some(_), _) if is_over => return Err(format!("{uri} has a date again")),
                (Some(date), Some(last)) if date < last => {
                    return Err(format!("the date of {uri} goes back"));
                }
                (None, Some(last)) if last < END_OF_DATES - LONGEST => {
                    return Err(format!("{uri} has no date"));
                }
                (None, Some(_)) => is_over = true,
                (None, None) | (Some(_), _) => {}
            }
            last = date.or(last);
        }
        Ok(())
    }

    /// The rules for its change from one publication to the next (§6.2.1 and §6.2.2).
    pub(crate) fn check_change(&self, before: &Self) {
        assert_eq!(self.version, before.version, "the version");
        assert_eq!(self.target, before.target, "the target duration");
        assert!(
            self.media_sequence >= before.media_sequence && self.end() >= before.end(),
            "the numbers go back"
        );
        assert!(
            !before.has_ended || self == before,
            "a change after the end"
        );
        let removed = usize::try_from(self.media_sequence - before.media_sequence).unwrap();
        let removed = removed.min(before.entries.len());
        let (gone, kept) = before.entries.split_at(removed);
        assert_eq!(self.entries[..kept.len()], *kept, "an entry changed");
        let gone = gone.iter().filter(|it| it.starts_discontinuity).count() as u64;
        let increment = self
            .discontinuity_sequence
            .checked_sub(before.discontinuity_sequence);
        // Entries that came and went between the two may have had discontinuities as well.
        let unseen = self.media_sequence.saturating_sub(before.end());
        assert!(
            increment.is_some_and(|it| (gone..=gone + unseen).contains(&it)),
            "the discontinuity sequence grew by {increment:?}, and {gone} are gone"
        );
    }
}

impl Entry {
    fn of((read, micros): (m3u8_rs::MediaSegment, u64)) -> Self {
        let mut tags = read.unknown_tags.iter();
        Self {
            is_gap: tags.any(|tag| tag.tag == "X-GAP"),
            uri: read.uri,
            micros,
            starts_discontinuity: read.discontinuity,
            date: read.program_date_time.map(|date| date.timestamp_millis()),
        }
    }
}

fn file(uri: &str, folder: &Path) -> PathBuf {
    let mut file = folder.to_path_buf();
    for part in uri.split('/') {
        if part == ".." {
            assert!(file.pop(), "{uri} leads out");
        } else {
            file.push(decode(part));
        }
    }
    file
}

fn decode(part: &str) -> OsString {
    let mut decoded = Vec::new();
    let mut bytes = part.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
            let digits = std::str::from_utf8(&digits).unwrap();
            decoded.push(u8::from_str_radix(digits, 16).unwrap());
        } else {
            decoded.push(byte);
        }
    }
    OsString::from_vec(decoded)
}

/// `2.000000,` in microseconds.
fn micros(value: &str) -> Option<u64> {
    let (whole, decimals) = value.strip_suffix(',')?.split_once('.')?;
    (decimals.len() == 6).then_some(())?;
    format!("{whole}{decimals}").parse().ok()
}
