//! EXT-X-START: where a player begins (RFC 8216 §4.3.5.2).

use std::fmt;
use std::time::Duration;

use super::attributes::{self, TagLine, Value};

const TAG: &str = "#EXT-X-START";

/// Where a player begins, unless its viewer chose another point (EXT-X-START).
///
/// An offset is rounded to the nearest millisecond, and is 10,000 days at most.
///
/// ```
/// use segment_stream::hls::Start;
/// use std::time::Duration;
///
/// # fn main() -> Result<(), segment_stream::hls::StartError> {
/// let in_point = Start::after_the_beginning(Duration::from_millis(2_500))?.precise();
/// let near_the_live_edge = Start::before_the_end(Duration::from_secs(18))?;
/// # let _ = (in_point, near_the_live_edge);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Start {
    from: From,
    millis: u64,
    is_precise: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Beginning,
    End,
}

/// A start that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartError {
    kind: StartErrorKind,
    offset: Duration,
}

/// Why a start was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StartErrorKind {
    /// The offset exceeds 10,000 days.
    TooLong,
    /// The offset before the end rounds to 0 ms: nothing would be left to play.
    AtTheEnd,
    /// The offset is within three target durations of the end of a playlist that grows.
    NearTheLiveEdge,
}

/// The longest offset, which every player can compute with: 10,000 days.
const LONGEST: Duration = Duration::from_secs(10_000 * 86_400);

impl StartError {
    /// Why the start was refused.
    #[must_use]
    pub fn kind(&self) -> StartErrorKind {
        self.kind
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.kind {
            StartErrorKind::TooLong => "it exceeds 10,000 days",
            StartErrorKind::AtTheEnd => "it is the end itself",
            StartErrorKind::NearTheLiveEdge => {
                "it is within three target durations of the end of a playlist that grows"
            }
        };
        write!(
            f,
            "cannot start playback at an offset of {:?}: {reason}",
            self.offset
        )
    }
}

impl std::error::Error for StartError {}

impl Start {
    /// This long after the beginning of the playlist. Of a live playlist that is the oldest listed
    /// segment.
    ///
    /// # Errors
    ///
    /// The offset exceeds 10,000 days ([`TooLong`](StartErrorKind::TooLong)).
    pub fn after_the_beginning(offset: Duration) -> Result<Self, StartError> {
        Self::new(From::Beginning, offset)
    }

    /// This long before the end of the last listed segment.
    ///
    /// # Errors
    ///
    /// The offset exceeds 10,000 days ([`TooLong`](StartErrorKind::TooLong)), or rounds to 0 ms
    /// ([`AtTheEnd`](StartErrorKind::AtTheEnd)). Publishers of other playlists than VOD refuse less
    /// than three target durations.
    pub fn before_the_end(offset: Duration) -> Result<Self, StartError> {
        Self::new(From::End, offset)
    }

    /// Begins exactly there. By default a player begins with the whole segment around it.
    pub fn precise(mut self) -> Self {
        self.is_precise = true;
        self
    }

    fn new(from: From, offset: Duration) -> Result<Self, StartError> {
        let refuse = |kind| Err(StartError { kind, offset });
        if offset > LONGEST {
            return refuse(StartErrorKind::TooLong);
        }
        let nearest = (offset.as_nanos() + 500_000) / 1_000_000;
        let millis = u64::try_from(nearest).unwrap_or(u64::MAX);
        if from == From::End && millis == 0 {
            // -0 is 0, and so the beginning.
            return refuse(StartErrorKind::AtTheEnd);
        }
        Ok(Self {
            from,
            millis,
            is_precise: false,
        })
    }

    /// The rule for a playlist without EXT-X-ENDLIST: "the TIME-OFFSET SHOULD NOT be within three
    /// target durations of the end".
    pub(super) fn check_growing(&self, target: Duration) -> Result<(), StartError> {
        let offset = Duration::from_millis(self.millis);
        if self.from == From::End && offset < target.saturating_mul(3) {
            let kind = StartErrorKind::NearTheLiveEdge;
            return Err(StartError { kind, offset });
        }
        Ok(())
    }

    /// The start of a line that [`print`](Start::print) wrote; `None` for any other line.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let attributes = attributes::read(line, TAG)?;
        let [("TIME-OFFSET", Value::Plain(offset)), ..] = attributes[..] else {
            return None;
        };
        let (from, offset) = match offset.strip_prefix('-') {
            Some(offset) => (From::End, offset),
            None => (From::Beginning, offset),
        };
        let (secs, millis) = offset.split_once('.')?;
        let (secs, millis): (u64, u64) = (secs.parse().ok()?, millis.parse().ok()?);
        let offset = Duration::from_secs(secs).checked_add(Duration::from_millis(millis))?;
        let mut start = Self::new(from, offset).ok()?;
        start.is_precise = attributes.len() > 1;
        // Whatever else a line may say in other words.
        (start.print() == line).then_some(start)
    }

    /// The tag, without the end of its line.
    pub(super) fn print(&self) -> String {
        let sign = match self.from {
            From::Beginning => "",
            From::End => "-",
        };
        let (secs, millis) = (self.millis / 1000, self.millis % 1000);
        let offset = format_args!("{sign}{secs}.{millis:03}").to_string();
        let line = TagLine::new(TAG).plain("TIME-OFFSET", offset);
        line.maybe_plain("PRECISE", self.is_precise.then_some("YES"))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_counts_from_the_beginning_or_from_the_end() {
        let millis = Duration::from_millis;
        for (start, expected) in [
            (
                Start::after_the_beginning(Duration::ZERO),
                "TIME-OFFSET=0.000",
            ),
            (
                Start::after_the_beginning(millis(2_500)),
                "TIME-OFFSET=2.500",
            ),
            (Start::before_the_end(millis(18_000)), "TIME-OFFSET=-18.000"),
            (Start::before_the_end(millis(1)), "TIME-OFFSET=-0.001"),
            (
                Start::before_the_end(millis(60_005)).map(Start::precise),
                "TIME-OFFSET=-60.005,PRECISE=YES",
            ),
        ] {
            let line = start.unwrap().print();
            assert_eq!(line, format!("#EXT-X-START:{expected}"));
            let text = format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n{line}\n#EXTINF:2,\n0.ts\n");
            let read = m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap();
            let read = read.start.unwrap();
            assert_eq!(expected.contains("PRECISE"), read.precise == Some(true));
            let offset = expected["TIME-OFFSET=".len()..].split(',').next().unwrap();
            assert_eq!(offset.parse(), Ok(read.time_offset));
            assert_eq!(Start::parse(&line), Some(start.unwrap()));
        }
    }

    #[test]
    fn lines_in_other_words_are_not_taken() {
        for attributes in [
            "",
            "TIME-OFFSET=1",
            "TIME-OFFSET=1.5",
            "TIME-OFFSET=+1.000",
            "TIME-OFFSET=-0.000",
            "TIME-OFFSET=\"1.000\"",
            "TIME-OFFSET=1.000,PRECISE=NO",
            "TIME-OFFSET=1.000,PRECISE=YES,X=1",
            "PRECISE=YES,TIME-OFFSET=1.000",
            "TIME-OFFSET=18446744073709551615.000",
        ] {
            assert_eq!(Start::parse(&format!("{TAG}:{attributes}")), None);
        }
    }

    #[test]
    fn an_offset_that_means_something_else_is_refused() {
        let kind = |it: Result<Start, StartError>| it.unwrap_err().kind();
        assert_eq!(
            kind(Start::before_the_end(Duration::ZERO)),
            StartErrorKind::AtTheEnd
        );
        let tiny = Duration::from_nanos(499_999);
        assert_eq!(kind(Start::before_the_end(tiny)), StartErrorKind::AtTheEnd);
        assert_eq!(
            kind(Start::after_the_beginning(Duration::MAX)),
            StartErrorKind::TooLong
        );
        assert_eq!(
            kind(Start::before_the_end(Duration::MAX)),
            StartErrorKind::TooLong
        );
        let error = Start::before_the_end(Duration::ZERO)
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "cannot start playback at an offset of 0ns: it is the end itself"
        );
    }

    /// A player there would wait for segments that do not exist yet (§4.3.5.2).
    #[test]
    fn a_start_stays_three_target_durations_behind_the_live_edge() {
        let target = Duration::from_secs(6);
        let before_the_end = |millis| Start::before_the_end(Duration::from_millis(millis)).unwrap();
        let near = before_the_end(17_999).check_growing(target).unwrap_err();
        assert_eq!(near.kind(), StartErrorKind::NearTheLiveEdge);
        assert_eq!(before_the_end(18_000).check_growing(target), Ok(()));
        let beginning = Start::after_the_beginning(Duration::ZERO).unwrap();
        assert_eq!(beginning.check_growing(target), Ok(()));
    }
}
