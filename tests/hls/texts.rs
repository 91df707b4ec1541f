//! Whole texts.

use std::time::{Duration, SystemTime};

use super::*;

#[test]
fn a_live_playlist_slides_and_counts() {
    let mut bench = Bench::new(live());
    bench.publisher.discontinuity();
    let _ = bench.push(5, 2.0);
    assert_eq!(
        bench.text(),
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:5\n\
         #EXT-X-DISCONTINUITY\n#EXTINF:2.000000,\n5.ts\n"
    );
    for number in 6..9 {
        let _ = bench.push(number, 2.0);
    }
    assert_eq!(
        bench.text(),
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:6\n\
         #EXT-X-DISCONTINUITY-SEQUENCE:1\n#EXTINF:2.000000,\n6.ts\n#EXTINF:2.000000,\n7.ts\n\
         #EXTINF:2.000000,\n8.ts\n"
    );
}

#[test]
fn an_event_playlist_only_grows_and_ends() {
    let mut bench = Bench::new(event().independent_segments());
    for number in 0..5 {
        let _ = bench.push(number, 1.5);
    }
    let _ = bench.publisher.finish().expect("it is published");
    let segments = [0, 1, 2, 3, 4].map(|it| format!("#EXTINF:1.500000,\n{it}.ts\n"));
    let segments = segments.concat();
    assert_eq!(
        bench.text(),
        format!(
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:2\n\
             #EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:EVENT\n{segments}#EXT-X-ENDLIST\n"
        )
    );
    assert!(bench.publisher.push(&Ok(media(5, 1.5))).is_err());
}

#[test]
fn a_vod_playlist_is_published_once_and_its_target_is_the_longest_segment() {
    let mut bench = Bench::new(MediaPlaylist::vod("all.m3u8"));
    let _ = bench.push(0, 3.2);
    assert!(!bench.has("all.m3u8"));
    let _ = bench.publisher.finish().expect("it is published");
    assert_eq!(
        bench.text(),
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:3.200000,\n0.ts\n#EXT-X-ENDLIST\n"
    );
}

/// RFC 8216 §6.2.1: the target duration never changes, so no default can be right for segments
/// that are still to come. With one derived from the first segment, each later one was listed as 1
/// s.
#[test]
fn a_short_first_segment_does_not_set_the_target_duration() {
    for playlist in [
        MediaPlaylist::live("live.m3u8", Duration::from_secs(30)),
        MediaPlaylist::event("live.m3u8"),
    ] {
        let mut bench = Bench::new(playlist.target_duration(Duration::from_secs(6)));
        for (number, secs) in [(0, 0.48), (1, 6.0), (2, 6.0)] {
            let pushed = bench.push(number, secs);
            assert!(pushed.notices.is_empty(), "{:?}", pushed.notices);
        }
        let text = bench.text();
        assert!(text.contains("#EXT-X-TARGETDURATION:6\n"), "{text}");
        let listed = "#EXTINF:0.480000,\n0.ts\n#EXTINF:6.000000,\n1.ts\n#EXTINF:6.000000,\n2.ts\n";
        assert!(text.ends_with(listed), "{text}");
    }
}

#[test]
fn a_live_or_event_playlist_without_a_target_duration_is_refused() {
    for (playlist, is_taken) in [
        (MediaPlaylist::live("live.m3u8", Duration::ZERO), false),
        (MediaPlaylist::event("live.m3u8"), false),
        (MediaPlaylist::vod("live.m3u8"), true),
    ] {
        let folder = Folder::new(playlist.path(), Duration::ZERO, false);
        let new = |playlist| MediaPlaylistPublisher::new(playlist, folder.clone());
        assert!(new(playlist.clone().target_duration(Duration::from_secs(6))).is_ok());
        match new(playlist.clone()) {
            Ok(_) => assert!(is_taken, "{playlist:?} was taken"),
            Err(error) => {
                assert!(!is_taken, "{error}");
                assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
                let message = error.to_string();
                for part in ["\"live.m3u8\"", "target_duration", "upper bound"] {
                    assert!(message.contains(part), "{message}");
                }
            }
        }
    }
}

/// The standing playlist has one, and it holds.
#[test]
fn a_session_that_resumes_takes_the_target_duration_of_the_playlist() {
    let mut bench = Bench::new(event().target_duration(Duration::from_secs(6)));
    let _ = bench.push(0, 2.0);
    let mut bench = bench.go_on_with(MediaPlaylist::event("live.m3u8"));
    let pushed = bench.push(1, 6.0);
    assert!(pushed.notices.is_empty(), "{:?}", pushed.notices);
    let text = bench.text();
    assert!(text.contains("#EXT-X-TARGETDURATION:6\n"), "{text}");
    assert!(text.ends_with("#EXTINF:6.000000,\n1.ts\n"), "{text}");
}

#[test]
fn a_loss_is_gaps_that_add_up_to_it() {
    let mut bench = Bench::new(event());
    let _ = bench.push(0, 2.0);
    let _ = bench.lose(media(1, 5.0));
    assert!(bench.text().ends_with(
        "0.ts\n#EXT-X-GAP\n#EXTINF:2.000000,\n1.ts\n#EXT-X-GAP\n#EXTINF:2.000000,\n1.ts\n\
         #EXT-X-GAP\n#EXTINF:1.000000,\n1.ts\n"
    ));
}

#[test]
fn every_segment_has_a_date_and_a_discontinuity_may_bring_a_later_one() {
    let first = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_366_800_250);
    let mut bench = Bench::new(event().program_date_time(first));
    let _ = bench.push(0, 1.5);
    let _ = bench.push(1, 1.5);
    bench
        .publisher
        .discontinuity_at(first + Duration::from_secs(60));
    let _ = bench.push(2, 1.5);
    bench.publisher.discontinuity_at(first);
    let _ = bench.push(3, 1.5);
    let text = bench.text();
    let dates: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:2026-11-22T"))
        .collect();
    assert_eq!(
        dates,
        [
            "17:00:00.250Z",
            "17:00:01.750Z",
            "17:01:00.250Z",
            "17:01:01.750Z"
        ]
    );
}
