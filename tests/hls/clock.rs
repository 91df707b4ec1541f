//! Dates that follow the wall clock (bis §6.2.1).

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use segment_stream::SegmentInfo;
use segment_stream::hls::{ClockPolicy, Notice, Presentation};

use super::lost::stored;
use super::*;

/// A wall clock that the test sets, in milliseconds since a date.
#[derive(Clone, Default)]
struct Wall(Arc<Mutex<u64>>);

impl Wall {
    fn set(&self, millis: u64) {
        *self.0.lock().expect("no panic") = millis;
    }

    fn read(&self) -> impl Fn() -> SystemTime + Send + Sync + 'static {
        let wall = self.clone();
        move || date(*wall.0.lock().expect("no panic"))
    }
}

fn date(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_366_800_000 + millis)
}

fn by_clock() -> MediaPlaylist {
    event().program_date_time_by_clock(ClockPolicy::new())
}

/// For each segment: whether a discontinuity stands before it, and its date in milliseconds.
fn dates(text: &str) -> Vec<(bool, u64)> {
    let mut found = Vec::new();
    let mut is_broken = false;
    for line in text.lines() {
        is_broken |= line == "#EXT-X-DISCONTINUITY";
        if let Some(date) = line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:2026-11-22T17:") {
            let number = |from: usize, to: usize| date[from..to].parse::<u64>().expect("digits");
            let millis = (number(0, 2) * 60 + number(3, 5)) * 1_000 + number(6, 9);
            found.push((std::mem::take(&mut is_broken), millis));
        }
    }
    found
}

impl Bench {
    fn on_the_clock(self, wall: &Wall) -> Self {
        let Self {
            folder,
            playlist,
            publisher,
        } = self;
        Self {
            folder,
            playlist,
            publisher: publisher.with_wall_clock(wall.read()),
        }
    }
}

#[test]
fn the_first_date_is_that_of_the_clock_and_small_errors_change_nothing() {
    let wall = Wall::default();
    let mut bench = Bench::new(by_clock()).on_the_clock(&wall);
    for (number, late) in [0, 300, 100, 450, 0].into_iter().enumerate() {
        let number = number as u64;
        wall.set((number + 1) * 2_000 + late);
        assert!(bench.push(number, 2.0).notices.is_empty());
    }
    let expected = [0, 2_000, 4_000, 6_000, 8_000].map(|it| (false, it));
    assert_eq!(dates(&bench.text()), expected);
    // A line about a range may come with the first segment, as that has a date.
    let mut bench = Bench::new(by_clock()).on_the_clock(&wall);
    let line = "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-11-22T17:00:00Z\"";
    bench
        .publisher
        .tag_next([line])
        .expect("it will have a date");
}

/// The encoder's second is a thousandth too short.
#[test]
fn a_drift_is_made_up_for_without_a_discontinuity_and_listed_dates_stay() {
    let wall = Wall::default();
    let mut bench = Bench::new(by_clock()).on_the_clock(&wall);
    let mut before = String::new();
    for number in 0..1_000 {
        wall.set((number + 1) * 2_002);
        assert!(bench.push(number, 2.0).notices.is_empty());
        let text = bench.text();
        assert!(text.starts_with(&before), "a listed date changed");
        before = text;
    }
    let dates = dates(&before);
    let mut steps = 0;
    for (number, pair) in dates.windows(2).enumerate() {
        let step = pair[1].1 - pair[0].1;
        assert!(
            !pair[1].0 && (2_000..=2_020).contains(&step),
            "{number}: {step}"
        );
        steps += u64::from(step > 2_000);
    }
    // 2 s in all, less what is tolerated.
    assert!((60..=110).contains(&steps), "{steps} steps");
    let (_, last) = dates[999];
    assert!(last.abs_diff(999 * 2_002) <= 600, "{last}");
}

#[test]
fn an_outage_takes_one_discontinuity_and_a_clock_set_back_takes_none() {
    let wall = Wall::default();
    let mut bench = Bench::new(by_clock()).on_the_clock(&wall);
    let mut jumps = Vec::new();
    for number in 0..100 {
        // Nothing came for 60 s; then the clock is set back by 30 s.
        let outage = if number >= 50 { 60_000 } else { 0 };
        let set_back = if number >= 80 { 30_000 } else { 0 };
        wall.set((number + 1) * 2_000 + outage - set_back);
        for notice in bench.push(number, 2.0).notices {
            let Notice::ClockAhead { sequence } = notice else {
                panic!("{notice:?}");
            };
            jumps.push(sequence);
        }
    }
    // The arrivals of ten seconds agree.
    assert_eq!(jumps, [54]);
    let dates = dates(&bench.text());
    let broken: Vec<_> = dates.iter().filter(|it| it.0).collect();
    assert_eq!(broken, [&(true, 54 * 2_000 + 60_000)]);
    for (number, pair) in dates.windows(2).enumerate() {
        let step = pair[1].1 - pair[0].1;
        let is_jump = number == 53;
        assert!(
            is_jump || (1_980..=2_000).contains(&step),
            "{number}: {step}"
        );
    }
    assert!(dates[99].1 < 99 * 2_000 + 60_000, "{:?}", dates[99]);
}

#[test]
fn after_a_resume_dates_jump_to_the_clock_and_never_back() {
    let wall = Wall::default();
    for (now, expected) in [(90_000, 88_000), (1_000, 4_000)] {
        let mut bench = Bench::new(by_clock()).on_the_clock(&wall);
        for number in 0..2 {
            wall.set((number + 1) * 2_000);
            let _ = bench.push(number, 2.0);
        }
        let mut bench = bench.restart().on_the_clock(&wall);
        wall.set(now);
        assert!(bench.push(2, 2.0).notices.is_empty());
        let expected = [(false, 0), (false, 2_000), (true, expected)];
        assert_eq!(dates(&bench.text()), expected);
    }
}

/// It is the earliest arrival of a number that counts, and a date of the producer wins.
#[test]
fn one_decision_holds_for_all_renditions() {
    let wall = Wall::default();
    let folder = Folder::new(Path::new("a.m3u8"), Duration::from_secs(1), false);
    let presentation = Presentation::new(by_clock()).expect("a presentation");
    let presentation = presentation.with_wall_clock(wall.read());
    let paths = ["a.m3u8", "b.m3u8", "c.m3u8"];
    let mut publishers =
        paths.map(|path| presentation.rendition(path, folder.clone()).expect("one"));
    for number in 0..40 {
        let outage = if number >= 20 { 60_000 } else { 0 };
        for (r, publisher) in publishers.iter_mut().enumerate() {
            wall.set((number + 1) * 2_000 + outage + 100 * r as u64);
            // Each loses other segments.
            let item = media(number, 2.0);
            let item = if (number + r as u64).is_multiple_of(5) {
                lost(item)
            } else {
                Ok(item)
            };
            let _ = publisher.push(&item).expect("entered");
        }
    }
    let info = SegmentInfo::new().program_date_time(date(500_000));
    for publisher in &mut publishers {
        let _ = publisher.push(&stored((media(40, 2.0), info.clone())));
    }
    let texts = paths.map(|path| {
        let text = folder.content(Path::new(path)).expect("it is there");
        dates(&String::from_utf8(text).expect("text"))
    });
    assert_eq!(texts[0].len(), 41);
    assert_eq!(texts[0].iter().filter(|it| it.0).count(), 1);
    // The first segment of the first one was lost, so its arrival says nothing.
    assert_eq!(texts[0][0], (false, 100));
    assert_eq!(texts[0][40], (false, 500_000));
    assert_eq!(texts[0], texts[1]);
    assert_eq!(texts[0], texts[2]);
}
