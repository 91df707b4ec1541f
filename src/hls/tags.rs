//! Lines that the caller passes through, for the next segment.

use std::fmt;

/// Tags that the publisher writes itself, so that a line of the caller's could contradict them.
const OURS: &[&str] = &[
    "#EXTM3U",
    "#EXT-X-VERSION",
    "#EXTINF",
    "#EXT-X-BYTERANGE",
    "#EXT-X-DISCONTINUITY",
    "#EXT-X-MAP",
    "#EXT-X-PROGRAM-DATE-TIME",
    "#EXT-X-GAP",
    "#EXT-X-TARGETDURATION",
    "#EXT-X-MEDIA-SEQUENCE",
    "#EXT-X-DISCONTINUITY-SEQUENCE",
    "#EXT-X-ENDLIST",
    "#EXT-X-PLAYLIST-TYPE",
    "#EXT-X-I-FRAMES-ONLY",
    "#EXT-X-INDEPENDENT-SEGMENTS",
    "#EXT-X-PART",
    "#EXT-X-PART-INF",
    "#EXT-X-SKIP",
    "#EXT-X-PRELOAD-HINT",
    "#EXT-X-STREAM-INF",
    "#EXT-X-I-FRAME-STREAM-INF",
    "#EXT-X-MEDIA",
];

const KEY: &str = "#EXT-X-KEY";

/// A line that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagError {
    line: String,
    why: &'static str,
}

impl fmt::Display for TagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot put the line {:?} into a playlist: {}",
            self.line, self.why
        )
    }
}

impl std::error::Error for TagError {}

/// What a passed-through line is.
pub(super) enum Kind {
    /// In force from its segment on, until other ones replace it (RFC 8216 §4.3.2.4).
    Key,
    /// Of its segment alone.
    OfSegment,
}

/// Takes one line of the caller's, or says why not.
pub(super) fn check(line: &str) -> Result<Kind, TagError> {
    let refuse = |why| {
        Err(TagError {
            line: line.to_owned(),
            why,
        })
    };
    if !line.starts_with('#') {
        return refuse("it would be taken for a URI, as it does not start with '#'");
    }
    if line.chars().any(char::is_control) {
        return refuse("it contains a line break or another control character");
    }
    let name = line.split(':').next().unwrap_or(line);
    if OURS.contains(&name) {
        return refuse("the publisher writes that tag itself");
    }
    Ok(if name == KEY {
        Kind::Key
    } else {
        Kind::OfSegment
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_no_tag_of_a_segment_are_refused() {
        for line in [
            "",
            "segment.ts",
            " #EXT-X-DATERANGE:ID=\"a\"",
            "#EXT-X-DATERANGE:ID=\"a\"\nsegment.ts",
            "#a\rb",
            "#EXTINF:2,",
            "#EXT-X-ENDLIST",
            "#EXT-X-GAP",
            "#EXT-X-MAP:URI=\"x\"",
        ] {
            assert!(check(line).is_err(), "{line:?}");
        }
        assert!(matches!(check("#EXT-X-KEY:METHOD=NONE"), Ok(Kind::Key)));
        for line in [
            "#EXT-X-DATERANGE:ID=\"a\"",
            "# a comment",
            "#EXT-OATCLS-SCTE35:abc",
            "#EXT-X-BITRATE:800",
        ] {
            assert!(matches!(check(line), Ok(Kind::OfSegment)), "{line:?}");
        }
    }
}
