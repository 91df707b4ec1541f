//! Date ranges as objects of the presentation (RFC 8216 §4.3.2.7, bis §6.2.1 and §6.2.4).

use std::thread;
use std::time::SystemTime;

use segment_stream::SegmentInfo;
use segment_stream::hls::{
    Cue, DateRange, DateRangeErrorKind, Notice, Presentation, ResumeErrorKind, TagErrorKind,
};

use super::lost::stored;
use super::*;

fn date(secs: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_366_800 + secs)
}

fn dated(playlist: MediaPlaylist) -> MediaPlaylist {
    playlist.program_date_time(date(0))
}

fn range(id: &str, start: u64) -> DateRange {
    DateRange::new(id, date(start)).expect("a range")
}

/// The lines that matter here: ranges by their id and end, and segments.
fn outline(text: &str) -> Vec<String> {
    let quoted = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!("{name}=\""))?;
        Some(rest.split('"').next()?.to_owned())
    };
    let of = |line: &str| {
        if line.starts_with("#EXT-X-DATERANGE") {
            let id = quoted(line, "ID")?;
            let end = quoted(line, "END-DATE").map(|it| it[14..19].to_owned());
            return Some(end.map_or(id.clone(), |end| format!("{id} to {end}")));
        }
        (!line.starts_with('#')).then(|| line.to_owned())
    };
    text.lines().filter_map(of).collect()
}

/// Such ranges never leave by themselves, so a session of weeks is bounded by their number.
#[test]
fn of_the_ranges_that_do_not_end_no_more_than_a_thousand_are_listed() {
    let mut bench = Bench::new(dated(live()));
    let ranges = bench.publisher.date_ranges();
    let cued = |id: &str| {
        let range = range(id, 1).end(date(2)).expect("an end");
        range.cue(Cue::Pre).expect("a cue")
    };
    for number in 0..1_024 {
        let id = format!("open-{number}");
        let one = if number % 2 == 0 {
            range(&id, 1)
        } else {
            cued(&id)
        };
        assert_eq!(ranges.announce(&one), Ok(true));
    }
    let _ = bench.push(0, 2.0);
    for one in [range("more", 1), cued("more")] {
        let error = ranges.announce(&one).expect_err("it is refused");
        assert_eq!(error.kind(), DateRangeErrorKind::TooMany, "{error}");
        assert!(error.to_string().contains("1024"), "{error}");
    }
    // One that ends, and one that is known, are no more than there were.
    let ending = range("ending", 1).end(date(3)).expect("an end");
    assert_eq!(ranges.announce(&ending), Ok(true));
    let known = range("open-0", 1)
        .attribute("X-A", "b")
        .expect("an attribute");
    assert_eq!(ranges.announce(&known), Ok(true));
    assert_eq!(ranges.close("open-0", date(3)), Ok(true));
    assert_eq!(ranges.announce(&range("more", 1)), Ok(true));
    let _ = bench.push(1, 2.0);
    // A later session takes what is listed.
    let playlist = dated(live());
    let previous = Previous::read_through(&mut bench.folder.clone(), &playlist);
    let previous = previous.expect("it is read").expect("a playlist");
    let resumed = MediaPlaylistPublisher::resume(playlist, bench.folder.clone(), &previous);
    let ranges = resumed.expect("it is resumed").date_ranges();
    assert_eq!(ranges.known().len(), 1_026);
    let error = ranges.announce(&range("again", 1)).expect_err("it is");
    assert_eq!(error.kind(), DateRangeErrorKind::TooMany, "{error}");
}

/// The dates that a producer was to send never come.
#[test]
fn no_more_than_a_thousand_ranges_wait_for_a_date() {
    let mut bench = Bench::new(live().program_date_time_in_band());
    let ranges = bench.publisher.date_ranges();
    let ending = |number: u64| {
        let range = range(&format!("{number}"), number);
        range.end(date(number + 1)).expect("an end")
    };
    for number in 0..1_024 {
        assert_eq!(ranges.announce(&ending(number)), Ok(true));
    }
    let _ = bench.push(0, 2.0);
    let error = ranges.announce(&ending(1_024)).expect_err("it is refused");
    assert_eq!(error.kind(), DateRangeErrorKind::TooMany, "{error}");
    assert!(error.to_string().contains("no date"), "{error}");
    let dated = SegmentInfo::new().program_date_time(date(0));
    let _ = bench.publisher.push(&stored((media(1, 2.0), dated)));
    assert_eq!(ranges.announce(&ending(1_024)), Ok(true));
}

#[test]
fn a_range_stands_in_front_of_the_number_that_comes_next() {
    let mut bench = Bench::new(dated(event()));
    let ranges = bench.publisher.date_ranges();
    let campaign = range("ad", 1).attribute("X-A", "b").expect("an attribute");
    assert_eq!(ranges.announce(&campaign), Ok(true));
    let _ = bench.push(0, 2.0);
    assert_eq!(ranges.announce(&campaign), Ok(false));
    let before = bench.text();
    let line = "#EXT-X-DATERANGE:START-DATE=\"2026-11-22T17:00:01.000Z\",ID=\"ad\"";
    let first = "#EXT-X-PROGRAM-DATE-TIME:2026-11-22T17:00:00.000Z\n#EXTINF:2.000000,\n0.ts\n";
    assert!(before.ends_with(&format!("TYPE:EVENT\n{line},X-A=\"b\"\n{first}")));
    assert_eq!(ranges.close("ad", date(5)), Ok(true));
    assert_eq!(ranges.close("ad", date(5)), Ok(false));
    bench.publisher.discontinuity();
    let _ = bench.push(1, 2.0);
    let closed = format!("{line},END-DATE=\"2026-11-22T17:00:05.000Z\",X-A=\"b\"\n");
    let second = "#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2026-11-22T17:00:02.000Z\n";
    let second = format!("{closed}{second}#EXTINF:2.000000,\n1.ts\n");
    assert_eq!(bench.text(), format!("{before}{second}"));
    // There is no next number.
    assert_eq!(ranges.announce(&range("end", 3)), Ok(true));
    let _ = bench.publisher.finish().expect("it ends");
    let last = "#EXT-X-DATERANGE:START-DATE=\"2026-11-22T17:00:03.000Z\",ID=\"end\"\n";
    assert_eq!(
        bench.text(),
        format!("{before}{second}{last}#EXT-X-ENDLIST\n")
    );
    let refused = ranges.announce(&range("later", 4));
    assert_eq!(refused.unwrap_err().kind(), DateRangeErrorKind::Ended);
    assert!(ranges.known().iter().map(DateRange::id).eq(["ad", "end"]));
}

/// "The server MUST NOT remove an EXT-X-DATERANGE tag from a Playlist if any date in the range maps
/// to a Media Segment in the Playlist" (bis §6.2.1).
#[test]
fn a_range_stays_while_one_of_its_dates_is_listed() {
    stays_while_it_is_listed(live());
}

#[test]
fn a_range_leaves_a_recording_whose_oldest_segments_leave() {
    let recording = MediaPlaylist::recording("live.m3u8").target_duration(Duration::from_secs(2));
    stays_while_it_is_listed(recording.max_age(Duration::ZERO));
}

fn stays_while_it_is_listed(playlist: MediaPlaylist) {
    let mut bench = Bench::new(dated(playlist));
    let ranges = bench.publisher.date_ranges();
    for it in [
        range("short", 0).end(date(3)).expect("an end"),
        range("until 8", 1).end(date(8)).expect("an end"),
        range("pre", 0)
            .end(date(1))
            .expect("an end")
            .cue(Cue::Pre)
            .expect("a cue"),
        range("open", 2),
    ] {
        assert_eq!(ranges.announce(&it), Ok(true));
    }
    let mut found = Vec::new();
    for number in 0..8 {
        let _ = bench.push(number, 2.0);
        if number == 5 {
            // Its end is known now, and is about to leave.
            assert_eq!(ranges.close("open", date(9)), Ok(true));
        }
        let mut seen = outline(&bench.text());
        seen.retain(|it| !it.contains(".ts"));
        found.push(seen.join(", "));
    }
    let closed = "open to 00:09";
    assert_eq!(
        found,
        [
            // They stand in the order in which they were announced.
            "short to 00:03, until 8 to 00:08, pre to 00:01, open",
            "short to 00:03, until 8 to 00:08, pre to 00:01, open",
            "short to 00:03, until 8 to 00:08, pre to 00:01, open",
            // The first listed segment begins at 2 s, then at 4 s.
            "short to 00:03, until 8 to 00:08, pre to 00:01, open",
            "until 8 to 00:08, pre to 00:01, open",
            "until 8 to 00:08, pre to 00:01, open",
            &format!("until 8 to 00:08, pre to 00:01, open, {closed}"),
            &format!("pre to 00:01, {closed}"),
        ]
    );
    assert!(ranges.known().iter().map(DateRange::id).eq(["pre", "open"]));
}

/// A client that knows the open range learns its end, even if a long loss fills the window at once.
#[test]
fn an_end_is_published_before_its_range_leaves() {
    let mut bench = Bench::new(dated(live()));
    let ranges = bench.publisher.date_ranges();
    ranges.announce(&range("a", 1)).expect("it is new");
    for number in 0..4 {
        let _ = bench.push(number, 2.0);
    }
    ranges.close("a", date(8)).expect("it is open");
    bench.fails(Answer::Refused);
    let refused = bench.publisher.push(&lost(media(4, 20.0)));
    assert!(refused.is_err());
    bench.fails(Answer::Done);
    let _ = bench.lose(media(5, 20.0));
    assert_eq!(outline(&bench.text())[0], "a to 00:08");
    let _ = bench.push(6, 2.0);
    assert!(!outline(&bench.text())[0].starts_with('a'));
}

#[test]
fn a_contradiction_is_refused_whoever_comes_first() {
    let mut bench = Bench::new(dated(event()));
    let ranges = bench.publisher.date_ranges();
    let ours = range("a", 1).end(date(9)).expect("an end");
    ranges.announce(&ours).expect("it is new");
    let other = range("a", 1).end(date(8)).expect("an end");
    let refused = ranges.announce(&other).unwrap_err();
    assert_eq!(refused.kind(), DateRangeErrorKind::Changed);
    assert_eq!(
        ranges.close("b", date(2)).unwrap_err().kind(),
        DateRangeErrorKind::Unknown
    );
    // By lines of the segments.
    let line = "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-11-22T17:00:02.000Z\"";
    let refused = bench.publisher.tag_next([line]).unwrap_err();
    assert_eq!(refused.kind(), TagErrorKind::DateRange);
    let info = SegmentInfo::new().event_line(line).expect("a line");
    let pushed = bench.publisher.push(&stored((media(0, 2.0), info)));
    let notices = pushed.expect("published").notices;
    assert!(
        matches!(&notices[..], [Notice::LineRefused { line: it, .. }] if it == line),
        "{notices:?}"
    );
    assert!(!bench.text().contains("00:02.000Z\",ID") && !bench.text().contains(line));
    // One that adds an attribute says nothing else.
    let more = "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-11-22T17:00:01.000Z\",X-B=1";
    bench.publisher.tag_next([more]).expect("it agrees");
    let _ = bench.push(1, 2.0);
    assert!(bench.text().contains(&format!("\n{more}\n#EXT-X-PROGRAM")));
    let refused = ranges.announce(&range("a", 1).attribute("X-B", 2.0).expect("a number"));
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind(), DateRangeErrorKind::Changed);
    assert!(refused.to_string().contains("X-B=1"), "{refused}");
    let same = range("a", 1).attribute("X-B", 1.0).expect("a number");
    assert_eq!(ranges.announce(&same), Ok(true));
}

/// A playlist with ranges has dates (§4.3.2.7).
#[test]
fn ranges_wait_for_the_first_date_and_are_refused_without_any() {
    let undated = Bench::new(event());
    let refused = undated.publisher.date_ranges().announce(&range("a", 1));
    assert_eq!(refused.unwrap_err().kind(), DateRangeErrorKind::Undated);
    let mut bench = Bench::new(event().program_date_time_in_band());
    let ranges = bench.publisher.date_ranges();
    ranges.announce(&range("a", 1)).expect("it waits");
    let _ = bench.push(0, 2.0);
    assert_eq!(outline(&bench.text()), ["0.ts"]);
    let info = SegmentInfo::new().program_date_time(date(0));
    let _ = bench.publisher.push(&stored((media(1, 2.0), info)));
    assert_eq!(outline(&bench.text()), ["0.ts", "a", "1.ts"]);
    let mut bench = Bench::new(event().program_date_time_in_band());
    let ranges = bench.publisher.date_ranges();
    ranges.announce(&range("a", 1)).expect("it waits");
    let _ = bench.push(0, 2.0);
    let notices = bench.publisher.finish().expect("it ends").notices;
    assert!(
        matches!(&notices[..], [Notice::RangeNotListed { id }] if id == "a"),
        "{notices:?}"
    );
}

#[test]
fn ranges_are_known_again_after_a_resume_and_lines_of_segments_stay_lines() {
    for playlist in [dated(live()), dated(event())] {
        let mut bench = Bench::new(playlist);
        let ranges = bench.publisher.date_ranges();
        let raw = "#EXT-X-DATERANGE:START-DATE=\"2026-11-22T17:00:00.000Z\",ID=\"raw\"";
        bench.publisher.tag_next([raw]).expect("a line");
        ranges.announce(&range("a", 1)).expect("it is new");
        let _ = bench.push(0, 2.0);
        let _ = bench.push(1, 2.0);
        ranges.announce(&range("b", 2)).expect("it is new");
        let _ = bench.publisher.delete_due();
        // Published behind the last segment, by whatever publishes next.
        let pushed = bench.publisher.push(&lost(init(0, "lost.mp4")));
        assert_eq!(pushed.expect("published").notices.len(), 1);
        let before = bench.text();
        assert_eq!(outline(&before), ["a", "raw", "0.ts", "1.ts", "b"]);
        let mut bench = bench.restart();
        let ranges = bench.publisher.date_ranges();
        assert!(ranges.known().iter().map(DateRange::id).eq(["a", "b"]));
        assert_eq!(
            ranges.close("a", date(3)),
            Ok(true),
            "before the first push"
        );
        let refused = ranges.announce(&range("b", 3)).unwrap_err();
        assert_eq!(refused.kind(), DateRangeErrorKind::Changed);
        let _ = bench.push(2, 2.0);
        assert!(bench.text().starts_with(&before), "{}", bench.text());
        let expected = ["a", "raw", "0.ts", "1.ts", "b", "a to 00:03", "2.ts"];
        assert_eq!(outline(&bench.text()), expected);
        for number in 3..7 {
            let _ = bench.push(number, 2.0);
        }
        let is_live = !bench.text().contains("TYPE:EVENT");
        let listed = outline(&bench.text());
        assert_eq!(listed.contains(&"raw".to_owned()), !is_live, "{listed:?}");
        assert_eq!(listed.contains(&"a to 00:03".to_owned()), !is_live);
        assert!(listed.contains(&"b".to_owned()));
        let _ = bench.restart();
    }
}

#[test]
fn texts_that_contradict_each_other_are_not_resumed_together() {
    let folder = Folder::new(Path::new("a.m3u8"), Duration::from_secs(1), false);
    let shared = dated(event());
    let mut previous = Vec::new();
    for (path, end) in [("a.m3u8", 3), ("b.m3u8", 4)] {
        let playlist = shared.rendition(path);
        let publisher = MediaPlaylistPublisher::new(playlist.clone(), folder.clone());
        let mut publisher = publisher.expect("a playlist");
        let it = range("x", 1).end(date(end)).expect("an end");
        publisher.date_ranges().announce(&it).expect("it is new");
        let _ = publisher.push(&Ok(media(0, 2.0))).expect("published");
        let read = Previous::read_through(&mut folder.clone(), &playlist);
        previous.push(read.expect("it can be read").expect("it is there"));
    }
    let presentation = Presentation::new(shared).expect("a presentation");
    let first = presentation.resume("a.m3u8", folder.clone(), &previous[0]);
    let refused = presentation.resume("b.m3u8", folder.clone(), &previous[1]);
    assert_eq!(refused.unwrap_err().kind(), ResumeErrorKind::Configuration);
    drop(first);
}

/// "Any Playlist with Date Ranges MUST contain the same set of Date Ranges as the others that do"
/// (bis §6.2.4).
#[test]
fn all_renditions_list_the_same_ranges_whatever_thread_announces_them() {
    let folder = Folder::new(Path::new("a.m3u8"), Duration::from_secs(1), false);
    let presentation = Presentation::new(dated(event())).expect("a presentation");
    let ranges = presentation.date_ranges();
    ranges.announce(&range("first", 0)).expect("it is new");
    let names = ["a", "b", "c"];
    let mut publishers = names.map(|name| {
        let path = format!("{name}.m3u8");
        presentation.rendition(path, folder.clone()).expect("one")
    });
    let outlines = || {
        names.map(|name| {
            let text = folder.content(Path::new(&format!("{name}.m3u8")));
            outline(&String::from_utf8(text.expect("it is there")).expect("text"))
        })
    };
    for number in 0..3 {
        for publisher in &mut publishers {
            let _ = publisher.push(&Ok(media(number, 2.0))).expect("entered");
        }
        thread::scope(|scope| {
            for at in 0..3 {
                let ranges = ranges.clone();
                scope.spawn(move || {
                    let it = range(&format!("{number}"), number);
                    let all = ranges.announce(&it).expect("it agrees");
                    let own = range(&format!("{number} of {at}"), number);
                    assert!(ranges.announce(&own).expect("it is new") || all);
                });
            }
        });
        assert!(
            ranges
                .close(&format!("{number}"), date(number + 1))
                .expect("it is open")
        );
    }
    for publisher in &mut publishers {
        let _ = publisher.finish().expect("it ends");
    }
    let [a, b, c] = outlines();
    assert_eq!(a.len(), 3 + 1 + 3 * 5, "{a:?}");
    assert_eq!(a[..2], ["first", "0.ts"]);
    assert!(a.contains(&"2 to 00:03".to_owned()));
    assert_eq!(a, b);
    assert_eq!(a, c);
}

/// One playlist was published before the process died, and the other was not.
#[test]
fn a_rendition_that_is_behind_lists_what_the_other_one_lists() {
    for playlist in [dated(live()), dated(event())] {
        let folder = Folder::new(Path::new("b.m3u8"), Duration::from_secs(1), false);
        let start = || {
            let presentation = Presentation::new(playlist.clone()).expect("a presentation");
            let publishers = ["a.m3u8", "b.m3u8"].map(|path| {
                let own = playlist.rendition(path);
                let previous = Previous::read_through(&mut folder.clone(), &own);
                match previous.expect("it can be read") {
                    None => presentation.rendition(path, folder.clone()).expect("new"),
                    Some(previous) => presentation
                        .resume(path, folder.clone(), &previous)
                        .expect("it goes on"),
                }
            });
            (presentation.date_ranges(), publishers)
        };
        let text = |path: &str| {
            let text = folder.content(Path::new(path)).expect("it is there");
            String::from_utf8(text).expect("text")
        };
        let (ranges, mut publishers) = start();
        let push = |publishers: &mut [MediaPlaylistPublisher<Folder>; 2], number| {
            for (name, publisher) in ["a", "b"].iter().zip(publishers) {
                let path = format!("{name}-{number}.ts");
                folder.store(Path::new(&path), vec![1]);
                let _ = publisher.push(&Ok(media(number, 2.0).with_path(path)));
            }
        };
        ranges.announce(&range("old", 0)).expect("it is new");
        (0..2).for_each(|number| push(&mut publishers, number));
        // The folder fails for b alone.
        folder.set_faults(Faults {
            playlist: Answer::Refused,
            ..Faults::default()
        });
        ranges.announce(&range("new", 3)).expect("it is new");
        push(&mut publishers, 2);
        ranges.close("old", date(4)).expect("it is open");
        push(&mut publishers, 3);
        let before = text("b.m3u8");
        assert_eq!(outline(&before), ["old", "b-0.ts", "b-1.ts"]);
        drop(publishers);
        folder.set_faults(Faults::default());
        let (ranges, mut publishers) = start();
        assert!(ranges.known().iter().map(DateRange::id).eq(["old", "new"]));
        push(&mut publishers, 4);
        let (a, b) = (outline(&text("a.m3u8")), outline(&text("b.m3u8")));
        let in_b = |it: &String| match it.as_str() {
            "a-2.ts" | "a-3.ts" => "gap".to_owned(),
            other => other.replace("a-", "b-"),
        };
        assert_eq!(a.iter().map(in_b).collect::<Vec<_>>(), b);
        assert!(b.contains(&"old to 00:04".to_owned()), "{b:?}");
    }
}
