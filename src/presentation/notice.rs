//! Notices: remarks about a push that succeeded.

use std::collections::HashMap;
use std::fmt;
use std::mem::{self, Discriminant};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use log::Level;

use crate::error::SinkError;
use crate::internal::log::log as tell;
use crate::internal::rate_limit::{RateLimit, and_more};

/// An irregularity of a push that the publisher handled, and that the producer should know of.
///
/// Notices are logged as well: of each kind the first, and then one every ten seconds with the
/// number of those in between. [`Lost`](Notice::Lost) and [`NotPublished`](Notice::NotPublished)
/// are not, because the stream and the publisher thread logged them already.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Notice {
    /// A segment was not written and is listed as a gap. If it is an initialisation segment, the
    /// media after it is listed as gaps.
    Lost {
        /// The segment's number.
        sequence: u64,
        /// The number of lost segments: 1, or more if one error stands for several
        /// ([`WriteError::segments`](crate::WriteError::segments)).
        segments: u64,
    },
    /// A segment is listed as a gap: it cannot be decoded, because its initialisation segment was
    /// lost.
    Undecodable {
        /// The segment's number.
        sequence: u64,
    },
    /// The duration of a segment, or of one or more lost ones, is NaN, negative, infinite or above
    /// an hour; or a [loss that the producer has told](crate::SegmentSender::lost) lasts more than a
    /// week. Each is listed as a gap of one target duration, so later dates may be wrong. If there
    /// is no target duration yet, the gap has the duration of the last segment.
    UnusableDuration {
        /// The segment's number.
        sequence: u64,
    },
    /// A segment is longer than the target duration allows. It is listed with the longest allowed
    /// duration.
    TooLong {
        /// The segment's number.
        sequence: u64,
        /// The segment's duration.
        duration: Duration,
        /// The duration in the manifest.
        listed_as: Duration,
    },
    /// A segment is listed as a gap: it has no path hint, one that no URI can express, or that of
    /// the manifest itself, in any case of letters.
    NoName {
        /// The segment's number.
        sequence: u64,
    },
    /// An initialisation segment has the name of another one that the manifest still needs. If its
    /// bytes differ, the media listed with the other one can no longer be decoded. (After a
    /// restart the bytes of the other one are unknown.)
    NameInUse {
        /// The segment's number.
        sequence: u64,
    },
    /// A segment has the name of an older one that is still needed: a manifest may list it, its
    /// deletion is pending, or it was deleted during the last eight pushes (the default
    /// `channel_depth`).
    ///
    /// A pending deletion is cancelled, and further deletions are held back for eight pushes.
    /// Clients that still load the older segment get the new one. If the older one was deleted
    /// already, that may have deleted the new file, because it is stored before it is pushed. See
    /// [`Retention::Delete`](crate::hls::Retention::Delete) for the length of a ring of names.
    NameReused {
        /// The segment's number.
        sequence: u64,
        /// The normalised path.
        path: PathBuf,
    },
    /// A number is missing, repeated or lower than the last one.
    ///
    /// Up to 1,024 missing numbers are listed as gaps, each of the duration of the last segment, or
    /// together of the time that the [media times](crate::SegmentInfo::media_time) leave. More are
    /// not listed, and a discontinuity marks the jump. A repeated or lower number counts as the
    /// next one, because the manifest counts by itself. In a presentation of several renditions a
    /// number that is repeated at once is [too late](Notice::TooLate): the others would be behind
    /// from then on.
    UnexpectedNumber {
        /// The number after the last one.
        expected: u64,
        /// The number of the pushed segment.
        found: u64,
    },
    /// The first number is 2^53 or more, which players cannot represent. The manifest begins at 0.
    NumberTooLarge {
        /// The number of the pushed segment.
        found: u64,
    },
    /// A segment begins after the year 9999, which a date in a manifest cannot express. This
    /// segment and all later ones have no date. Reported once.
    Undated {
        /// The segment's number.
        sequence: u64,
    },
    /// The media time of a segment differs from its `duration_secs` by more than a frame (40 ms).
    /// The media time is listed.
    DurationDiffers {
        /// The segment's number.
        sequence: u64,
        /// The duration by its media time.
        media_time: Duration,
        /// The duration in `duration_secs`.
        declared: Duration,
    },
    /// A segment does not begin where the one before it ends, by more than a frame (40 ms) of media
    /// time, and no discontinuity was told. Nothing is listed for the difference.
    TimeJump {
        /// The segment's number.
        sequence: u64,
        /// The media time at the end of the segment before.
        expected: Duration,
        /// The media time of the segment.
        found: Duration,
    },
    /// A stored segment is left out of one manifest, which lists it as if it were lost.
    Unlistable {
        /// The segment's number.
        sequence: u64,
        /// The path of the segment.
        path: PathBuf,
        /// The path of the manifest.
        manifest: PathBuf,
        /// Why the manifest cannot list the segment.
        reason: &'static str,
    },
    /// A line that came with a segment is not listed, because the format does not allow it there.
    /// Of several keys none is taken.
    LineRefused {
        /// The segment's number.
        sequence: u64,
        /// The line.
        line: String,
        /// Why the line was refused.
        reason: &'static str,
    },
    /// Event lines of lost segments are not listed: at most 64 KiB of them are kept.
    LinesOmitted {
        /// The number of the last of these segments.
        sequence: u64,
        /// The number of lines.
        lines: u64,
    },
    /// The dates were behind the wall clock by more than the
    /// [policy](crate::hls::ClockPolicy::jump) allows. They jump with this segment, and a
    /// discontinuity marks it.
    ClockAhead {
        /// The segment's number.
        sequence: u64,
    },
    /// A date range is not listed, because the presentation ended before a segment with a date
    /// came.
    RangeNotListed {
        /// The id of the range.
        id: String,
    },
    /// A segment came with a date that is earlier than the end of the segment before it, by more
    /// than a frame (40 ms). Dates never go back, so the segment has the date of that end. If one
    /// wrong date was far in the future, every later one is too early. The first segment after a
    /// resume is not reported.
    DateTooEarly {
        /// The segment's number.
        sequence: u64,
        /// The date that came with it.
        date: SystemTime,
        /// The date that it has.
        listed: SystemTime,
    },
    /// A segment came with a date, but the manifest is configured to have none.
    DateIgnored {
        /// The segment's number.
        sequence: u64,
    },
    /// The stored segments of a rendition take more bits a second than the declared bandwidth.
    /// Players choose by the bandwidth, and stall if it is too low.
    BandwidthTooLow {
        /// The path of the rendition's manifest.
        rendition: PathBuf,
        /// The attribute of the manifest that declares it.
        attribute: &'static str,
        /// The declared bandwidth, in bits per second.
        declared: u64,
        /// The bandwidth of the stored segments, with those of the renditions that are played
        /// beside them, in bits per second.
        measured: u64,
    },
    /// A rendition lists a gap, because it is behind the others by more than the maximum lag.
    OutOfStep {
        /// The path of the rendition's manifest.
        rendition: PathBuf,
        /// The number of the gap in the manifest.
        number: u64,
    },
    /// A segment came after its number had settled without this rendition, or in a presentation of
    /// several renditions repeated the last number of its own. It is not listed, and
    /// its file is deleted later, unless everything is kept. Its keys, its discontinuity and its
    /// date hold for the next segment.
    TooLate {
        /// The segment's number.
        sequence: u64,
    },
    /// The first initialisation segment came after media without one. The manifest's version never
    /// changes and does not allow it, so all later media is listed as gaps.
    TooLateForInitialisation,
    /// The segments have more bytes than [`max_bytes`](crate::hls::MediaPlaylist::max_bytes)
    /// allows: three target durations, clips, or files that must wait take them.
    OverQuota {
        /// The bytes that count.
        bytes: u64,
        /// The limit.
        max_bytes: u64,
        /// Of the bytes, those of segments that only clips keep.
        pinned_bytes: u64,
    },
    /// A segment that no manifest names, or a side file that is not needed, could not be deleted.
    /// The deletion is retried later.
    NotDeleted(SinkError),
    /// An earlier version of a manifest was not published at its origin. The next version takes its
    /// place. Not logged again, because the publisher thread logged it.
    NotPublished(SinkError),
    /// The sink does not support deletion. Reported once; no further deletion is attempted.
    CannotDelete(SinkError),
}

/// Logs notices with a rate limit for each kind.
#[derive(Debug, Default)]
pub(crate) struct NoticeLog {
    notices: HashMap<Discriminant<Notice>, RateLimit>,
    no_space: RateLimit,
}

impl NoticeLog {
    pub(crate) fn tell(&mut self, notices: &[Notice]) {
        for notice in notices {
            let level = match notice {
                Notice::Lost { .. } | Notice::NotPublished(_) => continue,
                Notice::CannotDelete(_) => Level::Error,
                _ => Level::Warn,
            };
            let gate = self.notices.entry(mem::discriminant(notice)).or_default();
            if let Some(held_back) = gate.pass(Instant::now()) {
                tell(level, format_args!("{notice}{}", and_more(held_back)));
            }
        }
    }

    /// Logs that no space is left and that no deletion can make any.
    #[expect(
        clippy::unnecessary_debug_formatting,
        reason = "a name with a line break in it must not forge a line"
    )]
    pub(crate) fn tell_no_space(&mut self, manifest: &Path, error: &SinkError, waiting: usize) {
        if let Some(held_back) = self.no_space.pass(Instant::now()) {
            tell(
                Level::Error,
                format_args!(
                    "no space is left for the manifest {manifest:?}, and nothing more is due for deletion \
                     (files not due yet: {waiting}): {error}{}",
                    and_more(held_back)
                ),
            );
        }
    }
}

impl fmt::Display for Notice {
    #[expect(
        clippy::unnecessary_debug_formatting,
        reason = "a name with a line break in it must not forge a line"
    )]
    #[expect(clippy::too_many_lines, reason = "one message for each kind")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost {
                sequence,
                segments: 1,
            } => write!(f, "segment {sequence} was lost"),
            Self::Lost { sequence, segments } => {
                write!(
                    f,
                    "{segments} segments were lost, starting at segment {sequence}"
                )
            }
            Self::Undecodable { sequence } => write!(
                f,
                "segment {sequence} is listed as a gap: its initialisation segment was lost"
            ),
            Self::UnusableDuration { sequence } => {
                write!(
                    f,
                    "segment {sequence} is listed as a gap: its duration is invalid"
                )
            }
            Self::TooLong {
                sequence,
                duration,
                listed_as,
            } => write!(
                f,
                "segment {sequence} lasts {duration:?}, longer than the target duration allows; it is \
                 listed with {listed_as:?}"
            ),
            Self::NoName { sequence } => write!(
                f,
                "segment {sequence} is listed as a gap: it has no path that a manifest can name"
            ),
            Self::NameInUse { sequence } => write!(
                f,
                "initialisation segment {sequence} replaced another one that is still needed"
            ),
            Self::NameReused { sequence, path } => write!(
                f,
                "segment {sequence} has the name {path:?} of an older one that is still needed or was \
                 deleted just now"
            ),
            Self::UnexpectedNumber { expected, found } => {
                write!(f, "segment {found} was pushed, but {expected} was expected")
            }
            Self::NumberTooLarge { found } => write!(
                f,
                "the first segment has the number {found}, which players cannot represent"
            ),
            Self::Undated { sequence } => write!(
                f,
                "segment {sequence} and all later ones have no date, because it would be after the year 9999"
            ),
            Self::DateTooEarly {
                sequence,
                date,
                listed,
            } => {
                let by = listed.duration_since(*date).unwrap_or_default();
                write!(
                    f,
                    "segment {sequence} came with a date that is {by:?} before the end of the segment \
                     before it, and has that one"
                )
            }
            Self::DurationDiffers {
                sequence,
                media_time,
                declared,
            } => write!(
                f,
                "segment {sequence} lasts {media_time:?} by its media time, but {declared:?} was declared"
            ),
            Self::TimeJump {
                sequence,
                expected,
                found,
            } => write!(
                f,
                "segment {sequence} begins at {found:?}, but the one before it ends at {expected:?}, \
                 and no discontinuity was told"
            ),
            Self::Unlistable {
                sequence,
                path,
                manifest,
                reason,
            } => write!(
                f,
                "segment {sequence} ({path:?}) is not in {manifest:?}: {reason}"
            ),
            Self::LineRefused {
                sequence,
                line,
                reason,
            } => write!(
                f,
                "the line {line:?} of segment {sequence} is not listed: {reason}"
            ),
            Self::LinesOmitted { sequence, lines } => write!(
                f,
                "{lines} lines of lost segments up to segment {sequence} are not listed"
            ),
            Self::ClockAhead { sequence } => write!(
                f,
                "the date of segment {sequence} jumps, with a discontinuity: the clock was ahead of the dates"
            ),
            Self::RangeNotListed { id } => write!(
                f,
                "the date range {id:?} is not listed: no segment with a date came after it"
            ),
            Self::DateIgnored { sequence } => write!(
                f,
                "the date of segment {sequence} is not listed: the manifest has no dates"
            ),
            Self::BandwidthTooLow {
                rendition,
                attribute,
                declared,
                measured,
            } => write!(
                f,
                "the {attribute} of {rendition:?} is {declared} bit/s, which is {} bit/s less than its \
                 stored segments take",
                measured.saturating_sub(*declared)
            ),
            Self::OutOfStep { rendition, number } => write!(
                f,
                "the manifest {rendition:?} lists number {number} as a gap: it is behind the others"
            ),
            Self::TooLate { sequence } => write!(
                f,
                "segment {sequence} came too late: its number is listed already"
            ),
            Self::TooLateForInitialisation => f.write_str(
                "the first initialisation segment came after media without one: all later media is \
                 listed as gaps",
            ),
            Self::NotPublished(error) => write!(f, "{error}; the next version takes its place"),
            Self::OverQuota {
                bytes,
                max_bytes,
                pinned_bytes,
            } => write!(
                f,
                "the segments have {bytes} bytes, more than the limit of {max_bytes}; clips pin \
                 {pinned_bytes} of them"
            ),
            Self::NotDeleted(error) => write!(f, "{error}; the deletion will be retried"),
            Self::CannotDelete(error) => write!(f, "{error}; old segments will not be deleted"),
        }
    }
}
