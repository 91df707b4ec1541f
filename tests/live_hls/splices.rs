//! Splice information as lines of a playlist.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::thread;

use segmenter::scte35::{self, Command, SpliceInfo};

use super::common::muxer::{H264, Muxer, Pes, Stream, picture, seal};
use super::common::splice::{self, Cancel, EventTime, In, Out, OutFor, Segmentation};
use super::*;

const VIDEO: u16 = 0x100;
const CUES: u16 = 0x102;
const SECOND: u64 = 90_000;

const BOTH: [Format; 2] = [Format::TransportStream, Format::Mp4];

/// Twelve seconds of video with an access point in each second, and these sections in front of the
/// second of their number.
fn input(format: Format, sections: &[(u64, Vec<u8>)]) -> Vec<u8> {
    match format {
        Format::TransportStream => transport_stream(sections),
        Format::Mp4 => fragmented_mp4(sections),
    }
}

fn transport_stream(sections: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut muxer = Muxer::default();
    muxer.pat(0, &[(1, 0x1000)]);
    let streams = [Stream::new(H264, VIDEO), Stream::new(0x86, CUES)];
    muxer.cueing_pmt(0x1000, 1, &streams);
    for index in 0..60 {
        let is_second = index % 5 == 0;
        for (_, section) in sections.iter().filter(|it| is_second && it.0 == index / 5) {
            muxer.section(CUES, section);
        }
        muxer.pes(&Pes {
            pid: VIDEO,
            presented: Some(index * SECOND / 5),
            content: if is_second {
                picture::h264_idr()
            } else {
                picture::h264_other()
            },
            ..Pes::default()
        });
    }
    muxer.bytes
}

/// Each section is an event message, which comes again, in the other version, a second later.
fn fragmented_mp4(sections: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let rate = u32::try_from(SECOND).unwrap();
    let mut bytes = fragments::initialisation();
    for second in 0..12 {
        for (id, (before, section)) in (1..).zip(sections) {
            let at = time(section).unwrap_or(before * SECOND);
            let emsg = |time| splice::emsg(splice::SCHEME, rate, time, id, section);
            let ahead = at.checked_sub(second * SECOND).map(u32::try_from);
            if second == *before {
                bytes.extend(emsg(EventTime::At(at)));
            } else if second == before + 1
                && let Some(Ok(ahead)) = ahead
            {
                bytes.extend(emsg(EventTime::Behind(ahead)));
            }
        }
        bytes.extend(fragments::second(second, fragments::SYNC));
    }
    bytes
}

/// The stamp of a section.
fn time(section: &[u8]) -> Option<u64> {
    match SpliceInfo::read(section).unwrap().command {
        Command::Insert(insert) => match insert.action {
            scte35::Action::Out { at, .. } | scte35::Action::In { at } => at,
            _ => None,
        },
        Command::Time(at) => at,
        _ => None,
    }
}

/// The playlist of the [`input`]. Either format gives the same.
fn package(options: &[&str], sections: &[(u64, Vec<u8>)]) -> String {
    let [of_stream, of_mp4] = thread::scope(|scope| {
        let packaged = BOTH.map(|format| {
            scope.spawn(move || {
                let folder = tempfile::tempdir().unwrap();
                package_into(folder.path(), format, options, sections).0
            })
        });
        packaged.map(|it| it.join().unwrap())
    });
    assert_eq!(outline(&of_mp4), outline(&of_stream));
    let relative = |playlist: &str| {
        let mut ranges = ranges(playlist);
        for range in &mut ranges {
            // To the second: what has no stamp takes place when it comes.
            let start = (since_start(playlist, &range["START-DATE"]) + 500) / 1000;
            range.insert("START-DATE".to_owned(), start.to_string());
            // Its last part is the date.
            let id = range["ID"].rsplit_once('-').unwrap().0.to_owned();
            range.insert("ID".to_owned(), id);
        }
        ranges
    };
    assert_eq!(relative(&of_mp4), relative(&of_stream));
    of_stream
}

/// The playlist, and what was said.
fn package_into(
    folder: &Path,
    format: Format,
    options: &[&str],
    sections: &[(u64, Vec<u8>)],
) -> (String, String) {
    let (file, out) = (folder.join("input"), folder.join("out"));
    fs::write(&file, input(format, sections)).unwrap();
    let packaged = output(packager().args(options).args([&file, &out]));
    let said = text(&packaged.stderr);
    assert!(
        packaged.status.success() && !said.contains("refused"),
        "{said}"
    );
    (fs::read_to_string(out.join(LIVE)).unwrap(), said)
}

/// The lines of splices and of segments, the latter by their lengths in seconds.
fn outline(playlist: &str) -> Vec<String> {
    let line = |line: &str| match line.strip_prefix("#EXTINF:") {
        Some(length) => Some(length[..3].to_owned()),
        None if line.starts_with("#EXT-X-CUE") => Some(line.to_owned()),
        None if line.starts_with("#EXT-X-DATERANGE") => {
            let has = |name: &str| line.contains(name);
            let kind = match () {
                () if has("SCTE35-IN") => "SCTE35-IN",
                () if has(",DURATION") => "closed",
                () if has("SCTE35-OUT") => "SCTE35-OUT",
                () => "SCTE35-CMD",
            };
            Some(kind.to_owned())
        }
        None => None,
    };
    playlist.lines().filter_map(line).collect()
}

/// The attributes of each date range.
fn ranges(playlist: &str) -> Vec<BTreeMap<String, String>> {
    let lines = playlist.lines();
    let ranges = lines.filter_map(|line| line.strip_prefix("#EXT-X-DATERANGE:"));
    let attributes = |range: &str| {
        let pairs = range.split(',').map(|pair| pair.split_once('=').unwrap());
        pairs
            .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
            .collect()
    };
    ranges.map(attributes).collect()
}

/// Milliseconds from the first segment to a date.
fn since_start(playlist: &str, date: &str) -> i64 {
    let first = playlist
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:"));
    let millis = |date: &str| {
        let number = |range: std::ops::Range<usize>| date[range].parse::<i64>().unwrap();
        let of_day = number(11..13) * 3600 + number(14..16) * 60 + number(17..19);
        of_day * 1000 + number(20..23)
    };
    // Across midnight as well.
    (millis(date) - millis(first.unwrap())).rem_euclid(86_400_000)
}

fn stamp(second: u64) -> u64 {
    second * SECOND
}

#[test]
fn out_and_in_share_an_id_and_come_before_their_time() {
    let out = splice::insert(7, OutFor(Some(stamp(6)), 3 * SECOND, false), 0);
    let back = splice::insert(7, In(Some(stamp(9))), 0);
    let sections = [(1, out.clone()), (7, back.clone())];
    let playlist = package(&[], &sections);
    assert_eq!(
        outline(&playlist),
        ["SCTE35-OUT", "4.0", "2.0", "SCTE35-IN", "3.0", "3.0"]
    );
    let ranges = ranges(&playlist);
    let [first, second] = &ranges[..] else {
        panic!("{playlist}");
    };
    assert_eq!(first["ID"], second["ID"]);
    assert_eq!(first["START-DATE"], second["START-DATE"]);
    assert_eq!(since_start(&playlist, &first["START-DATE"]), 6000);
    assert_eq!(first["PLANNED-DURATION"], "3.000");
    assert!(!first.contains_key("DURATION"), "not known yet");
    assert_eq!(second["DURATION"], "3.000");
    let hexadecimal = |section: &[u8]| {
        let digits = section.iter().map(|byte| format!("{byte:02X}"));
        format!("0x{}", digits.collect::<Vec<_>>().concat())
    };
    assert_eq!(first["SCTE35-OUT"], hexadecimal(&out));
    assert_eq!(second["SCTE35-IN"], hexadecimal(&back));
}

#[test]
fn inserters_that_know_no_date_ranges_get_cues() {
    let sections = [(
        1,
        splice::insert(7, OutFor(Some(stamp(6)), 3 * SECOND, true), 0),
    )];
    let out = "#EXT-X-CUE-OUT:3.000";
    let back = "#EXT-X-CUE-IN";
    assert_eq!(
        outline(&package(&["--ad-markers", "cue"], &sections)),
        ["4.0", "2.0", out, "3.0", back, "3.0"]
    );
    assert_eq!(
        outline(&package(&["--ad-markers", "both"], &sections)),
        [
            "SCTE35-OUT",
            "4.0",
            "2.0",
            "closed",
            out,
            "3.0",
            back,
            "3.0"
        ]
    );
    assert_eq!(
        outline(&package(&["--no-dates"], &sections)),
        ["4.0", "2.0", "3.0", "3.0"]
    );
}

/// Only its planned duration says when the program resumes.
#[test]
fn a_break_that_ends_by_itself_is_closed_under_its_id() {
    let sections = [(
        1,
        splice::insert(7, OutFor(Some(stamp(6)), 3 * SECOND, true), 0),
    )];
    let ranges = ranges(&package(&[], &sections));
    assert_eq!(ranges.len(), 2);
    assert_eq!(ranges[0]["ID"], ranges[1]["ID"]);
    assert_eq!(ranges[1]["DURATION"], "3.000");
}

#[test]
fn each_type_of_segmentation_has_a_tag_of_its_own() {
    let signal = |second, kinds: &[Segmentation]| splice::time_signal(Some(stamp(second)), kinds);
    let start = [
        Segmentation::new(3, 0x30, None),
        Segmentation::new(3, 0x34, Some(4 * SECOND)),
        Segmentation::new(4, 0x10, None),
    ];
    let end = [
        Segmentation::new(3, 0x35, None),
        Segmentation::new(3, 0x31, None),
    ];
    let playlist = package(&[], &[(1, signal(4, &start)), (5, signal(8, &end))]);
    assert_eq!(
        outline(&playlist),
        [
            "SCTE35-OUT",
            "SCTE35-OUT",
            "SCTE35-CMD",
            "4.0",
            "SCTE35-IN",
            "SCTE35-IN",
            "4.0",
            "4.0"
        ]
    );
    let ranges = ranges(&playlist);
    let ids: Vec<_> = ranges.iter().map(|range| &range["ID"]).collect();
    assert_eq!((ids[0], ids[1]), (ids[4], ids[3]));
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
    assert!(ranges[3..].iter().all(|range| range["DURATION"] == "4.000"));
}

#[test]
fn cancelled_and_repeated_sections() {
    let out = || splice::insert(7, Out(Some(stamp(6))), 0);
    let cancelled = [(1, out()), (2, splice::insert(7, Cancel, 0))];
    assert_eq!(outline(&package(&[], &cancelled)), ["4.0"; 3]);
    // It was told already, and is closed.
    let late = [(1, out()), (5, splice::insert(7, Cancel, 0))];
    let playlist = package(&[], &late);
    assert_eq!(
        outline(&playlist),
        ["SCTE35-OUT", "4.0", "closed", "4.0", "4.0"]
    );
    assert_eq!(ranges(&playlist)[1]["DURATION"], "0.000");
    // Another section of the same event, as encoders send it towards the splice.
    let again = [
        (1, out()),
        (
            3,
            splice::insert(7, OutFor(Some(stamp(6)), SECOND, false), 0),
        ),
    ];
    assert_eq!(
        outline(&package(&[], &again)),
        ["SCTE35-OUT", "4.0", "2.0", "4.0", "2.0"]
    );
}

#[test]
fn what_is_no_splice_is_a_command() {
    let private = splice::section(0, 0xFF, b"CUEIprivate", &[]);
    let playlist = package(&[], &[(1, private), (2, splice::section(0, 0, &[], &[]))]);
    assert_eq!(outline(&playlist), ["SCTE35-CMD", "4.0", "4.0", "4.0"]);
    let range = &ranges(&playlist)[0];
    assert!(since_start(&playlist, &range["START-DATE"]) <= 1000);
}

/// Later segments are longer than one that a splice cut short.
#[test]
fn a_splice_in_the_first_segment_does_not_shorten_the_target_duration() {
    let playlist = package(&[], &[(1, splice::insert(7, Out(Some(stamp(3))), 0))]);
    assert_eq!(
        outline(&playlist),
        ["SCTE35-OUT", "3.0", "4.0", "4.0", "1.0"]
    );
    assert!(playlist.contains("#EXT-X-TARGETDURATION:4\n"), "{playlist}");
}

/// A viewer that joins in the break would not know of it.
#[test]
fn a_break_stays_listed_after_its_first_segment_has_left() {
    let out = (0, splice::insert(7, Out(Some(stamp(1))), 0));
    let options = ["--target", "1", "--max-segment", "1", "--window", "3"];
    let playlist = package(&options, &[out]);
    assert_eq!(outline(&playlist), ["SCTE35-OUT", "1.0", "1.0", "1.0"]);
}

#[test]
fn a_break_ends_under_its_id_after_a_restart() {
    BOTH.into_iter().for_each(restart);
}

fn restart(format: Format) {
    let folder = tempfile::tempdir().unwrap();
    let out = (1, splice::insert(7, Out(Some(stamp(6))), 0));
    let mut first = packager();
    first.args(["--resume", "-"]).arg(folder.path().join("out"));
    let mut first = first
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = first.stdin.take().unwrap();
    stdin.write_all(&input(format, &[out])).unwrap();
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines();
    // It is listed with the first media segment. More input may come.
    lines
        .find(|line| !line.as_ref().unwrap().contains("-init-"))
        .unwrap()
        .unwrap();
    first.kill().unwrap();
    first.wait().unwrap();
    drop(stdin);

    let back = (1, splice::insert(7, In(Some(stamp(3))), 0));
    let playlist = package_into(folder.path(), format, &["--resume"], &[back]).0;
    let ranges = ranges(&playlist);
    let [first, second] = &ranges[..] else {
        panic!("{playlist}");
    };
    assert_eq!(first["ID"], second["ID"]);
    assert!(second.contains_key("SCTE35-IN") && second.contains_key("DURATION"));
}

/// Its time is not known, and a wrong one would be worse than none.
#[test]
fn encrypted_information_is_ignored_and_reported_once() {
    let encrypted = |event| {
        let mut section = splice::insert(event, Out(Some(stamp(6))), 0);
        section.truncate(section.len() - 4);
        section[4] |= 0x80;
        seal(section)
    };
    let sections = [(1, encrypted(1)), (2, encrypted(2))];
    for format in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let (playlist, said) =
            package_into(folder.path(), format, &["--ad-markers", "both"], &sections);
        assert_eq!(outline(&playlist), ["4.0"; 3], "{format:?}");
        assert_eq!(said.matches("is encrypted").count(), 1, "{said}");
    }
}

/// The playlist would grow for ever.
#[test]
fn the_oldest_of_many_breaks_without_a_return_is_over() {
    let breaks = (0..17).map(|event| (1, splice::insert(event, Out(Some(stamp(6))), 0)));
    let ranges = ranges(&package(&[], &breaks.collect::<Vec<_>>()));
    let closed: Vec<_> = ranges
        .iter()
        .filter(|it| it.contains_key("DURATION"))
        .collect();
    let [oldest] = &closed[..] else {
        panic!("{closed:?}");
    };
    assert!(oldest["ID"].starts_with("splice-0-"), "{oldest:?}");
}
