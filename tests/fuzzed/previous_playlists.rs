//! Any bytes as the files of an earlier session: the text of a media playlist and that of its side
//! file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher, Previous, Retention};
use segment_stream::{ProducedSegment, SegmentSink, SinkError, WriteContext};

use super::listing::Listing;

const BASE: &str = "https://cdn.example/live/";
const HAS_BASE: u8 = 32;
const PUSHES: u64 = 6;

/// How the lines begin that the publisher writes itself, but for keys.
const OURS: &[&str] = &[
    "#EXTM3U\n",
    "#EXT-X-VERSION:",
    "#EXT-X-TARGETDURATION:",
    "#EXT-X-MEDIA-SEQUENCE:",
    "#EXT-X-DISCONTINUITY-SEQUENCE:",
    "#EXT-X-DISCONTINUITY\n",
    "#EXT-X-PLAYLIST-TYPE:",
    "#EXT-X-INDEPENDENT-SEGMENTS\n",
    "#EXT-X-START:",
    "#EXT-X-MAP:",
    "#EXT-X-PROGRAM-DATE-TIME:",
    "#EXT-X-GAP\n",
    "#EXTINF:",
    "#EXT-X-ENDLIST\n",
];

/// The first byte is what is asked for; then comes the playlist, and after a NUL the side file.
pub(crate) fn check(data: &[u8]) {
    let (asked, rest) = data.split_first().unwrap_or((&0, &[]));
    let mut parts = rest.splitn(2, |byte| *byte == 0);
    let previous = Previous {
        playlist: parts.next().unwrap_or_default().to_vec(),
        state: parts.next().map(<[u8]>::to_vec),
        orphans: vec!["stray.ts".into()],
        ..Previous::default()
    };
    let playlist = playlist(*asked);
    let base = if asked & HAS_BASE != 0 { BASE } else { "" };
    go_on(&playlist, &previous, base);
    take_over(&playlist, &previous);
}

fn playlist(asked: u8) -> MediaPlaylist {
    let path = ["live.m3u8", "live/live.m3u8"][usize::from(asked >> 6 & 1)];
    let mut playlist = match asked & 3 {
        0 | 1 => MediaPlaylist::live(path, Duration::from_secs(10)),
        2 => MediaPlaylist::event(path).retention(Retention::Delete {
            margin: Duration::ZERO,
        }),
        _ => MediaPlaylist::vod(path),
    };
    if asked & 4 != 0 {
        playlist = playlist.program_date_time(UNIX_EPOCH + Duration::from_secs(1_795_366_800));
    }
    if asked & 8 != 0 {
        playlist = playlist.independent_segments();
    }
    if asked & 16 != 0 {
        playlist = playlist.target_duration(Duration::from_secs(2));
    }
    if asked & HAS_BASE != 0 {
        playlist = playlist.base_url(BASE);
    }
    playlist
}

/// The text without the lines that a caller had put into it, which may be anything that begins
/// with `#`.
fn ours(text: &[u8]) -> Vec<u8> {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let is_ours = |line: &&[u8]| {
        !line.starts_with(b"#") || OURS.iter().any(|it| line.starts_with(it.as_bytes()))
    };
    lines.filter(is_ours).flatten().copied().collect()
}

/// The last playlist that was written, and what was removed.
#[derive(Debug, Clone, Default)]
struct Folder(Arc<Mutex<(Vec<u8>, Vec<PathBuf>)>>);

impl SegmentSink for Folder {
    fn write(&mut self, segment: &ProducedSegment, _: &WriteContext) -> Result<(), SinkError> {
        let path = segment.path_hint.as_deref().unwrap();
        if path.ends_with("live.m3u8") {
            self.0.lock().unwrap().0.clone_from(&segment.data);
        }
        Ok(())
    }

    fn remove(&mut self, path: &Path, _: &WriteContext) -> Result<(), SinkError> {
        self.0.lock().unwrap().1.push(path.to_owned());
        Ok(())
    }
}

/// Either the playlist is refused, or what it lists stays listed and goes on.
fn go_on(playlist: &MediaPlaylist, previous: &Previous, base: &str) {
    let folder = Folder::default();
    let resumed = MediaPlaylistPublisher::resume(playlist.clone(), folder.clone(), previous);
    let Ok(publisher) = resumed else {
        return;
    };
    let mut before = Listing::read(&ours(&previous.playlist)).ok();
    // A playlist that was correct before stays correct.
    let was_right = before.as_ref().is_some_and(|it| it.check().is_ok());
    if let Some(before) = &before {
        assert_eq!(publisher.next_sequence(), before.end());
    }
    publish(publisher, |publisher| {
        let text = folder.0.lock().unwrap().0.clone();
        if text.is_empty() {
            return;
        }
        let shown = || String::from_utf8_lossy(&text);
        let now = match (Listing::read(&ours(&text)), &before) {
            (Ok(now), _) => now,
            // It was one that the other reader does not take.
            (Err(_), None) => return,
            (Err(why), Some(_)) => panic!("{why}: {}", shown()),
        };
        if let Some(before) = &before {
            now.check_change(before);
            let checked = now.check();
            assert!(checked.is_ok() || !was_right, "{checked:?}: {}", shown());
        }
        assert!(now.has_ended || publisher.next_sequence() == now.end());
        let files = now.files(playlist.path().parent().unwrap(), base);
        let removed = &folder.0.lock().unwrap().1;
        let lost = removed.iter().find(|path| files.contains(path));
        assert!(lost.is_none(), "{lost:?} is listed");
        before = Some(now);
    });
}

/// A new playlist comes in the place of the old one, and deletes what that has left.
fn take_over(playlist: &MediaPlaylist, previous: &Previous) {
    let folder = Folder::default();
    let playlist = playlist.clone().target_duration(Duration::from_secs(2));
    let publisher = MediaPlaylistPublisher::new(playlist, folder.clone()).unwrap();
    if let Ok(publisher) = publisher.take_over(previous) {
        publish(publisher, |_| ());
        let listing = Listing::read(&folder.0.lock().unwrap().0).unwrap();
        assert_eq!(listing.check(), Ok(()));
        assert_eq!(
            listing.media_sequence == 0,
            listing.entries.len() as u64 == PUSHES
        );
    }
}

fn publish(
    publisher: MediaPlaylistPublisher<Folder>,
    mut look: impl FnMut(&MediaPlaylistPublisher<Folder>),
) {
    let clock = Arc::new(Mutex::new(Duration::ZERO));
    let now = Arc::clone(&clock);
    let mut publisher = publisher.with_clock(move || *now.lock().unwrap());
    for number in 0..PUSHES {
        let sequence = publisher.next_sequence();
        let segment = ProducedSegment::media(sequence, Vec::new(), 2.0);
        let pushed = publisher.push(&Ok(segment.with_path(format!("new-{number}.ts"))));
        assert!(pushed.is_ok() || sequence >= (1 << 53) - 1, "{pushed:?}");
        look(&publisher);
        *clock.lock().unwrap() += Duration::from_secs(20);
    }
    let ended = publisher.finish();
    assert!(ended.is_ok(), "{ended:?}");
    look(&publisher);
    *clock.lock().unwrap() += Duration::from_secs(1 << 60);
    let _ = publisher.delete_due();
}
