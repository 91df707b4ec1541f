//! What a cutter returns.

use std::fmt;
use std::time::Duration;

use crate::scte35::SpliceInfo;

/// A finished segment.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Segment {
    /// Whole packets of a transport stream, or whole boxes of an MP4.
    pub data: Vec<u8>,
    /// Whether `data` is media at all.
    pub kind: SegmentKind,
    /// The presentation time of the first sample, in ticks of `timescale`. Transport streams count
    /// on where their 33 bits wrap around, and begin anew after a discontinuity.
    pub start: u64,
    /// From `start` to the start of the next segment, or to the end of the last sample before a
    /// discontinuity or the end of the input, in ticks of `timescale`.
    pub duration: u64,
    /// The number of ticks in a second, never 0.
    pub timescale: u32,
    /// The timestamps, the tracks or their encoding do not continue those of the media segment
    /// before. Clear if only the initialisation segment changed, which implies it.
    pub discontinuity: bool,
    /// A decoder can begin with the segment, and needs nothing from the segments before.
    pub independent: bool,
    /// The splice information that came since the segment before, and was not cancelled since. It
    /// need not concern this segment: see [`Splice::at`].
    pub splices: Vec<Splice>,
}

/// Splice information: where a program may be left for advertisements, and where it resumes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Splice {
    /// The section as it came.
    pub section: Vec<u8>,
    /// What it says.
    pub info: SpliceInfo,
    /// When it takes effect, on the clock of [`Segment::start`]. In a transport stream the section
    /// tells it, or else it is when that came; in an MP4 the message (`emsg`) tells it.
    pub at: i64,
}

/// The kind of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SegmentKind {
    /// What a decoder needs before any of the media segments up to the next one of this kind.
    Initialisation,
    /// Samples.
    Media,
}

impl Segment {
    /// A media segment on a clock with so many ticks in a second.
    pub(crate) fn media(data: Vec<u8>, start: u64, duration: u64, timescale: u32) -> Self {
        Self {
            data,
            kind: SegmentKind::Media,
            start,
            duration,
            timescale,
            discontinuity: false,
            independent: true,
            splices: Vec::new(),
        }
    }

    /// An initialisation segment.
    pub(crate) fn initialisation(data: Vec<u8>) -> Self {
        Self {
            kind: SegmentKind::Initialisation,
            ..Self::media(data, 0, 0, 1)
        }
    }

    /// The duration, rounded down to a nanosecond.
    #[must_use]
    pub fn length(&self) -> Duration {
        ticks_to_duration(self.duration, self.timescale)
    }
}

/// So many ticks of a clock, rounded down to a nanosecond.
pub(crate) fn ticks_to_duration(ticks: u64, timescale: u32) -> Duration {
    let rate = u64::from(timescale.max(1));
    // Less than 2^32 times less than 2^30.
    let nanoseconds = ticks % rate * 1_000_000_000 / rate;
    Duration::from_secs(ticks / rate) + Duration::from_nanos(nanoseconds)
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment")
            .field("kind", &self.kind)
            .field("bytes", &self.data.len())
            .field("start", &self.start)
            .field("duration", &self.duration)
            .field("timescale", &self.timescale)
            .field("discontinuity", &self.discontinuity)
            .field("independent", &self.independent)
            .field("splices", &self.splices)
            .finish()
    }
}
