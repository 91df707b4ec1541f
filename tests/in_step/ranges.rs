//! The date ranges of a script, and what must hold for them in every text.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use segment_stream::hls::{DateRange, DateRangeErrorKind, DateRanges};

use super::script::{Checked, NAMES, Random, first_date};
use super::text::{Text, date};

/// The attributes of a line by their names, values as written.
type Attributes = BTreeMap<String, String>;

#[derive(Default)]
pub(crate) struct Ranges {
    /// That of the session.
    handle: Option<DateRanges>,
    fresh: u32,
    /// The number in front of which each line stands, as far as a text shows it.
    places: BTreeMap<String, u64>,
    /// What all lines of an id say together.
    said: BTreeMap<String, Attributes>,
    /// What each rendition listed last.
    listed: [Vec<String>; 3],
}

impl Ranges {
    /// A session begins. Before, nothing but the texts was left of the one before it.
    pub(crate) fn start(&mut self, handle: DateRanges) {
        self.handle = Some(handle);
    }

    fn handle(&self) -> &DateRanges {
        self.handle.as_ref().expect("a session has begun")
    }

    /// A line that gives a range another start.
    pub(crate) fn contradiction(&self) -> String {
        match self.handle().known().first() {
            None => "#refused".into(),
            Some(range) => format!(
                "#EXT-X-DATERANGE:ID=\"{}\",START-DATE=\"2001-01-01T00:00:00.000Z\"",
                range.id()
            ),
        }
    }

    pub(crate) fn step(&mut self, random: &mut Random) -> Checked {
        let at_millis = |millis: u64| first_date() + Duration::from_millis(millis);
        let refused = match random.below(10) {
            0 => {
                self.fresh += 1;
                let start = at_millis(random.below(200_000));
                let range = DateRange::new(format!("r{}", self.fresh), start);
                let mut range = range.expect("a range");
                if random.one_in(2) {
                    let lasts = Duration::from_millis(random.below(30_000));
                    range = range.duration(lasts).expect("it fits");
                } else if random.one_in(3) {
                    // Those of the class must not overlap.
                    range = range
                        .class("c")
                        .and_then(DateRange::ends_on_next)
                        .expect("it fits");
                }
                self.handle().announce(&range).err()
            }
            1..=3 => {
                let known = self.handle().known();
                let Some(range) = known.get(at(random, known.len())) else {
                    return Ok(());
                };
                if random.one_in(3) {
                    let more = DateRange::new(range.id(), range.start()).expect("a range");
                    let name = format!("X-{}", random.below(3));
                    let more = more.attribute(name, "it").expect("an attribute");
                    self.handle().announce(&more).err()
                } else {
                    let end = range.start() + Duration::from_millis(random.below(60_000));
                    self.handle().close(range.id(), end).err()
                }
            }
            _ => None,
        };
        let is_expected = |kind| {
            use DateRangeErrorKind as Kind;
            matches!(kind, Kind::Changed | Kind::Overlap | Kind::End)
        };
        match refused {
            Some(error) if !is_expected(error.kind()) => Err(error.to_string()),
            _ => Ok(()),
        }
    }

    /// A text against the one before it, and against those of the others.
    pub(crate) fn check(&mut self, r: usize, text: &Text) -> Checked {
        for (number, line) in &text.ranges {
            self.agree(line)?;
            let is_at_its_place = *number > text.media_sequence;
            match self.places.get(line) {
                Some(place) if is_at_its_place && place != number => {
                    return Err(format!(
                        "{line} is before {number}, and before {place} elsewhere"
                    ));
                }
                Some(place) if place > number => {
                    return Err(format!("{line} was before {place}, and is before {number}"));
                }
                _ if is_at_its_place => drop(self.places.insert(line.clone(), *number)),
                _ => {}
            }
        }
        let now: Vec<_> = text.ranges.iter().map(|(_, line)| line.clone()).collect();
        let before = std::mem::replace(&mut self.listed[r], now.clone());
        for line in before.iter().filter(|line| !now.contains(line)) {
            let first_date = text.entries.first().and_then(|it| it.date);
            let end = self.end(&attributes(line)["ID"]);
            let is_over = end.zip(first_date).is_some_and(|(end, first)| end < first);
            let place = self.places.get(line);
            let has_left = place.is_none_or(|place| *place < text.media_sequence);
            if !is_over || !has_left || text.kind.is_some() {
                return Err(format!("{line} is listed no more"));
            }
        }
        let mut kept = before.iter().filter(|line| now.contains(line));
        if !now
            .iter()
            .all(|line| !before.contains(line) || kept.next() == Some(line))
        {
            return Err(format!("from {before:?} to {now:?}"));
        }
        Ok(())
    }

    /// "Any `AttributeName` that appears in both tags MUST have the same `AttributeValue`".
    fn agree(&mut self, line: &str) -> Checked {
        let attributes = attributes(line);
        let known = self.said.entry(attributes["ID"].clone()).or_default();
        for (name, value) in attributes {
            let said = known.entry(name).or_insert_with(|| value.clone());
            if *said != value {
                return Err(format!("{line} says {value}, and {said} was said"));
            }
        }
        Ok(())
    }

    /// The end of a range, as far as any text says it, in milliseconds since 1970.
    fn end(&self, id: &str) -> Option<i64> {
        let of = |said: &Attributes, name: &str| millis(said.get(name)?);
        let said = self.said.get(id)?;
        let start = of(said, "START-DATE")?;
        if said.contains_key("END-ON-NEXT") {
            let same = self
                .said
                .values()
                .filter(|it| it.get("CLASS") == said.get("CLASS"));
            let starts = same.filter_map(|it| of(it, "START-DATE"));
            return starts.filter(|it| *it > start).min();
        }
        let lasts = || {
            let (secs, millis) = said.get("DURATION")?.split_once('.')?;
            Some(start + secs.parse::<i64>().ok()? * 1_000 + millis.parse::<i64>().ok()?)
        };
        of(said, "END-DATE").or_else(lasts)
    }

    /// What is known at the end is listed by all, as it applies to the last segment.
    pub(crate) fn check_end(&self, texts: &[Option<Text>; 3], is_event: bool) -> Checked {
        let published = || (0..3).filter(|r| texts[*r].is_some());
        if published().next().is_none() {
            return Ok(());
        }
        for range in self.handle().known() {
            let end = self.end(&format!("\"{}\"", range.id()));
            for r in published() {
                let entries = texts[r].iter().flat_map(|it| &it.entries);
                let first = entries.clone().next().and_then(|it| it.date);
                let is_over = end.zip(first).is_some_and(|(end, first)| end < first);
                // Ranges wait for the first date.
                let is_undated = entries.clone().all(|it| it.date.is_none());
                let is_it =
                    |line: &&String| attributes(line)["ID"] == format!("\"{}\"", range.id());
                let is_listed = self.listed[r].iter().any(|line| is_it(&line));
                if !is_listed && !is_undated && (is_event || !is_over) {
                    return Err(format!("{} does not list {range:?}", NAMES[r]));
                }
            }
        }
        if is_event {
            let of = |r: usize| self.listed[r].iter().collect::<BTreeSet<_>>();
            let sets: BTreeSet<_> = published().map(of).collect();
            if sets.len() > 1 {
                return Err(format!("they list different ranges: {sets:?}"));
            }
        }
        Ok(())
    }
}

fn at(random: &mut Random, length: usize) -> usize {
    let length = u64::try_from(length.max(1)).expect("small");
    usize::try_from(random.below(length)).expect("small")
}

fn attributes(line: &str) -> Attributes {
    let (_, list) = line.split_once(':').expect("a tag with attributes");
    let pair = |it: &str| {
        let (name, value) = it.split_once('=').expect("an attribute");
        (name.to_owned(), value.to_owned())
    };
    // No value of these scripts has a comma in it.
    list.split(',').map(pair).collect()
}

/// A quoted date in milliseconds since 1970.
fn millis(quoted: &str) -> Option<i64> {
    date(quoted.trim_matches('"')).ok()
}
