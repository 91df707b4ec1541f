//! Limits by age and by bytes, and recordings.

use segment_stream::SegmentSink;
use segment_stream::hls::{Notice, Presentation, Quota, ResumeErrorKind, Retention};

use super::*;

fn recording() -> MediaPlaylist {
    MediaPlaylist::recording("live.m3u8").target_duration(Duration::from_secs(2))
}

fn sized(number: u64, length: usize) -> ProducedSegment {
    ProducedSegment::media(number, vec![0x47; length], 2.0).with_path(format!("{number}.ts"))
}

/// The number of the first listed segment, and how many are listed.
fn listed(text: &str) -> (u64, usize) {
    let first = text
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:"));
    let first = first.expect("it has a number").parse().expect("it is one");
    (first, text.matches("#EXTINF").count())
}

/// RFC 8216bis §6.2.1: segments are only appended to an EVENT playlist, and a VOD playlist never
/// changes.
#[test]
fn only_playlists_from_which_segments_leave_can_have_limits() {
    let target = Duration::from_secs(2);
    let limits: [fn(MediaPlaylist) -> MediaPlaylist; 2] = [
        |it| it.max_bytes(1_000),
        |it| it.max_age(Duration::from_secs(60)),
    ];
    for limit in limits {
        for (playlist, why) in [
            (event(), "an EVENT playlist keeps all segments"),
            (
                MediaPlaylist::vod("live.m3u8"),
                "a VOD playlist never changes",
            ),
        ] {
            let playlist = limit(playlist.target_duration(target));
            let folder = Folder::new(playlist.path(), Duration::ZERO, false);
            let error = MediaPlaylistPublisher::new(playlist.clone(), folder).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
            let expected = format!("cannot limit the playlist \"live.m3u8\": {why}");
            assert_eq!(error.to_string(), expected);
            assert!(Presentation::new(playlist).is_err());
        }
    }
    let keeps = recording().retention(Retention::Keep).max_bytes(1_000);
    let error = Presentation::new(keeps)
        .expect_err("it is refused")
        .to_string();
    assert!(
        error.ends_with("a limit of bytes needs Retention::Delete"),
        "{error}"
    );

    let mut bench = Bench::new(event());
    let _ = bench.push(0, 2.0);
    let previous = bench.previous();
    let folder = bench.folder.clone();
    let error = MediaPlaylistPublisher::resume(event().max_bytes(9), folder, &previous);
    assert_eq!(error.unwrap_err().kind(), ResumeErrorKind::Configuration);
}

#[test]
fn a_recording_without_a_limit_keeps_everything_and_has_no_type() {
    let mut bench = Bench::new(recording());
    for number in 0..200 {
        bench.wait(2);
        let _ = bench.push(number, 2.0);
    }
    let text = bench.text();
    assert_eq!(listed(&text), (0, 200));
    assert!(!text.contains("PLAYLIST-TYPE"));
    assert_eq!(bench.publisher.waiting_for_deletion().count(), 0);
    // The text of a live playlist whose window is as long.
    let live = MediaPlaylist::live("live.m3u8", Duration::from_secs(10_000));
    let live = live.target_duration(Duration::from_secs(2));
    let mut other = Bench::new(live.clone());
    (0..200).for_each(|number| drop(other.push(number, 2.0)));
    assert_eq!(other.text(), text);
    let mut bench = bench.go_on_with(live).go_on_with(recording());
    let _ = bench.push(200, 2.0);
    assert_eq!(listed(&bench.text()), (0, 201));
}

#[test]
fn a_segment_leaves_when_the_media_behind_it_is_older_than_the_limit() {
    let mut bench = Bench::new(recording().max_age(Duration::from_secs(20)));
    for number in 0..40 {
        bench.wait(2);
        let _ = bench.push(number, 2.0);
        let expected = number.saturating_sub(9);
        assert_eq!(listed(&bench.text()).0, expected, "{number}");
    }
    // Its own duration and that of the longest playlist: 22 s.
    assert!(bench.has("19.ts") && !bench.has("18.ts"));
}

/// No media comes in an outage, and the clock goes on. Three target durations stay.
#[test]
fn a_segment_leaves_after_an_outage() {
    let mut bench = Bench::new(recording().max_age(Duration::from_secs(100)));
    for number in 0..10 {
        bench.wait(2);
        let _ = bench.push(number, 2.0);
    }
    bench.wait(79);
    let _ = bench.push(10, 2.0);
    assert_eq!(listed(&bench.text()), (0, 11));
    // The first one is as old as the limit now.
    bench.wait(3);
    let _ = bench.push(11, 2.0);
    assert_eq!(listed(&bench.text()), (1, 11));
    bench.wait(10_000);
    let _ = bench.push(12, 2.0);
    assert_eq!(listed(&bench.text()), (10, 3), "RFC 8216 §6.2.2");
}

/// In the steady state all that is stored is within the limit, and each file waits as it must.
#[test]
fn by_the_standard_about_half_of_the_bytes_wait() {
    let mut bench = Bench::new(recording().max_bytes(100_000));
    for number in 0..300 {
        bench.wait(2);
        bench.push_segment(sized(number, 1_000));
        assert!(bench.folder.segment_bytes() <= 100_000, "after {number}");
    }
    let (first, count) = listed(&bench.text());
    assert!((45..50).contains(&count), "{count}");
    let usage = bench.publisher.usage();
    assert_eq!(usage.listed_bytes, 1_000 * count as u64);
    assert_eq!(usage.total_bytes(), bench.folder.segment_bytes());
    // Those that wait: its own duration and that of the longest playlist.
    let waits = (0..first).filter(|number| bench.has(&format!("{number}.ts")));
    assert!(
        waits.count() >= count,
        "they wait as long as the playlist is"
    );
}

/// The breach: they wait only as long as there is room.
#[test]
fn with_a_hard_quota_the_bytes_are_listed_and_older_files_are_deleted() {
    let playlist = recording().max_bytes(100_000).quota(Quota::Hard);
    let mut bench = Bench::new(playlist);
    for number in 0..300 {
        // Shorter than any wait.
        let pushed = bench.push_segment(sized(number, 1_000));
        assert!(pushed.notices.is_empty(), "{:?}", pushed.notices);
        assert!(bench.folder.segment_bytes() <= 100_000, "after {number}");
    }
    assert_eq!(listed(&bench.text()), (201, 99));
    assert!(bench.has("201.ts") && !bench.has("199.ts"));
    assert_eq!(
        bench.publisher.usage().total_bytes(),
        99_000 + 1_000 * u64::from(bench.has("200.ts"))
    );
}

/// What an earlier session listed, and what waited there, counts.
#[test]
fn a_session_that_resumes_knows_the_bytes() {
    for lines in [2, 32] {
        let playlist = recording()
            .max_bytes(50_000)
            .quota(Quota::Hard)
            .side_file_lines(lines);
        let mut bench = Bench::new(playlist);
        for number in 0..200 {
            if number % 7 == 0 {
                let before = bench.publisher.usage();
                // A restart finds nothing before there is a playlist.
                if number > 0 {
                    bench = bench.restart();
                    // A file that was deleted with the last push may be listed again.
                    let after = bench.publisher.usage();
                    assert_eq!(after.listed_bytes, before.listed_bytes, "{lines}: {number}");
                    assert!(
                        after.waiting_bytes >= before.waiting_bytes,
                        "{lines}: {number}"
                    );
                }
            }
            bench.push_segment(sized(number, 1_000));
            let stored = bench.folder.segment_bytes();
            assert!(stored <= 50_000, "{lines}: {stored} after {number}");
        }
        assert_eq!(listed(&bench.text()), (151, 49));
    }
}

#[test]
fn three_target_durations_stay_whatever_they_take_and_the_excess_is_told() {
    for quota in [Quota::Standard, Quota::Hard] {
        let mut bench = Bench::new(recording().max_bytes(1_000).quota(quota));
        let mut last = None;
        for number in 0..10 {
            bench.wait(2);
            last = bench.push_segment(sized(number, 900)).notices.pop();
        }
        assert_eq!(listed(&bench.text()), (7, 3), "RFC 8216 §6.2.2");
        let Some(Notice::OverQuota {
            bytes,
            max_bytes: 1_000,
            pinned_bytes: 0,
        }) = last
        else {
            panic!("{last:?}");
        };
        assert_eq!(bytes, bench.folder.segment_bytes());
    }
}

/// On a full disk the waiting files go before their time, and only then.
#[test]
fn on_a_full_disk_a_hard_quota_gives_up_what_waits() {
    for quota in [Quota::Standard, Quota::Hard] {
        let mut bench = Bench::new(
            recording()
                .max_age(Duration::from_secs(20))
                .max_bytes(1_000_000)
                .quota(quota),
        );
        for number in 0..20 {
            bench.wait(1);
            bench.push_segment(sized(number, 1_000));
        }
        assert!(bench.has("5.ts"), "it waits");
        bench.folder.set_faults(Faults {
            state: Answer::NoSpaceOnce,
            ..Faults::default()
        });
        let item = Ok(sized(20, 1_000));
        bench.folder.store(Path::new("20.ts"), vec![0; 1_000]);
        let pushed = bench.publisher.push(&item);
        assert_eq!(pushed.is_ok(), quota == Quota::Hard);
        assert_eq!(bench.has("5.ts"), quota == Quota::Standard);
    }
}

/// One decision for all renditions: the bytes are those of all.
#[test]
fn the_renditions_of_a_presentation_stay_in_step() {
    let shared = recording().max_bytes(200_000).quota(Quota::Hard);
    let presentation = Presentation::new(shared).expect("one");
    let folder = Folder::new(Path::new("high.m3u8"), Duration::ZERO, false);
    let presentation = presentation.with_clock(folder.clock());
    let mut renditions = [("high", 3_000), ("low", 1_000)].map(|(name, length)| {
        let path = format!("{name}.m3u8");
        let publisher = presentation.rendition(path, folder.clone()).expect("one");
        (name, length, publisher)
    });
    for number in 0..100 {
        folder.wait(Duration::from_secs(2));
        for (name, length, publisher) in &mut renditions {
            let path = format!("{name}-{number}.ts");
            let segment = ProducedSegment::media(number, vec![0; *length], 2.0).with_path(&path);
            folder.store(Path::new(&path), segment.data.clone());
            drop(publisher.push(&Ok(segment)).expect("it is published"));
        }
        assert!(folder.segment_bytes() <= 200_000, "{number}");
    }
    let texts = renditions.each_ref().map(|(name, _, _)| {
        let text = folder
            .content(Path::new(&format!("{name}.m3u8")))
            .expect("a playlist");
        listed(&String::from_utf8(text).expect("a text"))
    });
    assert_eq!(texts[0], texts[1]);
    assert_eq!(texts[0].1, 49, "{texts:?}");
    assert_eq!(presentation.usage(), renditions[0].2.usage());
    assert_eq!(presentation.usage().listed_bytes, 49 * 4_000);
}

/// An initialisation segment counts, too.
#[test]
fn initialisation_segments_count() {
    let mut bench = Bench::new(recording().max_bytes(1_000_000));
    bench.push_segment(ProducedSegment::init(vec![1; 700]).with_path("init.mp4"));
    bench.push_segment(sized(0, 100));
    bench.push_segment(sized(1, 100));
    assert_eq!(bench.publisher.usage().listed_bytes, 900);
    let bench = bench.restart();
    assert_eq!(bench.publisher.usage().listed_bytes, 900);
}

/// The lengths that it noted are those of other numbers.
#[test]
fn a_playlist_that_takes_over_another_one_notes_its_own_lengths() {
    let playlist = recording().max_bytes(20_000).side_file_lines(2);
    let mut bench = Bench::new(playlist.clone());
    for number in 0..40 {
        bench.wait(2);
        bench.push_segment(sized(number, 1_000));
    }
    let previous = bench.previous();
    let publisher = MediaPlaylistPublisher::new(playlist, bench.folder.clone()).expect("one");
    let publisher = publisher.take_over(&previous).expect("its side file");
    bench.publisher = publisher.with_clock(bench.folder.clock());
    for number in 0..6 {
        bench.wait(2);
        let segment = sized(number, 500 + usize::try_from(number).expect("few"));
        bench.push_segment(segment.with_path(format!("new-{number}.ts")));
    }
    let before = bench.publisher.usage();
    assert_eq!(before.listed_bytes, 6 * 500 + 15);
    let bench = bench.restart();
    assert_eq!(bench.publisher.usage().listed_bytes, before.listed_bytes);
    assert!(bench.publisher.waiting_for_deletion().count() > 5);
}

/// A side file without lengths, as one of a session without a limit.
#[test]
fn an_older_side_file_is_read_and_unknown_lengths_count_nothing() {
    let mut bench = Bench::new(live());
    for number in 0..8 {
        bench.wait(2);
        let _ = bench.push(number, 2.0);
    }
    let state = bench
        .folder
        .content(&live().state_path())
        .expect("a side file");
    let state = String::from_utf8(state).expect("a text");
    assert!(state.contains("\ndelete 8000000 1.ts\n"), "{state}");
    let mut bench = bench.go_on_with(recording().max_bytes(5_000));
    assert_eq!(bench.publisher.usage().total_bytes(), 0);
    assert!(bench.publisher.waiting_for_deletion().count() > 0);
    bench.push_segment(sized(8, 1_000));
    assert_eq!(bench.publisher.usage().total_bytes(), 1_000);
    let mut sink = bench.folder.clone();
    let text = SegmentSink::read(
        &mut sink,
        &live().state_path(),
        &segment_stream::WriteContext::default(),
    );
    let text = String::from_utf8(text.expect("read").expect("a side file")).expect("a text");
    assert!(text.contains("listed 8 1000 0\n"), "{text}");
}
