//! What Windows does otherwise: open files, locks that bind readers, long paths, special names.
//! `.ci/platforms` runs this under Wine.
#![cfg(windows)]

mod common;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::windows::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use common::config::{depth, once};
use common::folder::{entries, temps};
use common::means::skip;
use common::segments::{payload, segment_at};
use segment_stream::{
    DiskSink, Durability, Existing, ProducedSegment, SegmentSink, SegmentStream, SinkError,
    SinkErrorKind, WriteContext,
};
use tempfile::tempdir;

/// Others may read the file, and neither write nor delete it.
const FILE_SHARE_READ: u32 = 1;
/// Windows writes a file with this mark to the disk as late as it can.
const FILE_ATTRIBUTE_TEMPORARY: u32 = 0x100;

fn write(sink: &mut DiskSink, path: impl AsRef<Path>, content: &[u8]) -> Result<(), SinkError> {
    let segment = ProducedSegment::media(0, content.to_vec(), 2.0).with_path(path.as_ref());
    sink.write(&segment, &WriteContext::default())
}

#[test]
fn a_segment_lands_whole_is_replaced_refused_read_and_removed() {
    for durability in [Durability::None, Durability::File] {
        let folder = tempdir().unwrap();
        let context = WriteContext::default();
        let mut sink = DiskSink::rooted(folder.path()).durability(durability);
        for path in ["0.ts", "a/b/c/1.ts", r"a\b\2.ts", "./a/./3.ts"] {
            for content in [payload(7, 100), payload(8, 9)] {
                write(&mut sink, path, &content).unwrap();
                let file = folder.path().join(path);
                assert_eq!(fs::read(&file).unwrap(), content);
                let attributes = fs::metadata(file).unwrap().file_attributes();
                assert_eq!(attributes & FILE_ATTRIBUTE_TEMPORARY, 0);
            }
        }
        let mut refusing = sink.clone().existing(Existing::Refuse);
        let error = write(&mut refusing, "0.ts", b"x").unwrap_err();
        assert_eq!(error.io_kind(), io::ErrorKind::AlreadyExists);
        assert!(!error.is_transient(), "{error}");
        let found = sink.read(Path::new("0.ts"), &context).unwrap();
        assert_eq!(found, Some(payload(8, 9)));
        sink.remove(Path::new("0.ts"), &context).unwrap();
        assert_eq!(sink.read(Path::new("0.ts"), &context).unwrap(), None);
        assert!(temps(folder.path()).is_empty());
    }
}

/// Whether the system has renames with POSIX semantics. Windows has them from version 10 1607 on,
/// and Wine 8 does not.
fn has_posix_renames(test: &str) -> bool {
    let folder = tempdir().unwrap();
    let [from, to] = ["from", "to"].map(|name| folder.path().join(name));
    fs::write(&from, "").unwrap();
    let _reader = File::create(&to).unwrap();
    fs::rename(from, to).is_ok() || skip(test, "this system has no renames with POSIX semantics")
}

/// Web servers and players open files so.
#[test]
fn a_file_that_a_reader_has_open_is_replaced_and_removed() {
    if !has_posix_renames("a_file_that_a_reader_has_open_is_replaced_and_removed") {
        return;
    }
    let folder = tempdir().unwrap();
    let mut sink = DiskSink::rooted(folder.path());
    let path = folder.path().join("live.m3u8");
    let mut readers = Vec::new();
    for version in 0..5 {
        write(&mut sink, "live.m3u8", &[version; 9]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), [version; 9]);
        readers.push(File::open(&path).unwrap());
    }
    for (version, mut reader) in (0..5).zip(readers) {
        let mut found = Vec::new();
        reader.read_to_end(&mut found).unwrap();
        assert_eq!(found, [version; 9]);
    }
    let _reader = File::open(&path).unwrap();
    sink.remove(Path::new("live.m3u8"), &WriteContext::default())
        .unwrap();
    assert!(temps(folder.path()).is_empty());
}

#[test]
fn a_file_that_a_reader_keeps_from_being_deleted_may_be_replaced_later() {
    let folder = tempdir().unwrap();
    let mut sink = DiskSink::rooted(folder.path());
    let path = folder.path().join("live.m3u8");
    write(&mut sink, "live.m3u8", b"old").unwrap();
    let reader = OpenOptions::new()
        .read(true)
        .share_mode(FILE_SHARE_READ)
        .open(&path)
        .unwrap();
    let error = write(&mut sink, "live.m3u8", b"new").unwrap_err();
    assert!(error.is_transient(), "{error} {:?}", error.io_kind());
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(entries(folder.path()), [Path::new("live.m3u8")]);
    drop(reader);
    write(&mut sink, "live.m3u8", b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
}

/// Closes the reader once a write has failed.
struct ClosesReader {
    disk: DiskSink,
    reader: Option<File>,
}

impl SegmentSink for ClosesReader {
    fn write(
        &mut self,
        segment: &ProducedSegment,
        context: &WriteContext,
    ) -> Result<(), SinkError> {
        let written = self.disk.write(segment, context);
        if written.is_err() {
            self.reader = None;
        }
        written
    }
}

#[test]
fn a_write_is_retried_until_a_reader_has_closed_the_file() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("0.ts");
    fs::write(&path, "old").unwrap();
    let reader = OpenOptions::new()
        .read(true)
        .share_mode(FILE_SHARE_READ)
        .open(&path)
        .unwrap();
    let sink = ClosesReader {
        disk: DiskSink::rooted(folder.path()),
        reader: Some(reader),
    };
    let (mut stream, sender) = SegmentStream::with_sink(depth(1), sink).unwrap();
    sender.send(segment_at(0, "0.ts")).unwrap();
    drop(sender);
    let stored = stream.next().unwrap().unwrap();
    assert_eq!(fs::read(&path).unwrap(), stored.data);
    assert_eq!(stream.handle().stats().retries, 1);
}

#[test]
fn a_directory_in_the_way_is_an_error_that_stays() {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("0.ts")).unwrap();
    let error = write(&mut DiskSink::rooted(folder.path()), "0.ts", b"x").unwrap_err();
    assert_eq!(error.io_kind(), io::ErrorKind::IsADirectory, "{error}");
    assert!(!error.is_transient());
}

#[test]
fn paths_may_be_longer_than_260_units() {
    let folder = tempdir().unwrap();
    let name = "n".repeat(40);
    for depth in [3, 4, 5, 10] {
        let hint = Path::new(&vec![name.as_str(); depth].join("/")).join("0.ts");
        for durability in [Durability::None, Durability::File] {
            let mut sink = DiskSink::rooted(folder.path()).durability(durability);
            for content in [b"old", b"new"] {
                write(&mut sink, &hint, content).unwrap();
                let found = sink.read(&hint, &WriteContext::default()).unwrap();
                assert_eq!(found.as_deref(), Some(&content[..]));
            }
        }
    }
}

/// Names that Windows takes for another file, another drive, a stream or a device.
const SPECIAL: [&str; 12] = [
    "0.ts.",
    "0.ts ",
    "a./0.ts",
    "c:d.ts",
    "a b/c:d.ts",
    "0.ts:hidden",
    "nul",
    "aux.ts",
    "a/COM1.ts",
    "C:/x.ts",
    r"\\host\share\x.ts",
    "a?.ts",
];

#[test]
fn a_rooted_sink_refuses_names_that_windows_takes_for_something_else() {
    let folder = tempdir().unwrap();
    let mut sink = DiskSink::rooted(folder.path());
    for path in SPECIAL {
        let error = write(&mut sink, path, b"x").unwrap_err();
        assert_eq!(error.kind(), SinkErrorKind::Permanent, "{path}: {error}");
        assert!(!error.is_transient(), "{path}");
        let context = WriteContext::default();
        assert!(sink.remove(Path::new(path), &context).is_err(), "{path}");
        assert!(sink.read(Path::new(path), &context).is_err(), "{path}");
    }
    assert!(entries(folder.path()).is_empty());
}

#[test]
fn a_sink_that_cannot_sync_names_says_so_at_the_start() {
    let folder = tempdir().unwrap();
    let sink = DiskSink::rooted(folder.path()).durability(Durability::Full);
    let (mut stream, sender) = SegmentStream::with_sink(once(), sink).unwrap();
    sender.send(segment_at(0, "a/0.ts")).unwrap();
    drop(sender);
    let error = stream.next().unwrap().unwrap_err();
    assert_eq!(error.io_kind(), io::ErrorKind::Unsupported);
    let text = error.to_string();
    assert!(text.contains("Durability::Full is not supported"), "{text}");
    assert!(entries(folder.path()).is_empty());
}

#[test]
fn a_sweep_leaves_what_is_locked_and_takes_the_rest() {
    let folder = tempdir().unwrap();
    let in_use = folder.path().join(".segment-aaaaaaaaaaaa.tmp");
    let left_over = folder.path().join(".segment-bbbbbbbbbbbb.tmp");
    let file = File::create(&in_use).unwrap();
    file.lock().unwrap();
    fs::write(&left_over, "0").unwrap();
    let swept = DiskSink::sweep(folder.path()).unwrap();
    assert_eq!(swept.in_use, [in_use.as_path()]);
    assert_eq!(swept.removed, [left_over]);
    assert!(swept.errors.is_empty());
    drop(file);
    let swept = DiskSink::sweep(folder.path()).unwrap();
    assert_eq!(swept.removed, [in_use]);
}

#[cfg(feature = "hls")]
mod hls {
    use std::time::Duration;

    use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher, Previous, Retention};

    use super::*;

    /// A URI that Windows takes for a path elsewhere.
    const ESCAPES: [&str; 6] = [
        "C%3A%5Cx",
        "..%5C..%5Cx",
        "%5C%5Chost%5Cshare%5Cx",
        "a/c%3Ad.ts",
        "nul",
        "0.ts.",
    ];

    fn playlist() -> MediaPlaylist {
        MediaPlaylist::live("live.m3u8", Duration::from_secs(20))
            .target_duration(Duration::from_secs(2))
            .retention(Retention::Delete {
                margin: Duration::ZERO,
            })
    }

    #[test]
    fn no_uri_leads_out_of_the_folder() {
        for uri in ESCAPES {
            let text = format!(
                "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n\
                 #EXTINF:2.000000,\n{uri}\n"
            );
            let previous = Previous {
                playlist: text.into_bytes(),
                ..Previous::default()
            };
            let sink = DiskSink::new();
            let resumed = MediaPlaylistPublisher::resume(playlist(), sink, &previous);
            let Err(error) = resumed else {
                panic!("{uri} was taken for a segment");
            };
            assert!(error.to_string().contains(uri), "{error}");
        }
    }

    /// The files that wait for deletion are in the side file.
    #[test]
    fn no_deletion_of_an_earlier_session_leads_out_of_the_folder() {
        let folder = tempdir().unwrap();
        let sink = DiskSink::rooted(folder.path());
        let mut publisher = MediaPlaylistPublisher::new(playlist(), sink).unwrap();
        for number in 0..12 {
            publisher
                .push(&Ok(segment_at(number, format!("{number}.ts"))))
                .unwrap();
        }
        drop(publisher);
        let previous = Previous::read(folder.path(), &playlist()).unwrap().unwrap();
        let state = String::from_utf8(previous.state.clone().unwrap()).unwrap();
        for uri in ESCAPES {
            let changed = state.replace(" 0.ts\n", &format!(" {uri}\n"));
            assert_ne!(state, changed);
            let previous = Previous {
                state: Some(changed.into_bytes()),
                ..previous.clone()
            };
            let resumed = MediaPlaylistPublisher::resume(playlist(), DiskSink::new(), &previous);
            assert!(resumed.is_err(), "{uri} waits for its deletion");
        }
        assert!(MediaPlaylistPublisher::resume(playlist(), DiskSink::new(), &previous).is_ok());
    }

    #[test]
    fn a_playlist_that_is_being_read_is_replaced() {
        if !has_posix_renames("a_playlist_that_is_being_read_is_replaced") {
            return;
        }
        let folder = tempdir().unwrap();
        let mut sink = DiskSink::rooted(folder.path());
        let mut publisher = MediaPlaylistPublisher::new(playlist(), sink.clone()).unwrap();
        let mut readers = Vec::new();
        for number in 0..5 {
            let segment = segment_at(number, &format!("{number}.ts"));
            sink.write(&segment, &WriteContext::default()).unwrap();
            publisher.push(&Ok(segment)).unwrap();
            let path = folder.path().join("live.m3u8");
            readers.push(File::open(path).unwrap());
        }
    }
}
