//! What a caller should know of a push that went through.

use std::collections::HashMap;
use std::fmt;
use std::mem::{self, Discriminant};
use std::time::{Duration, Instant};

use log::Level;

use crate::error::SinkError;
use crate::internal::log::log as tell;
use crate::internal::rate_limit::{RateLimit, and_more};

/// Something about a push that the playlist has coped with, and its producer should know of.
///
/// They are logged as well: of each kind the first, and then one every ten seconds with the number of those
/// in between. (Not [`Lost`](Notice::Lost), which the stream has told when it happened.)
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Notice {
    /// A segment that was not written is listed as a gap; of an initialisation segment, what follows.
    Lost {
        /// The segment's number.
        sequence: u64,
        /// How many there are, where one error stands for several
        /// ([`WriteError::segments`](crate::WriteError::segments)); else 1.
        segments: u64,
    },
    /// A segment cannot be decoded, as its initialisation segment was lost: it is listed as a gap.
    Undecodable {
        /// The segment's number.
        sequence: u64,
    },
    /// A segment's duration is NaN, negative, infinite or above an hour: it is listed as a gap of one
    /// target duration, or of the last segment's where there is none yet.
    UnusableDuration {
        /// The segment's number.
        sequence: u64,
    },
    /// A segment is longer than the target duration allows. It is listed as if it were not.
    TooLong {
        /// The segment's number.
        sequence: u64,
        /// How long it is.
        duration: Duration,
        /// What the playlist says.
        listed_as: Duration,
    },
    /// A segment has no path hint, one that no URI can express, or that of the playlist itself, in whatever
    /// case: it is listed as a gap.
    NoName {
        /// The segment's number.
        sequence: u64,
    },
    /// An initialisation segment has the name of another one which the playlist still needs: if it has other
    /// bytes, what was listed with that one cannot be decoded any more. (After a restart nobody knows.)
    NameInUse {
        /// The segment's number.
        sequence: u64,
    },
    /// A number is missing, repeated or lower than the last one. The playlist counts by itself, so
    /// nothing is renumbered.
    UnexpectedNumber {
        /// The number that follows the last one.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// The first number is 2^53 or more, which players cannot count with: the playlist begins at 0.
    NumberTooLarge {
        /// The number that came.
        found: u64,
    },
    /// A segment begins after the year 9999, the last one that a date in a playlist can say: it has none, and
    /// neither has what follows. Said once.
    Undated {
        /// The segment's number.
        sequence: u64,
    },
    /// The first initialisation segment came after media without one. The playlist's version, which
    /// never changes, does not allow for it, so what follows is listed as gaps.
    TooLateForInitialisation,
    /// A segment that no playlist names any more, or a side file that is not needed, could not be deleted. It
    /// is tried again later.
    NotDeleted(SinkError),
    /// The sink cannot delete at all. Said once; nothing is tried any more.
    CannotDelete(SinkError),
}

/// Logs notices, and does not let one kind flood the log.
#[derive(Debug, Default)]
pub(super) struct NoticeLog(HashMap<Discriminant<Notice>, RateLimit>);

impl NoticeLog {
    pub(super) fn tell(&mut self, notices: &[Notice]) {
        for notice in notices {
            let level = match notice {
                Notice::Lost { .. } => continue,
                Notice::CannotDelete(_) => Level::Error,
                _ => Level::Warn,
            };
            let gate = self.0.entry(mem::discriminant(notice)).or_default();
            if let Some(held_back) = gate.pass(Instant::now()) {
                tell(level, format_args!("{notice}{}", and_more(held_back)));
            }
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost {
                sequence,
                segments: 1,
            } => write!(f, "segment {sequence} was lost"),
            Self::Lost { sequence, segments } => {
                write!(
                    f,
                    "{segments} segments were lost, from segment {sequence} on"
                )
            }
            Self::Undecodable { sequence } => write!(
                f,
                "segment {sequence} is listed as a gap: its initialisation segment was lost"
            ),
            Self::UnusableDuration { sequence } => {
                write!(
                    f,
                    "segment {sequence} is listed as a gap: its duration cannot be one"
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
                "segment {sequence} is listed as a gap: it has no path that a playlist could name"
            ),
            Self::NameInUse { sequence } => write!(
                f,
                "initialisation segment {sequence} replaced another one that is still needed"
            ),
            Self::UnexpectedNumber { expected, found } => {
                write!(f, "segment {found} came where {expected} was expected")
            }
            Self::NumberTooLarge { found } => write!(
                f,
                "the first segment has the number {found}, which players cannot count with"
            ),
            Self::Undated { sequence } => write!(
                f,
                "segment {sequence} and what follows it have no dates, as no date can say a year after 9999"
            ),
            Self::TooLateForInitialisation => f.write_str(
                "the first initialisation segment came after media that had none: what follows is \
                 listed as gaps",
            ),
            Self::NotDeleted(error) => write!(f, "{error}; it will be tried again"),
            Self::CannotDelete(error) => write!(f, "{error}; old segments will stay"),
        }
    }
}
