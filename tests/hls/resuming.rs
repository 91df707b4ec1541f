//! Resuming an existing playlist.

use std::io;
use std::time::SystemTime;

use segment_stream::hls::{Notice, ResumeErrorKind, Retention, TagErrorKind};
use segment_stream::{SegmentSink, SinkError, WriteContext};

use super::*;

#[test]
fn numbers_continue_and_a_discontinuity_marks_the_seam() {
    let mut bench = Bench::new(live());
    let _ = bench.push(0, 2.0);
    let _ = bench.push(1, 2.0);
    let mut bench = bench.restart();
    assert_eq!(bench.publisher.next_sequence(), 2);
    let _ = bench.push(2, 2.0);
    assert!(bench.text().ends_with(
        "MEDIA-SEQUENCE:0\n#EXTINF:2.000000,\n0.ts\n#EXTINF:2.000000,\n1.ts\n#EXT-X-DISCONTINUITY\n\
         #EXTINF:2.000000,\n2.ts\n"
    ));
}

/// `next_sequence` is the number that the next segment will be listed under.
#[test]
fn the_next_number_is_that_of_the_playlist() {
    let mut bench = Bench::new(event());
    let _ = bench.push(0, 2.0);
    let _ = bench.lose(media(1, 6.0));
    let in_session = bench.publisher.next_sequence();
    let bench = bench.restart();
    assert_eq!(bench.publisher.next_sequence(), in_session);
}

#[test]
fn an_ended_playlist_is_refused() {
    let mut bench = Bench::new(live());
    let _ = bench.push(0, 2.0);
    let _ = bench.publisher.finish().expect("it is published");
    let previous = bench.previous();
    let refused = MediaPlaylistPublisher::resume(live(), bench.folder.clone(), &previous);
    assert!(refused.is_err_and(|error| error.to_string().contains("ended")));
}

#[test]
fn the_kind_of_a_refusal_says_what_is_wrong() {
    let mut bench = Bench::new(live());
    let _ = bench.push(0, 2.0);
    let whole = bench.previous();
    let changed = |change: &dyn Fn(&mut Previous)| {
        let mut previous = whole.clone();
        change(&mut previous);
        previous
    };
    let text = |from: &'static str, to: &'static str| {
        move |previous: &mut Previous| {
            let text = String::from_utf8(previous.playlist.clone()).expect("it is text");
            assert!(text.contains(from), "{text}");
            previous.playlist = text.replace(from, to).into_bytes();
        }
    };
    for (previous, expected) in [
        (changed(&|it| it.playlist.clear()), ResumeErrorKind::Damaged),
        (
            changed(&|it| it.playlist.truncate(20)),
            ResumeErrorKind::Damaged,
        ),
        (
            changed(&text("#EXTM3U", "#OTHER")),
            ResumeErrorKind::Damaged,
        ),
        (
            changed(&text("0.ts", "../../0.ts")),
            ResumeErrorKind::Foreign,
        ),
        (
            changed(&text("0.ts\n", "0.ts\n#EXT-X-ENDLIST\n")),
            ResumeErrorKind::Ended,
        ),
        (
            changed(&|it| it.state = Some(b"other".to_vec())),
            ResumeErrorKind::State,
        ),
    ] {
        let resumed = MediaPlaylistPublisher::resume(live(), bench.folder.clone(), &previous);
        assert_eq!(resumed.expect_err("it is refused").kind(), expected);
    }
    let resumed = MediaPlaylistPublisher::resume(event(), bench.folder.clone(), &whole);
    let error = resumed.expect_err("it is of another kind");
    assert_eq!(error.kind(), ResumeErrorKind::Configuration);
}

#[test]
fn the_kind_of_a_refused_line_says_what_is_wrong() {
    let mut bench = Bench::new(live());
    for (line, expected) in [
        ("0.ts", TagErrorKind::Syntax),
        ("#a\nb", TagErrorKind::Syntax),
        ("#EXTINF:2,", TagErrorKind::Reserved),
        ("#EXT-X-KEY:METHOD=AES-128", TagErrorKind::Key),
        ("#EXT-X-DATERANGE:ID=\"a\"", TagErrorKind::Playlist),
    ] {
        let error = bench.publisher.tag_next([line]).expect_err("it is refused");
        assert_eq!((error.kind(), error.line()), (expected, line));
    }
}

/// A truncated text is refused wherever it was cut, if there is a side file. The text of one
/// publication ago is accepted: a crash just before the last publication would have left it.
#[test]
fn a_cut_playlist_is_refused() {
    let mut bench = Bench::new(live());
    bench
        .publisher
        .tag_next(["#EXT-X-KEY:METHOD=AES-128,URI=\"key\""])
        .expect("a key");
    let _ = bench.push(0, 2.0);
    let _ = bench.push(1, 2.0);
    let one_ago = bench.text();
    bench.publisher.tag_next(["#x-own:2"]).expect("a line");
    let _ = bench.push(2, 2.0);
    let whole = bench.previous();
    let taken: Vec<String> = (0..whole.playlist.len())
        .filter(|length| *length != one_ago.len())
        .filter_map(|length| {
            let mut cut = whole.clone();
            cut.playlist.truncate(length);
            let resumed = MediaPlaylistPublisher::resume(live(), bench.folder.clone(), &cut);
            resumed
                .ok()
                .map(|_| String::from_utf8_lossy(&cut.playlist).into_owned())
        })
        .collect();
    assert!(taken.is_empty(), "taken for whole: {taken:#?}");
}

/// Lines that `tag_next` takes do not prevent a resume.
#[test]
fn a_playlist_with_any_line_that_was_taken_can_be_gone_on_with() {
    let mut refused = Vec::new();
    for line in [
        "#",
        "# a comment",
        "#EXT",
        "#EXTM3U8",
        "#EXT-X-KEY",
        "#EXT-X-KEY:",
        "#EXT-X-KEY:METHOD",
        "#EXT-X-BITRATE:many",
        "#EXT-X-BITRATE:800",
        "#EXT-X-DATERANGE",
        "#EXT-X-DATERANGE:ID",
        "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"never\"",
        "#EXT-X-CUE-OUT:30",
        "#EXT-X-START",
        "#EXT-X-DEFINE:",
        "#EXTINFO:1",
    ] {
        let first = std::time::SystemTime::UNIX_EPOCH;
        let mut bench = Bench::new(event().program_date_time(first));
        if bench.publisher.tag_next([line]).is_err() {
            continue;
        }
        let _ = bench.push(0, 2.0);
        let previous = bench.previous();
        let resumed =
            MediaPlaylistPublisher::resume(bench.playlist.clone(), bench.folder.clone(), &previous);
        refused.extend(resumed.err().map(|error| (line, error.to_string())));
    }
    assert!(refused.is_empty(), "{refused:#?}");
}

/// A text that parses as ours but renders differently is refused, because a listed segment must
/// not change.
#[test]
fn a_playlist_that_would_be_written_otherwise_is_refused() {
    let mut bench = Bench::new(live());
    let _ = bench.push(0, 2.0);
    let ours = bench.text();
    let mut taken = Vec::new();
    for (from, to) in [
        ("2.000000,", "2.000000,a title"),
        ("2.000000,", "2.0,"),
        (
            "#EXTINF",
            "#EXT-X-PROGRAM-DATE-TIME:2026-11-22T17:00:00Z\n#EXTINF",
        ),
        ("VERSION:3", "VERSION:7"),
        ("#EXTINF", "#EXT-X-GAP\n#EXTINF"),
        ("0.ts\n", "0.ts\n#x-own\n"),
        ("0.ts\n", "0.ts\n#EXT-X-GAP\n"),
        ("0.ts\n", "0.ts\n#EXT-X-DISCONTINUITY\n"),
        ("0.ts\n", "0.ts\n#EXTINF:2.000000,\n"),
        ("0.ts\n", "0.ts\n#EXT-X-MAP:URI=\"0.mp4\"\n"),
        ("0.ts\n", "0.ts\n#EXT-X-KEY:METHOD=NONE\n"),
        ("#EXT-X-VERSION:3\n", "#EXT-X-VERSION:3\n#EXT-X-VERSION:3\n"),
        (
            "#EXT-X-TARGETDURATION:2\n",
            "#EXT-X-TARGETDURATION:2\n#EXT-X-ALLOW-CACHE:YES\n",
        ),
        ("0.ts", "./0.ts"),
        ("0.ts", "%30.ts"),
    ] {
        let mut previous = bench.previous();
        previous.playlist = ours.replace(from, to).into_bytes();
        let resumed = MediaPlaylistPublisher::resume(live(), bench.folder.clone(), &previous);
        taken.extend(resumed.is_ok().then_some(to));
    }
    assert!(taken.is_empty(), "taken: {taken:#?}");
}

/// No target duration of ours is 0, and of a window of three of those nothing would stay listed.
#[test]
fn a_target_duration_of_nothing_is_refused() {
    let mut bench = Bench::new(live());
    let _ = bench.push(0, 2.0);
    let mut previous = bench.previous();
    previous.state = None;
    let resume = |previous: &Previous| {
        let playlist = MediaPlaylist::live("live.m3u8", Duration::ZERO);
        MediaPlaylistPublisher::resume(playlist, bench.folder.clone(), previous)
    };
    assert!(resume(&previous).is_ok());
    let text = bench.text().replace("TARGETDURATION:2", "TARGETDURATION:0");
    previous.playlist = text.into_bytes();
    let refused = resume(&previous).expect_err("it is refused");
    assert!(refused.to_string().contains("TARGETDURATION"), "{refused}");
}

/// No number that a player could not count with comes of it, neither of segments nor of
/// discontinuities.
#[test]
fn a_playlist_whose_numbers_are_at_their_end_is_refused() {
    let mut bench = Bench::new(live());
    bench.publisher.discontinuity();
    for number in 0..4 {
        let _ = bench.push(number, 2.0);
    }
    let end: u64 = 1 << 53;
    for (line, last) in [
        ("#EXT-X-MEDIA-SEQUENCE:", end - 4),
        ("#EXT-X-DISCONTINUITY-SEQUENCE:", end - 4),
    ] {
        let resumed = |number: u64| {
            let text = bench.text();
            let changed = text.replace(&format!("{line}1\n"), &format!("{line}{number}\n"));
            assert_ne!(text, changed);
            let previous = Previous {
                playlist: changed.into_bytes(),
                ..Previous::default()
            };
            MediaPlaylistPublisher::resume(live(), bench.folder.clone(), &previous)
        };
        assert!(resumed(last).is_ok(), "{line}");
        for beyond in [last + 1, end, u64::MAX] {
            let refused = resumed(beyond).expect_err(line).to_string();
            assert!(refused.contains("used up"), "{refused}");
        }
    }
}

/// After so many failures which text stands there is not known any more, but how many segments it
/// has is.
#[test]
fn a_cut_playlist_is_refused_after_many_failures_too() {
    let mut bench = Bench::new(live());
    for number in 0..3 {
        let _ = bench.push(number, 2.0);
    }
    let one_short = {
        let text = bench.text();
        text.strip_suffix("#EXTINF:2.000000,\n2.ts\n")
            .expect("the last one")
            .to_owned()
    };
    bench.fails(Answer::Refused);
    for number in 3..23 {
        assert!(bench.publisher.push(&Ok(media(number, 2.0))).is_err());
    }
    let mut previous = bench.previous();
    let resume = |previous: &Previous| {
        MediaPlaylistPublisher::resume(live(), bench.folder.clone(), previous)
    };
    assert!(resume(&previous).is_ok());
    previous.playlist = one_short.into_bytes();
    let refused = resume(&previous).expect_err("it is truncated").to_string();
    assert!(refused.contains("truncated"), "{refused}");
}

/// A side file that nobody keeps up would be taken for that of the playlist beside it.
#[test]
fn a_playlist_that_keeps_everything_has_no_side_file() {
    let keeps = || live().retention(Retention::Keep);
    let mut bench = Bench::new(live());
    let _ = bench.push(0, 2.0);
    assert!(bench.has(".live.m3u8.state"));
    let mut bench = bench.go_on_with(keeps());
    let _ = bench.push(1, 2.0);
    assert!(!bench.has(".live.m3u8.state"));
    let mut bench = bench.go_on_with(keeps());
    let _ = bench.push(2, 2.0);

    // The same for a new one in the place of one that has ended.
    let mut bench = Bench::new(live());
    for number in 0..8 {
        let _ = bench.push(number, 2.0);
    }
    let _ = bench.publisher.finish().expect("published");
    assert!(bench.has(".live.m3u8.state"));
    let mut bench = Bench::on(bench.folder, event());
    let _ = bench.push(0, 2.0);
    let mut bench = bench.go_on_with(event());
    let _ = bench.push(1, 2.0);
}

/// Files that were never listed, or will never be, are noted for the next session to delete.
#[test]
fn what_a_suspended_session_did_not_need_is_deleted_by_the_next() {
    // Another one, and the same under another name.
    for (content, file) in [(1, "1.mp4"), (0, "again.mp4")] {
        let mut bench = Bench::new(live());
        let _ = bench.push_segment(init(0, "0.mp4"));
        let _ = bench.push(0, 2.0);
        let _ = bench.push_segment(init(content, file));
        let Bench {
            folder,
            playlist,
            publisher,
        } = bench;
        let _ = publisher.suspend().expect("it can be left");
        let state = folder.content(&playlist.state_path());
        let previous = Previous {
            playlist: folder.content(playlist.path()).expect("a playlist"),
            state,
            ..Previous::default()
        };
        let publisher = MediaPlaylistPublisher::resume(playlist.clone(), folder.clone(), &previous)
            .expect("it can be resumed")
            .with_clock(folder.clock());
        let mut bench = Bench {
            folder,
            playlist,
            publisher,
        };
        let _ = bench.push_segment(init(7, "7.mp4"));
        for number in 1..20 {
            bench.wait(2);
            let _ = bench.push(number, 2.0);
        }
        let _ = bench.publisher.finish().expect("published");
        bench.wait(1000);
        let _ = bench.publisher.delete_due();
        assert!(!bench.has(".live.m3u8.state"), "nothing is left to do");
        assert!(!bench.has(file) && bench.has("7.mp4"), "{file}");
    }
}

#[test]
fn a_date_after_a_restart_may_be_earlier_than_the_one_asked_for() {
    let first = SystemTime::UNIX_EPOCH;
    let dated = |secs| event().program_date_time(first + Duration::from_secs(secs));
    let mut bench = Bench::new(dated(0));
    let _ = bench.push(0, 2.0);
    let mut bench = bench.go_on_with(dated(3600));
    let earlier = first + Duration::from_secs(600);
    bench.publisher.discontinuity_at(earlier);
    let _ = bench.push(1, 2.0);
    assert!(bench.text().contains("00:10:00.000Z"), "{}", bench.text());
    // But not than the end of the last segment.
    bench.publisher.discontinuity_at(first);
    let _ = bench.push(2, 2.0);
    assert!(bench.text().contains("00:10:02.000Z"), "{}", bench.text());
}

#[test]
fn of_two_dates_before_one_segment_the_last_counts() {
    let first = SystemTime::UNIX_EPOCH;
    let mut bench = Bench::new(event().program_date_time(first));
    let _ = bench.push(0, 2.0);
    for secs in [3600, 600] {
        let date = first + Duration::from_secs(secs);
        bench.publisher.discontinuity_at(date);
    }
    let _ = bench.push(1, 2.0);
    assert!(bench.text().contains("00:10:00.000Z"), "{}", bench.text());
}

#[test]
fn an_hour_after_something_short_can_be_gone_on_with() {
    let playlist = event().target_duration(Duration::from_secs(4000));
    let mut bench = Bench::new(playlist.clone());
    let _ = bench.push(0, 0.000_000_499_999_999_9);
    let _ = bench.push(1, 3600.0);
    let mut bench = bench.go_on_with(playlist);
    let _ = bench.push(2, 2.0);
}

/// Nothing can be removed from it just now.
struct Stuck(Folder);

impl SegmentSink for Stuck {
    fn write(&mut self, file: &ProducedSegment, context: &WriteContext) -> Result<(), SinkError> {
        self.0.write(file, context)
    }

    fn remove(&mut self, _: &Path, _: &WriteContext) -> Result<(), SinkError> {
        Err(io::Error::from(io::ErrorKind::PermissionDenied).into())
    }
}

#[test]
fn a_side_file_that_cannot_be_removed_keeps_nobody_from_publishing() {
    let keeps = || live().retention(Retention::Keep);
    let folder = Folder::new(live().path(), Duration::ZERO, false);
    let mut publisher =
        MediaPlaylistPublisher::new(keeps(), Stuck(folder.clone())).expect("a playlist");
    // Each of them tries again.
    for number in 0..2 {
        let pushed = publisher.push(&Ok(media(number, 2.0))).expect("published");
        let notices = pushed.notices;
        assert!(
            matches!(notices[..], [Notice::NotDeleted(_)]),
            "{notices:?}"
        );
    }
    // Where there is none, nothing is tried.
    let previous = Previous {
        playlist: folder.content(live().path()).expect("a playlist"),
        ..Previous::default()
    };
    let mut publisher = MediaPlaylistPublisher::resume(keeps(), Stuck(folder), &previous)
        .expect("it can be resumed");
    let pushed = publisher.push(&Ok(media(2, 2.0))).expect("published");
    assert!(pushed.notices.is_empty(), "{:?}", pushed.notices);
    // A sink that cannot remove at all has left none.
    let folder = Folder::new(live().path(), Duration::ZERO, true);
    let mut bench = Bench::on(folder, keeps());
    let notices = bench.push(0, 2.0).notices;
    assert!(notices.is_empty(), "{notices:?}");
}
