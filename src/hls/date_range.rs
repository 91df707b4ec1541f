//! EXT-X-DATERANGE: the text of a date range, and its text read back (RFC 8216 §4.3.2.7).
//!
//! A line that was printed from a range begins with START-DATE. A line that came with a segment and
//! says the same gets its ID in front, so a line that is read back shows which of the two it is.

use std::time::Duration;

use super::attributes::{self, TagLine, Value};
use super::date;
use crate::presentation::date_range::{AttributeValue, Cue, DateRange, Millis, Scte35};

const TAG: &str = "#EXT-X-DATERANGE";

/// The tag, without the end of its line.
pub(super) fn print(range: &DateRange) -> String {
    let dated = |it: Millis| date::print(it.date());
    let cues: Vec<_> = range.cues.iter().copied().map(cue_text).collect();
    let mut line = TagLine::new(TAG)
        .quoted("START-DATE", dated(range.start))
        .quoted("ID", &range.id)
        .maybe_quoted("CLASS", range.class.as_ref())
        .maybe_quoted("CUE", (!cues.is_empty()).then(|| cues.join(",")))
        .maybe_quoted("END-DATE", range.end.map(dated))
        .maybe_plain("DURATION", range.duration.map(seconds))
        .maybe_plain("PLANNED-DURATION", range.planned_duration.map(seconds));
    for (name, value) in &range.attributes {
        line = match value {
            AttributeValue::Text(text) => line.quoted(name, text),
            AttributeValue::Number(number) => line.plain(name, number),
            AttributeValue::Bytes(bytes) => line.hexadecimal(name, bytes),
        };
    }
    for (signal, section) in &range.scte35 {
        line = line.hexadecimal(signal_name(*signal), section);
    }
    if range.ends_on_next {
        line = line.plain("END-ON-NEXT", "YES");
    }
    line.finish()
}

/// The form in which a line of a segment is kept: not one that [`print`] writes.
pub(super) fn kept(line: &str) -> String {
    let attributes = attributes::read(line, TAG).filter(|_| parse(line).is_some());
    let Some(mut attributes) = attributes else {
        return line.to_owned();
    };
    attributes.sort_by_key(|(name, _)| *name != "ID");
    let add = |line: TagLine, (name, value): &(&str, Value<'_>)| line.value(name, *value);
    attributes.iter().fold(TagLine::new(TAG), add).finish()
}

/// Whether a line is about this range and gives an attribute another value. "If a Playlist contains
/// two EXT-X-DATERANGE tags with the same ID attribute value, then any `AttributeName` that appears
/// in both tags MUST have the same `AttributeValue`."
pub(super) fn contradicts(line: &str, range: &DateRange) -> bool {
    let Some(found) = attributes::read(line, TAG) else {
        return false;
    };
    if !found.contains(&("ID", Value::Quoted(&range.id))) {
        return false;
    }
    let printed = print(range);
    let own = attributes::read(&printed, TAG).unwrap_or_default();
    let differs = |(name, value): &(&str, Value<'_>)| {
        own.iter()
            .any(|(its, own)| its == name && !is_equal(*own, *value))
    };
    found.iter().any(differs)
}

/// Numbers are equal if their values are.
fn is_equal(one: Value<'_>, other: Value<'_>) -> bool {
    let number = |it: Value<'_>| it.plain()?.parse::<f64>().ok();
    one == other
        || number(one)
            .zip(number(other))
            .is_some_and(|(one, other)| one.total_cmp(&other).is_eq())
}

/// The range of a line that [`print`] wrote; `None` for any other line.
pub(super) fn parse(line: &str) -> Option<DateRange> {
    let attributes = attributes::read(line, TAG)?;
    let quoted = |name: &str| {
        let found = attributes.iter().find(|(its, _)| *its == name);
        found.and_then(|(_, value)| value.quoted())
    };
    let mut range = DateRange::new(quoted("ID")?, date::read(quoted("START-DATE")?)?).ok()?;
    for (name, value) in &attributes {
        range = with_attribute(range, name, *value)?;
    }
    // Whatever else a line may say in other words.
    (print(&range) == line).then_some(range)
}

fn with_attribute(range: DateRange, name: &str, value: Value<'_>) -> Option<DateRange> {
    let with = match name {
        "ID" | "START-DATE" => Ok(range),
        "CLASS" => range.class(value.quoted()?),
        "CUE" => return with_cues(range, value.quoted()?),
        "END-DATE" => range.end(date::read(value.quoted()?)?),
        "DURATION" => range.duration(duration(value.plain()?)?),
        "PLANNED-DURATION" => range.planned_duration(duration(value.plain()?)?),
        // Behind CLASS, as it is written last.
        "END-ON-NEXT" => range.ends_on_next(),
        _ => match SIGNALS.iter().find(|it| signal_name(**it) == name) {
            Some(signal) => range.scte35(*signal, value.bytes()?),
            None => range.attribute(name, client_value(value)?),
        },
    };
    with.ok()
}

fn client_value(value: Value<'_>) -> Option<AttributeValue> {
    if let Some(text) = value.quoted() {
        return Some(AttributeValue::Text(text.to_owned()));
    }
    if let Some(bytes) = value.bytes() {
        return Some(AttributeValue::Bytes(bytes));
    }
    value.plain()?.parse().ok().map(AttributeValue::Number)
}

fn with_cues(mut range: DateRange, text: &str) -> Option<DateRange> {
    for part in text.split(',') {
        let cue = CUES.into_iter().find(|it| cue_text(*it) == part)?;
        range = range.cue(cue).ok()?;
    }
    Some(range)
}

const CUES: [Cue; 3] = [Cue::Pre, Cue::Post, Cue::Once];

fn cue_text(cue: Cue) -> &'static str {
    match cue {
        Cue::Pre => "PRE",
        Cue::Post => "POST",
        Cue::Once => "ONCE",
    }
}

const SIGNALS: [Scte35; 3] = [Scte35::Cmd, Scte35::Out, Scte35::In];

fn signal_name(signal: Scte35) -> &'static str {
    match signal {
        Scte35::Cmd => "SCTE35-CMD",
        Scte35::Out => "SCTE35-OUT",
        Scte35::In => "SCTE35-IN",
    }
}

/// `59.930`
fn seconds(millis: u64) -> String {
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

fn duration(text: &str) -> Option<Duration> {
    let (secs, millis) = text.split_once('.')?;
    let (secs, millis): (u64, u64) = (secs.parse().ok()?, millis.parse().ok()?);
    Duration::from_secs(secs).checked_add(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::{SystemTime, UNIX_EPOCH};

    fn start() -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(1_795_366_800_250)
    }

    #[test]
    fn every_attribute_has_its_text() {
        let range = DateRange::new("splice-1", start())
            .and_then(|it| it.class("com.example.ad"))
            .and_then(|it| it.cue(Cue::Once)?.cue(Cue::Pre))
            .and_then(|it| it.end(start() + Duration::from_millis(59_930)))
            .and_then(|it| it.duration(Duration::from_millis(59_930)))
            .and_then(|it| it.planned_duration(Duration::from_secs(60)))
            .and_then(|it| it.attribute("X-NAME", "a, b=c"))
            .and_then(|it| it.attribute("X-RATE", -1.5))
            .and_then(|it| it.attribute("X-RAW", vec![0, 0xFF]))
            .and_then(|it| it.scte35(Scte35::Out, [0xFC, 0x30]))
            .and_then(|it| it.scte35(Scte35::In, [0xFC, 0x31]))
            .and_then(|it| it.scte35(Scte35::Cmd, [0xFC]))
            .unwrap();
        let line = print(&range);
        assert_eq!(
            line,
            "#EXT-X-DATERANGE:START-DATE=\"2026-11-22T17:00:00.250Z\",ID=\"splice-1\",\
             CLASS=\"com.example.ad\",CUE=\"PRE,ONCE\",\
             END-DATE=\"2026-11-22T17:01:00.180Z\",DURATION=59.930,PLANNED-DURATION=60.000,\
             X-NAME=\"a, b=c\",X-RATE=-1.5,X-RAW=0x00FF,\
             SCTE35-CMD=0xFC,SCTE35-OUT=0xFC30,SCTE35-IN=0xFC31"
        );
        assert_eq!(parse(&line), Some(range));
        let range = DateRange::new("p", start()).unwrap().class("c").unwrap();
        let line = print(&range.ends_on_next().unwrap());
        assert_eq!(
            line,
            "#EXT-X-DATERANGE:START-DATE=\"2026-11-22T17:00:00.250Z\",ID=\"p\",CLASS=\"c\",END-ON-NEXT=YES"
        );
        assert_eq!(print(&parse(&line).unwrap()), line);
    }

    /// Two parsers that know nothing of this one.
    #[test]
    fn other_parsers_read_the_same() {
        let range = DateRange::new("a", start())
            .and_then(|it| it.class("c"))
            .and_then(|it| it.duration(Duration::from_millis(1_500)))
            .and_then(|it| it.attribute("X-A", "b"))
            .and_then(|it| it.scte35(Scte35::Out, [0xFC]))
            .unwrap();
        let text = format!(
            "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-PROGRAM-DATE-TIME:{}\n{}\n#EXTINF:2,\n0.ts\n",
            date::print(start()),
            print(&range)
        );
        let playlist = m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap();
        let read = playlist.segments[0].daterange.as_ref().unwrap();
        assert_eq!((read.id.as_str(), read.class.as_deref()), ("a", Some("c")));
        assert_eq!(read.duration, Some(1.5));
        assert_eq!(read.start_date.timestamp_millis(), 1_795_366_800_250);
        let custom = read.x_prefixed.as_ref().unwrap();
        assert_eq!(custom["X-A"].to_string(), "\"b\"");

        let mut reader = quick_m3u8::Reader::from_str(
            &text,
            quick_m3u8::config::ParsingOptionsBuilder::new()
                .with_parsing_for_all_tags()
                .build(),
        );
        let mut found = false;
        while let Ok(Some(line)) = reader.read_line() {
            if let quick_m3u8::HlsLine::KnownTag(quick_m3u8::tag::KnownTag::Hls(
                quick_m3u8::tag::hls::Tag::Daterange(tag),
            )) = line
            {
                found = true;
                assert_eq!((tag.id(), tag.class()), ("a", Some("c")));
                assert_eq!(tag.scte35_out(), Some("0xFC"));
            }
        }
        assert!(found);
    }

    #[test]
    fn lines_in_other_words_are_not_taken() {
        let line = "#EXT-X-DATERANGE:START-DATE=\"2026-11-22T17:00:00.000Z\",ID=\"a\"";
        assert!(parse(line).is_some());
        for line in [
            "#EXT-X-DATERANGE:ID=\"a\"",
            "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-11-22T17:00:00.000Z\"",
            "#EXT-X-DATERANGE:START-DATE=\"2026-11-22T17:00:00Z\",ID=\"a\"",
            "#EXT-X-DATERANGE:START-DATE=\"2026-11-22T18:00:00.000+01:00\",ID=\"a\"",
            "#EXT-X-DATERANGE:START-DATE=\"2026-02-30T17:00:00.000Z\",ID=\"a\"",
            "#EXT-X-DATERANGE:START-DATE=\"2026-11-22T17:00:00.000Z\",ID=a",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
        for more in [
            "DURATION=-1.000",
            "DURATION=1.5",
            "DURATION=1",
            "CUE=\"pre\"",
            "CUE=\"PRE,POST\"",
            "X-A=1e3",
            "X-A=0xf",
            "X-A=+1",
            "X-A=",
            "END-ON-NEXT=NO",
            "Y=\"1\"",
            "ID=\"a\"",
        ] {
            assert_eq!(parse(&format!("{line},{more}")), None, "{more}");
        }
    }

    /// So that a playlist that is read back shows whose line it is.
    #[test]
    fn a_line_of_a_segment_is_kept_as_it_is_unless_a_range_has_the_same() {
        let ours =
            "#EXT-X-DATERANGE:START-DATE=\"2026-11-22T17:00:00.000Z\",ID=\"a, b\",X-A=0xFF,X-B=1";
        assert!(parse(ours).is_some());
        let kept_line = kept(ours);
        assert_eq!(
            kept_line,
            "#EXT-X-DATERANGE:ID=\"a, b\",START-DATE=\"2026-11-22T17:00:00.000Z\",X-A=0xFF,X-B=1"
        );
        assert_eq!(parse(&kept_line), None);
        for line in [
            &kept_line,
            "#EXT-X-DATERANGE:ID=\"a\" , X=1",
            "#EXT-X-DATERANGE",
            "#x",
        ] {
            assert_eq!(kept(line), *line);
        }
    }

    #[test]
    fn a_line_contradicts_a_range_if_an_attribute_of_both_differs() {
        let range = DateRange::new("a", start())
            .and_then(|it| it.duration(Duration::from_secs(60)))
            .and_then(|it| it.attribute("X-A", "b"))
            .unwrap();
        let dated = "START-DATE=\"2026-11-22T17:00:00.250Z\"";
        for (attributes, expected) in [
            ("ID=\"a\"", false),
            (&*format!("ID=\"a\",{dated},DURATION=60,X-B=\"c\""), false),
            ("ID=\"a\",DURATION=6e1", false),
            ("DURATION=60.001,ID=\"a\"", true),
            ("ID=\"a\",START-DATE=\"2026-11-22T17:00:01.250Z\"", true),
            ("ID=\"a\",X-A=\"c\"", true),
            ("ID=\"a\",X-A=b", true),
            ("ID=\"b\",X-A=\"c\"", false),
            ("ID=a,X-A=\"c\"", false),
            ("broken", false),
        ] {
            let line = format!("{TAG}:{attributes}");
            assert_eq!(contradicts(&line, &range), expected, "{line}");
        }
    }

    fn values() -> impl Strategy<Value = AttributeValue> {
        prop_oneof![
            "[^\"\\p{Cc}]{0,9}".prop_map(AttributeValue::Text),
            prop::num::f64::NORMAL.prop_map(AttributeValue::Number),
            (-1_000_000_i32..1_000_000).prop_map(|it| AttributeValue::Number(f64::from(it) / 1e3)),
            prop::collection::vec(any::<u8>(), 1..9).prop_map(AttributeValue::Bytes),
        ]
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(
            id in "[^\"\\p{Cc}]{1,9}",
            start in 0..253_402_300_799_999_u64,
            class in prop::option::of("[^\"\\p{Cc}]{1,9}"),
            lasts in prop::option::of(0..10_000_000_u64),
            has_end in any::<bool>(),
            planned in prop::option::of(0..10_000_000_u64),
            attributes in prop::collection::btree_map("X-[A-Z0-9-]{1,5}", values(), 0..4),
            section in prop::option::of(prop::collection::vec(any::<u8>(), 1..9)),
            cue in prop::option::of(prop::sample::select(&CUES[..])),
        ) {
            let start = UNIX_EPOCH + Duration::from_millis(start);
            let mut range = DateRange::new(id, start).unwrap();
            if let Some(class) = class {
                range = range.class(class).unwrap();
            }
            if let Some(cue) = cue {
                range = range.cue(cue).unwrap();
            }
            for (name, value) in attributes {
                range = range.attribute(name, value).unwrap();
            }
            if let Some(section) = section {
                range = range.scte35(Scte35::In, section).unwrap();
            }
            if let Some(millis) = planned && let Ok(with) = range.clone().planned_duration(Duration::from_millis(millis)) {
                range = with;
            }
            if let Some(lasts) = lasts.map(Duration::from_millis) {
                if let Ok(with) = range.clone().duration(lasts) {
                    range = with;
                }
                if has_end && let Ok(with) = range.clone().end(start + lasts) {
                    range = with;
                }
            } else if range.class.is_some() {
                range = range.ends_on_next().unwrap();
            }
            let line = print(&range);
            prop_assert!(!line.contains(['\n', '\r']));
            prop_assert_eq!(parse(&line), Some(range), "{}", line);
        }
    }
}
