//! Segments that a full stream dropped, many in one error, are listed as gaps that add up to them.

use std::sync::mpsc;

use segment_stream::hls::Notice;
use segment_stream::{SegmentInfo, SegmentStream, SegmentStreamConfig, WhenFull, WriteError, sink};

use super::*;

/// The error in which a stream tells of the rest of a long stall: `count` segments from number 64
/// on, each of so many seconds.
fn dropped(count: u64, secs: f64) -> Result<ProducedSegment, WriteError> {
    let (open, opened) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel();
    let config = SegmentStreamConfig {
        channel_depth: 2,
        when_full: WhenFull::DropOldest,
        ..Default::default()
    };
    let sink = sink::from_fn(move |_| {
        tell.send(()).expect("the test waits for this");
        // Until the test lets go of the other end.
        let _ = opened.recv();
        Ok(())
    });
    let (stream, sender) = SegmentStream::with_sink(config, sink).expect("a thread starts");
    sender.send(media(0, secs)).expect("there is room");
    told.recv().expect("the sink is called");
    for number in 1..=64 + count {
        let sent = sender.send(media(number, secs));
        sent.expect("others are dropped");
    }
    drop((open, sender));
    let error = stream.filter_map(Result::err).last().expect("all but two");
    assert_eq!((error.sequence(), error.segments()), (64, count));
    Err(error)
}

/// How many gaps it lists, and the milliseconds of all of them.
fn gaps(text: &str) -> (usize, u64) {
    let lines: Vec<_> = text.lines().collect();
    let gaps = lines.windows(2).filter(|it| it[0] == "#EXT-X-GAP");
    let millis = gaps.map(|it| {
        let secs = it[1].strip_prefix("#EXTINF:").expect("a duration");
        let secs = secs.trim_end_matches(',').replace('.', "");
        secs.parse::<u64>().expect("a number with six decimals") / 1000
    });
    let millis: Vec<_> = millis.collect();
    (millis.len(), millis.iter().sum())
}

#[test]
fn each_is_a_gap_and_the_numbers_go_on_as_if_it_had_come_by_itself() {
    let mut bench = Bench::new(event());
    let _ = bench.push(63, 2.0);
    let pushed = bench.publisher.push(&dropped(100, 1.0)).expect("published");
    assert!(matches!(
        pushed.notices[..],
        [Notice::Lost {
            sequence: 64,
            segments: 100
        }]
    ));
    assert_eq!(gaps(&bench.text()), (100, 100_000));
    // The segment that follows is the one that is expected.
    let pushed = bench.push(164, 2.0);
    assert!(pushed.notices.is_empty(), "{:?}", pushed.notices);
    assert_eq!(bench.publisher.next_sequence(), 165);
}

#[test]
fn the_target_duration_of_a_vod_playlist_is_that_of_the_longest_of_them() {
    let playlist = MediaPlaylist::vod("live.m3u8");
    let mut bench = Bench::new(playlist);
    let _ = bench.publisher.push(&dropped(100, 1.5)).expect("entered");
    let _ = bench.publisher.finish().expect("published");
    let text = bench.text();
    assert_eq!(gaps(&text), (100, 150_000));
    assert!(text.contains("#EXT-X-TARGETDURATION:2\n"), "{text}");
    assert!(text.contains("#EXT-X-MEDIA-SEQUENCE:64\n"), "{text}");
}

#[test]
fn a_duration_that_is_none_is_one_target_duration() {
    let mut bench = Bench::new(event());
    let _ = bench
        .publisher
        .push(&dropped(100, f64::NAN))
        .expect("published");
    assert_eq!(gaps(&bench.text()), (100, 200_000));
}

#[test]
fn a_stall_of_days_leaves_a_live_playlist_of_its_window() {
    let window = Duration::from_secs(20);
    let mut bench = Bench::new(
        MediaPlaylist::live("live.m3u8", window).target_duration(Duration::from_secs(2)),
    );
    (60..64).for_each(|number| drop(bench.push(number, 2.0)));
    // 100,000 s, as 100 segments of 1,000 s: what is summed up does not matter.
    let _ = bench
        .publisher
        .push(&dropped(100, 1_000.0))
        .expect("published");
    let text = bench.text();
    let (count, millis) = gaps(&text);
    assert!((20_000..24_000).contains(&millis), "{millis}");
    assert!(count < 12, "{count}");
    let _ = bench.push(164, 2.0);
    assert!(bench.text().ends_with("#EXTINF:2.000000,\n164.ts\n"));
}

#[test]
fn a_stall_longer_than_the_target_duration_allows_is_split() {
    let mut bench = Bench::new(event());
    let _ = bench.publisher.push(&dropped(10, 5.0)).expect("published");
    // Each of 5 s as 2 s, 2 s and 1 s.
    assert_eq!(gaps(&bench.text()), (30, 50_000));
}

/// What the producer tells by [`lost`](segment_stream::SegmentSender::lost).
fn told(sequence: u64, duration: Duration) -> Result<ProducedSegment, WriteError> {
    let config = SegmentStreamConfig::default();
    let sink = sink::from_fn(|_| Ok(()));
    let (mut stream, sender) = SegmentStream::with_sink(config, sink).expect("a thread starts");
    let told = sender.lost(sequence, duration, SegmentInfo::new());
    told.expect("the stream is open");
    stream.next().expect("the loss has its place")
}

/// An encoder was away for two hours. Dates behind it are right.
#[test]
fn a_loss_that_the_producer_tells_may_be_longer_than_a_segment() {
    let first = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_366_800);
    for playlist in [event(), live(), MediaPlaylist::vod("live.m3u8")] {
        let mut bench = Bench::new(playlist.program_date_time(first));
        let _ = bench.push(0, 2.0);
        let pushed = bench.publisher.push(&told(1, Duration::from_secs(7_200)));
        let notices = pushed.expect("published").notices;
        assert!(
            matches!(notices[..], [Notice::Lost { sequence: 1, .. }]),
            "{notices:?}"
        );
        let _ = bench.push(2, 2.0);
        let _ = bench.publisher.finish().expect("published");
        let text = bench.text();
        let end = "DATE-TIME:2026-11-22T19:00:02.000Z\n#EXTINF:2.000000,\n2.ts\n#EXT-X-ENDLIST\n";
        assert!(text.ends_with(end), "{text}");
    }
}

/// Later dates may be wrong then, so that is told.
#[test]
fn a_loss_of_no_valid_duration_is_told() {
    for (item, sequence) in [
        (told(1, Duration::from_secs(604_801)), 1),
        (lost(media(1, 3_601.0)), 1),
        (lost(media(1, f64::NAN)), 1),
        (dropped(3, -1.0), 64),
    ] {
        let mut bench = Bench::new(event());
        let notices = bench.publisher.push(&item).expect("published").notices;
        let is_it = |it: &Notice| matches!(it, Notice::UnusableDuration { sequence: found } if *found == sequence);
        assert!(notices.iter().any(is_it), "{notices:?}");
    }
    let mut bench = Bench::new(event());
    let most = told(1, Duration::from_secs(604_800));
    let _ = bench.publisher.push(&most).expect("published");
    assert_eq!(gaps(&bench.text()), (302_400, 604_800_000));
}

#[test]
fn an_absurd_duration_counts_as_one_target_duration() {
    let mut bench = Bench::new(event());
    let _ = bench.publisher.push(&dropped(3, 1e300)).expect("published");
    assert_eq!(gaps(&bench.text()), (3, 6_000));
}

/// The target duration of a VOD playlist is that of the longest segment, and more may come.
#[test]
fn a_loss_settles_nothing_before_a_vod_playlist_ends() {
    let mut bench = Bench::new(MediaPlaylist::vod("all.m3u8"));
    let _ = bench
        .publisher
        .push(&dropped(3, 1.0))
        .expect("it is entered");
    let _ = bench.lose(media(67, f64::NAN));
    let _ = bench.push(68, 3.2);
    let _ = bench.publisher.finish().expect("it is published");
    let text = bench.text();
    assert!(text.contains("#EXT-X-TARGETDURATION:4\n"), "{text}");
    assert!(text.ends_with("#EXTINF:3.200000,\n68.ts\n#EXT-X-ENDLIST\n"));
}
