//! The rules of date ranges, clause by clause.

use super::values::DATES_END;
use super::*;
use std::time::UNIX_EPOCH;

fn date(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000) + Duration::from_millis(millis)
}

fn range(id: &str) -> DateRange {
    DateRange::new(id, date(0)).unwrap()
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn kind<T>(result: Result<T, DateRangeError>) -> DateRangeErrorKind {
    let error = result.err().expect("it is refused");
    assert!(!error.to_string().contains(['\n', '\r']), "{error:?}");
    error.kind()
}

#[test]
fn texts_that_would_end_a_quoted_string_or_a_line_are_refused() {
    for text in [
        "", "a\"b", "a\nb", "a\rb", "a\u{0}b", "a\u{85}b", "a\u{7f}b",
    ] {
        assert_eq!(kind(DateRange::new(text, date(0))), Kind::Text, "{text:?}");
        assert_eq!(kind(range("a").class(text)), Kind::Text, "{text:?}");
        if !text.is_empty() {
            assert_eq!(
                kind(range("a").attribute("X-A", text)),
                Kind::Value,
                "{text:?}"
            );
        }
    }
    let error = DateRange::new("a\nb", date(0)).unwrap_err();
    assert_eq!(error.id(), "a\nb");
    assert_eq!(
        error.to_string(),
        "cannot use the date range \"a\\nb\": the id has a control character"
    );
    assert!(range("a, b=c Ünï").class("com.example, x").is_ok());
    assert!(range("a").attribute("X-A", "").is_ok());
}

#[test]
fn names_of_attributes_are_legal_ones_behind_x() {
    for name in [
        "", "X-", "X", "x-a", "A", "XA", "X-a", "X-A B", "X-A=", "X-Ä", "X-A,X-B",
    ] {
        assert_eq!(
            kind(range("a").attribute(name, "v")),
            Kind::Name,
            "{name:?}"
        );
    }
    for name in ["X-A", "X-COM-EXAMPLE-AD-ID", "X-0", "X--"] {
        assert!(range("a").attribute(name, "v").is_ok(), "{name:?}");
    }
}

#[test]
fn values_are_texts_bytes_or_finite_numbers() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(kind(range("a").attribute("X-A", number)), Kind::Value);
    }
    assert_eq!(kind(range("a").attribute("X-A", Vec::new())), Kind::Value);
    assert_eq!(kind(range("a").scte35(Scte35::Cmd, [])), Kind::Value);
    let zero = range("a").attribute("X-A", -0.0).unwrap();
    let AttributeValue::Number(number) = zero.attributes["X-A"] else {
        panic!("it is a number");
    };
    assert!(number.is_sign_positive());
}

#[test]
fn dates_are_those_that_a_manifest_can_write() {
    let year_10_000 = UNIX_EPOCH + Duration::from_millis(DATES_END);
    let last = year_10_000 - Duration::from_millis(1);
    assert_eq!(kind(DateRange::new("a", UNIX_EPOCH - secs(1))), Kind::Date);
    assert_eq!(kind(DateRange::new("a", year_10_000)), Kind::Date);
    let late = DateRange::new("a", last).unwrap();
    assert_eq!(late.start(), last);
    assert_eq!(kind(late.clone().end(year_10_000)), Kind::Date);
    assert_eq!(
        kind(late.clone().duration(Duration::from_millis(1))),
        Kind::Date
    );
    assert_eq!(kind(late.clone().duration(Duration::MAX)), Kind::Date);
    assert_eq!(
        kind(late.clone().planned_duration(Duration::MAX)),
        Kind::Date
    );
    assert_eq!(
        late.duration(Duration::ZERO).unwrap().known_end(),
        Some(last)
    );
}

#[test]
fn the_end_is_not_before_the_start() {
    assert_eq!(
        kind(DateRange::new("a", date(1)).unwrap().end(date(0))),
        Kind::End
    );
    assert_eq!(range("a").end(date(0)).unwrap().known_end(), Some(date(0)));
}

/// "The value of the END-DATE attribute MUST be equal to the value of the START-DATE attribute plus
/// the value of the DURATION attribute."
#[test]
fn end_and_duration_agree() {
    let both = range("a").end(date(2_000)).unwrap().duration(secs(2));
    assert_eq!(both.unwrap().known_end(), Some(date(2_000)));
    assert_eq!(
        kind(range("a").end(date(2_000)).unwrap().duration(secs(3))),
        Kind::End
    );
    assert_eq!(
        kind(range("a").duration(secs(3)).unwrap().end(date(2_000))),
        Kind::End
    );
    // A start between two milliseconds: what rounding differs by is no contradiction.
    let start = date(0) + Duration::from_micros(600);
    let lasts = Duration::from_micros(1_500);
    let range = DateRange::new("a", start).unwrap();
    let range = range.end(start + lasts).unwrap().duration(lasts).unwrap();
    assert_eq!(range.known_end(), Some(date(2)));
    assert_eq!(range.duration, Some(2));
}

/// "MUST have a CLASS attribute"; "MUST NOT contain DURATION or END-DATE attributes".
#[test]
fn a_range_that_ends_on_the_next_has_a_class_and_no_end() {
    assert_eq!(kind(range("a").ends_on_next()), Kind::End);
    let on_next = || range("a").class("c").unwrap().ends_on_next().unwrap();
    assert_eq!(on_next().known_end(), None);
    assert_eq!(kind(on_next().end(date(1))), Kind::End);
    assert_eq!(kind(on_next().duration(secs(1))), Kind::End);
    assert_eq!(kind(on_next().close(date(1))), Kind::End);
    assert!(on_next().planned_duration(secs(1)).is_ok());
    let ended = range("a").class("c").unwrap().duration(secs(1)).unwrap();
    assert_eq!(kind(ended.clone().ends_on_next()), Kind::End);
    assert_eq!(kind(ended.clone().merge(&on_next())), Kind::End);
}

/// "A CUE attribute MUST NOT include both PRE and POST" (bis).
#[test]
fn cues_do_not_contradict_each_other() {
    let pre = range("a").cue(Cue::Once).unwrap().cue(Cue::Pre).unwrap();
    assert_eq!(kind(pre.cue(Cue::Post)), Kind::Cue);
    assert!(range("a").cue(Cue::Post).unwrap().cue(Cue::Once).is_ok());
}

/// An attribute in both tags has the same value in both.
#[test]
fn a_published_range_only_gains_attributes() {
    let full = || {
        let range = range("a").class("c").unwrap().cue(Cue::Once).unwrap();
        let range = range.planned_duration(secs(9)).unwrap();
        let range = range.attribute("X-A", 1.0).unwrap();
        let range = range.scte35(Scte35::Out, [1]).unwrap();
        range.duration(secs(8)).unwrap()
    };
    let mut known = range("a");
    assert_eq!(known.merge(&full()), Ok(true));
    assert_eq!(known, full());
    assert_eq!(known.merge(&full()), Ok(false));
    // An update need not repeat what is known.
    assert_eq!(known.merge(&range("a")), Ok(false));
    let more = range("a").scte35(Scte35::In, [2]).unwrap();
    let more = more.attribute("X-B", vec![3]).unwrap();
    assert_eq!(known.merge(&more), Ok(true));
    assert_eq!((known.attributes.len(), known.scte35.len()), (2, 2));
    let before = known.clone();
    for (changed, attribute) in [
        (range("b"), "id"),
        (DateRange::new("a", date(1)).unwrap(), "start"),
        (range("a").class("d").unwrap(), "class"),
        (range("a").cue(Cue::Pre).unwrap(), "cues"),
        (
            range("a").planned_duration(secs(1)).unwrap(),
            "planned duration",
        ),
        (range("a").duration(secs(1)).unwrap(), "duration"),
        (range("a").attribute("X-A", 2.0).unwrap(), "X-A"),
        (range("a").attribute("X-A", "1").unwrap(), "X-A"),
        (range("a").scte35(Scte35::Out, [2]).unwrap(), "SCTE-35"),
    ] {
        let error = known.merge(&changed).unwrap_err();
        assert_eq!(error.kind(), Kind::Changed, "{attribute}");
        assert!(error.to_string().contains(attribute), "{error}");
        assert_eq!(known, before);
    }
    // What rounding differs by does not change what was published.
    let mut closed = range("a").end(date(2)).unwrap();
    let longer = range("a").duration(Duration::from_millis(3)).unwrap();
    assert_eq!(closed.merge(&longer), Ok(true));
    assert_eq!(
        (closed.known_end(), closed.duration),
        (Some(date(2)), Some(2))
    );
    // Together they would contradict each other.
    let odd = range("a")
        .attribute("X-C", "new")
        .unwrap()
        .end(date(1))
        .unwrap();
    assert_eq!(kind(known.merge(&odd)), Kind::End);
    assert_eq!(known, before);
}

#[test]
fn closing_is_done_once() {
    let mut open = range("a").planned_duration(secs(60)).unwrap();
    assert_eq!(open.close(date(59_000)), Ok(true));
    assert_eq!(open.known_end(), Some(date(59_000)));
    assert_eq!(open.close(date(59_000)), Ok(false));
    assert_eq!(kind(open.close(date(60_000))), Kind::Changed);
    assert_eq!(open.known_end(), Some(date(59_000)));
    let mut early = DateRange::new("a", date(10)).unwrap();
    assert_eq!(kind(early.close(date(9))), Kind::End);
    assert_eq!(early.known_end(), None);
}

mod set {
    use super::*;

    fn at(id: &str, millis: u64) -> DateRange {
        DateRange::new(id, date(millis)).unwrap()
    }

    impl RangeSet {
        fn announce(
            &mut self,
            range: impl std::borrow::Borrow<DateRange>,
        ) -> Result<bool, DateRangeError> {
            let merged = self.merged(range.borrow())?;
            Ok(self.take(merged))
        }

        fn close(&mut self, id: &str, end: SystemTime) -> Result<bool, DateRangeError> {
            let closed = self.closed(id, end)?;
            Ok(self.take(closed))
        }

        fn take(&mut self, news: Option<DateRange>) -> bool {
            let is_news = news.is_some();
            news.into_iter().for_each(|range| self.put(range));
            is_news
        }

        fn left_at(&self, first_listed: SystemTime) -> Vec<&str> {
            let mut ids = ids(self);
            ids.retain(|id| !self.is_over(id, first_listed));
            ids
        }
    }

    fn ids(ranges: &RangeSet) -> Vec<&str> {
        ranges.iter().map(DateRange::id).collect()
    }

    #[test]
    fn an_id_comes_once_and_ranges_stand_in_order() {
        let mut ranges = RangeSet::default();
        for (id, millis) in [("c", 5), ("b", 5), ("a", 9), ("d", 1)] {
            assert_eq!(ranges.announce(at(id, millis)), Ok(true));
        }
        assert_eq!(ids(&ranges), ["d", "b", "c", "a"]);
        assert_eq!(ranges.announce(at("c", 5)), Ok(false));
        assert_eq!(kind(ranges.announce(at("c", 6))), Kind::Changed);
        assert_eq!(ranges.announce(at("c", 5).class("x").unwrap()), Ok(true));
        assert_eq!(ids(&ranges), ["d", "b", "c", "a"]);
        assert_eq!(ranges.close("d", date(2)), Ok(true));
        assert_eq!(ranges.close("d", date(2)), Ok(false));
        assert_eq!(kind(ranges.close("d", date(3))), Kind::Changed);
        assert_eq!(kind(ranges.close("e", date(3))), Kind::Unknown);
    }

    #[test]
    fn a_range_stays_while_one_of_its_dates_is_listed() {
        let mut ranges = RangeSet::default();
        for range in [
            at("ended", 0).end(date(999)).unwrap(),
            at("lasted", 0)
                .duration(Duration::from_millis(999))
                .unwrap(),
            at("instant", 999).duration(Duration::ZERO).unwrap(),
            at("reaches", 0).end(date(1_000)).unwrap(),
            at("open", 0),
            at("planned", 0)
                .planned_duration(Duration::from_millis(1))
                .unwrap(),
            at("preroll", 0)
                .end(date(1))
                .unwrap()
                .cue(Cue::Pre)
                .unwrap(),
            at("to come", 5_000),
            at("programme 1", 0)
                .class("p")
                .unwrap()
                .ends_on_next()
                .unwrap(),
            at("programme 2", 500)
                .class("p")
                .unwrap()
                .ends_on_next()
                .unwrap(),
            at("programme 3", 1_500)
                .class("p")
                .unwrap()
                .ends_on_next()
                .unwrap(),
        ] {
            ranges.announce(range).unwrap();
        }
        assert_eq!(
            ranges.left_at(date(1_000)),
            [
                "open",
                "planned",
                "preroll",
                "reaches",
                "programme 2",
                "programme 3",
                "to come"
            ]
        );
        assert_eq!(
            ranges.left_at(date(1_000_000)),
            ["open", "planned", "preroll", "programme 3", "to come"]
        );
        let open = ranges.closed("open", date(999)).unwrap().unwrap();
        ranges.put(open);
        ranges.retain(|id| id.starts_with("open"));
        assert!(ranges.left_at(date(1_000)).is_empty() && ids(&ranges) == ["open"]);
    }

    #[test]
    fn ranges_of_a_class_that_end_on_the_next_do_not_overlap() {
        let of_class = |id, millis| at(id, millis).class("c").unwrap();
        let on_next = |id, millis| of_class(id, millis).ends_on_next().unwrap();
        let mut ranges = RangeSet::default();
        ranges.announce(on_next("a", 0)).unwrap();
        ranges.announce(on_next("b", 1_000)).unwrap();
        assert_eq!(
            kind(ranges.announce(on_next("same start", 1_000))),
            Kind::Overlap
        );
        ranges
            .announce(of_class("d", 500).end(date(1_000)).unwrap())
            .unwrap();
        let long = of_class("long", 600).end(date(1_001)).unwrap();
        assert_eq!(kind(ranges.announce(long)), Kind::Overlap);
        // Another class, and none.
        ranges
            .announce(at("e", 0).class("x").unwrap().end(date(9_000)).unwrap())
            .unwrap();
        ranges
            .announce(at("f", 0).end(date(9_000)).unwrap())
            .unwrap();
        // What an update would make of it.
        ranges.announce(of_class("g", 1_100)).unwrap();
        ranges.announce(of_class("h", 1_400)).unwrap();
        assert_eq!(kind(ranges.close("g", date(1_500))), Kind::Overlap);
        let longer = of_class("g", 1_100).end(date(1_500)).unwrap();
        assert_eq!(kind(ranges.announce(longer)), Kind::Overlap);
        assert_eq!(ranges.close("g", date(1_400)), Ok(true));
        assert_eq!(ids(&ranges), ["a", "e", "f", "d", "b", "g", "h"]);
    }
}
