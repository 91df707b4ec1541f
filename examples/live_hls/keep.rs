//! The amount of media that is kept: `--keep SIZE|TIME`.

use std::time::Duration;

use segment_stream::hls::MediaPlaylist;

/// The limits of the live playlist besides its window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keep {
    age: Option<Duration>,
    bytes: Option<u64>,
}

const SIZES: [(&str, u64); 4] = [
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

/// In seconds.
const TIMES: [(&str, u64); 4] = [("s", 1), ("min", 60), ("h", 3_600), ("d", 86_400)];

impl Keep {
    pub(crate) fn is_all(self) -> bool {
        self == Self::default()
    }

    /// Adds a limit of size or of time. A limit of the same kind that was there before is replaced.
    pub(crate) fn add(&mut self, name: &str, value: &str) -> Result<(), String> {
        let amount = |units: [(&str, u64); 4]| units.iter().find_map(|it| amount(value, *it));
        if let Some(bytes) = amount(SIZES) {
            self.bytes = Some(bytes);
        } else if let Some(seconds) = amount(TIMES) {
            self.age = Some(Duration::from_secs(seconds));
        } else {
            return Err(format!(
                "{name} needs a size (500MB, 20GB) or a time (90s, 30min, 12h, 7d), not {value:?}"
            ));
        }
        Ok(())
    }

    /// The playlist with these limits.
    pub(crate) fn limit(self, mut playlist: MediaPlaylist) -> MediaPlaylist {
        if let Some(age) = self.age {
            playlist = playlist.max_age(age);
        }
        if let Some(bytes) = self.bytes {
            playlist = playlist.max_bytes(bytes);
        }
        playlist
    }
}

/// A whole number above 0 of a unit.
fn amount(value: &str, (unit, factor): (&str, u64)) -> Option<u64> {
    let count: u64 = value.strip_suffix(unit)?.parse().ok()?;
    count.checked_mul(factor).filter(|&amount| amount > 0)
}
