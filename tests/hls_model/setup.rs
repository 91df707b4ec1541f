//! The setup of a case.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use segment_stream::hls::{MediaPlaylist, Retention};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Live,
    Event,
    Vod,
}

#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) kind: Kind,
    pub(crate) path: &'static str,
    pub(crate) window_secs: u64,
    pub(crate) target: Option<u64>,
    pub(crate) base: Option<&'static str>,
    pub(crate) is_dated: bool,
    pub(crate) is_independent: bool,
    /// The margin; `None` keeps everything.
    pub(crate) deletes: Option<u64>,
    pub(crate) first_number: u64,
    pub(crate) never_removes: bool,
    pub(crate) clock_secs: u64,
    /// Few lines, so that few files that wait make parts.
    pub(crate) side_file_lines: usize,
}

/// 2026-11-22T17:00:00.123456Z
pub(crate) fn first_date() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(1_795_366_800_123_456)
}

impl Setup {
    pub(crate) fn playlist(&self, date: SystemTime) -> MediaPlaylist {
        let mut playlist = match self.kind {
            Kind::Live => MediaPlaylist::live(self.path, Duration::from_secs(self.window_secs)),
            Kind::Event => MediaPlaylist::event(self.path),
            Kind::Vod => MediaPlaylist::vod(self.path),
        };
        playlist = playlist.retention(match self.deletes {
            None => Retention::Keep,
            Some(margin) => Retention::Delete {
                margin: Duration::from_secs(margin),
            },
        });
        if let Some(target) = self.target {
            playlist = playlist.target_duration(Duration::from_secs(target));
        }
        if let Some(base) = self.base {
            playlist = playlist.base_url(base);
        }
        if self.is_dated {
            playlist = playlist.program_date_time(date);
        }
        if self.is_independent {
            playlist = playlist.independent_segments();
        }
        playlist.side_file_lines(self.side_file_lines)
    }

    /// The prefix of every URI.
    pub(crate) fn prefix(&self) -> String {
        self.base
            .map(|base| format!("{}/", base.trim_end_matches('/')))
            .unwrap_or_default()
    }

    pub(crate) fn state_path(&self) -> PathBuf {
        let path = Path::new(self.path);
        let name = path.file_name().expect("it has a name").to_string_lossy();
        path.with_file_name(format!(".{name}.state"))
    }

    /// Whether it is a part of the side file.
    pub(crate) fn is_part(&self, path: &Path) -> bool {
        let side_file = self.state_path().to_string_lossy().into_owned();
        let rest = path.to_string_lossy().into_owned();
        rest.strip_prefix(&side_file)
            .is_some_and(|rest| rest.starts_with('.'))
    }

    /// The file that a URI names: the prefix taken off, the rest decoded step by step.
    pub(crate) fn file(&self, uri: &str) -> PathBuf {
        let prefix = self.prefix();
        let reference = uri.strip_prefix(&prefix).expect("the text was checked");
        let mut path = Path::new(self.path).parent().expect("a file").to_owned();
        for step in reference.split('/') {
            if step == ".." {
                assert!(path.pop(), "{uri} leads out of the folder");
            } else {
                path.push(decoded(step));
            }
        }
        path
    }
}

fn decoded(step: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = step.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next(), rest.next()].map(|it| it.expect("the text was checked"));
            let digits = std::str::from_utf8(&digits)
                .expect("hexadecimal digits")
                .to_owned();
            bytes.push(u8::from_str_radix(&digits, 16).expect("hexadecimal digits"));
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).expect("names of these cases are UTF-8")
}

/// A setup of one of these kinds.
pub(crate) fn setup(kinds: &'static [Kind]) -> impl Strategy<Value = Setup> {
    let place = (
        proptest::sample::select(kinds),
        proptest::sample::select(&["live/video.m3u8", "video.m3u8", "a b/v#1.m3u8"][..]),
        proptest::sample::select(&[None, None, Some("https://cdn.example/x/"), Some("/live")][..]),
        any::<bool>(),
        any::<bool>(),
    );
    let numbers = (
        proptest::sample::select(&[0, 4, 9, 20][..]),
        proptest::sample::select(&[None, None, Some(1), Some(2), Some(4), Some(6)][..]),
        prop_oneof![3 => proptest::sample::select(&[0, 5, 30][..]).prop_map(Some), 1 => Just(None)],
        prop_oneof![
            8 => Just(0),
            4 => 1..1000_u64,
            1 => (1..12_u64).prop_map(|below| (1 << 53) - below),
            1 => Just(u64::MAX),
        ],
        prop_oneof![9 => Just(false), 1 => Just(true)],
        proptest::sample::select(&[0, 100_000][..]),
        proptest::sample::select(&[2, 3, 32][..]),
    );
    (place, numbers).prop_map(
        |(
            (kind, path, base, is_dated, is_independent),
            (
                window_secs,
                target,
                deletes,
                first_number,
                never_removes,
                clock_secs,
                side_file_lines,
            ),
        )| Setup {
            kind,
            path,
            window_secs,
            // Only that of a VOD playlist has a default.
            target: target.or((kind != Kind::Vod).then_some(3)),
            base,
            is_dated,
            is_independent,
            deletes,
            first_number,
            never_removes,
            clock_secs,
            side_file_lines,
        },
    )
}
