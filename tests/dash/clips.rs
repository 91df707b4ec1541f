//! A clip is for players of HLS: it has playlists and no MPD.

use std::path::PathBuf;
use std::time::Duration;

use segment_stream::hls::Clip;

use super::bench::{Bench, NAMES, Shape};
use super::resume::restart;

fn run(bench: &mut Bench, numbers: u64) {
    for _ in 0..numbers {
        bench.memory.wait(Duration::from_secs(2));
        bench.push(&[]);
    }
}

#[test]
fn a_clip_has_no_mpd_and_keeps_its_files_until_it_is_released() {
    for is_resumed in [false, true] {
        let mut bench = Bench::new(Shape::Live);
        run(&mut bench, 6);
        let clip = Clip::last("fire", Duration::from_secs(4));
        let clipped = bench.publishers[0].clip(&clip).expect("it is made");
        let playlists = NAMES.map(|name| PathBuf::from(format!("{name}.fire.m3u8")));
        assert_eq!(clipped.paths, playlists);
        if is_resumed {
            bench = restart(bench, true);
        }
        run(&mut bench, 40);
        let first = clipped.numbers.start;
        for name in NAMES {
            assert!(bench.memory.has(format!("{name}-{first}.m4s")), "pinned");
        }
        let removed = bench.memory.removed().len();
        let released = bench.publishers[0].release_clip("fire");
        assert!(released.expect("it is known").notices.is_empty());
        let removed = bench.memory.removed().split_off(removed);
        let of_mpd = |it: &&PathBuf| it.extension().is_some_and(|it| it == "mpd");
        assert_eq!(removed.iter().find(of_mpd), None, "there is none");
        assert!(removed.contains(&playlists[0]), "{removed:?}");
        run(&mut bench, 20);
        for name in NAMES {
            assert!(!bench.memory.has(format!("{name}-{first}.m4s")));
        }
    }
}
