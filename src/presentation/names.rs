//! Names for segments without a path hint.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::segment::ProducedSegment;

/// Gives a path hint to segments that have none.
///
/// The names are unique within a session and across sessions. A restarted session therefore never
/// meets a file that an earlier one left or is about to delete. A name consists of letters,
/// digits, `-`, `_` and `.` only. A ring of names, which repeat, must be long enough: see
/// [`Retention::Delete`](crate::hls::Retention::Delete).
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
    directory: PathBuf,
    extension: String,
    session: String,
    media: u64,
    initialisation: u64,
}

impl SegmentNames {
    /// Names in `directory`, with this extension for media segments (without its dot). The
    /// directory has the same root as the sink's paths; `""` is that root.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>, extension: impl Into<String>) -> Self {
        Self {
            directory: directory.into(),
            extension: extension.into(),
            session: session(),
            media: 0,
            initialisation: 0,
        }
    }

    /// The word that every name of this session begins with. No other session may use it. By
    /// default it consists of the time and a random number.
    ///
    /// # Errors
    ///
    /// The word is empty, begins with a dot, or has a character other than ASCII letters, digits,
    /// `-`, `_` and `.`.
    pub fn with_session(mut self, session: impl Into<String>) -> io::Result<Self> {
        let session = session.into();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if session.is_empty() || session.starts_with('.') || !session.bytes().all(is_plain) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the name of a session must consist of letters, digits, '-', '_' and '.', with no dot first",
            ));
        }
        self.session = session;
        Ok(self)
    }

    /// The number in the name of the first media segment. The default is 0. A manifest that numbers
    /// its names, as those of DASH do, needs the `sequence` of that segment.
    #[must_use]
    pub fn starting_at(mut self, number: u64) -> Self {
        self.media = number;
        self
    }

    /// Gives the segment a name, unless it has a path hint.
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
        let path = self.directory.join(name);
        segment.with_path(path)
    }
}

/// Seconds since 1970, so that names sort by session, and a random number for two sessions within
/// a second.
fn session() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    let chance = RandomState::new().build_hasher().finish();
    format!("{seconds:010}-{chance:016x}")
}

/// Whether this is the name of a file from a session whose word [`session`] made.
pub(crate) fn is_made_up(name: &str) -> bool {
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
    fn the_first_number_may_be_given() {
        let names = SegmentNames::new("", "m4s").with_session("a");
        let mut names = names.unwrap().starting_at(41);
        let given = [(); 2].map(|()| {
            let segment = ProducedSegment::media(0, Vec::new(), 2.0);
            names.name(segment).path_hint.unwrap()
        });
        assert_eq!(
            given,
            ["a-00000041.m4s", "a-00000042.m4s"].map(PathBuf::from)
        );
    }

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
            "live.txt",
        ] {
            assert!(!is_made_up(name), "{name}");
        }
    }
}
