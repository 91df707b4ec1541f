//! A random script, and the checks after each of its steps.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::time::{Duration, SystemTime};

use segment_stream::hls::{
    ClockPolicy, MediaPlaylist, MediaPlaylistPublisher, MultivariantPlaylist, Notice, Presentation,
    Previous, Variant,
};
use segment_stream::{ProducedSegment, SegmentInfo, Yielded};

use super::lost::{lost_with_info, stored};
use super::memory::Memory;
use super::ranges::Ranges;
use super::text::{Entry, Text, parse};

pub(crate) const NAMES: [&str; 3] = ["video", "audio", "text"];
const TARGET: u64 = 4;
const STEPS: usize = 40;

pub(crate) type Checked<T = ()> = Result<T, String>;

/// Xorshift.
pub(crate) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

/// What a rendition said about a number, by the rule: when it settles, and who is too late.
#[derive(Default)]
struct Rule {
    horizon: u64,
    /// The durations in milliseconds, and whether each is stored.
    told: [VecDeque<(u64, bool)>; 3],
    next: [u64; 3],
    /// The duration of the last segment.
    last: [Option<u64>; 3],
}

impl Rule {
    /// Whether the segment of this number comes in time.
    fn tell(&mut self, r: usize, millis: u64, is_stored: bool) -> bool {
        let number = self.next[r];
        self.next[r] += 1;
        self.last[r] = Some(millis);
        if number < self.horizon {
            return false;
        }
        self.told[r].push_back((millis, is_stored));
        while self.settles() {
            self.horizon += 1;
            for told in &mut self.told {
                told.pop_front();
            }
        }
        true
    }

    /// Numbers are missing, each of which counts like the segment before it.
    fn miss(&mut self, r: usize, numbers: u64) {
        for _ in 0..numbers {
            let _ = self.tell(r, self.last[r].unwrap_or(TARGET * 1000), false);
        }
    }

    fn settles(&self) -> bool {
        let ahead = |told: &VecDeque<(u64, bool)>| told.iter().map(|it| it.0).sum::<u64>();
        let furthest = self.told.iter().map(ahead).max().unwrap_or_default();
        let all = self.told.iter().all(|told| !told.is_empty());
        all || furthest > TARGET * 1000
    }
}

struct Case {
    random: Random,
    memory: Memory,
    is_event: bool,
    has_init: bool,
    /// Whether dates follow the wall clock, which is far from what the durations say.
    is_by_clock: bool,
    publishers: Vec<MediaPlaylistPublisher<Memory>>,
    rule: Rule,
    /// The producer's number of step 0 of this session.
    origin: u64,
    next: [u64; 3],
    fresh: u32,
    /// The date ranges, once a session has begun.
    ranges: Ranges,
    /// The key in force, by rendition, and those of the segments.
    keys: [BTreeMap<String, String>; 3],
    keys_of: BTreeMap<String, BTreeMap<String, String>>,
    /// The lines of the segments.
    lines_of: BTreeMap<String, String>,
    /// The segments that came in time, by rendition.
    in_time: BTreeSet<String>,
    too_late: BTreeSet<String>,
    /// The segments that came with a discontinuity.
    broken: BTreeSet<String>,
    texts: [Option<Text>; 3],
    /// By rendition and number.
    published: [BTreeMap<u64, Entry>; 3],
    /// What the renditions agree on, by number.
    facts: BTreeMap<u64, Facts>,
    raw: [Vec<u8>; 3],
}

#[derive(Debug, Clone, PartialEq)]
struct Facts {
    /// How many discontinuities there are up to this number.
    discontinuities: u64,
    date: Option<i64>,
    /// The producer's number, of those that have stored it.
    sequence: Option<String>,
}

/// Runs a script of its own for each seed.
pub(crate) fn run(seed: u64) -> Checked {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let (is_event, has_init) = (random.one_in(3), random.one_in(2));
    let is_by_clock = random.one_in(3);
    let mut case = Case {
        random,
        memory: Memory::default(),
        is_event,
        has_init,
        is_by_clock,
        publishers: Vec::new(),
        rule: Rule::default(),
        origin: 0,
        next: [0; 3],
        fresh: 0,
        ranges: Ranges::default(),
        keys: [const { BTreeMap::new() }; 3],
        keys_of: BTreeMap::new(),
        lines_of: BTreeMap::new(),
        in_time: BTreeSet::new(),
        too_late: BTreeSet::new(),
        broken: BTreeSet::new(),
        texts: [const { None }; 3],
        published: [const { BTreeMap::new() }; 3],
        facts: BTreeMap::new(),
        raw: [const { Vec::new() }; 3],
    };
    case.start()?;
    for step in 0..STEPS {
        case.step().map_err(|why| format!("step {step}: {why}"))?;
    }
    case.end()
}

/// No date is that of two segments, but for overlaps below one second.
fn check_dates(text: &Text) -> Checked {
    let dated = text
        .entries
        .iter()
        .filter_map(|it| Some((it.date?, it.micros)));
    let dated: Vec<_> = dated.collect();
    for pair in dated.windows(2) {
        let ((before, micros), (date, _)) = (pair[0], pair[1]);
        let lasts = i64::try_from(micros / 1_000).expect("small");
        if date < before || (date == before && lasts > 0) || date - before < lasts - 1_000 {
            return Err(format!(
                "a segment of {lasts} ms from {before}, and one from {date}"
            ));
        }
    }
    Ok(())
}

fn path(r: usize) -> String {
    format!("{}.m3u8", NAMES[r])
}

pub(crate) fn first_date() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_366_800)
}

impl Case {
    fn shared(&self) -> MediaPlaylist {
        let playlist = if self.is_event {
            MediaPlaylist::event("")
        } else {
            MediaPlaylist::live("", Duration::from_secs(20))
        };
        let playlist = playlist.target_duration(Duration::from_secs(TARGET));
        if self.is_by_clock {
            playlist.program_date_time_by_clock(ClockPolicy::new())
        } else {
            playlist.program_date_time(first_date())
        }
    }

    /// A process begins, or goes on with what is there.
    fn start(&mut self) -> Checked {
        let main = NAMES
            .iter()
            .fold(MultivariantPlaylist::new("main.m3u8"), |main, name| {
                main.variant(Variant::new(format!("{name}.m3u8"), 1_000_000))
            });
        let presentation = Presentation::new(self.shared()).map_err(|it| it.to_string())?;
        let presentation = presentation.with_clock(self.memory.clock());
        let clock = self.memory.clock();
        let presentation = presentation.with_wall_clock(move || first_date() + clock());
        let presentation = presentation
            .multivariant(main)
            .map_err(|it| it.to_string())?;
        self.ranges.start(presentation.date_ranges());
        self.publishers = Vec::new();
        for r in 0..3 {
            let playlist = self.shared().rendition(path(r));
            let previous = Previous::read_through(&mut self.memory, &playlist);
            let previous = previous.map_err(|it| it.to_string())?;
            let sink = self.memory.clone();
            self.publishers.push(match previous {
                None => presentation
                    .rendition(path(r), sink)
                    .map_err(|it| it.to_string())?,
                Some(previous) => presentation
                    .resume(path(r), sink, &previous)
                    .map_err(|it| format!("{}: {it}", path(r)))?,
            });
        }
        let next: BTreeSet<u64> = self
            .publishers
            .iter()
            .map(MediaPlaylistPublisher::next_sequence)
            .collect();
        let [origin] = next.iter().copied().collect::<Vec<_>>()[..] else {
            return Err(format!("they go on with {next:?}"));
        };
        self.origin = origin;
        self.next = [origin; 3];
        self.rule = Rule::default();
        for r in 0..3 {
            // Those of the last segment that is listed.
            let last = self.texts[r].as_ref().and_then(|it| it.entries.last());
            self.keys[r] = last.map_or_else(BTreeMap::new, |it| it.keys.clone());
        }
        for r in 0..3 {
            if self.has_init {
                self.init(r)?;
            }
        }
        Ok(())
    }

    fn step(&mut self) -> Checked {
        // The text is often behind, and the others now and then.
        let r = match self.random.below(8) {
            0..=2 => 0,
            3..=5 => 1,
            _ => 2,
        };
        match self.random.below(30) {
            0 => self.memory.die_after(0),
            1 => {
                let calls = u32::try_from(self.random.below(7)).expect("small");
                self.memory.die_after(calls);
            }
            2 if self.has_init => self.init(r)?,
            _ => {}
        }
        self.ranges.step(&mut self.random)?;
        self.media(r)?;
        self.check()?;
        if self.memory.is_dead() {
            self.memory.revive();
            // What was not published is forgotten.
            let published = &self.published;
            self.in_time.retain(|name| {
                published
                    .iter()
                    .flat_map(BTreeMap::values)
                    .any(|it| it.uri == *name)
            });
            self.start()?;
            self.check()?;
        }
        self.memory.wait(Duration::from_secs(1));
        Ok(())
    }

    fn init(&mut self, r: usize) -> Checked {
        self.fresh += 1;
        let name = format!("{}-{}.mp4", NAMES[r], self.fresh);
        self.memory.store(&name);
        let content = vec![u8::try_from(self.random.below(3)).expect("small")];
        let segment = ProducedSegment::init(content).with_path(name);
        self.push(r, &stored(segment)).map(drop)
    }

    fn media(&mut self, r: usize) -> Checked {
        if self.next[r] > self.origin && self.random.one_in(20) {
            let missing = 1 + self.random.below(3);
            self.next[r] += missing;
            self.rule.miss(r, missing);
        }
        let sequence = self.next[r];
        self.next[r] += 1;
        self.fresh += 1;
        let name = format!("{}-{sequence}-{}.ts", NAMES[r], self.fresh);
        let is_lost = self.random.one_in(8);
        // A loss of all of them may be longer than the target duration.
        let millis = match (is_lost, self.random.below(4)) {
            (true, 0) => 9_000,
            _ => 2_000 - 5 * self.random.below(2),
        };
        let mut info = SegmentInfo::new();
        if self.random.one_in(12) {
            info = info.discontinuity();
            self.broken.insert(name.clone());
        }
        if self.random.one_in(12) {
            let later = Duration::from_millis(self.random.below(400_000));
            info = info.program_date_time(first_date() + later);
        }
        let info = self.lines(r, &name, info);
        #[expect(clippy::cast_precision_loss, reason = "seconds")]
        let secs = millis as f64 / 1000.0;
        let segment = ProducedSegment::media(sequence, vec![1], secs).with_path(&name);
        let is_in_time = self.rule.tell(r, millis, !is_lost);
        let item = if is_lost {
            lost_with_info((segment, info))
        } else {
            self.memory.store(&name);
            stored((segment, info))
        };
        let notices = self.push(r, &item)?;
        let is_told = notices
            .iter()
            .any(|it| matches!(it, Notice::TooLate { .. }));
        if is_told != (!is_in_time && !is_lost) {
            return Err(format!("{name} in time: {is_in_time}; {notices:?}"));
        }
        let list = if is_in_time {
            &mut self.in_time
        } else {
            &mut self.too_late
        };
        if !is_lost && !self.memory.is_dead() {
            list.insert(name);
        }
        Ok(())
    }

    /// Keys that hold from this segment on, and a line of its own.
    fn lines(&mut self, r: usize, name: &str, mut info: SegmentInfo) -> SegmentInfo {
        if self.random.one_in(10) {
            let key = format!("#EXT-X-KEY:METHOD=AES-128,URI=\"{}\",IV=0x01", self.fresh);
            let keys = Some(key).filter(|_| !self.random.one_in(3));
            self.keys[r] = keys
                .iter()
                .map(|it| ("identity".into(), it.clone()))
                .collect();
            info = info.key_lines(keys).expect("lines");
        }
        self.keys_of.insert(name.to_owned(), self.keys[r].clone());
        let line = match self.random.below(12) {
            0 => format!("#x-own:{}", self.fresh),
            // In the form of the presentation's own.
            1 => format!(
                "#EXT-X-DATERANGE:START-DATE=\"2026-11-22T17:00:00.000Z\",ID=\"raw-{}\"",
                self.fresh
            ),
            // It contradicts, or is refused for other reasons.
            2 => {
                return info
                    .event_line(self.ranges.contradiction())
                    .expect("a line");
            }
            _ => return info,
        };
        self.lines_of.insert(name.to_owned(), line.clone());
        info.event_line(line).expect("a line")
    }

    fn push(&mut self, r: usize, item: &Yielded) -> Checked<Vec<Notice>> {
        match self.publishers[r].push(item) {
            Ok(pushed) => Ok(pushed.notices),
            Err(error) if self.memory.is_dead() => Ok(error.notices().to_vec()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What stands there now against what stood there, and against each other.
    fn check(&mut self) -> Checked {
        for r in 0..3 {
            self.check_one(r)
                .map_err(|why| format!("{}: {why}", path(r)))?;
        }
        Ok(())
    }

    fn check_one(&mut self, r: usize) -> Checked {
        let Some(text) = self.memory.content(path(r)) else {
            return Ok(());
        };
        if text == self.raw[r] {
            return Ok(());
        }
        self.raw[r].clone_from(&text);
        let text = String::from_utf8(text).map_err(|it| it.to_string())?;
        let is_of_a_segment = |line: &str| {
            line.starts_with("#x-own:")
                || line.contains("ID=\"raw-")
                || line.starts_with("#refused")
        };
        let read = parse(&text, "", is_of_a_segment).map_err(|why| format!("{why}\n{text}"))?;
        self.ranges
            .check(r, &read)
            .map_err(|why| format!("{why}\n{text}"))?;
        if let Some(before) = &self.texts[r] {
            let goes_back =
                read.end() < before.end() || read.media_sequence < before.media_sequence;
            if goes_back || read.version != before.version || read.target != before.target {
                return Err(format!("it went back\n{text}"));
            }
        }
        check_dates(&read)?;
        let mut discontinuity = read.discontinuity_sequence;
        for (number, entry) in (read.media_sequence..).zip(&read.entries) {
            discontinuity += u64::from(entry.starts_discontinuity);
            self.agree(number, entry, discontinuity)?;
            let before = self.published[r]
                .entry(number)
                .or_insert_with(|| entry.clone());
            if *before != *entry {
                return Err(format!("{number} was {before:?}, and is {entry:?}"));
            }
            if !entry.is_gap && !self.memory.has(Path::new(&entry.uri)) {
                return Err(format!("{} is listed, and is not there", entry.uri));
            }
            if !entry.is_gap {
                self.check_lines(entry)?;
            }
            // A long gap has several numbers.
            let is_broken = !entry.is_gap && self.broken.contains(&entry.uri);
            if is_broken && !entry.starts_discontinuity {
                return Err(format!("{} was told with a discontinuity", entry.uri));
            }
            if !entry.is_gap && self.too_late.contains(&entry.uri) {
                return Err(format!("{} came too late", entry.uri));
            }
        }
        self.texts[r] = Some(read);
        Ok(())
    }

    fn check_lines(&self, entry: &Entry) -> Checked {
        if self.keys_of.get(&entry.uri) != Some(&entry.keys) {
            return Err(format!("{} has the keys {:?}", entry.uri, entry.keys));
        }
        let line =
            self.lines_of
                .get(&entry.uri)
                .map(|line| match line.split_once("\",ID=\"raw-") {
                    None => line.clone(),
                    Some((date, id)) => {
                        let (_, date) = date.split_once(':').expect("a tag");
                        format!("#EXT-X-DATERANGE:ID=\"raw-{id},{date}\"")
                    }
                });
        if line.is_some_and(|line| !entry.tags.contains(&line)) {
            return Err(format!("{} has the lines {:?}", entry.uri, entry.tags));
        }
        Ok(())
    }

    /// What a rendition lists against what the others list.
    fn agree(&mut self, number: u64, entry: &Entry, discontinuities: u64) -> Checked {
        let sequence = entry.uri.split('-').nth(1).filter(|_| !entry.is_gap);
        let own = Facts {
            discontinuities,
            date: entry.date,
            sequence: sequence.map(str::to_owned),
        };
        let known = self.facts.entry(number).or_insert_with(|| own.clone());
        if known.sequence.is_none() {
            known.sequence.clone_from(&own.sequence);
        }
        let is_same = (known.discontinuities, known.date) == (own.discontinuities, own.date);
        if !is_same || own.sequence.is_some() && known.sequence != own.sequence {
            return Err(format!("{number} is {own:?}, but {known:?} in another one"));
        }
        Ok(())
    }

    /// All end: each playlist says so, and whatever came in time and has not slid out is listed.
    fn end(mut self) -> Checked {
        self.memory.revive();
        for r in 0..3 {
            let finished = self.publishers[r].finish();
            if let Err(error) = finished
                && error.kind() != segment_stream::hls::PublishErrorKind::Invalid
            {
                return Err(error.to_string());
            }
        }
        self.check()?;
        self.ranges.check_end(&self.texts, self.is_event)?;
        if self.texts.iter().all(Option::is_some) {
            let main = self.memory.content("main.m3u8").unwrap_or_default();
            m3u8_rs::parse_master_playlist_res(&main).map_err(|it| it.to_string())?;
        }
        for (r, name) in NAMES.iter().enumerate() {
            let Some(text) = &self.texts[r] else {
                continue;
            };
            let read = m3u8_rs::parse_media_playlist_res(&self.raw[r]);
            let read = read.map_err(|it| it.to_string())?;
            if read.segments.len() != text.entries.len() {
                return Err("another reader finds other segments".into());
            }
            if !text.has_ended {
                return Err(format!("{} has not ended", path(r)));
            }
            let listed = self.published[r].values().filter(|it| !it.is_gap);
            let listed: BTreeSet<_> = listed.map(|it| &it.uri).collect();
            let own = |it: &&String| it.starts_with(name);
            // What slid out before it was looked at was listed as well.
            if self.is_event
                && let Some(missing) = self
                    .in_time
                    .iter()
                    .filter(own)
                    .find(|it| !listed.contains(it))
            {
                return Err(format!("{missing} came in time, and is not listed"));
            }
        }
        Ok(())
    }
}
