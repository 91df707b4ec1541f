//! On a full disk the playlist stays unchanged, and continues when there is room again.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::time::Duration;

use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher, Notice, Retention};
use segment_stream::{DiskSink, ProducedSegment, RetryPolicy, SegmentStream, SegmentStreamConfig};

use super::common::again::{again, folder, must_pass};
use super::common::folder::temps;
use super::common::listing::Listing;
use super::common::means::skip;
use super::common::segments::payload;
use super::common::threads::must_end;
use super::*;

/// Runs a part of a test with a tmpfs of a megabyte mounted on its folder.
fn on_a_small_disk(test: &str, part: &str) {
    if !have_tools(test, &["unshare", "mount"]) {
        return;
    }
    let probe = output(Command::new("unshare").args(["-rm", "true"]));
    if !probe.status.success() {
        skip(test, "no user and mount namespaces here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=1m none \"$SEGMENT_STREAM_TEST_FOLDER\" && exec \"$@\"";
    let prefix = ["unshare", "-rm", "sh", "-c", mount, "sh"];
    must_pass(&mut again(&prefix, part, folder.path()));
}

/// Takes all the room that there is, but for `free` bytes.
fn fill(path: &Path, free: u64) {
    let mut file = File::create(path).unwrap();
    let page = [0xAA; 4096];
    let error = loop {
        if let Err(error) = file.write_all(&page) {
            break error;
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    let length = file.metadata().unwrap().len();
    file.set_len(length - free).unwrap();
}

const SEGMENT_LEN: usize = 100_000;

fn segment(number: u64) -> ProducedSegment {
    let segment = ProducedSegment::media(number, payload(number, SEGMENT_LEN), 2.0);
    segment.with_path(format!("{number}.ts"))
}

#[test]
fn the_playlist_stays_and_goes_on_with_gaps() {
    on_a_small_disk(
        "the_playlist_stays_and_goes_on_with_gaps",
        "full_disk::fills_the_disk_under_a_publisher",
    );
}

#[test]
#[ignore = "a part of the_playlist_stays_and_goes_on_with_gaps"]
fn fills_the_disk_under_a_publisher() {
    // With deletion there is a side file, which is written first and hits the full disk first.
    let delete = Retention::Delete {
        margin: Duration::ZERO,
    };
    for (name, retention) in [("keep", Retention::Keep), ("delete", delete)] {
        let root = folder().join(name);
        fs::create_dir(&root).unwrap();
        fill_the_disk(&root, retention);
        fs::remove_dir_all(root).unwrap();
    }
}

fn fill_the_disk(root: &Path, retention: Retention) {
    let (path, ballast) = (root.join(LIVE), root.join("ballast"));
    let playlist = MediaPlaylist::live(LIVE, Duration::from_secs(60))
        .target_duration(Duration::from_secs(4))
        .retention(retention);
    let sink = playlist.reserve(DiskSink::rooted(root));
    let config = SegmentStreamConfig {
        retry: RetryPolicy {
            most: Duration::from_millis(100),
            ..RetryPolicy::default()
        },
        ..SegmentStreamConfig::default()
    };
    let (mut stream, sender) = SegmentStream::with_sink(config, sink).unwrap();
    let mut store = |number| {
        sender.send(segment(number)).unwrap();
        stream.next().unwrap()
    };
    let mut publisher = MediaPlaylistPublisher::new(playlist, DiskSink::rooted(root)).unwrap();
    for number in 0..3 {
        assert!(publisher.push(&store(number)).unwrap().notices.is_empty());
    }
    let before = fs::read(&path).unwrap();

    // No room for anything: neither a segment nor a playlist.
    fill(&ballast, 0);
    for number in 3..6 {
        let lost = store(number);
        assert_eq!(
            lost.as_ref().unwrap_err().io_kind(),
            io::ErrorKind::StorageFull
        );
        let error = publisher.push(&lost).unwrap_err();
        assert_eq!(
            error.sink_error().io_kind(),
            io::ErrorKind::StorageFull,
            "{error}"
        );
        assert!(
            matches!(error.notices(), [Notice::Lost { sequence, segments: 1 }] if *sequence == number)
        );
        assert!(
            fs::read(&path).unwrap() == before,
            "the playlist has changed"
        );
    }
    assert!(temps(root).is_empty(), "{:?}", temps(root));

    // Room for a playlist, and for no segment.
    fill(&ballast, 32 << 10);
    let lost = store(6);
    assert!(lost.is_err());
    assert!(publisher.push(&lost).is_ok());
    let listing = Listing::of_file(&path);
    let gaps = |listing: &Listing| -> Vec<bool> {
        listing
            .segments
            .iter()
            .map(|segment| segment.is_gap)
            .collect()
    };
    assert_eq!(
        gaps(&listing),
        [false, false, false, true, true, true, true]
    );

    fs::remove_file(&ballast).unwrap();
    assert!(publisher.push(&store(7)).unwrap().notices.is_empty());
    assert!(publisher.finish().unwrap().notices.is_empty());
    let listing = Listing::of_file(&path);
    assert_eq!(
        gaps(&listing),
        [false, false, false, true, true, true, true, false]
    );
    assert_eq!(listing.media_sequence, 0);
    for listed in &listing.segments {
        assert_eq!(
            listed.micros, 2_000_000,
            "a gap lasts as long as what is missing"
        );
        assert_eq!(listed.uri, format!("{}.ts", listed.number));
        let found = fs::read(root.join(&listed.uri));
        assert_eq!(found.is_err(), listed.is_gap);
        assert!(listed.is_gap || found.unwrap() == payload(listed.number, SEGMENT_LEN));
    }
    // The old playlist is the beginning of the new one.
    assert!(fs::read(&path).unwrap().starts_with(&before));
}

#[test]
fn the_program_says_so_and_goes_on() {
    let test = "the_program_says_so_and_goes_on";
    // So that it need not be built where the disk is small.
    let _ = example("live_hls");
    on_a_small_disk(test, "full_disk::fills_the_disk_under_the_program");
}

#[test]
#[ignore = "a part of the_program_says_so_and_goes_on"]
fn fills_the_disk_under_the_program() {
    must_end(|| {
        let root = folder();
        let (path, ballast) = (root.join(LIVE), root.join("ballast"));
        let mut command = packager();
        command.args(["--target", "2", "-"]).arg(&root);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut stored = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut complaints = BufReader::new(child.stderr.take().unwrap()).lines();
        let input = fs::read(SAMPLE).unwrap();

        stdin.write_all(&input[..250_000]).unwrap();
        for _ in 0..3 {
            stored.next().unwrap().unwrap();
        }
        // Bytes that it has read by now may be stored already, or not.
        fill(&ballast, 0);
        stdin.write_all(&input[250_000..550_000]).unwrap();
        let mut complaint = || complaints.next().unwrap().unwrap();
        let (playlist, segment) = (complaint(), complaint());
        assert!(
            playlist.starts_with("live_hls: the manifest was not published: "),
            "{playlist}"
        );
        assert!(segment.starts_with("live_hls: segment "), "{segment}");
        for line in [&playlist, &segment] {
            assert!(line.contains("No space left on device"), "{line}");
        }
        let before = fs::read(&path).unwrap();
        assert!(
            !Listing::of(&before)
                .segments
                .iter()
                .any(|segment| segment.is_gap)
        );
        for _ in 0..2 {
            complaint();
        }
        assert!(
            fs::read(&path).unwrap() == before,
            "the playlist has changed"
        );

        fs::remove_file(&ballast).unwrap();
        stdin.write_all(&input[550_000..]).unwrap();
        drop(stdin);
        assert!(stored.count() > 0);
        let summary = complaints.last().unwrap().unwrap();
        assert!(summary.contains(" lost; "), "{summary}");
        assert_eq!(child.wait().unwrap().code(), Some(1));

        let listing = Listing::of_file(&path);
        let after = fs::read(&path).unwrap();
        assert!(listing.has_ended && after.starts_with(&before));
        assert_eq!(listing.micros(), 20_000_000, "what was lost counts");
        for listed in &listing.segments {
            assert_eq!(root.join(&listed.uri).exists(), !listed.is_gap);
        }
    });
}
