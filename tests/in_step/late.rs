//! Segments that come after their number has settled without them.

use std::time::{Duration, SystemTime};

use segment_stream::hls::{
    MediaPlaylist, MediaPlaylistPublisher, MultivariantPlaylist, Notice, Presentation, Retention,
    Variant,
};
use segment_stream::{ProducedSegment, SegmentInfo};

use super::lost::stored;
use super::memory::Memory;

fn date(secs: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_366_800 + secs)
}

fn segment(rendition: &str, number: u64) -> ProducedSegment {
    let path = format!("{rendition}-{number}.ts");
    ProducedSegment::media(number, vec![1], 2.0).with_path(path)
}

/// Two renditions, of which the second one lists two gaps: it has not told yet.
fn behind(memory: &Memory) -> [MediaPlaylistPublisher<Memory>; 2] {
    let shared = MediaPlaylist::event("").target_duration(Duration::from_secs(2));
    let shared = shared
        .program_date_time(date(0))
        .retention(Retention::Delete {
            margin: Duration::ZERO,
        });
    let presentation = Presentation::new(shared).expect("a presentation");
    let presentation = presentation.with_clock(memory.clock());
    let mut both =
        ["a.m3u8", "b.m3u8"].map(|path| presentation.rendition(path, memory.clone()).expect("one"));
    for number in 0..3 {
        let pushed = both[0].push(&Ok(segment("a", number))).expect("published");
        let is_told = matches!(pushed.notices[..], [Notice::OutOfStep { .. }]);
        assert_eq!(is_told, number > 0, "{pushed:?}");
    }
    both
}

fn text(memory: &Memory, path: &str) -> String {
    let text = memory.content(path).expect("it is there");
    String::from_utf8(text).expect("it is text")
}

#[test]
fn its_state_holds_for_the_next_segment_and_its_file_is_deleted() {
    let memory = Memory::default();
    let [_a, mut b] = behind(&memory);
    let info = SegmentInfo::new()
        .discontinuity()
        .program_date_time(date(100));
    let key = "#EXT-X-KEY:METHOD=AES-128,URI=\"key\",IV=0x01";
    let info = info.key_lines([key]).expect("a key");
    let info = info.event_line("#x-own:0").expect("a line");
    for (number, info) in [(0, info), (1, SegmentInfo::new())] {
        memory.store(format!("b-{number}.ts"));
        let pushed = b.push(&stored((segment("b", number), info)));
        let notices = pushed.expect("published").notices;
        assert!(matches!(notices[..], [Notice::TooLate { sequence }] if sequence == number));
    }
    let before = text(&memory, "b.m3u8");
    assert_eq!(before.matches("#EXT-X-GAP\n").count(), 2);
    let pushed = b.push(&Ok(segment("b", 2))).expect("published");
    assert!(pushed.notices.is_empty(), "{pushed:?}");
    let date = "#EXT-X-PROGRAM-DATE-TIME:2026-11-22T17:01:44.000Z\n#EXTINF:2.000000,\n";
    let expected = format!("{before}#EXT-X-DISCONTINUITY\n{key}\n#x-own:0\n{date}b-2.ts\n");
    assert_eq!(text(&memory, "b.m3u8"), expected);
    let expected = format!("#EXT-X-DISCONTINUITY\n{date}a-2.ts\n");
    assert!(text(&memory, "a.m3u8").ends_with(&expected));
    memory.wait(Duration::from_secs(100));
    let _ = b.push(&Ok(segment("b", 3))).expect("entered");
    assert!(!memory.has("b-0.ts") && !memory.has("b-1.ts"));
}

/// A producer sends a segment twice. If it counted as the next number, all segments of the other
/// rendition would be late from then on.
#[test]
fn a_number_that_is_repeated_leaves_the_renditions_in_step() {
    let memory = Memory::default();
    let shared = MediaPlaylist::event("").target_duration(Duration::from_secs(2));
    let presentation = Presentation::new(shared).expect("a presentation");
    let [mut a, mut b] =
        ["a.m3u8", "b.m3u8"].map(|path| presentation.rendition(path, memory.clone()).expect("one"));
    let lists = |memory: &Memory, path: &str| -> Vec<String> {
        let text = text(memory, path);
        let names = text.lines().filter(|line| !line.starts_with('#'));
        names.map(str::to_owned).collect()
    };
    for number in 0..6 {
        let _ = a.push(&Ok(segment("a", number))).expect("published");
        if number % 2 == 1 {
            let again = segment("again", number);
            let pushed = a.push(&Ok(again)).expect("published");
            assert!(
                matches!(
                    pushed.notices[..],
                    [
                        Notice::UnexpectedNumber { found, .. },
                        Notice::TooLate { sequence }
                    ] if found == number && sequence == number
                ),
                "{pushed:?}"
            );
        }
        let pushed = b.push(&Ok(segment("b", number))).expect("published");
        assert!(pushed.notices.is_empty(), "{pushed:?}");
    }
    for rendition in ["a", "b"] {
        let expected: Vec<_> = (0..6)
            .map(|number| format!("{rendition}-{number}.ts"))
            .collect();
        assert_eq!(lists(&memory, &format!("{rendition}.m3u8")), expected);
    }
    // An encoder that begins anew at a lower number is in step by the order of its segments.
    let pushed = a.push(&Ok(segment("a", 0))).expect("published");
    assert!(matches!(
        pushed.notices[..],
        [Notice::NameReused { .. }, Notice::UnexpectedNumber { .. }]
    ));
    let pushed = b.push(&Ok(segment("b", 6))).expect("published");
    assert!(pushed.notices.is_empty(), "{pushed:?}");
    assert_eq!(lists(&memory, "a.m3u8").len(), 7);
}

/// A rendition is silent, and the segments of the other one say no duration. They do not wait for
/// ever.
#[test]
fn segments_of_no_duration_do_not_wait_for_a_silent_rendition() {
    let memory = Memory::default();
    let shared = MediaPlaylist::live("", Duration::ZERO).target_duration(Duration::from_secs(2));
    let presentation = Presentation::new(shared).expect("a presentation");
    let [mut a, _b] =
        ["a.m3u8", "b.m3u8"].map(|path| presentation.rendition(path, memory.clone()).expect("one"));
    // A lag of 2 s, with a thousand segments a second.
    for number in 0..2_000 {
        let segment = ProducedSegment::media(number, vec![1], 0.0);
        let _ = a.push(&Ok(segment.with_path("a.ts"))).expect("entered");
    }
    assert!(!memory.has("a.m3u8"));
    let segment = ProducedSegment::media(2_000, vec![1], 0.0);
    let pushed = a.push(&Ok(segment.with_path("a.ts"))).expect("entered");
    let is_told = |it: &Notice| matches!(it, Notice::OutOfStep { number: 0, .. });
    assert!(pushed.notices.iter().any(is_told), "{pushed:?}");
    assert!(memory.has("a.m3u8"));
}

/// It is the one that the others told of.
#[test]
fn a_discontinuity_that_is_listed_already_is_not_listed_again() {
    let memory = Memory::default();
    let shared = MediaPlaylist::event("").target_duration(Duration::from_secs(2));
    let presentation = Presentation::new(shared).expect("a presentation");
    let [mut a, mut b] =
        ["a.m3u8", "b.m3u8"].map(|path| presentation.rendition(path, memory.clone()).expect("one"));
    for publisher in [&mut a, &mut b] {
        let _ = publisher.push(&Ok(segment("x", 0))).expect("published");
    }
    a.discontinuity();
    for number in 1..4 {
        let _ = a.push(&Ok(segment("a", number))).expect("published");
    }
    b.discontinuity();
    for number in 1..4 {
        let _ = b.push(&Ok(segment("b", number))).expect("published");
    }
    for path in ["a.m3u8", "b.m3u8"] {
        let text = text(&memory, path);
        assert_eq!(text.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{text}");
    }
}

/// Renditions meet by the numbers of their segments.
#[test]
fn a_rendition_that_begins_later_or_earlier_meets_the_others_by_number() {
    let memory = Memory::default();
    let shared = MediaPlaylist::event("").target_duration(Duration::from_secs(2));
    let presentation = Presentation::new(shared).expect("a presentation");
    let presentation = presentation.max_lag(Duration::from_secs(60));
    let [mut a, mut b, mut c] = ["a.m3u8", "b.m3u8", "c.m3u8"]
        .map(|path| presentation.rendition(path, memory.clone()).expect("one"));
    let _ = a.push(&Ok(segment("a", 7))).expect("entered");
    // It begins two numbers later, and so lists two gaps.
    let _ = b.push(&Ok(segment("b", 9))).expect("entered");
    // It begins one number earlier, which nobody lists.
    let pushed = c.push(&Ok(segment("c", 6))).expect("entered");
    assert!(matches!(
        pushed.notices[..],
        [Notice::TooLate { sequence: 6 }]
    ));
    for number in [7, 8, 9] {
        if number > 7 {
            let _ = a.push(&Ok(segment("a", number))).expect("entered");
        }
        let _ = c.push(&Ok(segment("c", number))).expect("published");
    }
    let uris = |path| {
        let text = text(&memory, path);
        assert!(text.contains("#EXT-X-MEDIA-SEQUENCE:7\n"), "{text}");
        let lines = text.lines().filter(|it| !it.starts_with('#'));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(uris("a.m3u8"), ["a-7.ts", "a-8.ts", "a-9.ts"]);
    assert_eq!(uris("b.m3u8"), ["gap", "gap", "b-9.ts"]);
    assert_eq!(uris("c.m3u8"), ["c-7.ts", "c-8.ts", "c-9.ts"]);
}

/// It changes no more, so that nothing but its failure makes it due again.
#[test]
fn a_multivariant_playlist_that_was_refused_is_published_by_the_next_push() {
    let memory = Memory::default();
    let shared = MediaPlaylist::event("").target_duration(Duration::from_secs(2));
    let main = MultivariantPlaylist::new("main.m3u8").variant(Variant::new("a.m3u8", 1));
    let presentation = Presentation::new(shared).expect("a presentation");
    let presentation = presentation.multivariant(main).expect("the first");
    let a = presentation.rendition("a.m3u8", memory.clone());
    let mut a = a.expect("the only one");
    memory.refuse(Some("main.m3u8"));
    assert!(a.push(&Ok(segment("a", 0))).is_err());
    memory.refuse(None);
    a.push(&Ok(segment("a", 1))).expect("it is published");
    assert!(memory.has("main.m3u8"));
}
