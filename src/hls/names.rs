//! Names of segments, for those that have none.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::segment::ProducedSegment;

/// Gives segments without a path hint one: unique within a session and across sessions, so that a
/// session that is started again never meets what an earlier one left or is about to delete, and
/// made of letters, digits, `-`, `_` and `.` alone. A ring of names, which come again, must be
/// long enough: see [`Retention::Delete`](super::Retention::Delete).
///
/// ```
/// use segment_stream::ProducedSegment;
/// use segment_stream::hls::SegmentNames;
///
/// # fn main() -> std::io::Result<()> {
/// let mut names = SegmentNames::new("live", "m4s").with_session("monday")?;
/// let segment = names.name(ProducedSegment::media(7, vec![1], 2.0));
/// assert_eq!(segment.path_hint.unwrap().to_str(), Some("live/monday-00000000.m4s"));
/// let init = names.name(ProducedSegment::init(vec![1]));
/// assert_eq!(init.path_hint.unwrap().to_str(), Some("live/monday-init-0.mp4"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct SegmentNames {
    folder: PathBuf,
    extension: String,
    session: String,
    media: u64,
    initialisation: u64,
}

impl SegmentNames {
    /// Names in `folder`, a path that starts where the sink's paths start, or `""`, with this extension
    /// for media segments (without its dot).
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, extension: impl Into<String>) -> Self {
        Self {
            folder: folder.into(),
            extension: extension.into(),
            session: session(),
            media: 0,
            initialisation: 0,
        }
    }

    /// The word that every name of this session begins with, which no other session may use. By default
    /// it is made of the time and chance.
    ///
    /// # Errors
    ///
    /// It is empty, or has something else in it than letters and digits of ASCII, `-`, `_` and `.`, or
    /// begins with a dot.
    pub fn with_session(mut self, session: impl Into<String>) -> io::Result<Self> {
        let session = session.into();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if session.is_empty() || session.starts_with('.') || !session.bytes().all(is_plain) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a session's name is made of letters, digits, '-', '_' and '.'",
            ));
        }
        self.session = session;
        Ok(self)
    }

    /// Gives the segment a name, unless it has one.
    #[must_use]
    pub fn name(&mut self, segment: ProducedSegment) -> ProducedSegment {
        if segment.path_hint.is_some() {
            return segment;
        }
        let name = if segment.is_init {
            let name = format!("{}-init-{}.mp4", self.session, self.initialisation);
            self.initialisation += 1;
            name
        } else {
            let name = format!("{}-{:08}.{}", self.session, self.media, self.extension);
            self.media += 1;
            name
        };
        let path = self.folder.join(name);
        segment.with_path(path)
    }
}

/// Seconds since 1970 so that names sort by session, and chance for two within a second.
fn session() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    let chance = RandomState::new().build_hasher().finish();
    format!("{seconds:010}-{chance:016x}")
}

/// Whether a file of this name was named in a session whose word was made by [`session`].
pub(super) fn is_made_up(name: &str) -> bool {
    let (session, number) = match name.split_once('.') {
        Some((stem, _)) => match stem.split_once("-init-") {
            Some((session, number)) => (session, number),
            None => stem.rsplit_once('-').unwrap_or_default(),
        },
        None => return false,
    };
    let is_hex = |text: &str| text.len() == 16 && text.bytes().all(|it| it.is_ascii_hexdigit());
    let is_count = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    is_count(number)
        && session
            .split_once('-')
            .is_some_and(|(time, chance)| time.len() == 10 && is_count(time) && is_hex(chance))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_given_twice_and_one_that_is_there_stays() {
        let names = SegmentNames::new("", "ts").with_session("a");
        let mut names = names.unwrap();
        let media = || ProducedSegment::media(7, Vec::new(), 2.0);
        let init = || ProducedSegment::init(Vec::new());
        let given = [
            media(),
            init(),
            media(),
            init(),
            media().with_path("0.ts"),
            media(),
            init(),
        ]
        .map(|segment| names.name(segment).path_hint.unwrap());
        let expected = [
            "a-00000000.ts",
            "a-init-0.mp4",
            "a-00000001.ts",
            "a-init-1.mp4",
            "0.ts",
            "a-00000002.ts",
            "a-init-2.mp4",
        ];
        assert_eq!(given, expected.map(PathBuf::from));
    }

    #[test]
    fn a_session_is_one_plain_word_that_hides_no_file() {
        let names = |session: &str| SegmentNames::new("", "ts").with_session(session);
        for session in ["", ".", ".monday", "a/b", "../a", "a b", "a:b", "möndag"] {
            assert!(names(session).is_err(), "{session:?}");
        }
        for session in ["a", "-", "_a", "Monday-2.b_3"] {
            assert!(names(session).is_ok(), "{session:?}");
        }
    }

    #[test]
    fn the_names_of_a_session_that_named_itself_are_known_and_no_others() {
        let mut names = SegmentNames::new("", "m4s");
        for segment in [
            ProducedSegment::media(7, Vec::new(), 2.0),
            ProducedSegment::init(Vec::new()),
        ] {
            let path = names.name(segment).path_hint.unwrap();
            assert!(is_made_up(path.to_str().unwrap()), "{path:?}");
        }
        for name in [
            "",
            "00000001.ts",
            "video-00000001.ts",
            "monday-init-0.mp4",
            "1795373827-00000001.ts",
            "1795373827-929d43474b91d2c2.ts",
            "1795373827-929d43474b91d2c2-x.ts",
            "1795373827-929d43474b91d2c2-00000001",
            "179537382-929d43474b91d2c2-00000001.ts",
            "1795373827-929d43474b91d2c-00000001.ts",
            "1795373827-929d43474b91d2cx-00000001.ts",
            "live.m3u8",
        ] {
            assert!(!is_made_up(name), "{name}");
        }
    }
}
