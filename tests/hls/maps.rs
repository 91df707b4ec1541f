//! Initialisation segments.

use segment_stream::hls::Notice;

use super::*;

#[test]
fn the_same_bytes_again_are_ignored_and_others_are_a_map_and_a_discontinuity() {
    let mut bench = Bench::new(event());
    let _ = bench.push_segment(init(0, "0.mp4"));
    let _ = bench.push(0, 2.0);
    let _ = bench.push_segment(init(0, "again.mp4"));
    let _ = bench.push(1, 2.0);
    let _ = bench.push_segment(init(1, "1.mp4"));
    let _ = bench.push(2, 2.0);
    assert_eq!(
        bench.text(),
        "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-MAP:URI=\"0.mp4\"\n#EXTINF:2.000000,\n0.ts\n\
         #EXTINF:2.000000,\n1.ts\n#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"1.mp4\"\n\
         #EXTINF:2.000000,\n2.ts\n"
    );
}

#[test]
fn a_lost_one_makes_gaps_until_one_lands() {
    let mut bench = Bench::new(event());
    let _ = bench.lose(init(0, "0.mp4"));
    let pushed = bench.push(0, 2.0);
    assert!(matches!(
        pushed.notices[..],
        [Notice::Undecodable { sequence: 0 }]
    ));
    let _ = bench.push_segment(init(0, "1.mp4"));
    let _ = bench.push(1, 2.0);
    assert!(bench.text().ends_with(
        "#EXT-X-GAP\n#EXTINF:2.000000,\n0.ts\n#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"1.mp4\"\n\
         #EXTINF:2.000000,\n1.ts\n"
    ));
}

/// Other bytes under the name of the one that is listed: no playlist can put that right, so the
/// caller is told at least.
#[test]
fn other_bytes_under_the_same_name_are_reported() {
    let mut bench = Bench::new(event());
    let _ = bench.push_segment(init(0, "init.mp4"));
    let _ = bench.push(0, 2.0);
    let pushed = bench.push_segment(init(1, "init.mp4"));
    assert!(!pushed.notices.is_empty());
}

/// The map stays for as long as every segment that needs it, and not only for as long as the last.
#[test]
fn a_map_stays_as_long_as_the_longest_segment_that_needs_it() {
    let mut bench = Bench::new(live().target_duration(Duration::from_secs(4)));
    let _ = bench.push_segment(init(0, "0.mp4"));
    let _ = bench.push(0, 4.0);
    let _ = bench.push(1, 0.5);
    let _ = bench.push_segment(init(1, "1.mp4"));
    for number in 2..5 {
        let _ = bench.push(number, 3.75);
    }
    // Up to 15.75 s were listed. Both segments slide out at once; the first is to stay for 4 s and
    // these.
    let _ = bench.push(5, 4.49);
    assert!(bench.text().contains("SEQUENCE:2\n"), "{}", bench.text());
    for number in 6..10 {
        let _ = bench.push(number, 4.25);
    }
    bench.wait(17);
    let _ = bench.publisher.delete_due();
    assert!(!bench.has("1.ts") && bench.has("0.ts"));
    assert!(bench.has("0.mp4"), "the map went before its segment");
}

/// One that no media came after is listed nowhere, so it goes at the end at the latest.
#[test]
fn one_that_was_never_used_is_not_left_for_ever() {
    let mut bench = Bench::new(live());
    let _ = bench.push_segment(init(0, "0.mp4"));
    let _ = bench.push(0, 2.0);
    let _ = bench.push_segment(init(1, "1.mp4"));
    let _ = bench.lose(init(2, "2.mp4"));
    let _ = bench.push_segment(init(3, "3.mp4"));
    let _ = bench.publisher.finish().expect("it is published");
    bench.wait(1000);
    let _ = bench.publisher.delete_due();
    let left: Vec<_> = ["1.mp4", "3.mp4"]
        .into_iter()
        .filter(|it| bench.has(it))
        .collect();
    assert!(left.is_empty(), "{left:?} are left");
}

/// However many were lost in between, what was in force goes on if it comes again.
#[test]
fn the_same_bytes_after_two_that_were_lost_are_no_discontinuity() {
    let mut bench = Bench::new(event());
    let _ = bench.push_segment(init(0, "0.mp4"));
    let _ = bench.push(0, 2.0);
    let _ = bench.lose(init(1, "1.mp4"));
    let _ = bench.lose(init(2, "2.mp4"));
    let _ = bench.push_segment(init(0, "again.mp4"));
    let _ = bench.push(1, 2.0);
    assert!(
        bench.text().ends_with("0.ts\n#EXTINF:2.000000,\n1.ts\n"),
        "{}",
        bench.text()
    );
}

/// A resumed playlist keeps the initialisation segment of its text.
#[test]
fn what_comes_after_a_restart_goes_on_with_the_map_that_is_listed() {
    let mut bench = Bench::new(live());
    let _ = bench.push_segment(init(0, "0.mp4"));
    let _ = bench.push(0, 2.0);
    let mut bench = bench.restart();
    for number in 1..9 {
        bench.wait(2);
        let _ = bench.push(number, 2.0);
    }
    let text = bench.text();
    assert_eq!(
        text.matches("#EXT-X-MAP:URI=\"0.mp4\"\n").count(),
        1,
        "{text}"
    );
    assert!(!bench.has("0.ts") && bench.has("0.mp4"));
}

/// The bytes of the one in force, and the name of one that the playlist still needs.
#[test]
fn the_same_again_over_another_that_is_needed_is_told() {
    let mut bench = Bench::new(event());
    let _ = bench.push_segment(init(0, "a.mp4"));
    let _ = bench.push(0, 2.0);
    let _ = bench.push_segment(init(1, "b.mp4"));
    let _ = bench.push(1, 2.0);
    let notices = bench.push_segment(init(1, "a.mp4")).notices;
    assert!(
        matches!(notices[..], [Notice::NameInUse { .. }]),
        "{notices:?}"
    );
}

/// The file of the name has other bytes by then, whatever the caller was told.
#[test]
fn one_that_media_overwrote_is_not_listed_when_the_same_comes_again() {
    for is_lost_between in [false, true] {
        let mut bench = Bench::new(live());
        let _ = bench.push_segment(init(0, "0.mp4"));
        let _ = bench.push(0, 2.0);
        let _ = bench.push_segment(media(1, 2.0).with_path("0.mp4"));
        if is_lost_between {
            let _ = bench.lose(init(0, "1.mp4"));
        }
        let _ = bench.push_segment(init(0, "2.mp4"));
        let _ = bench.push(2, 2.0);
        let text = bench.text();
        assert!(
            text.ends_with(
                "#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"2.mp4\"\n#EXTINF:2.000000,\n2.ts\n"
            ),
            "{text}"
        );
        bench.wait(1000);
        let _ = bench.publisher.delete_due();
        assert!(bench.has("2.mp4"));
    }
}

/// The media under the name of the last one that arrived is itself a gap.
#[test]
fn one_that_media_overwrote_after_a_loss_is_not_listed_when_the_same_comes_again() {
    let mut bench = Bench::new(live());
    let _ = bench.push_segment(init(0, "0.mp4"));
    let _ = bench.push(0, 2.0);
    let _ = bench.lose(init(0, "1.mp4"));
    let _ = bench.push_segment(media(1, 2.0).with_path("0.mp4"));
    let _ = bench.push_segment(init(0, "2.mp4"));
    let _ = bench.push(2, 2.0);
    let text = bench.text();
    assert!(
        text.ends_with("#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"2.mp4\"\n#EXTINF:2.000000,\n2.ts\n"),
        "{text}"
    );
}

/// The media that had the name before is gone, and not the file.
#[test]
fn one_that_took_the_name_of_media_goes_on_when_that_media_slides_out() {
    let mut bench = Bench::new(live());
    let _ = bench.push_segment(init(0, "0.mp4"));
    let _ = bench.push(0, 2.0);
    let _ = bench.push_segment(init(1, "0.ts"));
    let _ = bench.push(1, 2.0);
    let _ = bench.lose(init(1, "1.mp4"));
    for number in 2..20 {
        bench.wait(1000);
        let _ = bench.push(number, 2.0);
    }
    let _ = bench.push_segment(init(1, "again.mp4"));
    let _ = bench.push(20, 2.0);
    let text = bench.text();
    assert!(
        text.contains("#EXT-X-MAP:URI=\"0.ts\"\n") && bench.has("0.ts"),
        "{text}"
    );
    assert!(
        text.ends_with("\n19.ts\n#EXTINF:2.000000,\n20.ts\n"),
        "{text}"
    );
}

/// The discontinuity of one that was lost before any media stands before the first gap, which still
/// has the map before it (RFC 8216 §4.3.2.3, §4.3.2.5).
#[test]
fn every_other_map_begins_with_a_discontinuity() {
    let mut bench = Bench::new(event());
    let _ = bench.push_segment(init(0, "0.mp4"));
    let _ = bench.push(0, 2.0);
    let _ = bench.push_segment(init(1, "1.mp4"));
    let _ = bench.lose(init(2, "2.mp4"));
    let _ = bench.push(1, 2.0);
    let _ = bench.push_segment(init(1, "again.mp4"));
    let _ = bench.push(2, 2.0);
    let text = bench.text();
    assert!(
        text.ends_with(
            "#EXT-X-DISCONTINUITY\n#EXT-X-GAP\n#EXTINF:2.000000,\n1.ts\n\
             #EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"again.mp4\"\n#EXTINF:2.000000,\n2.ts\n"
        ),
        "{text}"
    );
}
