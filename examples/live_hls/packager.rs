//! Makes segments of an input of either format.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use segment_stream::hls::SegmentNames;
use segment_stream::{SegmentInfo, Submission};
use segmenter::{Format, Segment, SegmentKind, Segmenter, Track};

use crate::dates::Dates;
use crate::options::{Claim, Dating, Formats, Options};
use crate::splices::Splices;
use support::convert::submission;
use support::producer;

/// Cuts the input, and names and numbers the segments.
pub(crate) struct Packager {
    segmenter: Segmenter,
    labels: Labels,
}

struct Labels {
    next_sequence: u64,
    formats: Formats,
    /// Once the format is known.
    names: Option<SegmentNames>,
    target: Duration,
    dates: Dates,
    dating: Dating,
    splices: Splices,
    claim: Claim,
    bound: Bound,
    notices: Vec<String>,
}

/// The longest segment that is to be expected and the tracks, once the first segment is there.
#[derive(Clone, Default)]
pub(crate) struct Bound(Arc<OnceLock<Duration>>, Arc<OnceLock<Vec<Track>>>);

/// Equal groups of pictures differ by less: a picture of a rate that is no whole number of ticks.
const EQUAL: Duration = Duration::from_millis(50);

/// Shorter groups make little difference.
const SHORT: Duration = Duration::from_millis(500);

impl Bound {
    pub(crate) fn get(&self) -> Option<Duration> {
        self.0.get().copied()
    }

    pub(crate) fn tracks(&self) -> &[Track] {
        self.1.get().map_or(&[], Vec::as_slice)
    }

    /// Takes note of the first segment, and of the times between random access points in it.
    fn note(
        &self,
        length: Duration,
        target: Duration,
        groups: Option<(Duration, Duration)>,
        format: Option<Format>,
    ) {
        // RFC 8216, 4.3.3.1 and 7: rounded, durations are no longer than the target duration, and
        // below version 6 the durations themselves. Playlists of MP4 have that version.
        let rounded = |duration: Duration| match format {
            Some(Format::Mp4) => {
                let rounded = duration.saturating_add(Duration::from_millis(500));
                Duration::from_secs(rounded.as_secs())
            }
            _ => duration,
        };
        self.0.get_or_init(|| match groups {
            Some((shortest, longest)) if longest.abs_diff(shortest) < EQUAL && length >= target => {
                rounded(length)
            }
            // A splice or a discontinuity has cut it short. The others will be whole groups.
            Some((shortest, longest)) if longest.abs_diff(shortest) < EQUAL => {
                let groups = target.as_nanos().div_ceil(longest.as_nanos().max(1));
                let count = u32::try_from(groups).unwrap_or(u32::MAX);
                rounded(longest.saturating_mul(count))
            }
            // As audio has them.
            Some((_, longest)) if longest < SHORT => rounded(length.max(target + longest)),
            _ => length.max(target.saturating_mul(2)),
        });
    }
}

impl Packager {
    /// A packager. Its first media segment gets this number, and tells the bound.
    pub(crate) fn new(
        segmenter: Segmenter,
        first_sequence: u64,
        options: &Options,
        bound: Bound,
        splices: Splices,
    ) -> Self {
        Self {
            segmenter,
            labels: Labels {
                next_sequence: first_sequence,
                formats: options.formats,
                names: None,
                target: options.target,
                dates: Dates::new(),
                dating: options.dates,
                splices,
                claim: options.claim,
                bound,
                notices: Vec::new(),
            },
        }
    }

    fn label(&mut self, cuts: Vec<Segment>, segments: &mut VecDeque<Submission>) {
        let (format, groups) = (self.segmenter.format(), self.segmenter.groups());
        if cuts.iter().any(|cut| cut.kind == SegmentKind::Media) {
            let tracks = &self.labels.bound.1;
            tracks.get_or_init(|| self.segmenter.tracks());
        }
        let labelled = cuts
            .into_iter()
            .map(|cut| self.labels.label(format, groups, cut));
        segments.extend(labelled);
    }

    /// The tracks of a transport stream are in no form that an MPD can list.
    fn check_format(&self) -> Result<(), String> {
        match (self.labels.formats, self.segmenter.format()) {
            (Formats::HlsAndDash, Some(Format::TransportStream)) => Err(
                "it is a transport stream, and an MPD (--dash) lists fragmented MP4 only".into(),
            ),
            _ => Ok(()),
        }
    }
}

impl Labels {
    fn label(
        &mut self,
        format: Option<Format>,
        groups: Option<(Duration, Duration)>,
        cut: Segment,
    ) -> Submission {
        let extension = match format {
            Some(Format::Mp4) => "m4s",
            _ => "ts",
        };
        let number = self.next_sequence;
        if cut.kind == SegmentKind::Media {
            self.bound.note(cut.length(), self.target, groups, format);
            if self.claim == Claim::Independent && !cut.independent {
                let notice = format!("segment {number} cannot be decoded by itself");
                self.notices.push(notice);
            }
        }
        let mut told = SegmentInfo::new();
        if let Some(date) = self.dates.date(&cut) {
            told = self.splices.announce(&cut, number, date.start, told);
            let notice = self.splices.take_notice();
            self.notices.extend(notice.map(str::to_owned));
            if date.is_new && self.dating == Dating::ByClock {
                told = told.program_date_time(date.start);
            }
        }
        // An MPD finds segments by their numbers.
        let first = match self.formats {
            Formats::Hls => 0,
            Formats::HlsAndDash => number,
        };
        let names = self
            .names
            .get_or_insert_with(|| SegmentNames::new("", extension).starting_at(first));
        let name = |segment| names.name(segment);
        submission(cut, &mut self.next_sequence, told, name)
    }
}

impl producer::Packager for Packager {
    fn push(&mut self, bytes: &[u8], segments: &mut VecDeque<Submission>) -> Result<(), String> {
        let mut cuts = Vec::new();
        let pushed = self.segmenter.push(bytes, &mut cuts);
        self.check_format()?;
        self.label(cuts, segments);
        pushed.map_err(|fault| fault.to_string())
    }

    fn finish(&mut self, segments: &mut VecDeque<Submission>) -> Result<(), String> {
        let mut cuts = Vec::new();
        let finished = self.segmenter.finish(&mut cuts);
        self.check_format()?;
        self.label(cuts, segments);
        finished.map_err(|fault| fault.to_string())
    }

    fn stop(mut self, segments: &mut VecDeque<Submission>) {
        let mut cuts = Vec::new();
        let (format, groups) = (self.segmenter.format(), self.segmenter.groups());
        let tracks = self.segmenter.tracks();
        let is_refused = self.check_format().is_err();
        self.segmenter.stop(&mut cuts);
        if is_refused {
            return;
        }
        if !cuts.is_empty() {
            self.labels.bound.1.get_or_init(|| tracks);
        }
        let labelled = cuts
            .into_iter()
            .map(|cut| self.labels.label(format, groups, cut));
        segments.extend(labelled);
    }

    fn recycle(&mut self, payload: Vec<u8>) {
        self.segmenter.recycle(payload);
    }

    fn take_notices(&mut self) -> Vec<String> {
        let notices = self.segmenter.take_notices();
        let mut notices: Vec<_> = notices.iter().map(ToString::to_string).collect();
        notices.append(&mut self.labels.notices);
        notices
    }
}
