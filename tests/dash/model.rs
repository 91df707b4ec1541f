//! Random losses, discontinuities, dates, resets and restarts: after every publication the
//! playlists and the MPD list the same segments at the same dates.

use std::collections::BTreeMap;

use segment_stream::SegmentInfo;

use super::bench::{Bench, NAMES, Shape, date};
use super::check::{Mpd, Segment};
use super::resume::restart_as;
use super::thorough::cases;

/// A small generator of numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

/// A media playlist: the number of its first entry, and for each the URI, whether it is there, and
/// its date in milliseconds.
fn entries(text: &str) -> (u64, Vec<(String, bool, i128)>) {
    let (mut first, mut found) = (0, Vec::new());
    let (mut is_gap, mut date) = (false, 0);
    for line in text.lines() {
        if let Some(number) = line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:") {
            first = number.parse().expect("a number");
        } else if line == "#EXT-X-GAP" {
            is_gap = true;
        } else if let Some(text) = line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:") {
            date = millis(text);
        } else if !line.starts_with('#') {
            found.push((line.to_owned(), !std::mem::take(&mut is_gap), date));
        }
    }
    (first, found)
}

/// Milliseconds since the first date, which is at 17:00 on a day that no script leaves.
fn millis(text: &str) -> i128 {
    let digits =
        |at: usize, length: usize| -> i128 { text[at..at + length].parse().expect("digits") };
    let secs = (digits(11, 2) - 17) * 3600 + digits(14, 2) * 60 + digits(17, 2);
    secs * 1000 + digits(20, 3)
}

/// What was listed once stays the same.
type Known = BTreeMap<(String, String), (i128, i128)>;

fn compare(bench: &Bench, known: &mut Known, has_restarted: bool) -> Result<(), String> {
    let mpd = bench.mpd();
    let start = mpd.attribute("availabilityStartTime");
    let origin = start.map_or(0, millis);
    let playlists = NAMES.map(|name| entries(&bench.text(&format!("{name}.m3u8"))));
    let first = playlists.iter().map(|it| it.0).max().unwrap_or(0);
    let last = playlists.iter().map(|it| it.0 + it.1.len() as u64).max();
    let is_there = |r: usize, number: u64| {
        let (own, entries) = &playlists[r];
        let place = usize::try_from(number - own).unwrap_or(usize::MAX);
        entries.get(place).is_some_and(|it| it.1)
    };
    // With video, and with one of the audio renditions.
    let numbers = first..last.unwrap_or(first);
    let playable =
        |number: &u64| is_there(0, *number) && (is_there(1, *number) || is_there(2, *number));
    let listed: Vec<u64> = numbers.filter(playable).collect();
    if listed.is_empty() {
        // Without a segment there is no Period, and the last MPD stands.
        return Ok(());
    }
    for (name, (own, entries)) in NAMES.into_iter().zip(&playlists) {
        let there: Vec<_> = (*own..)
            .zip(entries)
            .filter(|(number, it)| listed.contains(number) && it.1)
            .map(|(_, it)| it)
            .collect();
        let uris: Vec<_> = there.iter().map(|it| it.0.clone()).collect();
        let listed = mpd.uris(name);
        // After a death between two manifests a playlist knows more.
        let is_same = if has_restarted {
            listed.iter().all(|uri| uris.contains(uri))
        } else {
            listed == uris
        };
        if !is_same {
            return Err(format!("{name}: {listed:?} and {uris:?}"));
        }
        for (uri, _, date) in there {
            let Some((at, segment)) = place(&mpd, name, uri) else {
                continue;
            };
            // The date of a number is that of the video, and audio begins up to a frame later.
            if (at / 1000 + origin - date).abs() > 45 {
                return Err(format!("{name}: {uri} is at {at} µs, and at {date} ms"));
            }
            let key = (name.to_owned(), uri.clone());
            let value = (at, segment.time);
            if *known.entry(key).or_insert(value) != value {
                return Err(format!("{name}: {uri} has moved to {at}"));
            }
        }
    }
    Ok(())
}

/// Where a segment is, in the Period in which it begins.
fn place(mpd: &Mpd, name: &str, uri: &str) -> Option<(i128, Segment)> {
    mpd.periods.iter().find_map(|period| {
        let track = period.tracks.get(name)?;
        let segment = track.segments.iter().find(|it| it.uri == uri)?;
        Some((track.at(period, segment.time), segment.clone()))
    })
}

fn run(seed: u64) -> Result<(), String> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let shape = [Shape::Live, Shape::Event][usize::from(random.below(2) == 0)];
    let mut bench = Bench::new(shape);
    let mut known = Known::new();
    let mut has_restarted = false;
    let (mut ids, mut start) = (BTreeMap::new(), None);
    // The date of the next segment, by the clock.
    let mut now = 0;
    for _ in 0..40 {
        let mut info = SegmentInfo::new();
        match random.below(20) {
            0 => {
                now += random.below(20_000_000);
                info = info.discontinuity().program_date_time(date(now));
            }
            1 => info = info.discontinuity(),
            2 => {
                bench.zero = bench.next;
                info = info.discontinuity();
            }
            3 => {
                bench.push_map(0, &format!("map{now}"));
            }
            4 if bench.memory.has("video.m3u8") && bench.memory.has("live.mpd") => {
                if random.below(2) == 0 {
                    bench
                        .memory
                        .die_after(u32::try_from(random.below(12)).unwrap_or(0));
                    let number = bench.next;
                    for r in 0..NAMES.len() {
                        let time = super::bench::time(r, number - bench.zero);
                        let segment = bench.segment(r, number);
                        bench.send(r, segment, SegmentInfo::new().media_time(time), true);
                    }
                    has_restarted = true;
                    now += 2_000_000;
                }
                bench = restart_as(bench, shape, true);
                now += random.below(20_000_000);
                info = info.program_date_time(date(now));
            }
            _ => {}
        }
        let lost: Vec<usize> = match random.below(8) {
            0 => vec![0, 1, 2],
            1 => vec![usize::try_from(random.below(3)).unwrap_or(0)],
            2 => vec![1, 2],
            _ => vec![],
        };
        bench.push_with(&lost, &info);
        now += 2_000_000;
        if !bench.memory.has("live.mpd") {
            continue;
        }
        compare(&bench, &mut known, has_restarted)?;
        let mpd = bench.mpd();
        let found = mpd.attribute("availabilityStartTime").map(str::to_owned);
        if start.is_some() && start != found {
            return Err("the start has changed".into());
        }
        start = found;
        for period in &mpd.periods {
            if *ids.entry(period.id.clone()).or_insert(period.start) != period.start {
                return Err(format!("Period {} has moved", period.id));
            }
        }
    }
    if bench.memory.has("live.mpd") {
        bench.finish();
    }
    Ok(())
}

#[test]
fn both_formats_list_the_same_media_time_after_every_publication() {
    for seed in 1..=cases(10, 300) {
        if let Err(why) = run(seed) {
            panic!("script {seed}: {why}");
        }
    }
}
