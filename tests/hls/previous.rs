//! The files that an earlier session left on the disk.

use std::fs;
use std::path::PathBuf;

use segment_stream::hls::ResumeErrorKind;

use super::*;

const SESSION: &str = "1795373827-929d43474b91d2c2";

fn name(number: u64) -> String {
    format!("{SESSION}-{number:08}.ts")
}

/// The text of a playlist that lists two segments with names that were made up, one of them in a
/// folder.
fn text_of_two() -> Vec<u8> {
    let mut bench = Bench::new(live());
    let _ = bench.push_segment(init(0, &format!("{SESSION}-init-0.mp4")));
    let _ = bench.push_segment(media(0, 2.0).with_path(name(0)));
    let _ = bench.push_segment(media(1, 2.0).with_path(format!("video/{}", name(1))));
    bench.text().into_bytes()
}

#[test]
fn the_playlist_and_its_side_file_are_read_and_what_a_killed_process_left_is_swept() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let read = || Previous::read(folder.path(), &live());
    assert_eq!(read().expect("there is nothing"), None);

    fs::write(at("live.m3u8"), "a text").expect("it is written");
    let left = at(".segment-abcdef123456.tmp");
    fs::write(&left, "half").expect("it is written");
    let mut expected = Previous {
        playlist: b"a text".to_vec(),
        ..Previous::default()
    };
    assert_eq!(read().expect("a playlist"), Some(expected.clone()));
    assert!(!left.exists());

    fs::write(at(".live.m3u8.state"), "").expect("it is written");
    expected.state = Some(Vec::new());
    assert_eq!(read().expect("both"), Some(expected.clone()));
    fs::write(at(".live.m3u8.state"), "state").expect("it is written");
    expected.state = Some(b"state".to_vec());
    assert_eq!(read().expect("both"), Some(expected));
}

/// An unreadable file is not a missing one: a missing one would start a new playlist over it.
#[test]
fn a_playlist_that_cannot_be_read_is_an_error() {
    for name in ["live.m3u8", ".live.m3u8.state"] {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("live.m3u8"), "").expect("it is written");
        let _ = fs::remove_file(folder.path().join(name));
        fs::create_dir(folder.path().join(name)).expect("a folder");
        let read = Previous::read(folder.path(), &live());
        assert!(read.is_err(), "{name}: {read:?}");
    }
}

#[test]
fn strays_are_the_files_with_names_of_ours_that_are_not_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    for below in ["video", "elsewhere"] {
        fs::create_dir(at(below)).expect("a folder");
    }
    let init = |number| format!("{SESSION}-init-{number}.mp4");
    let orphans = [name(2), init(1), format!("video/{}", name(3))];
    let others = [
        name(0),
        init(0),
        format!("video/{}", name(1)),
        format!("elsewhere/{}", name(4)),
        "5.ts".into(),
        "video/6.ts".into(),
    ];
    for file in orphans.iter().chain(&others) {
        fs::write(at(file), "").expect("it is written");
    }
    fs::create_dir(at(&name(7))).expect("a folder");
    fs::write(at("live.m3u8"), text_of_two()).expect("it is written");

    let with_orphans = |previous: Previous| {
        let found = previous.with_orphans(folder.path(), &live());
        let mut found = found.expect("the folders can be read");
        found.orphans.sort();
        found
    };
    let previous = Previous::read(folder.path(), &live());
    let previous = previous.expect("it can be read").expect("a playlist");
    let found = with_orphans(previous.clone());
    let mut expected: Vec<PathBuf> = orphans.iter().map(PathBuf::from).collect();
    expected.sort();
    assert_eq!(found.orphans, expected);
    assert_eq!(found.playlist, previous.playlist);

    // For a playlist that is not resumed, no file is known to be an orphan.
    let cut = Previous {
        playlist: b"#EXTM3U\n".to_vec(),
        ..previous
    };
    assert_eq!(with_orphans(cut.clone()), cut);
}

/// At an origin an older side file may come back after newer ones. The playlist goes further than
/// all that it knows, and nothing of it is missing.
#[test]
fn an_older_side_file_resumes_a_newer_playlist_and_no_truncated_one() {
    let first = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_366_800);
    let mut bench = Bench::new(live().program_date_time(first));
    (0..5).for_each(|number| drop(bench.push(number, 2.0)));
    let older = bench.previous();
    let _ = bench.push(5, 2.0);
    let newer = bench.previous();
    let resume = |playlist: &[u8]| {
        let previous = Previous {
            playlist: playlist.to_vec(),
            ..older.clone()
        };
        MediaPlaylistPublisher::resume(bench.playlist.clone(), bench.folder.clone(), &previous)
    };
    let resumed = resume(&newer.playlist).expect("it is a newer one");
    assert_eq!(resumed.next_sequence(), 6);
    // The same entries, and a date range behind them.
    let range = b"#EXT-X-DATERANGE:START-DATE=\"2026-11-22T17:00:09.000Z\",ID=\"a\"\n";
    let resumed = resume(&[&older.playlist, &range[..]].concat()).expect("it is a newer one");
    assert_eq!(resumed.date_ranges().known().len(), 1);
    // Without its last entry it goes no further than what the side file knows.
    let text = String::from_utf8(newer.playlist).expect("it is UTF-8");
    let (truncated, _) = text.rsplit_once("#EXT-X-PROGRAM").expect("it has dates");
    let error = resume(truncated.as_bytes()).expect_err("it is truncated");
    assert_eq!(error.kind(), ResumeErrorKind::Damaged);
}
