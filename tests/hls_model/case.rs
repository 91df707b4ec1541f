//! Runs a case: a publisher, its directory, and the checks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use segment_stream::ProducedSegment;
use segment_stream::hls::{MediaPlaylistPublisher, Notice, Previous, PublishError, Pushed};

use super::audit::{Audit, TAGS};
use super::expected::{Expected, KEY_OF_NUMBERS, Told, What, told};
use super::folder::{Faults, Folder};
use super::lost::lost;
use super::setup::{Kind, Setup, first_date};
use super::steps::{Act, Name, Number, Step, Tag, Unusable};

/// For so many pushes after a name came again no file is deleted that has become due in them.
const HELD_BACK: u64 = 9;

type Checked<T = ()> = Result<T, String>;

pub(crate) struct Case<'a> {
    setup: &'a Setup,
    folder: Folder,
    publisher: Option<MediaPlaylistPublisher<Folder>>,
    expected: Expected,
    audit: Audit,
    names: Vec<PathBuf>,
    /// The files that this session was given.
    given: BTreeSet<PathBuf>,
    fresh: u32,
    sequence: u64,
    cannot_delete: u32,
}

fn micros(time: SystemTime) -> i64 {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).expect("a date of this age")
}

/// Runs the steps, and then waits until nothing should be left.
pub(crate) fn run(setup: &Setup, steps: &[Step]) -> Checked {
    let mut case = Case::new(setup)?;
    for (place, step) in steps.iter().enumerate() {
        if case.publisher.is_none() {
            return Ok(());
        }
        case.step(step)
            .map_err(|why| format!("step {place}, {:?}: {why}", step.act))?;
    }
    if case.publisher.is_none() {
        return Ok(());
    }
    case.end().map_err(|why| format!("at the end: {why}"))
}

impl<'a> Case<'a> {
    fn new(setup: &'a Setup) -> Checked<Self> {
        let clock = Duration::from_secs(setup.clock_secs);
        let folder = Folder::new(Path::new(setup.path), clock, setup.never_removes);
        let mut case = Self {
            setup,
            publisher: None,
            expected: Expected::new(setup),
            audit: Audit::new(micros(first_date())),
            names: Vec::new(),
            given: BTreeSet::new(),
            fresh: 0,
            sequence: setup.first_number,
            cannot_delete: 0,
            folder,
        };
        case.start()?;
        Ok(case)
    }

    fn start(&mut self) -> Checked {
        let playlist = self.setup.playlist(first_date());
        let publisher = MediaPlaylistPublisher::new(playlist, self.folder.clone());
        let publisher = publisher.map_err(|error| error.to_string())?;
        self.publisher = Some(publisher.with_clock(self.folder.clock()));
        self.expected = Expected::new(self.setup);
        self.audit.is_over = false;
        self.sequence = self.setup.first_number;
        Ok(())
    }

    /// The start of a process that finds the files of another one.
    fn restart(&mut self) -> Checked {
        drop(self.publisher.take());
        self.folder.revive();
        self.folder.set_faults(Faults::default());
        self.given.clear();
        self.cannot_delete = 0;
        let playlist = self.setup.playlist(first_date());
        let previous = Previous::read_through(&mut self.folder.clone(), &playlist);
        let Some(previous) = previous.map_err(|error| error.to_string())? else {
            return self.start();
        };
        let text = self.audit.last.clone().expect("it was published");
        let begun = Duration::from_secs(self.setup.clock_secs);
        let now = (self.folder.clock())().saturating_sub(begun);
        let asked = first_date() + now;
        let resumed = MediaPlaylistPublisher::resume(
            self.setup.playlist(asked),
            self.folder.clone(),
            &previous,
        );
        if text.has_ended || text.end() >= 1 << 53 {
            return match resumed {
                Ok(_) => Err(
                    "a playlist was resumed that has ended, or whose numbers are used up".into(),
                ),
                Err(_) => Ok(()),
            };
        }
        let resumed = resumed.map_err(|error| error.to_string())?;
        if resumed.next_sequence() != text.end() {
            return Err(format!("the next number is {}", resumed.next_sequence()));
        }
        self.audit.resume();
        self.audit.is_over = false;
        let media_time = self.expected.media_time;
        self.expected = Expected::resumed(&text, self.setup, micros(asked), media_time);
        self.sequence = text.end();
        self.publisher = Some(resumed.with_clock(self.folder.clock()));
        if text.version >= 6 {
            // A packager that starts again begins with an initialisation segment.
            self.init(Name::Fresh, 0, false)?;
        }
        Ok(())
    }

    fn publisher(&mut self) -> &mut MediaPlaylistPublisher<Folder> {
        self.publisher.as_mut().expect("it lives")
    }

    fn step(&mut self, step: &Step) -> Checked {
        self.folder.set_faults(step.faults);
        self.act(&step.act)?;
        self.follow()?;
        if self.folder.is_dead() {
            self.restart()?;
            self.follow()?;
        }
        self.folder.wait(Duration::from_millis(100 * step.wait));
        Ok(())
    }

    fn follow(&mut self) -> Checked {
        for record in self.folder.take_records() {
            self.audit.follow(&record, &mut self.expected, self.setup)?;
        }
        Ok(())
    }

    fn act(&mut self, act: &Act) -> Checked {
        match *act {
            Act::Media {
                name,
                number,
                secs,
                is_lost,
            } => self.media(name, number, secs, is_lost),
            Act::Init {
                name,
                content,
                is_lost,
            } => self.init(name, content, is_lost),
            Act::Discontinuity => {
                self.publisher().discontinuity();
                self.expected.discontinuity(None);
                Ok(())
            }
            Act::DiscontinuityAt(millis) => {
                let date = micros(first_date()) + millis * 1000;
                let since = Duration::from_micros(u64::try_from(date).expect("after 1970"));
                self.publisher()
                    .discontinuity_at(SystemTime::UNIX_EPOCH + since);
                self.expected.discontinuity(Some(date));
                Ok(())
            }
            Act::Tag(tag) => self.tag(tag),
            Act::Crash => self.restart(),
            Act::DieAfter(calls) => {
                self.folder.die_after(calls);
                Ok(())
            }
            Act::Suspend => self.suspend(),
            Act::Finish => self.finish(),
            Act::DeleteDue => {
                let pushed = self.publisher().delete_due();
                self.deletions(&pushed.notices)
            }
        }
    }

    fn tag(&mut self, tag: Tag) -> Checked {
        let line = match tag {
            // Without dates there may be none (§4.3.2.7).
            Tag::DateRange if !self.setup.is_dated => return Ok(()),
            Tag::DateRange => format!("{}ID=\"a\",START-DATE=\"2026-11-22T17:00:00Z\"", TAGS[0]),
            Tag::Comment => format!("{}segment.ts", TAGS[1]),
            Tag::Key(key) => format!("#EXT-X-KEY:METHOD=AES-128,URI=\"key{key}\",IV=0x0{key}"),
            Tag::KeyOfNumbers => KEY_OF_NUMBERS.to_owned(),
            Tag::NoKey => "#EXT-X-KEY:METHOD=NONE".to_owned(),
        };
        let taken = self.publisher().tag_next([line.as_str()]);
        self.expected.tag(&line);
        taken.map_err(|error| error.to_string())
    }

    fn path(&mut self, name: Name) -> Option<PathBuf> {
        self.fresh += 1;
        let fresh = self.fresh;
        let path = match name {
            Name::Fresh => format!("live/{fresh}.m4s"),
            Name::Odd(odd) => format!("live/./{fresh}/{odd}/{odd}{fresh}"),
            Name::Again(back) => {
                let place = self.names.len().checked_sub(back + 1);
                return Some(
                    place.map_or_else(|| "0.m4s".into(), |place| self.names[place].clone()),
                );
            }
            Name::Unusable(unusable) => match unusable {
                Unusable::None => return None,
                Unusable::Playlist => self.setup.path.to_owned(),
                Unusable::State => return Some(self.setup.state_path()),
                Unusable::Detour => format!("live/../{fresh}.m4s"),
                Unusable::Absolute => format!("/live/{fresh}.m4s"),
                Unusable::Empty => String::new(),
            },
        };
        Some(path.into())
    }

    fn media(&mut self, name: Name, number: Number, secs: f64, is_lost: bool) -> Checked {
        let sequence = match number {
            Number::Next => self.sequence,
            Number::Hole(more) => self.sequence.wrapping_add(more),
            Number::Repeat => self.sequence.wrapping_sub(1),
            Number::Lower(less) => self.sequence.saturating_sub(less),
        };
        let path = self.path(name);
        let data = self.fresh.to_be_bytes().to_vec();
        let mut segment = ProducedSegment::media(sequence, data, secs);
        segment.path_hint = path;
        self.push(&segment, is_lost)
    }

    fn init(&mut self, name: Name, content: u8, is_lost: bool) -> Checked {
        let mut segment = ProducedSegment::init(vec![content]);
        segment.path_hint = self.path(name);
        self.push(&segment, is_lost)
    }

    fn push(&mut self, segment: &ProducedSegment, is_lost: bool) -> Checked {
        let file = super::expected::nameable(segment.path_hint.as_deref(), self.setup);
        if let (Some(file), false) = (&file, is_lost) {
            self.folder.store(file, segment.data.clone());
        }
        // So that what is stored is there before what is published.
        self.follow()?;
        let is_reused = |file: &PathBuf| self.audit.is_listed(file, self.setup) && !segment.is_init;
        let must_tell = !is_lost && file.as_ref().is_some_and(is_reused);
        let may_tell = file.as_ref().is_some_and(|file| self.names.contains(file));
        let has_ended = self.audit.is_over;
        let are_used_up = self
            .expected
            .next_number()
            .is_some_and(|next| next >= 1 << 53)
            // In how many pieces a gap is listed is not known before the first publication.
            || self.publisher().next_sequence() >= 1 << 53;
        let item = if is_lost {
            lost(segment.clone())
        } else {
            Ok(segment.clone())
        };
        let result = self.publisher().push(&item);
        if has_ended || are_used_up {
            // The writer of the file got an error.
            if let Some(file) = &file {
                self.given.remove(file);
                self.audit.ever_listed.remove(file);
            }
            return match result {
                Ok(_) => Err("a push went through that should have been refused".into()),
                Err(_) => Ok(()),
            };
        }
        if !segment.is_init {
            self.sequence = segment.sequence.wrapping_add(1);
        }
        if let (Some(file), false) = (file, is_lost) {
            self.names.push(file.clone());
            self.given.insert(file);
        }
        let notices = match &result {
            Ok(pushed) => &pushed.notices[..],
            Err(error) => error.notices(),
        };
        let tells = |it: &Notice| matches!(it, Notice::NameReused { .. });
        match notices.iter().any(tells) {
            true if !may_tell => return Err("a name that is new was told to come again".into()),
            false if must_tell => return Err("a name that is listed came again, untold".into()),
            _ => {}
        }
        let should_tell = self.expected.push(segment, is_lost, self.setup);
        self.outcome(result, should_tell)
    }

    /// Compares the result of a publishing call with the events and the expected notices.
    fn outcome(
        &mut self,
        result: Result<Pushed, PublishError>,
        mut should_tell: Vec<Told>,
    ) -> Checked {
        let notices = match &result {
            Ok(pushed) => &pushed.notices[..],
            Err(error) => error.notices(),
        };
        self.too_long(notices)?;
        let mut found: Vec<_> = notices.iter().filter_map(told).collect();
        found.sort_unstable();
        should_tell.sort_unstable();
        if found != should_tell {
            return Err(format!(
                "it told {found:?}, and should have {should_tell:?}"
            ));
        }
        self.deletions(notices)?;
        self.follow()?;
        let is_late = !self.expected.pending.is_empty();
        let is_due = self.setup.kind != Kind::Vod || self.audit.is_over;
        match result {
            Ok(_) if is_late && is_due => Err("it said Ok, and did not publish".into()),
            Err(error) if self.folder.failures() == 0 => {
                Err(format!("it failed without a reason: {error}"))
            }
            _ => Ok(()),
        }
    }

    /// Enters a segment that was reported as too long.
    fn too_long(&mut self, notices: &[Notice]) -> Checked {
        for notice in notices {
            let Notice::TooLong {
                duration,
                listed_as: listed,
                ..
            } = notice
            else {
                continue;
            };
            let of = |duration: Duration| u64::try_from(duration.as_micros()).expect("hours");
            if !Audit::is_too_long(of(*duration), of(*listed), &self.expected) {
                return Err(format!("not too long: {notice}"));
            }
            match self.expected.pending.back_mut().map(|it| &mut it.what) {
                Some(What::Segment { listed_as, .. }) => *listed_as = Some(of(*listed)),
                _ => return Err(format!("of what is no segment: {notice}")),
            }
        }
        Ok(())
    }

    fn deletions(&mut self, notices: &[Notice]) -> Checked {
        for notice in notices {
            match notice {
                Notice::CannotDelete(_) => self.cannot_delete += 1,
                Notice::NotDeleted(_) if self.folder.failures() == 0 => {
                    return Err(format!("nothing had failed: {notice}"));
                }
                _ => {}
            }
        }
        if self.cannot_delete > u32::from(self.setup.never_removes) {
            return Err("a sink that can delete, or told twice that it cannot".into());
        }
        Ok(())
    }

    fn suspend(&mut self) -> Checked {
        let publisher = self.publisher.take().expect("it lives");
        let was_pending = !self.expected.pending.is_empty();
        let result = publisher.suspend();
        self.follow()?;
        let is_refused = self.setup.kind == Kind::Vod;
        match result {
            Ok(_) if was_pending && !self.expected.pending.is_empty() => {
                return Err("it said Ok, and did not publish".into());
            }
            Err(error) if !is_refused && self.folder.failures() == 0 => {
                return Err(format!("it failed without a reason: {error}"));
            }
            _ => {}
        }
        self.restart()
    }

    fn finish(&mut self) -> Checked {
        let is_nothing = self.audit.last.is_none() && self.expected.pending.is_empty();
        self.audit.is_over |= !is_nothing;
        let result = self.publisher().finish();
        if is_nothing {
            return match result {
                Ok(_) => Err("a playlist of nothing was finished".into()),
                Err(_) => Ok(()),
            };
        }
        let is_ok = result.is_ok();
        self.outcome(result, Vec::new())?;
        let has_ended = self.audit.last.as_ref().is_some_and(|text| text.has_ended);
        if is_ok && !has_ended {
            return Err("it said Ok, and the playlist has not ended".into());
        }
        Ok(())
    }

    /// Healthy from here on: goes on until what stands there should be deleted, and then ends.
    fn end(&mut self) -> Checked {
        self.folder.revive();
        self.folder.set_faults(Faults::default());
        if !self.audit.is_over && self.setup.kind == Kind::Live {
            self.go_on()?;
        }
        self.finish()?;
        let Some(last) = &self.audit.last else {
            return Ok(());
        };
        let longest = last.total().max(self.audit.longest_ever());
        let margin = Duration::from_secs(self.setup.deletes.unwrap_or_default());
        self.folder
            .wait(Duration::from_micros(2 * longest) + margin);
        let pushed = self.publisher().delete_due();
        self.deletions(&pushed.notices)?;
        self.follow()?;
        if self.setup.deletes.is_none() || self.setup.never_removes {
            return Ok(());
        }
        if let Some(path) = self.publisher().waiting_for_deletion().next() {
            return Err(format!("{} still waits", path.display()));
        }
        if self.audit.present.contains_key(&self.setup.state_path()) {
            return Err("the side file is left".into());
        }
        let mut parts = self.audit.present.keys();
        if let Some(part) = parts.find(|it| self.setup.is_part(it)) {
            return Err(format!("the part {} is left", part.display()));
        }
        let all = &self.audit.ever_listed | &self.given;
        self.audit.nothing_is_left(&all, self.setup)
    }

    /// Pushes until all that is listed now has slid out, and has waited as long as it must.
    fn go_on(&mut self) -> Checked {
        let (Some(target), Some(number)) = (self.expected.target, self.expected.number) else {
            return Ok(());
        };
        let second = 1_000_000;
        let before = self.audit.ever_listed.clone();
        let window = self.setup.window_secs.max(3 * target);
        let longest = self.audit.longest_ever().max(window * second) / second + target + 1;
        let margin = self.setup.deletes.unwrap_or_default();
        let waiting = self.publisher().waiting_for_deletion().count() as u64;
        let pushes = (2 * longest + window + margin) / target + waiting / 16 + 4 + HELD_BACK;
        if pushes > 100 || number > (1 << 53) - 200 {
            return Ok(());
        }
        for _ in 0..pushes {
            #[expect(clippy::cast_precision_loss, reason = "at most hours")]
            self.media(Name::Fresh, Number::Next, target as f64, false)?;
            self.folder.wait(Duration::from_secs(target));
        }
        if self.setup.deletes.is_none() || self.setup.never_removes {
            return Ok(());
        }
        self.audit.nothing_is_left(&before, self.setup)
    }
}
