//! Lines that the caller adds to the next segment.

use std::fmt;

use super::key;

/// The tags that the publisher writes itself, so that a line of the caller could contradict them.
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
    // Tags of the whole playlist, or of multivariant ones.
    "#EXT-X-ALLOW-CACHE",
    "#EXT-X-CONTENT-STEERING",
    "#EXT-X-DEFINE",
    "#EXT-X-RENDITION-REPORT",
    "#EXT-X-SERVER-CONTROL",
    "#EXT-X-SESSION-DATA",
    "#EXT-X-SESSION-KEY",
    "#EXT-X-START",
];

const KEY: &str = "#EXT-X-KEY";
const DATE_RANGE: &str = "#EXT-X-DATERANGE";

/// A line that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagError {
    line: String,
    kind: TagErrorKind,
    why: &'static str,
}

/// Why a line was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TagErrorKind {
    /// It is neither a tag nor a comment, or it is not one line.
    Syntax,
    /// The publisher writes that tag itself.
    Reserved,
    /// A key without METHOD, without URI, or with an IV that is none.
    Key,
    /// The playlist has no dates, or its fixed version is too low.
    Playlist,
    /// A date range of the same id has another value for an attribute.
    DateRange,
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

/// The kind of an added line.
pub(crate) enum Kind {
    /// In force from its segment on, until others replace it (RFC 8216 §4.3.2.4).
    Key,
    /// Applies to its segment only.
    OfSegment,
    /// The same, but allowed in a playlist with dates only (§4.3.2.7).
    WithDates,
}

impl TagError {
    pub(crate) fn new(line: &str, kind: TagErrorKind, why: &'static str) -> Self {
        Self {
            line: line.to_owned(),
            kind,
            why,
        }
    }

    /// Why the line was refused.
    #[must_use]
    pub fn kind(&self) -> TagErrorKind {
        self.kind
    }

    pub(crate) fn why(&self) -> &'static str {
        self.why
    }

    /// The line that was refused.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.line
    }
}

/// Classifies a line of the caller, or says why it is refused.
pub(crate) fn check(line: &str) -> Result<Kind, TagError> {
    let refuse = |kind, why| Err(TagError::new(line, kind, why));
    let syntax = |why| refuse(TagErrorKind::Syntax, why);
    if !line.starts_with('#') {
        return syntax("it does not start with '#', so it would be read as a URI");
    }
    if line.chars().any(char::is_control) {
        return syntax("it contains a line break or another control character");
    }
    let name = line.split(':').next().unwrap_or(line).trim_end();
    if name == "#EXT" {
        return syntax("a tag needs a name");
    }
    if OURS.contains(&name) {
        return refuse(
            TagErrorKind::Reserved,
            "the publisher writes that tag itself",
        );
    }
    if name == KEY {
        return key::check(line)
            .map_or_else(|why| refuse(TagErrorKind::Key, why), |()| Ok(Kind::Key));
    }
    Ok(match name {
        DATE_RANGE => Kind::WithDates,
        _ => Kind::OfSegment,
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
            let error = check(line).err().expect("it is refused").to_string();
            // The message stays one line.
            let shown = format!("cannot put the line {line:?} into a playlist: ");
            assert!(error.starts_with(&shown), "{error}");
        }
        assert!(matches!(check("#EXT-X-KEY:METHOD=NONE"), Ok(Kind::Key)));
        assert!(check("#EXT-X-KEY:METHOD=AES-128").is_err());
        for line in [
            "# a comment",
            "#EXT-OATCLS-SCTE35:abc",
            "#EXT-X-BITRATE:800",
        ] {
            assert!(matches!(check(line), Ok(Kind::OfSegment)), "{line:?}");
        }
    }
}
