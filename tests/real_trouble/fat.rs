//! A file system that ignores case: FAT, of the kernel or of FUSE.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher};
use segment_stream::{DiskSink, ProducedSegment, SegmentSink, WriteContext};
use tempfile::tempdir;

use super::common::again::{again, folder, must_pass};
use super::common::means::{have_tools, skip};

const MOUNTED: &str = r#"mount -t vfat -o loop "$0.img" "$0" 2>/dev/null || fusefat -o rw+ "$0.img" "$0" \
    >/dev/null || exit 77; "$@"; code=$?; umount "$0"; exit $code"#;

#[test]
fn a_segment_does_not_replace_the_playlist_on_fat() {
    let test = "a_segment_does_not_replace_the_playlist_on_fat";
    if !have_tools(test, &["mkfs.vfat", "unshare", "mount", "umount"]) {
        return;
    }
    let work = tempdir().unwrap();
    let point = work.path().join("disk");
    fs::create_dir(&point).unwrap();
    let image = fs::File::create(point.with_extension("img")).unwrap();
    image.set_len(4 << 20).unwrap();
    let point = point.to_str().unwrap();
    let made = Command::new("mkfs.vfat")
        .arg(format!("{point}.img"))
        .output();
    assert!(made.unwrap().status.success());
    let prefix = ["unshare", "-m", "sh", "-c", MOUNTED, point];
    let probe = Command::new(prefix[0])
        .args(&prefix[1..])
        .arg("true")
        .output()
        .unwrap();
    if !probe.status.success() {
        let why = String::from_utf8_lossy(&probe.stderr);
        skip(
            test,
            &format!(
                "no FAT can be mounted here, nor by `fusefat`: {}",
                why.trim()
            ),
        );
        return;
    }
    must_pass(&mut again(
        &prefix,
        "fat::sends_a_segment_under_the_playlists_name",
        point,
    ));
}

#[test]
#[ignore = "a part of a_segment_does_not_replace_the_playlist_on_fat"]
fn sends_a_segment_under_the_playlists_name() {
    let root = folder();
    let playlist = MediaPlaylist::event("live.m3u8").target_duration(Duration::from_secs(2));
    let mut segments = playlist.reserve(DiskSink::rooted(&root));
    let mut publisher = MediaPlaylistPublisher::new(playlist, DiskSink::rooted(&root)).unwrap();
    let first = ProducedSegment::media(0, vec![0x47], 2.0).with_path("0.ts");
    let context = WriteContext::default();
    segments.write(&first, &context).unwrap();
    publisher.push(&Ok(first)).unwrap();
    let text = |name: &str| fs::read_to_string(root.join(Path::new(name))).unwrap();
    let before = text("live.m3u8");
    assert_eq!(
        text("LIVE.M3U8"),
        before,
        "this file system does not ignore case"
    );
    for own in ["LIVE.m3u8", "live.M3U8", "live.m3u8.", "Live.m3u8 "] {
        let segment = ProducedSegment::media(1, vec![0x47], 2.0).with_path(own);
        let written = segments.write(&segment, &context);
        assert_eq!(text("live.m3u8"), before, "{own:?} replaced it");
        assert!(written.is_err(), "{own:?}");
    }
}
