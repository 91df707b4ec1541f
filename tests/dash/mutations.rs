//! The check refuses an MPD that is wrong in one place.

use super::bench::{Bench, Shape};
use super::check::check;

/// Two Periods with a hole between them, and a discontinuity.
fn dynamic() -> String {
    let mut bench = Bench::new(Shape::Live);
    for number in 0..5 {
        bench.push(match number {
            2 => &[0, 1, 2],
            _ => &[],
        });
    }
    bench.mpd_text()
}

fn ended() -> String {
    let mut bench = Bench::new(Shape::Event);
    (0..3).for_each(|_| bench.push(&[]));
    bench.finish();
    bench.mpd_text()
}

/// What is exchanged, by what, and how the check says so. Without a second text the attribute of that
/// name goes.
type Mutation = (&'static str, Option<&'static str>, &'static str);

const FIRST: &str = "<S t=\"0\" d=\"180000\" r=\"1\"/>";

const LIVE: [Mutation; 25] = [
    ("publishTime", None, "no publishTime"),
    ("availabilityStartTime", None, "no availabilityStartTime"),
    ("minimumUpdatePeriod", None, "it ends, or it is updated"),
    ("minBufferTime", None, "no minBufferTime"),
    (
        "suggestedPresentationDelay",
        None,
        "no suggestedPresentationDelay",
    ),
    ("profiles", None, "no profiles"),
    ("<UTCTiming", Some("<Timing"), "no UTCTiming"),
    ("mpd:2011", Some("mpd:2012"), "the namespace"),
    (
        "<Period id=\"1\"",
        Some("<Period id=\"0\""),
        "two Periods of one id",
    ),
    (
        "start=\"PT6S\"",
        Some("start=\"PT0S\""),
        "the start of a Period",
    ),
    ("duration=\"PT4", Some("duration=\"PT7"), "Periods overlap"),
    ("duration", None, "a hole after Period 0"),
    (FIRST, Some("<S d=\"180000\"/>"), "the first S has no t"),
    (FIRST, Some("<S t=\"0\" d=\"0\"/>"), "a segment of 0"),
    (
        FIRST,
        Some("<S t=\"0\" d=\"9\"/><S t=\"8\" d=\"9\"/>"),
        "a hole or an overlap",
    ),
    (
        FIRST,
        Some("<S t=\"0\" d=\"9\"/><S t=\"10\" d=\"9\"/>"),
        "a hole or an overlap",
    ),
    (FIRST, Some(""), "an empty timeline"),
    ("startNumber", None, "no startNumber"),
    ("initialization", None, "no initialization"),
    ("$Number$", Some("0"), "the template"),
    (
        "AdaptationSet id=\"2\"",
        Some("AdaptationSet id=\"1\""),
        "two adaptation sets 1",
    ),
    (
        "Representation id=\"de\"",
        Some("Representation id=\"de\" id=\"de\""),
        "id twice",
    ),
    (
        "2015\" value=\"0\"",
        Some("2015\" value=\"7\""),
        "the connectivity",
    ),
    (
        "initialization=\"video",
        Some("initialization=\"other"),
        "the connectivity of video",
    ),
    (
        "maxSegmentDuration=\"PT2",
        Some("maxSegmentDuration=\"PT1"),
        "longer than",
    ),
];

const ENDED: [Mutation; 8] = [
    (
        "mediaPresentationDuration",
        None,
        "no mediaPresentationDuration",
    ),
    (
        "Duration=\"PT6",
        Some("Duration=\"PT7"),
        "the whole duration",
    ),
    (
        "\"static\"",
        Some("\"static\" minimumUpdatePeriod=\"PT2S\""),
        "a static MPD is updated",
    ),
    (
        "\"static\"",
        Some("\"static\" timeShiftBufferDepth=\"PT2S\""),
        "a static MPD is updated",
    ),
    ("duration", None, "the last Period has no duration"),
    (
        "start=\"PT0S\"",
        Some("start=\"PT1S\""),
        "the first Period is not at 0",
    ),
    ("video-$", Some("video\u{1}-$"), "a control character"),
    ("</MPD>", Some(""), "it is truncated"),
];

#[test]
fn each_of_these_is_refused() {
    for (good, mutations) in [(dynamic(), &LIVE[..]), (ended(), &ENDED[..])] {
        check(&good).expect("it is good");
        for (from, to, expected) in mutations {
            let bad = match to {
                Some(to) => replaced(&good, from, to),
                None => without(&good, &format!(" {from}=\""), "\""),
            };
            let why = check(&bad).expect_err(expected);
            assert!(why.contains(expected), "{why} for {expected}");
        }
    }
}

/// From the first place where it begins to the end of the tag or value.
fn without(text: &str, from: &str, to: &str) -> String {
    let at = text
        .find(from)
        .unwrap_or_else(|| panic!("{from} in {text}"));
    let end = at + from.len() + text[at + from.len()..].find(to).expect("an end") + to.len();
    format!("{}{}", &text[..at], &text[end..])
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} in {text}");
    text.replacen(from, to, 1)
}
