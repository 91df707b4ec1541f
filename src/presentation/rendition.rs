//! The state of one rendition: the segments that it lists, and the state that the next one begins
//! with. No I/O, no clock.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::bitrate::Bitrate;
use super::date_range::ListedRanges;
use super::entry::{Content, Entry, Initialisation, Map, Size};
use super::fingerprint::Reach;
use super::listings::Listings;
use super::notice::Notice;
use super::reserved::is_of_side_file;
use super::retired::{Retired, RetiredFiles};
use super::retiring::Retiring;
use super::time::{Micros, Time, to_duration};
use super::timeline::Entries;
use super::told::Told;
use crate::segment::ProducedSegment;
use crate::uri;

/// Players read the number of a segment as a double or a signed number. From here on some would be
/// wrong.
pub(crate) const NUMBERS_END: u64 = 1 << 53;

/// The state of a rendition.
#[derive(Debug, Default)]
pub(crate) struct Rendition {
    /// The path of its manifest, from which its files are named.
    pub(crate) path: PathBuf,
    /// The names that no segment may have.
    pub(crate) reserved: Vec<PathBuf>,
    /// Whether the lengths of files are noted.
    pub(crate) counts_bytes: bool,
    /// The number of the first entry.
    pub(crate) media_sequence: u64,
    /// How many discontinuities were before the first entry.
    pub(crate) discontinuity_sequence: u64,
    pub(crate) entries: Entries,
    pub(crate) ranges: ListedRanges,
    /// Whether it lists initialisation segments; fixed with the first segment.
    pub(crate) has_initialisation: Option<bool>,
    /// Whether any media was told about, or is listed from an earlier session.
    pub(crate) has_begun: bool,
    pub(crate) life: Life,
    /// The end of the last entry.
    pub(crate) position: Time,
    /// The duration of everything listed so far.
    pub(crate) media_time: Micros,
    /// The bit rates of what this session has stored; `None` before its first entry, or while the
    /// target duration is not known.
    pub(crate) bitrate: Option<Bitrate>,
    /// The duration of the longest manifest so far that was published.
    pub(crate) longest_published: Micros,
    /// The same for each entry.
    pub(crate) listings: Listings,
    /// The end and the duration of the manifest that is about to be published.
    pub(crate) about_to_list: Option<(u64, Micros)>,
    /// The longest segment among the dropped ones; a gap does not hold it.
    pub(crate) longest_lost: Micros,
    /// The files that left since the last text was made.
    pub(crate) retired: RetiredFiles,
    /// The files that left before, and that the text at the destination may still name.
    pub(crate) retiring: Retiring,
    pub(crate) next: Next,
    /// What was told about numbers that have not settled yet.
    pub(crate) told: VecDeque<Told>,
    /// The duration of these.
    pub(crate) told_time: Time,
    /// The end of the last entry of an earlier session, if that had dates.
    pub(crate) resumed_date: Option<SystemTime>,
    /// The discontinuities and dates that settled without this rendition, by step.
    pub(crate) imposed: BTreeMap<i64, Imposed>,
}

/// Whether more segments may come.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    #[default]
    Open,
    /// It is left for another session, or its handle was dropped.
    Left,
    /// It is to end once everything that was told has settled.
    Ended,
}

/// What others said about a step.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Imposed {
    pub(crate) discontinuity: bool,
    pub(crate) date: bool,
}

/// The state that the next segment begins with.
#[derive(Debug, Default)]
pub(crate) struct Next {
    /// The producer's number that is expected; `None` before the first segment of this session.
    pub(crate) expected: Option<u64>,
    /// The step that the next segment is about.
    pub(crate) step: i64,
    /// Whether it is about the step before that again.
    pub(crate) is_repeated: bool,
    pub(crate) starts_discontinuity: bool,
    /// The key lines as they were given.
    pub(crate) keys: Arc<Vec<String>>,
    pub(crate) lines: Vec<String>,
    pub(crate) date: Option<SystemTime>,
    pub(crate) initialisation: Initialisation,
    /// The wall clock when the last item was pushed.
    pub(crate) arrived: Option<SystemTime>,
    /// The end of the last segment on the producer's own timeline.
    pub(crate) ticks: Option<(u64, NonZeroU32)>,
    /// The duration of the last segment.
    pub(crate) last_duration: Option<Time>,
}

impl Rendition {
    pub(crate) fn new(path: PathBuf, reserved: Vec<PathBuf>) -> Self {
        Self {
            path,
            reserved,
            ..Self::default()
        }
    }

    /// The number after the last entry.
    pub(crate) fn end(&self) -> u64 {
        self.media_sequence + self.entries.len() as u64
    }

    /// How far its manifest goes.
    pub(crate) fn reach(&self) -> Reach {
        let number = self.end();
        let ranges = self.ranges.within(number..).len();
        Reach { number, ranges }
    }

    /// Lists an entry, and measures its segment once the target duration is known.
    pub(crate) fn list(&mut self, entry: Entry, target: Option<Micros>) {
        if let Some(target) = target {
            measure(&mut self.bitrate, &entry, target);
        }
        self.entries.push_back(entry);
    }

    /// Measures the segments that were listed before the target duration was known.
    pub(crate) fn measure_all(&mut self, target: Micros) {
        for entry in &self.entries {
            measure(&mut self.bitrate, entry, target);
        }
    }

    /// The number of discontinuities before the entry with this number, if that is or was listed.
    pub(crate) fn discontinuities_before(&self, number: u64) -> Option<u64> {
        let listed = number.checked_sub(self.media_sequence)?;
        let listed = usize::try_from(listed).ok()?;
        let before = self.entries.iter().take(listed);
        let starts = before.filter(|it| it.starts_discontinuity).count() as u64;
        (number <= self.end()).then_some(self.discontinuity_sequence + starts)
    }

    /// The number of discontinuities so far.
    pub(crate) fn discontinuities(&self) -> u64 {
        self.discontinuity_sequence + self.entries.discontinuities()
    }

    pub(crate) fn total(&self) -> Micros {
        self.entries.total()
    }

    /// Whether everything that was told is listed, and no more will come.
    pub(crate) fn is_over(&self) -> bool {
        self.life != Life::Open && self.told.is_empty()
    }

    /// Whether its manifest is to say that it has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.life == Life::Ended && self.told.is_empty()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// Whether a manifest that is published from now on may name the file.
    pub(crate) fn names(&self, file: &Path) -> bool {
        let in_force = match &self.next.initialisation {
            Initialisation::Landed { map, .. } => map.file == file,
            Initialisation::Lost { before } => {
                before.as_ref().is_some_and(|(map, _)| map.file == file)
            }
            Initialisation::None => false,
        };
        in_force || self.entries.names(file)
    }

    /// Whether the next manifest names the file, or any that may stand now: a failed publication
    /// may have arrived.
    pub(crate) fn may_name(&self, file: &Path) -> bool {
        self.names(file) || self.retired.has(file) || self.retiring.has(file)
    }

    pub(crate) fn retire(&mut self, file: PathBuf, stays: Micros, bytes: u64) {
        if !self.names(&file) {
            let bytes = if self.counts_bytes { bytes } else { 0 };
            self.retired
                .push(Retired::new(file, stays).with_bytes(bytes));
        }
    }

    /// The length of the segment with this number, and of the initialisation segment that begins
    /// with it.
    pub(crate) fn size(&self, number: u64) -> Size {
        let place = number.checked_sub(self.media_sequence);
        let place = place.and_then(|it| usize::try_from(it).ok());
        let Some((place, entry)) = place.and_then(|it| Some((it, self.entries.get(it)?))) else {
            return Size::default();
        };
        let before = place.checked_sub(1).and_then(|it| self.entries.get(it));
        let map = entry.initialisation.as_ref();
        let is_new = before.and_then(|it| it.initialisation.as_ref()) != map;
        Size {
            segment: entry.bytes,
            map: map.filter(|_| is_new).map_or(0, |map| map.bytes),
        }
    }

    /// The initialisation segment of the last segment that was told about or listed.
    pub(crate) fn last_map(&self) -> Option<&Arc<Map>> {
        let told = self.told.iter().rev().find_map(Told::map);
        told.or_else(|| self.entries.back()?.initialisation.as_ref())
    }

    /// The path of a segment, if a manifest can and may name it.
    pub(crate) fn name(
        &self,
        segment: &ProducedSegment,
        notices: &mut Vec<Notice>,
    ) -> Option<PathBuf> {
        let named = self.nameable(segment.path_hint.as_deref());
        if named.is_none() {
            notices.push(Notice::NoName {
                sequence: segment.sequence,
            });
        }
        named
    }

    fn nameable(&self, hint: Option<&Path>) -> Option<PathBuf> {
        let hint = hint?;
        uri::reference(self.folder(), hint).ok()?;
        uri::plain(hint).ok().filter(|file| !self.is_own(file))
    }

    /// The content of the gap for a segment. The name shows which file is missing; no client may
    /// load it.
    pub(crate) fn missing(&self, segment: &ProducedSegment) -> Content {
        Content::Missing(self.nameable(segment.path_hint.as_deref()))
    }

    fn is_own(&self, file: &Path) -> bool {
        let is_own = |own: &PathBuf| uri::may_be_same(own, file) || is_of_side_file(own, file);
        self.reserved.iter().any(is_own)
    }
}

fn measure(bitrate: &mut Option<Bitrate>, entry: &Entry, target: Micros) {
    let bitrate = bitrate.get_or_insert_with(|| Bitrate::new(to_duration(target)));
    match entry.content {
        Content::Stored(_) => bitrate.push(entry.bytes, to_duration(entry.micros)),
        Content::Missing(_) => bitrate.gap(),
    }
}
