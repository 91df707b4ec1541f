//! Limits of what is kept: a time and a size.

use std::thread;

use super::common::listing::Listing;
use super::common::muxer::{H264, Muxer, Pes, Stream, picture};
use super::*;

/// So many seconds in segments of 0.2 s.
fn stream(seconds: u64) -> Vec<u8> {
    let mut muxer = Muxer::default();
    muxer.pat(0, &[(1, 0x1000)]);
    muxer.pmt(0x1000, 1, 0, &[Stream::new(H264, 0x100)]);
    for index in 0..seconds * 5 {
        muxer.pes(&Pes {
            pid: 0x100,
            presented: Some(index * 18_000),
            content: [picture::h264_idr(), vec![0xAB; 10_000]].concat(),
            ..Pes::default()
        });
    }
    muxer.bytes
}

/// Packages twenty seconds. Returns the last playlist, the bytes of the segments that are left, and
/// the complaints.
fn package(options: &[&str]) -> (Listing, u64, String) {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("input"), folder.path().join("out"));
    fs::write(&input, stream(20)).unwrap();
    let mut command = packager();
    command.args(["--target", "0.2", "--max-segment", "1"]);
    let packaged = output(command.args(options).args([&input, &out]));
    let said = text(&packaged.stderr);
    assert!(packaged.status.success(), "{said}");
    let listing = Listing::of_file(&out.join(LIVE));
    let left = names(&out).into_iter().filter(|it| it.ends_with("ts"));
    let left: Vec<_> = left.collect();
    let listed: Vec<_> = listing.files().collect();
    assert_eq!(left, listed, "the others are deleted");
    let bytes = left
        .iter()
        .map(|it| fs::metadata(out.join(it)).unwrap().len());
    (listing, bytes.sum(), said)
}

#[test]
fn a_time_limits_what_is_listed_and_kept() {
    let (listing, ..) = package(&["--keep", "4s"]);
    assert!(listing.has_ended);
    assert_eq!(listing.micros(), 4_000_000);
}

#[test]
fn a_size_limits_what_is_listed_and_kept() {
    let (listing, bytes, said) = package(&["--keep=500kB"]);
    let micros = listing.micros();
    assert!(micros >= 3_000_000, "three target durations");
    assert!(bytes <= 500_000 && micros < 6_000_000, "{bytes} {micros}");
    // Faster than playback: more waits for its deletion than the limit allows.
    assert_eq!(said.matches("more than the limit").count(), 1, "{said}");
}

/// The tighter limit counts.
#[test]
fn a_window_and_both_limits_go_together() {
    let cases: [&[&str]; 3] = [
        &["--keep", "4s", "--keep", "900MB"],
        &["--keep", "1h", "--window", "4"],
        &["--keep", "4s", "--window", "3600"],
    ];
    // Each waits until its old segments may be deleted.
    thread::scope(|scope| {
        for options in cases {
            scope.spawn(move || {
                assert_eq!(package(options).0.micros(), 4_000_000, "{options:?}");
            });
        }
    });
}
