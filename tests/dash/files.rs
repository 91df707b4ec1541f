//! The playlists keep the files, and no file goes that the MPD may name.

use std::time::Duration;

use super::bench::{Bench, Shape};

fn run(bench: &mut Bench, numbers: u64) {
    for _ in 0..numbers {
        bench.memory.wait(Duration::from_secs(2));
        bench.push(&[]);
    }
}

#[test]
fn old_segments_are_deleted_and_none_that_the_mpd_names() {
    let mut bench = Bench::new(Shape::Live);
    run(&mut bench, 40);
    let is_there = |number: u64| bench.memory.has(format!("video-{number}.m4s"));
    assert!(!is_there(0) && !is_there(20) && is_there(35));
}

/// The playlists go on, and the standing MPD names what they do not.
#[test]
fn nothing_goes_while_an_old_mpd_stands() {
    let mut bench = Bench::new(Shape::Live);
    run(&mut bench, 10);
    bench.memory.refuse(Some("live.mpd"));
    run(&mut bench, 40);
    let named = bench.mpd().uris("video");
    assert_eq!(named.first().map(String::as_str), Some("video-5.m4s"));
    assert!(named.iter().all(|uri| bench.memory.has(uri)), "{named:?}");
    // They begin to wait when it is replaced.
    bench.memory.refuse(None);
    run(&mut bench, 1);
    assert!(bench.memory.has("video-5.m4s"));
    run(&mut bench, 20);
    assert!(!bench.memory.has("video-5.m4s") && !bench.memory.has("video-30.m4s"));
}

#[test]
fn nothing_goes_after_a_restart_before_the_new_mpd_has_landed() {
    let mut bench = Bench::new(Shape::Live);
    run(&mut bench, 10);
    bench.memory.refuse(Some("live.mpd"));
    run(&mut bench, 10);
    let mut bench = super::resume::restart(bench, true);
    run(&mut bench, 30);
    let named = bench.mpd().uris("video");
    assert!(named.iter().all(|uri| bench.memory.has(uri)), "{named:?}");
    bench.memory.refuse(None);
    run(&mut bench, 20);
    assert!(!bench.memory.has("video-5.m4s"));
}
