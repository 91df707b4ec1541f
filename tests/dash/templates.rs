//! Names that a template can make, and segments that an MPD cannot list.

use segment_stream::dash::{AdaptationSet, Mpd, Representation};
use segment_stream::hls::Notice;
use segment_stream::{ProducedSegment, SegmentInfo};

use super::bench::{Bench, Shape, mpd, playlist, time};

fn reasons(bench: &Bench) -> Vec<(u64, String, &'static str)> {
    let one = |notice: &Notice| match notice {
        Notice::Unlistable {
            sequence,
            path,
            manifest,
            reason,
        } => {
            assert_eq!(manifest.to_str(), Some("live.mpd"));
            let path = path.to_str().expect("it is text").to_owned();
            Some((*sequence, path, *reason))
        }
        _ => None,
    };
    bench.notices.iter().filter_map(one).collect()
}

/// One that is named otherwise is refused by name, and the Period has no hole.
#[test]
fn a_segment_whose_name_does_not_fit_is_left_out_and_named() {
    let mut bench = Bench::new(Shape::Event);
    (0..2).for_each(|_| bench.push(&[]));
    for r in 0..3 {
        let segment = bench.segment(r, 2).with_path(format!("{r}/odd.m4s"));
        bench.send(r, segment, SegmentInfo::new().media_time(time(r, 2)), true);
    }
    bench.next = 3;
    bench.push(&[]);
    let expected = [0, 1, 2].map(|r| {
        let why = "its name does not contain its number";
        (2, format!("{r}/odd.m4s"), why)
    });
    assert_eq!(reasons(&bench), expected);
    assert!(bench.text("video.m3u8").contains("0/odd.m4s"));
    let mpd = bench.mpd();
    assert_eq!(mpd.periods.len(), 2);
    assert_eq!(mpd.periods[1].tracks["video"].start_number, 3);
}

#[test]
fn a_segment_without_a_media_time_is_left_out_and_named() {
    let mut bench = Bench::new(Shape::Event);
    for r in 0..3 {
        let segment = bench.segment(r, 0);
        bench.send(r, segment, SegmentInfo::new(), true);
    }
    assert_eq!(reasons(&bench)[1].2, "it has no media time");
    assert!(!bench.memory.has("live.mpd"));
}

/// Without an initialisation segment it is no fragmented MP4.
#[test]
fn a_muxed_transport_stream_is_refused_by_name() {
    let mut bench = Bench::new(Shape::Event);
    let presentation = segment_stream::hls::Presentation::new(playlist(Shape::Event));
    let presentation = presentation.expect("it is valid").mpd(mpd());
    let presentation = presentation.expect("it is valid");
    let presentation = presentation.max_lag(std::time::Duration::from_secs(4));
    let memory = bench.memory.clone();
    bench.publishers = super::bench::NAMES
        .map(|name| presentation.rendition(format!("{name}.m3u8"), memory.clone()))
        .map(|it| it.expect("it is valid"))
        .into();
    bench.push_map(0, "init");
    bench.push_map(1, "init");
    for r in 0..3 {
        let path = if r == 2 {
            "muxed-0.ts".into()
        } else {
            bench.name(r, 0)
        };
        let segment = ProducedSegment::media(0, vec![0x47; 188], 2.0).with_path(path);
        bench.send(r, segment, SegmentInfo::new().media_time(time(r, 0)), true);
    }
    bench.check();
    let why = "it has no initialisation segment, and an MPD lists fragmented MP4 only";
    assert_eq!(reasons(&bench), [(0, "muxed-0.ts".to_owned(), why)]);
    assert_eq!(bench.mpd().shape(), [("0".into(), "en video".into())]);
    // Or as soon as the application says so.
    let set = AdaptationSet::video();
    let muxed = Representation::new("muxed.m3u8", 1).mime_type("video/mp2t");
    let mpd = Mpd::new("live.mpd").adaptation_set(set.representation(muxed));
    let presentation = segment_stream::hls::Presentation::new(playlist(Shape::Event));
    let error = presentation.expect("it is valid").mpd(mpd).unwrap_err();
    assert!(error.to_string().contains("muxed.m3u8"), "{error}");
}

#[test]
fn segments_are_found_by_their_media_time_on_request() {
    let mut bench = Bench::with(playlist(Shape::Event), mpd().by_time());
    for number in 0..3 {
        for r in 0..3 {
            let time = time(r, number);
            let path = format!("{r}-{:09}.m4s", time.start);
            let segment = bench.segment(r, number).with_path(path);
            bench.send(r, segment, SegmentInfo::new().media_time(time), true);
        }
        bench.check();
    }
    let text = bench.mpd_text();
    assert!(text.contains("media=\"0-$Time%09d$.m4s\""), "{text}");
    let uris = bench.mpd().uris("en");
    assert_eq!(
        uris,
        ["1-000000000.m4s", "1-000096256.m4s", "1-000192512.m4s"]
    );
}

#[test]
fn names_are_relative_to_the_mpd_and_encoded() {
    let mut bench = Bench::with(playlist(Shape::Event), mpd());
    bench.session = "a b$/".into();
    bench.push_maps();
    bench.push(&[]);
    let text = bench.mpd_text();
    assert!(
        text.contains("media=\"a%20b%24/video-$Number$.m4s\""),
        "{text}"
    );
}
