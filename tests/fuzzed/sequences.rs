//! Any bytes as the pushes to a media playlist and their faults.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher, Previous, Retention};
use segment_stream::{ProducedSegment, SegmentSink, SinkError, WriteContext};

use super::bytes::Bytes;
use super::listing::Listing;
use super::losses::{Item, dropped, lost};

/// More of them show nothing new.
const STEPS: usize = 40;
/// A loss of an hour may become thousands of gaps, which take their time.
const LONG_LOSSES: usize = 1;
const LONG_SECS: f64 = 10.0;

pub(crate) fn check(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut case = Case::new(&mut bytes);
    for _ in 0..STEPS {
        if bytes.is_empty() || case.step(&mut bytes).is_none() {
            break;
        }
    }
}

/// How a call of the sink ends.
#[derive(Debug, Clone, Copy, Default)]
enum Answer {
    #[default]
    Done,
    /// An error, and nothing has changed.
    Refused,
    /// An error, and yet it was done.
    Unheard,
}

#[derive(Debug, Default)]
struct Inner {
    /// The documents that the publisher wrote.
    texts: BTreeMap<PathBuf, Vec<u8>>,
    /// The segments.
    files: BTreeSet<PathBuf>,
    /// For the next call.
    answer: Answer,
}

/// A folder in memory; clones are the same.
#[derive(Debug, Clone, Default)]
struct Folder(Arc<Mutex<Inner>>);

impl Folder {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    fn call(&self, change: impl FnOnce(&mut Inner)) -> Result<(), SinkError> {
        let mut inner = self.inner();
        let answer = std::mem::take(&mut inner.answer);
        if !matches!(answer, Answer::Refused) {
            change(&mut inner);
        }
        match answer {
            Answer::Done => Ok(()),
            _ => Err(SinkError::transient("it failed as it was told to")),
        }
    }
}

impl SegmentSink for Folder {
    fn write(&mut self, segment: &ProducedSegment, _: &WriteContext) -> Result<(), SinkError> {
        let path = segment.path_hint.clone().unwrap();
        let data = segment.data.clone();
        self.call(|inner| drop(inner.texts.insert(path, data)))
    }

    fn remove(&mut self, path: &Path, _: &WriteContext) -> Result<(), SinkError> {
        self.call(|inner| {
            inner.files.remove(path);
            inner.texts.remove(path);
        })
    }
}

struct Case {
    playlist: MediaPlaylist,
    publisher: Option<MediaPlaylistPublisher<Folder>>,
    is_dated: bool,
    folder: Folder,
    clock: Arc<AtomicU64>,
    sequence: u64,
    names: Vec<PathBuf>,
    long_losses: usize,
    text: Option<Vec<u8>>,
    listing: Option<Listing>,
}

impl Case {
    fn new(bytes: &mut Bytes<'_>) -> Self {
        let (playlist, is_dated) = playlist(bytes);
        let folder = Folder::default();
        let clock = Arc::new(AtomicU64::new(0));
        let publisher = MediaPlaylistPublisher::new(playlist.clone(), folder.clone()).unwrap();
        let end = 1 << 53;
        let first = bytes.number();
        Self {
            publisher: Some(on(&clock, publisher)),
            playlist,
            is_dated,
            folder,
            clock,
            sequence: bytes.of(&[0, 77, end - 20, end - 1, end, u64::MAX, first]),
            names: Vec::new(),
            long_losses: 0,
            text: None,
            listing: None,
        }
    }

    /// `None` where nothing can follow.
    fn step(&mut self, bytes: &mut Bytes<'_>) -> Option<()> {
        let publisher = self.publisher.as_mut()?;
        match bytes.below(16) {
            // An error is of a fault that was asked for, or of the end.
            0..=4 => self.push(bytes, false, false),
            5 | 6 => self.push(bytes, false, true),
            7 => self.push(bytes, true, false),
            8 => self.push(bytes, true, true),
            9 => self.drop_some(bytes),
            10 => publisher.discontinuity(),
            11 => publisher.discontinuity_at(date(bytes)),
            12 => tag(bytes, publisher),
            13 => {
                let secs = bytes.of(&[1_u64, 10, 100, 100_000]);
                self.clock.fetch_add(secs, Ordering::Relaxed);
                let _ = publisher.delete_due();
            }
            14 => self.folder.inner().answer = bytes.of(&[Answer::Refused, Answer::Unheard]),
            _ if bytes.flag() => drop(publisher.finish()),
            _ => self.go_on()?,
        }
        self.look();
        Some(())
    }

    fn push(&mut self, bytes: &mut Bytes<'_>, is_init: bool, is_lost: bool) {
        let mut segment = self.segment(bytes);
        if is_init {
            segment.is_init = true;
            segment.data = vec![bytes.byte() & 3];
        }
        if is_lost {
            let item = lost(segment);
            self.enter(&item);
        } else {
            self.store(&segment);
            self.enter(&Ok(segment));
        }
    }

    fn drop_some(&mut self, bytes: &mut Bytes<'_>) {
        let count = 1 + bytes.below(80);
        // Long ones would be too many gaps.
        self.long_losses = LONG_LOSSES;
        let one = self.segment(bytes);
        let segments = (0..count).map(|index| ProducedSegment {
            sequence: one.sequence.wrapping_add(index as u64),
            ..one.clone()
        });
        self.sequence = self.sequence.wrapping_add(count as u64 - 1);
        for item in dropped(segments.collect()) {
            if let Ok(segment) = &item {
                self.store(segment);
            }
            self.enter(&item);
        }
    }

    fn store(&mut self, segment: &ProducedSegment) {
        let hint = segment.path_hint.as_deref();
        if let Some(path) = hint.and_then(plain) {
            self.folder.inner().files.insert(path.clone());
            self.names.push(path);
        }
    }

    fn enter(&mut self, item: &Item) {
        let publisher = self.publisher.as_mut().unwrap();
        let before = publisher.next_sequence();
        let pushed = publisher.push(item);
        drop(pushed);
        assert!(publisher.next_sequence() >= before);
    }

    fn segment(&mut self, bytes: &mut Bytes<'_>) -> ProducedSegment {
        let sequence = match bytes.byte() {
            0..0xF0 => self.sequence,
            0xF0..0xF8 => self.sequence.wrapping_sub(1),
            0xF8..0xFE => self.sequence.wrapping_add(5),
            _ => bytes.number(),
        };
        self.sequence = sequence.wrapping_add(1);
        let mut secs = secs(bytes);
        if secs > LONG_SECS {
            self.long_losses += 1;
            if self.long_losses > LONG_LOSSES {
                secs = LONG_SECS;
            }
        }
        let segment = ProducedSegment::media(sequence, Vec::new(), secs);
        match self.name(bytes) {
            Some(name) => segment.with_path(name),
            None => segment,
        }
    }

    fn name(&self, bytes: &mut Bytes<'_>) -> Option<PathBuf> {
        let number = self.names.len();
        Some(match bytes.below(16) {
            0..=4 => format!("live/{number}.ts").into(),
            5 => format!("{number}.ts").into(),
            6 => format!("./live//v/./{number} #?%20\"\n,ü.ts").into(),
            7 => self.names.get(bytes.below(256)).cloned()?,
            8 => OsStr::from_bytes(bytes.some(32)).into(),
            9 => format!("live/../{number}").into(),
            10 => format!("/srv/{number}.ts").into(),
            11 => self.playlist.path().into(),
            12 => self.playlist.state_path(),
            13 => PathBuf::new(),
            14 => "gap".into(),
            _ => return None,
        })
    }

    /// Leaves the playlist to another session.
    fn go_on(&mut self) -> Option<()> {
        let suspended = self.publisher.take()?.suspend();
        self.look();
        let playlist = {
            let inner = self.folder.inner();
            let text = |path| inner.texts.get(path).cloned();
            Previous {
                playlist: text(self.playlist.path())?,
                state: text(&self.playlist.state_path()),
                ..Previous::default()
            }
        };
        let resumed =
            MediaPlaylistPublisher::resume(self.playlist.clone(), self.folder.clone(), &playlist);
        let listing = self.listing.as_ref()?;
        let has_room = listing.end() < (1 << 53) - 1;
        // Of a playlist whose dates are all over nobody can tell that it ever had some.
        let has_dates = listing.entries.iter().any(|entry| entry.date.is_some());
        let can_go_on =
            suspended.is_ok() && has_room && !listing.has_ended && has_dates == self.is_dated;
        assert!(resumed.is_ok() || !can_go_on, "{:?}", resumed.err());
        self.publisher = Some(on(&self.clock, resumed.ok()?));
        Some(())
    }

    /// Looks at what is published, if it is new.
    fn look(&mut self) {
        let inner = self.folder.inner();
        let Some(text) = inner.texts.get(self.playlist.path()) else {
            assert!(self.text.is_none(), "the playlist vanished");
            return;
        };
        if self.text.as_ref() != Some(text) {
            let shown = || String::from_utf8_lossy(text);
            let listing = Listing::read(text).unwrap_or_else(|why| panic!("{why}: {}", shown()));
            let checked = listing.check();
            assert!(checked.is_ok(), "{checked:?}: {}", shown());
            if let Some(before) = &self.listing {
                listing.check_change(before);
            }
            self.text = Some(text.clone());
            self.listing = Some(listing);
        }
        let folder = self.playlist.path().parent().unwrap();
        for file in self.listing.iter().flat_map(|it| it.files(folder, "")) {
            assert!(
                inner.files.contains(&file),
                "{} is listed and not there",
                file.display()
            );
        }
    }
}

fn on(
    clock: &Arc<AtomicU64>,
    publisher: MediaPlaylistPublisher<Folder>,
) -> MediaPlaylistPublisher<Folder> {
    let clock = Arc::clone(clock);
    publisher.with_clock(move || Duration::from_secs(clock.load(Ordering::Relaxed)))
}

/// A playlist, and whether it has dates.
fn playlist(bytes: &mut Bytes<'_>) -> (MediaPlaylist, bool) {
    let path = bytes.of(&["live.m3u8", "live/live.m3u8", "a b/ü.m3u8"]);
    let window = Duration::from_secs(bytes.of(&[10, 0, 60, u64::MAX]));
    let kind = bytes.below(4);
    let mut playlist = match kind {
        0 | 1 => MediaPlaylist::live(path, window),
        2 => MediaPlaylist::event(path),
        _ => MediaPlaylist::vod(path),
    };
    match bytes.below(8) {
        0..=2 if kind == 3 => {}
        0..=2 => playlist = playlist.target_duration(Duration::from_secs(2)),
        3 => playlist = playlist.target_duration(Duration::from_nanos(1)),
        4 => playlist = playlist.target_duration(Duration::from_millis(2500)),
        5 => playlist = playlist.target_duration(Duration::from_secs(6)),
        6 => playlist = playlist.target_duration(Duration::from_secs(3601)),
        _ => playlist = playlist.target_duration(Duration::MAX),
    }
    let choice = bytes.byte();
    if choice & 1 != 0 {
        playlist = playlist.program_date_time(date(bytes));
    }
    if choice & 2 != 0 {
        playlist = playlist.independent_segments();
    }
    let playlist = match choice >> 2 & 3 {
        0 | 1 => playlist,
        2 => playlist.retention(Retention::Keep),
        _ => playlist.retention(Retention::Delete {
            margin: Duration::from_secs(bytes.of(&[0, 5, u64::MAX])),
        }),
    };
    (playlist, choice & 1 != 0)
}

/// Between 1970 and the last seconds of 9999, behind which a playlist can say none.
fn date(bytes: &mut Bytes<'_>) -> SystemTime {
    let secs = bytes.of(&[1_795_366_800, 0, 951_782_399, 253_402_300_790]);
    UNIX_EPOCH + Duration::from_secs(secs) + Duration::from_millis(bytes.byte().into())
}

fn secs(bytes: &mut Bytes<'_>) -> f64 {
    match bytes.below(20) {
        0..=4 => 2.0,
        5 => 0.0,
        6 => 0.04,
        7 => 1.0 / 3.0,
        8 => 6.006,
        9 => 2.499_999_6,
        10 => 1e-9,
        11 => 3_599.999_999_9,
        12 => 3600.0,
        13 => 3600.1,
        14 => -1.0,
        15 => f64::NAN,
        16 => f64::INFINITY,
        17 => 1e300,
        18 => f64::from(bytes.byte()) / 10.0,
        _ => f64::from_bits(bytes.number()),
    }
}

/// Lines that a reader understands, and any others that it can pass over.
fn tag(bytes: &mut Bytes<'_>, publisher: &mut MediaPlaylistPublisher<Folder>) {
    let any = String::from_utf8_lossy(bytes.some(24)).into_owned();
    let line = match bytes.below(8) {
        0 => "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"".into(),
        1 => "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"k\",KEYFORMAT=\"a.b\",KEYFORMATVERSIONS=\"1\""
            .into(),
        2 => "#EXT-X-KEY:METHOD=NONE".into(),
        3 => "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-11-22T17:00:00.000Z\"".into(),
        4 => "#EXT-X-ENDLIST".into(),
        5 => format!("# {any}"),
        6 => format!("#EXT-OWN:{any}"),
        _ if any.starts_with("#EXT") => "#".into(),
        _ => any,
    };
    let taken = publisher.tag_next([line.as_str()]);
    let is_line = line.starts_with('#') && !line.chars().any(char::is_control);
    assert!(taken.is_err() || is_line, "{line:?}");
}

/// The path without its detours; `None` where it leads up, or names nothing.
fn plain(path: &Path) -> Option<PathBuf> {
    let names = path.components().filter(|it| *it != Component::CurDir);
    let has_detour = path.components().any(|it| it == Component::ParentDir);
    let plain: PathBuf = names.collect();
    (!has_detour && plain.file_name().is_some()).then_some(plain)
}
