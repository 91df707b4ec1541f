//! Clips: VOD playlists of a part of a recording, and the files that they pin.

use std::time::SystemTime;

use segment_stream::hls::{
    Clip, ClipErrorKind, MultivariantPlaylist, Presentation, Quota, Retention, Variant,
};

use super::*;

fn recording() -> MediaPlaylist {
    MediaPlaylist::recording("live.m3u8").target_duration(Duration::from_secs(2))
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn date(secs: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_366_800 + secs)
}

impl Bench {
    fn clip_text(&self, path: &str) -> String {
        let text = self.folder.content(Path::new(path)).expect("a clip");
        String::from_utf8(text).expect("it is UTF-8")
    }
}

/// What is in force at its beginning is there, although the tags came long before.
#[test]
fn a_clip_begins_with_the_map_the_keys_and_the_date_in_force() {
    let mut bench = Bench::new(
        recording()
            .program_date_time(date(0))
            .independent_segments(),
    );
    bench.push_segment(init(1, "init.mp4"));
    let key = "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"";
    bench.publisher.tag_next([key]).expect("a key");
    for number in 0..6 {
        bench.push(number, 2.0);
    }
    bench.lose(media(6, 2.0));
    bench.publisher.discontinuity();
    for number in 7..20 {
        bench.push(number, 2.0);
    }
    let clip = Clip::dates("a-1", date(9)..date(15));
    let made = bench.publisher.clip(&clip).expect("it is made");
    assert_eq!(made.paths, [Path::new("live.a-1.m3u8")]);
    assert_eq!(made.numbers, 4..8);
    let iv = |number: u64| format!("#EXT-X-KEY:METHOD=AES-128,IV=0x{number:032X},URI=\"k\"\n");
    let date = |secs: u64| format!("#EXT-X-PROGRAM-DATE-TIME:2026-11-22T17:00:{secs:02}.000Z\n");
    let expected = [
        "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n",
        "#EXT-X-START:TIME-OFFSET=1.000,PRECISE=YES\n#EXT-X-TARGETDURATION:2\n",
        "#EXT-X-MEDIA-SEQUENCE:4\n#EXT-X-PLAYLIST-TYPE:VOD\n",
        "#EXT-X-MAP:URI=\"init.mp4\"\n",
        &iv(4),
        &date(8),
        "#EXTINF:2.000000,\n4.ts\n",
        &iv(5),
        &date(10),
        "#EXTINF:2.000000,\n5.ts\n",
        &iv(6),
        &date(12),
        "#EXT-X-GAP\n#EXTINF:2.000000,\n6.ts\n",
        "#EXT-X-DISCONTINUITY\n",
        &iv(7),
        &date(14),
        "#EXTINF:2.000000,\n7.ts\n",
        "#EXT-X-ENDLIST\n",
    ];
    let text = bench.clip_text("live.a-1.m3u8");
    assert_eq!(text, expected.concat());
    m3u8_rs::parse_media_playlist_res(text.as_bytes()).expect("a playlist");
    // It does not change the recording.
    assert!(bench.text().contains("\n19.ts\n") && !bench.text().contains("ENDLIST"));
}

/// The discontinuities before it count, and of a clip from numbers playback begins at its start.
#[test]
fn a_clip_by_numbers_counts_the_discontinuities_before_it() {
    let mut bench = Bench::new(recording());
    for number in 0..9 {
        bench.publisher.discontinuity();
        bench.push(number, 2.0);
    }
    let made = bench
        .publisher
        .clip(&Clip::numbers("x", 3..5))
        .expect("it is made");
    assert_eq!(made.numbers, 3..5);
    assert_eq!(
        bench.clip_text("live.x.m3u8"),
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:3\n\
         #EXT-X-DISCONTINUITY-SEQUENCE:3\n#EXT-X-PLAYLIST-TYPE:VOD\n\
         #EXT-X-DISCONTINUITY\n#EXTINF:2.000000,\n3.ts\n\
         #EXT-X-DISCONTINUITY\n#EXTINF:2.000000,\n4.ts\n#EXT-X-ENDLIST\n"
    );
    let made = bench
        .publisher
        .clip(&Clip::last("y", secs(3)))
        .expect("it is made");
    assert_eq!(made.numbers, 7..9);
    let text = bench.clip_text("live.y.m3u8");
    assert!(
        text.contains("#EXT-X-START:TIME-OFFSET=1.000,PRECISE=YES\n"),
        "{text}"
    );
}

#[test]
fn a_clip_that_cannot_be_made_writes_nothing() {
    let mut bench = Bench::new(recording());
    for number in 0..5 {
        bench.push(number, 2.0);
    }
    bench.push_segment(media(5, 2.0).with_path("live.taken.m3u8"));
    let _ = bench
        .publisher
        .clip(&Clip::numbers("made", 0..1))
        .expect("it is made");
    bench.folder.take_records();
    for (clip, kind) in [
        (Clip::numbers("", 0..5), ClipErrorKind::Name),
        (Clip::numbers("../x", 0..5), ClipErrorKind::Name),
        (Clip::numbers("a b", 0..5), ClipErrorKind::Name),
        (Clip::numbers("made", 0..5), ClipErrorKind::Exists),
        (Clip::numbers("taken", 0..5), ClipErrorKind::Exists),
        (Clip::numbers("x", 6..9), ClipErrorKind::Nothing),
        (Clip::last("x", secs(0)), ClipErrorKind::Nothing),
        (Clip::dates("x", date(0)..date(9)), ClipErrorKind::Undated),
    ] {
        let error = bench.publisher.clip(&clip).expect_err("it is refused");
        assert_eq!(error.kind(), kind, "{error}");
        assert!(
            error.to_string().starts_with("cannot make the clip "),
            "{error}"
        );
    }
    let error = bench
        .publisher
        .release_clip("x")
        .expect_err("there is none");
    assert_eq!(error.kind(), ClipErrorKind::Unknown);
    assert!(bench.folder.take_records().is_empty());
}

fn has(bench: &Bench, numbers: std::ops::Range<u64>) -> Vec<bool> {
    numbers
        .map(|number| bench.has(&format!("{number}.ts")))
        .collect()
}

/// With a resume in between, and with few lines in each part of the side file.
#[test]
fn what_a_clip_lists_stays_until_it_is_released_and_then_waits_as_it_must() {
    for (lines, resumes) in [(2, false), (32, false), (2, true), (32, true)] {
        let playlist = recording().max_age(secs(20)).side_file_lines(lines);
        let mut bench = Bench::new(playlist);
        let push = |bench: &mut Bench, numbers: std::ops::Range<u64>| {
            for number in numbers {
                bench.wait(2);
                bench.push(number, 2.0);
            }
        };
        push(&mut bench, 0..15);
        let _ = bench
            .publisher
            .clip(&Clip::numbers("fire", 7..10))
            .expect("it is made");
        if resumes {
            bench = bench.restart();
            assert_eq!(bench.publisher.clips(), ["fire"]);
        }
        push(&mut bench, 15..200);
        assert_eq!(
            has(&bench, 5..12),
            [false, false, true, true, true, false, false]
        );
        if resumes {
            bench = bench.restart();
            push(&mut bench, 200..205);
        }
        assert!(bench.has("live.fire.m3u8"));
        let released = bench.publisher.release_clip("fire").expect("there is one");
        assert!(released.notices.is_empty() && !bench.has("live.fire.m3u8"));
        assert!(!bench.has(".live.m3u8.state.clip-fire"));
        assert_eq!(bench.publisher.clips(), [""; 0]);
        // Its own duration and that of the longest playlist that listed it: 22 s.
        let next = bench.publisher.next_sequence();
        push(&mut bench, next..next + 10);
        assert_eq!(has(&bench, 7..10), [true; 3]);
        push(&mut bench, next + 10..next + 11);
        assert_eq!(has(&bench, 7..10), [false; 3]);
    }
}

/// A hard quota deletes around it, and says what it takes.
#[test]
fn pinned_bytes_count_and_a_hard_quota_spares_them() {
    let mut bench = Bench::new(recording().max_bytes(50_000).quota(Quota::Hard));
    let push = |bench: &mut Bench, number: u64| {
        let segment = ProducedSegment::media(number, vec![0; 1_000], 2.0);
        bench.push_segment(segment.with_path(format!("{number}.ts")));
    };
    (0..20).for_each(|number| push(&mut bench, number));
    let _ = bench
        .publisher
        .clip(&Clip::numbers("fire", 10..20))
        .expect("it is made");
    for number in 20..300 {
        push(&mut bench, number);
        assert!(bench.folder.segment_bytes() <= 50_000, "{number}");
    }
    assert_eq!(
        has(&bench, 9..21),
        [vec![false], vec![true; 10], vec![false]].concat()
    );
    let usage = bench.publisher.usage();
    assert_eq!(usage.pinned_bytes, 10_000);
    assert_eq!(usage.listed_bytes, 39_000);
    let _ = bench.publisher.release_clip("fire").expect("there is one");
    (300..320).for_each(|number| push(&mut bench, number));
    assert_eq!(bench.publisher.usage().pinned_bytes, 0);
    assert_eq!(bench.publisher.usage().listed_bytes, 49_000);
}

#[test]
fn a_clip_with_an_end_is_released_by_the_next_push() {
    let mut bench = Bench::new(recording());
    (0..5).for_each(|number| drop(bench.push(number, 2.0)));
    let year = secs(365 * 86_400);
    let over = Clip::numbers("over", 0..5).until(SystemTime::now() - year);
    let later = Clip::numbers("later", 0..5).until(SystemTime::now() + year);
    for clip in [over, later] {
        let _ = bench.publisher.clip(&clip).expect("it is made");
    }
    bench.push(5, 2.0);
    assert!(!bench.has("live.over.m3u8") && bench.has("live.later.m3u8"));
    let mut bench = bench.restart();
    assert_eq!(bench.publisher.clips(), ["later"]);
    let _ = bench.publisher.release_clip("later").expect("there is one");
}

/// One that cannot be deleted stays pinned, and the next push tries again.
#[test]
fn a_clip_whose_playlist_cannot_be_deleted_stays_pinned() {
    let mut bench = Bench::new(recording().max_age(secs(10)));
    (0..5).for_each(|number| drop(bench.push(number, 2.0)));
    let _ = bench
        .publisher
        .clip(&Clip::numbers("fire", 0..2))
        .expect("it is made");
    bench.folder.set_faults(Faults {
        removal: Answer::Refused,
        ..Faults::default()
    });
    let released = bench.publisher.release_clip("fire").expect("there is one");
    assert_eq!(released.notices.len(), 1, "{:?}", released.notices);
    assert!(bench.has("live.fire.m3u8"));
    assert_eq!(bench.publisher.clips(), ["fire"]);
    bench.folder.set_faults(Faults::default());
    bench.push(5, 2.0);
    assert!(!bench.has("live.fire.m3u8") && !bench.has(".live.m3u8.state.clip-fire"));
}

/// The process dies after each call of a clip and of its release: no clip ever names what is not
/// there, and none that is there is forgotten.
#[test]
fn a_clip_is_whole_or_forgotten_wherever_the_process_dies() {
    for releases in [false, true] {
        for calls in 0..8 {
            let mut bench = Bench::new(recording().max_age(secs(10)).side_file_lines(2));
            let push = |bench: &mut Bench, count: u64| {
                for _ in 0..count {
                    let number = bench.publisher.next_sequence();
                    bench.wait(2);
                    bench.push(number, 2.0);
                }
            };
            push(&mut bench, 6);
            let clip = Clip::numbers("fire", 2..5);
            if releases {
                let _ = bench.publisher.clip(&clip).expect("it is made");
                push(&mut bench, 30);
                bench.folder.die_after(calls);
                drop(bench.publisher.release_clip("fire"));
            } else {
                bench.folder.die_after(calls);
                drop(bench.publisher.clip(&clip));
            }
            let mut bench = bench.restart();
            push(&mut bench, 30);
            if bench.has("live.fire.m3u8") {
                assert_eq!(has(&bench, 2..5), [true; 3], "{releases}: {calls}");
                assert_eq!(bench.publisher.clips(), ["fire"], "{releases}: {calls}");
            }
            if bench.publisher.clips().is_empty() {
                assert_eq!(has(&bench, 2..5), [false; 3], "{releases}: {calls}");
                assert!(
                    !bench.has(".live.m3u8.state.clip-fire"),
                    "{releases}: {calls}"
                );
            } else {
                let _ = bench.publisher.release_clip("fire").expect("there is one");
                push(&mut bench, 30);
                assert_eq!(has(&bench, 2..5), [false; 3], "{releases}: {calls}");
            }
        }
    }
}

/// All renditions, the multivariant playlist, and a session that resumes.
#[test]
fn a_presentation_has_a_clip_of_each_rendition() {
    let folder = Folder::new(Path::new("main.m3u8"), Duration::ZERO, false);
    let main = || {
        MultivariantPlaylist::new("main.m3u8")
            .variant(Variant::new("high.m3u8", 4_000_000))
            .variant(Variant::new("low.m3u8", 900_000))
    };
    let shared = recording().max_age(secs(20));
    let begin = || {
        let presentation = Presentation::new(shared.clone()).expect("one");
        presentation
            .multivariant(main())
            .expect("one")
            .with_clock(folder.clock())
    };
    let paths = ["high.m3u8", "low.m3u8"];
    let presentation = begin();
    let mut publishers =
        paths.map(|path| presentation.rendition(path, folder.clone()).expect("one"));
    let push = |publishers: &mut [MediaPlaylistPublisher<Folder>; 2],
                numbers: std::ops::Range<u64>| {
        for number in numbers {
            folder.wait(secs(2));
            for (name, publisher) in ["high", "low"].iter().zip(publishers.iter_mut()) {
                let path = format!("{name}-{number}.ts");
                folder.store(Path::new(&path), vec![1]);
                let segment = ProducedSegment::media(number, vec![1], 2.0).with_path(path);
                drop(publisher.push(&Ok(segment)).expect("it is published"));
            }
        }
    };
    push(&mut publishers, 0..10);
    let made = presentation
        .clip(&Clip::numbers("x", 4..6), folder.clone())
        .expect("made");
    let expected = ["high.x.m3u8", "low.x.m3u8", "main.x.m3u8"].map(Path::new);
    assert_eq!(made.paths, expected);
    let text = |path: &str| {
        String::from_utf8(folder.content(Path::new(path)).expect("it is there")).expect("a text")
    };
    assert!(text("main.x.m3u8").ends_with("\nlow.x.m3u8\n"));
    assert!(
        text("low.x.m3u8").ends_with("low-4.ts\n#EXTINF:2.000000,\nlow-5.ts\n#EXT-X-ENDLIST\n")
    );
    drop((publishers, presentation));

    let presentation = begin();
    let mut publishers = paths.map(|path| {
        let previous = Previous::read_through(&mut folder.clone(), &shared.rendition(path));
        let previous = previous.expect("it is read").expect("one");
        presentation
            .resume(path, folder.clone(), &previous)
            .expect("it is resumed")
    });
    assert_eq!(presentation.clips(), ["x"]);
    push(&mut publishers, 10..100);
    let is_there = |path: &str| folder.content(Path::new(path)).is_some();
    assert!(is_there("high-4.ts") && is_there("low-5.ts") && !is_there("low-6.ts"));
    let _ = publishers[0].release_clip("x").expect("there is one");
    push(&mut publishers, 100..120);
    for path in expected {
        assert!(folder.content(path).is_none(), "{}", path.display());
    }
    assert!(!is_there("high-4.ts") && !is_there("low-5.ts"));
}

/// Nothing is deleted, so there are no pins and no side file.
#[test]
fn a_recorder_that_keeps_everything_has_clips_without_pins() {
    let mut bench = Bench::new(event().retention(Retention::Keep));
    (0..5).for_each(|number| drop(bench.push(number, 2.0)));
    let _ = bench
        .publisher
        .clip(&Clip::numbers("fire", 0..2))
        .expect("it is made");
    assert!(bench.has("live.fire.m3u8") && !bench.has(".live.m3u8.state"));
    let _ = bench.publisher.release_clip("fire").expect("there is one");
    assert!(!bench.has("live.fire.m3u8") && bench.has("0.ts"));
}
