//! An ext4 without space, and one without inodes.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use segment_stream::{DiskSink, Durability, SegmentSink, SegmentStream, WriteContext, WriteError};

use super::common::again::folder;
use super::common::config::once;
use super::common::folder::{entries, temps};
use super::common::segments::payload;
use super::common::threads::must_end;
use super::image::Image;
use super::{assert_says, segment};

const LARGE: usize = 150_000;
const NO_SPACE: i32 = 28;

#[test]
fn a_full_ext4() {
    let maker = ["mkfs.ext4", "-q", "-m", "0", "-N", "128"];
    if let Some(image) = Image::make("a_full_ext4", &maker, 4) {
        image.run("full::fills_an_ext4", 1);
    }
}

#[test]
#[ignore = "a part of a_full_ext4"]
fn fills_an_ext4() {
    let settings: [fn(DiskSink) -> DiskSink; 4] = [
        |sink| sink,
        DiskSink::pre_allocate,
        |sink| sink.durability(Durability::File),
        |sink| sink.durability(Durability::Full),
    ];
    for (number, setting) in settings.into_iter().enumerate() {
        must_end(move || {
            let root = folder().join(number.to_string());
            fs::create_dir(&root).unwrap();
            fill(&root, &|| setting(DiskSink::rooted(&root)));
            fs::remove_dir_all(root).unwrap();
        });
    }
}

/// Takes all blocks that there are.
fn fill_up(ballast: &Path) {
    let mut file = File::create(ballast).unwrap();
    while file.write_all(&[0xAA; 1024]).is_ok() {}
}

fn fill(root: &Path, sink: &dyn Fn() -> DiskSink) {
    let (mut stream, sender) = SegmentStream::with_sink(once(), sink()).unwrap();
    let mut store = |number: u64| -> Result<(), WriteError> {
        let segment = segment(number, LARGE, format!("{number}.ts"));
        sender.send(segment).unwrap();
        stream.next().unwrap().map(drop)
    };
    let mut stored = 0;
    let error = loop {
        match store(stored) {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(stored > 5);
    assert_says(
        &error,
        "write",
        &root.join(format!("{stored}.ts")),
        NO_SPACE,
    );
    let are_whole = |stored| {
        (0..stored).all(|number| {
            fs::read(root.join(format!("{number}.ts"))).unwrap() == payload(number, LARGE)
        })
    };
    assert!(are_whole(stored));
    assert_eq!(entries(root).len() as u64, stored, "nothing half is left");

    // Not even one block is free: whatever fails now, in whichever call, leaves nothing either.
    let ballast = root.join("ballast");
    fill_up(&ballast);
    let error = store(stored).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(NO_SPACE), "{error}");
    let error = store(0).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(NO_SPACE), "{error}");
    assert!(are_whole(stored), "what was to be replaced stays");
    assert!(temps(root).is_empty(), "{:?}", temps(root));

    fs::remove_file(ballast).unwrap();
    fs::remove_file(root.join("0.ts")).unwrap();
    store(0).unwrap();
    assert!(are_whole(stored));
    stream.finish().unwrap();
}

#[test]
fn an_ext4_without_inodes() {
    let maker = ["mkfs.ext4", "-q", "-m", "0", "-N", "16"];
    if let Some(image) = Image::make("an_ext4_without_inodes", &maker, 4) {
        image.run("full::uses_all_inodes_of_an_ext4", 1);
    }
}

#[test]
#[ignore = "a part of an_ext4_without_inodes"]
fn uses_all_inodes_of_an_ext4() {
    let root = folder();
    let before = entries(&root).len();
    let mut sink = DiskSink::rooted(&root).durability(Durability::Full);
    let mut write = |number: u64, path: String| {
        sink.write(&segment(number, 10, path), &WriteContext::default())
    };
    let mut stored = 0;
    let error = loop {
        match write(stored, format!("{stored}.ts")) {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(stored > 1);
    assert_eq!(error.raw_os_error(), Some(NO_SPACE), "{error}");
    assert_eq!(error.operation(), Some("create a temp file for"));
    let error = write(90, "folder/90.ts".into()).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(NO_SPACE), "{error}");
    assert_eq!(error.operation(), Some("create the directory"));
    // Even what only replaces takes an inode for a moment.
    let error = write(91, "0.ts".into()).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(NO_SPACE), "{error}");
    assert_eq!(
        entries(&root).len(),
        before + usize::try_from(stored).unwrap()
    );
    assert!(fs::read(root.join("0.ts")).unwrap() == payload(0, 10));

    fs::remove_file(root.join("0.ts")).unwrap();
    write(92, "92.ts".into()).unwrap();
}

#[cfg(feature = "hls")]
#[test]
fn a_playlist_on_a_full_ext4() {
    let maker = ["mkfs.ext4", "-q", "-m", "0", "-N", "128"];
    if let Some(image) = Image::make("a_playlist_on_a_full_ext4", &maker, 4) {
        image.run("full::publishes_on_a_full_ext4", 1);
    }
}

#[cfg(feature = "hls")]
#[test]
#[ignore = "a part of a_playlist_on_a_full_ext4"]
fn publishes_on_a_full_ext4() {
    use std::io;
    use std::time::Duration;

    use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher};

    use super::common::listing::Listing;

    let root = folder();
    let playlist = MediaPlaylist::live("live.m3u8", Duration::from_secs(60))
        .target_duration(Duration::from_secs(1));
    let sink = || DiskSink::rooted(&root).durability(Durability::File);
    let mut publisher = MediaPlaylistPublisher::new(playlist, sink()).unwrap();
    let (mut stream, sender) = SegmentStream::with_sink(once(), sink()).unwrap();
    let mut store = |number: u64| {
        sender
            .send(segment(number, 10_000, format!("{number}.ts")))
            .unwrap();
        stream.next().unwrap()
    };
    let text = || Listing::of_file(&root.join("live.m3u8"));
    let read = || fs::read(root.join("live.m3u8")).unwrap();
    assert!(publisher.push(&store(0)).unwrap().notices.is_empty());
    let before = read();
    fill_up(&root.join("ballast"));
    for number in 1..4 {
        let lost = store(number);
        assert_eq!(lost.as_ref().unwrap_err().raw_os_error(), Some(NO_SPACE));
        let error = publisher.push(&lost).unwrap_err();
        assert_eq!(error.sink_error().io_kind(), io::ErrorKind::StorageFull);
        assert!(read() == before, "it has changed");
    }
    fs::remove_file(root.join("ballast")).unwrap();
    assert!(publisher.push(&store(4)).unwrap().notices.is_empty());
    let gaps: Vec<bool> = text().segments.iter().map(|it| it.is_gap).collect();
    assert_eq!(gaps, [false, true, true, true, false]);
    assert!(temps(&root).is_empty());
}
