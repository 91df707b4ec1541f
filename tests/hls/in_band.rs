//! What the producer says about a segment, in band: discontinuities, dates, keys, event lines and
//! media times.

use std::num::NonZeroU32;
use std::sync::mpsc;
use std::time::SystemTime;

use segment_stream::hls::{MultivariantPlaylist, Notice, Presentation, Variant};
use segment_stream::{
    MediaTime, ObjectKind, SegmentInfo, SegmentStream, SegmentStreamConfig, Submission, WhenFull,
    Yielded, sink,
};

use super::lost::{lost_with_info, stored};
use super::*;

const KEY: &str = "#EXT-X-KEY:METHOD=AES-128,URI=\"key\",IV=0x01";

fn date(secs: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_366_800 + secs)
}

fn dated() -> MediaPlaylist {
    event().program_date_time(date(0))
}

fn keys(lines: &[&str]) -> SegmentInfo {
    let info = SegmentInfo::new().key_lines(lines.iter().copied());
    info.expect("lines that can be lines")
}

fn line(line: &str) -> SegmentInfo {
    let info = SegmentInfo::new().event_line(line);
    info.expect("a line that can be one")
}

impl Bench {
    fn push_with(&mut self, segment: ProducedSegment, info: SegmentInfo) -> Vec<Notice> {
        if let Some(path) = &segment.path_hint {
            self.folder.store(path, segment.data.clone());
        }
        self.push_yielded(&stored((segment, info)))
    }

    fn lose_with(&mut self, segment: ProducedSegment, info: SegmentInfo) -> Vec<Notice> {
        self.push_yielded(&lost_with_info((segment, info)))
    }

    fn push_yielded(&mut self, yielded: &Yielded) -> Vec<Notice> {
        let pushed = self.publisher.push(yielded);
        pushed.expect("it is published").notices
    }
}

/// The text behind the headers.
fn body(bench: &Bench) -> String {
    let text = bench.text();
    let (_, body) = text.split_once("TYPE:EVENT\n").expect("an EVENT playlist");
    body.to_owned()
}

#[test]
fn what_came_with_a_segment_is_listed_before_it() {
    let mut bench = Bench::new(dated());
    let _ = bench.push(0, 2.0);
    let info = keys(&[KEY]).discontinuity().program_date_time(date(60));
    let info = info.event_line("#EXT-X-CUE-OUT:30").expect("a line");
    assert!(bench.push_with(media(1, 2.0), info).is_empty());
    let _ = bench.push(2, 2.0);
    let expected = "#EXT-X-PROGRAM-DATE-TIME:2026-11-22T17:00:00.000Z\n#EXTINF:2.000000,\n0.ts\n\
         #EXT-X-DISCONTINUITY\n#EXT-X-KEY:METHOD=AES-128,URI=\"key\",IV=0x01\n#EXT-X-CUE-OUT:30\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-11-22T17:01:00.000Z\n#EXTINF:2.000000,\n1.ts\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-11-22T17:01:02.000Z\n#EXTINF:2.000000,\n2.ts\n";
    assert_eq!(body(&bench), expected);
}

#[test]
fn keys_hold_until_others_come_and_none_end_them() {
    let mut bench = Bench::new(event());
    // Nothing is in force that could end.
    let _ = bench.push_with(media(0, 2.0), keys(&[]));
    let _ = bench.push_with(media(1, 2.0), keys(&[KEY]));
    let _ = bench.push(2, 2.0);
    let _ = bench.push_with(media(3, 2.0), keys(&[]));
    let listed = |number| format!("#EXTINF:2.000000,\n{number}.ts\n");
    let (first, second) = (listed(0), [listed(1), listed(2)].concat());
    let end = "#EXT-X-KEY:METHOD=NONE";
    let expected = format!("{first}{KEY}\n{second}{end}\n{}", listed(3));
    assert_eq!(body(&bench), expected);
}

/// The format alone can judge it, and the segment is stored by then.
#[test]
fn a_line_that_the_format_refuses_is_a_notice_and_the_segment_is_listed() {
    for (info, refused) in [
        (line("#EXTINF:2,"), "#EXTINF:2,"),
        (line("0.ts"), "0.ts"),
        (
            line("#EXT-X-DATERANGE:ID=\"a\""),
            "#EXT-X-DATERANGE:ID=\"a\"",
        ),
        (line(KEY), KEY),
        (
            keys(&["#EXT-X-KEY:METHOD=AES-128"]),
            "#EXT-X-KEY:METHOD=AES-128",
        ),
        (keys(&[KEY, "#x-own"]), "#x-own"),
    ] {
        let mut bench = Bench::new(event());
        let notices = bench.push_with(media(0, 2.0), info);
        let [
            Notice::LineRefused {
                sequence: 0, line, ..
            },
        ] = &notices[..]
        else {
            panic!("{refused}: {notices:?}");
        };
        assert_eq!(line, refused);
        assert!(notices[0].to_string().contains("is not listed: "));
        assert_eq!(body(&bench), "#EXTINF:2.000000,\n0.ts\n");
    }
}

#[test]
fn a_date_is_a_notice_where_there_are_none_and_may_be_the_only_source() {
    let at = |secs| SegmentInfo::new().program_date_time(date(secs));
    let mut bench = Bench::new(event());
    let notices = bench.push_with(media(0, 2.0), at(0));
    assert!(matches!(notices[..], [Notice::DateIgnored { sequence: 0 }]));
    assert!(!bench.text().contains("DATE"));

    let mut bench = Bench::new(event().program_date_time_in_band());
    let _ = bench.push(0, 2.0);
    assert!(bench.push_with(media(1, 2.0), at(0)).is_empty());
    let _ = bench.push(2, 2.0);
    // Dates never go back.
    let notices = bench.push_with(media(3, 2.0), at(1));
    let [
        Notice::DateTooEarly {
            sequence: 3,
            date: found,
            listed,
        },
    ] = notices[..]
    else {
        panic!("{notices:?}");
    };
    assert_eq!((found, listed), (date(1), date(4)));
    assert!(
        notices[0].to_string().contains(" 3s before"),
        "{}",
        notices[0]
    );
    let dates = |text: &str| {
        let lines = text
            .lines()
            .filter_map(|it| it.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:"));
        lines.map(|it| it[17..19].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(dates(&bench.text()), ["00", "02", "04"]);
    let mut bench = bench.restart();
    // The earlier session was faster than its media.
    assert!(bench.push_with(media(4, 2.0), at(2)).is_empty());
    assert_eq!(dates(&bench.text()), ["00", "02", "04", "06"]);
    // A frame less is the rounding of a clock.
    let rounded = date(8) - Duration::from_millis(40);
    let info = SegmentInfo::new().program_date_time(rounded);
    assert!(bench.push_with(media(5, 2.0), info).is_empty());
    assert_eq!(dates(&bench.text()), ["00", "02", "04", "06", "08"]);
}

/// Its gap is in its place.
#[test]
fn what_came_with_a_lost_segment_holds_for_its_gap() {
    let mut bench = Bench::new(event());
    let _ = bench.push(0, 2.0);
    let info = keys(&[KEY]).discontinuity();
    let _ = bench.lose_with(media(1, 2.0), info);
    let _ = bench.push(2, 2.0);
    let expected = format!(
        "#EXTINF:2.000000,\n0.ts\n#EXT-X-DISCONTINUITY\n{KEY}\n#EXT-X-GAP\n#EXTINF:2.000000,\n1.ts\n\
         #EXTINF:2.000000,\n2.ts\n"
    );
    assert_eq!(body(&bench), expected);
}

/// What a plain `for` yields of a lost segment has it as well.
#[test]
fn an_error_brings_its_information_by_itself() {
    let mut bench = Bench::new(event());
    let _ = bench.push(0, 2.0);
    let submission = Submission::from((media(1, 2.0), SegmentInfo::new().discontinuity()));
    let item = super::lost::lost(submission);
    let _ = bench.publisher.push(&item).expect("it is published");
    assert!(
        bench
            .text()
            .contains("0.ts\n#EXT-X-DISCONTINUITY\n#EXT-X-GAP\n")
    );
}

/// Of which of them it was is not known.
#[test]
fn what_came_with_merged_losses_holds_for_the_next_segment() {
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
    let (mut stream, sender) = SegmentStream::with_sink(config, sink).expect("a thread starts");
    sender.send(media(0, 1.0)).expect("there is room");
    told.recv().expect("the sink is called");
    for number in 1..=70 {
        let info = match number {
            66 => keys(&[KEY]).discontinuity().program_date_time(date(500)),
            67 => SegmentInfo::new().discontinuity(),
            _ => SegmentInfo::new(),
        };
        sender
            .send((media(number, 1.0), info))
            .expect("others are dropped");
    }
    drop((open, sender));
    let mut bench = Bench::new(dated());
    for yielded in stream.with_info() {
        let _ = bench.push_yielded(&yielded);
    }
    let text = bench.text();
    assert_eq!(text.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{text}");
    let expected = format!(
        "#EXT-X-DISCONTINUITY\n{KEY}\n#EXT-X-PROGRAM-DATE-TIME:2026-11-22T17:08:20.000Z\n\
         #EXTINF:1.000000,\n70.ts\n"
    );
    assert!(text.ends_with(&expected), "{text}");
    assert_eq!(text.matches("#EXT-X-GAP\n").count(), 69, "{text}");
}

#[test]
fn a_loss_of_the_producer_is_a_gap_of_its_duration() {
    let sink = sink::from_fn(|_| Ok(()));
    let (mut stream, sender) =
        SegmentStream::with_sink(SegmentStreamConfig::default(), sink).expect("a thread starts");
    sender.send(media(0, 2.0)).expect("there is room");
    let info = SegmentInfo::new().discontinuity();
    let lost = sender.lost(1, Duration::from_millis(1500), info);
    lost.expect("the stream is open");
    sender.send(media(2, 2.0)).expect("there is room");
    drop(sender);
    let mut bench = Bench::new(event());
    for yielded in stream.with_info() {
        let _ = bench.push_yielded(&yielded);
    }
    assert_eq!(
        body(&bench),
        "#EXTINF:2.000000,\n0.ts\n#EXT-X-DISCONTINUITY\n#EXT-X-GAP\n#EXTINF:1.500000,\ngap\n\
         #EXTINF:2.000000,\n2.ts\n"
    );
}

fn ticks(start: u64, duration: u64) -> SegmentInfo {
    let timescale = NonZeroU32::new(90_000).expect("it is not 0");
    SegmentInfo::new().media_time(MediaTime {
        start,
        duration,
        timescale,
    })
}

/// The durations that are listed, in microseconds.
fn durations(text: &str) -> Vec<u64> {
    let lines = text.lines().filter_map(|it| it.strip_prefix("#EXTINF:"));
    let digits = lines.map(|it| it.replace(['.', ','], ""));
    digits.map(|it| it.parse().expect("digits")).collect()
}

/// 1.001 s in frames of 1,001/30,000 s, and a number of seconds that is a little off.
#[test]
fn media_times_win_and_do_not_drift() {
    let mut bench = Bench::new(event());
    for number in 0..100 {
        let info = ticks(number * 90_090 / 3, 90_090 / 3);
        assert!(bench.push_with(media(number, 0.334), info).is_empty());
    }
    let durations = durations(&bench.text());
    assert_eq!(durations.iter().sum::<u64>(), 33_366_667);
    assert!(durations.iter().all(|it| (333_666..=333_667).contains(it)));
}

#[test]
fn a_media_time_that_differs_by_more_than_a_frame_is_told() {
    let mut bench = Bench::new(event());
    let notices = bench.push_with(media(0, 1.0), ticks(0, 90_000 + 3_600));
    assert!(notices.is_empty(), "{notices:?}");
    let notices = bench.push_with(media(1, 1.0), ticks(93_600, 90_000 + 3_601));
    assert!(
        matches!(notices[..], [Notice::DurationDiffers { sequence: 1, .. }]),
        "{notices:?}"
    );
    assert_eq!(durations(&bench.text()), [1_040_000, 1_040_011]);
    // It does not begin where the last one ended.
    let notices = bench.push_with(media(2, 1.0), ticks(900_000, 90_000));
    assert!(
        matches!(notices[..], [Notice::TimeJump { sequence: 2, .. }]),
        "{notices:?}"
    );
    let info = ticks(0, 90_000).discontinuity();
    assert!(bench.push_with(media(3, 1.0), info).is_empty());
}

/// Dates follow the media, whose segments are not as long as they are apart.
#[test]
fn dates_follow_the_starts_of_the_segments() {
    let mut bench = Bench::new(dated());
    for number in 0..1000 {
        // A millisecond is missing between any two of them.
        let info = ticks(number * 180_000, 180_000 - 90);
        assert!(bench.push_with(media(number, 2.0), info).is_empty());
    }
    let text = bench.text();
    let (_, last) = text.rsplit_once("DATE-TIME:").expect("a date");
    assert!(
        last.starts_with("2026-11-22T17:33:18.000Z\n#EXTINF:1.999000,\n"),
        "{last}"
    );
}

#[test]
fn missing_numbers_are_gaps_of_the_time_that_is_missing() {
    let mut bench = Bench::new(dated());
    let _ = bench.push_with(media(0, 2.0), ticks(0, 180_000));
    let notices = bench.push_with(media(3, 2.0), ticks(180_000 + 270_000, 180_000));
    assert!(
        matches!(
            notices[..],
            [Notice::UnexpectedNumber {
                expected: 1,
                found: 3
            }]
        ),
        "{notices:?}"
    );
    assert_eq!(
        durations(&bench.text()),
        [2_000_000, 1_500_000, 1_500_000, 2_000_000]
    );
    let text = bench.text();
    assert!(
        text.contains("T17:00:05.000Z\n#EXTINF:2.000000,\n3.ts\n"),
        "{text}"
    );
    assert_eq!(bench.publisher.next_sequence(), 4);
    // Without media times each is as long as the last segment.
    let _ = bench.push(4, 1.0);
    let _ = bench.push(7, 2.0);
    assert_eq!(
        durations(&bench.text())[4..],
        [1_000_000, 1_000_000, 1_000_000, 2_000_000]
    );
}

#[test]
fn more_missing_numbers_than_can_be_gaps_are_a_discontinuity() {
    let mut bench = Bench::new(event());
    let _ = bench.push(0, 2.0);
    let pushed = bench.push(1 + 1024, 2.0);
    assert!(matches!(
        pushed.notices[..],
        [Notice::UnexpectedNumber { .. }]
    ));
    assert_eq!(bench.text().matches("#EXT-X-GAP\n").count(), 1024);
    assert!(!bench.text().contains("DISCONTINUITY"));
    let pushed = bench.push(2 + 1024 + 1025, 2.0);
    assert!(matches!(
        pushed.notices[..],
        [Notice::UnexpectedNumber { .. }]
    ));
    let text = bench.text();
    assert_eq!(text.matches("#EXT-X-GAP\n").count(), 1024);
    assert!(text.ends_with("#EXT-X-DISCONTINUITY\n#EXTINF:2.000000,\n2051.ts\n"));
}

/// A server need not store what no client reads.
#[test]
fn side_files_may_have_a_sink_of_their_own_and_both_are_read_back_through_sinks() {
    let [mut origin, mut disk] =
        [(); 2].map(|()| Folder::new(live().path(), Duration::ZERO, false));
    let mut publisher = MediaPlaylistPublisher::new(live(), origin.clone())
        .expect("a playlist")
        .with_state_sink(disk.clone());
    for number in 0..5 {
        let _ = publisher.push(&Ok(media(number, 2.0))).expect("published");
    }
    drop(publisher);
    assert!(origin.content(&live().state_path()).is_none());
    assert!(disk.content(live().path()).is_none());
    let previous = Previous::read_through(&mut origin, &live()).expect("it can be read");
    let previous = previous.expect("there is one");
    assert_eq!(previous.state, None);
    let previous = previous.with_state_through(&mut disk, &live());
    let previous = previous.expect("it can be read");
    let resumed = MediaPlaylistPublisher::resume(live(), origin.clone(), &previous);
    let resumed = resumed.expect("it goes on").with_state_sink(disk);
    let waiting: Vec<_> = resumed.waiting_for_deletion().collect();
    assert_eq!(waiting, ["0.ts", "1.ts"].map(Path::new));
    let nothing = MediaPlaylist::event("other.m3u8");
    assert_eq!(
        Previous::read_through(&mut origin, &nothing).expect("none"),
        None
    );
}

#[test]
fn a_sink_is_told_its_deadline_and_the_attempt() {
    let (tell, told) = mpsc::channel();
    let sink = sink::from_fn_with_context(move |_, context| {
        let until = context.deadline().expect("there is one");
        let left = until.saturating_duration_since(std::time::Instant::now());
        let said = (
            context.object(),
            context.attempt(),
            left,
            context.is_shutting_down(),
        );
        tell.send(said).expect("the test looks");
        Ok(())
    });
    let mut publisher = MediaPlaylistPublisher::new(event(), sink).expect("a playlist");
    let _ = publisher.push(&Ok(media(0, 2.0))).expect("published");
    let (object, attempt, left, is_shutting_down) = told.recv().expect("it was called");
    assert_eq!((object, attempt), (ObjectKind::Manifest, 1));
    assert!(left <= Duration::from_secs(2) && !is_shutting_down);
    let context = segment_stream::WriteContext::default().during_shutdown();
    let mut publisher = publisher.with_context(context);
    let _ = publisher.push(&Ok(media(1, 2.0))).expect("published");
    assert!(told.recv().expect("it was called").3);
}

#[test]
fn a_presentation_refuses_what_cannot_be_one() {
    let folder = || Folder::new(live().path(), Duration::ZERO, false);
    assert!(
        Presentation::new(MediaPlaylist::event("")).is_err(),
        "no target duration"
    );
    let main = MultivariantPlaylist::new("main.m3u8").variant(Variant::new("a.m3u8", 1));
    let presentation = Presentation::new(live()).expect("a presentation");
    let presentation = presentation.multivariant(main.clone()).expect("a path");
    assert!(presentation.rendition("MAIN.m3u8", folder()).is_err());
    let mut first = presentation.rendition("a.m3u8", folder()).expect("one");
    for taken in ["a.m3u8", "A.m3u8", ".a.m3u8.state"] {
        assert!(presentation.rendition(taken, folder()).is_err(), "{taken}");
    }
    let pushed = first.push(&Ok(media(0, 2.0).with_path("main.m3u8")));
    let notices = pushed.expect("published").notices;
    assert!(
        matches!(notices[..], [Notice::NoName { .. }]),
        "{notices:?}"
    );
    let late = presentation
        .rendition("b.m3u8", folder())
        .expect_err("too late");
    assert!(late.to_string().contains("before the first push"), "{late}");
    assert!(presentation.multivariant(main).is_err());
}
