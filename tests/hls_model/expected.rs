//! The expected result of pushes, by the documentation.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Component, Path, PathBuf};

use segment_stream::ProducedSegment;
use segment_stream::hls::Notice;

use super::setup::Setup;
use super::text::Text;

const SECOND: u64 = 1_000_000;

/// A notice without its details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Told {
    Lost(u64),
    Undecodable(u64),
    UnusableDuration(u64),
    TooLong(u64),
    NoName(u64),
    UnexpectedNumber(u64),
    NumberTooLarge(u64),
    TooLateForInitialisation,
}

/// The content of a notice, unless it is one about deletions.
pub(crate) fn told(notice: &Notice) -> Option<Told> {
    Some(match notice {
        Notice::Lost { sequence, .. } => Told::Lost(*sequence),
        Notice::Undecodable { sequence } => Told::Undecodable(*sequence),
        Notice::UnusableDuration { sequence } => Told::UnusableDuration(*sequence),
        Notice::TooLong { sequence, .. } => Told::TooLong(*sequence),
        Notice::NoName { sequence } => Told::NoName(*sequence),
        Notice::UnexpectedNumber { found, .. } => Told::UnexpectedNumber(*found),
        Notice::NumberTooLarge { found } => Told::NumberTooLarge(*found),
        Notice::TooLateForInitialisation => Told::TooLateForInitialisation,
        _ => return None,
    })
}

/// An item that was pushed and is not published yet.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) what: What,
    pub(crate) starts_discontinuity: bool,
    pub(crate) map: Option<PathBuf>,
    pub(crate) keys: BTreeMap<String, String>,
    pub(crate) tags: Vec<String>,
    /// It is of this date or a later one, in microseconds since 1970.
    pub(crate) date: Option<i64>,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    Segment {
        file: PathBuf,
        micros: u64,
        /// It was reported as too long, and to be listed with this duration.
        listed_as: Option<u64>,
    },
    /// A gap of this duration; without one, of one target duration.
    Gap { micros: Option<u64> },
}

#[derive(Debug, Clone, Default)]
enum Initialisation {
    #[default]
    None,
    Landed {
        file: PathBuf,
        content: Option<Vec<u8>>,
    },
    Lost {
        before: Option<(PathBuf, Vec<u8>)>,
    },
}

/// A key line whose IV is implied by the number of each segment.
pub(crate) const KEY_OF_NUMBERS: &str = "#EXT-X-KEY:METHOD=AES-128,URI=\"numbers\"";

/// The entries that one session should list.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    pub(crate) pending: VecDeque<Pending>,
    pub(crate) version: Option<u64>,
    pub(crate) target: Option<u64>,
    /// The number of the first pending entry.
    pub(crate) number: Option<u64>,
    /// All media that was pushed, in microseconds.
    pub(crate) media_time: u64,
    next_sequence: Option<u64>,
    /// The first number of a session that goes on is only compared.
    is_first: bool,
    /// The duration of the last entry, if it was one that can be.
    last_secs: Option<f64>,
    last_keys: BTreeMap<String, String>,
    starts_discontinuity: bool,
    date: Option<i64>,
    keys: BTreeMap<String, String>,
    tags: Vec<String>,
    initialisation: Initialisation,
    last_map: Option<PathBuf>,
    /// The exact sum of the durations, in units of 2^-80 s.
    real: u128,
    rounded: u64,
}

impl Expected {
    pub(crate) fn new(setup: &Setup) -> Self {
        Self {
            target: setup.target,
            ..Self::default()
        }
    }

    /// A session that resumes this text, `asked` for a date.
    pub(crate) fn resumed(text: &Text, setup: &Setup, asked: i64, media_time: u64) -> Self {
        let last = text.entries.last().expect("a playlist of something");
        let map = last.map.as_deref().map(|uri| setup.file(uri));
        Self {
            version: Some(text.version),
            target: Some(text.target),
            number: Some(text.end()),
            next_sequence: Some(text.end()),
            is_first: true,
            starts_discontinuity: true,
            date: Some(asked),
            keys: last.keys.iter().map(of_any_number).collect(),
            initialisation: match &map {
                None => Initialisation::None,
                Some(file) => Initialisation::Landed {
                    file: file.clone(),
                    content: None,
                },
            },
            last_map: map,
            media_time,
            ..Self::default()
        }
    }

    pub(crate) fn discontinuity(&mut self, date: Option<i64>) {
        self.starts_discontinuity = true;
        // Of several the last counts.
        self.date = date.or(self.date);
    }

    pub(crate) fn tag(&mut self, line: &str) {
        if line.starts_with("#EXT-X-KEY:METHOD=NONE") {
            self.keys.clear();
        } else if line.starts_with("#EXT-X-KEY:") {
            self.keys.insert("identity".into(), line.to_owned());
        } else {
            self.tags.push(line.to_owned());
        }
    }

    /// The number of the entry that comes next. A gap is one entry where there is no target
    /// duration yet.
    pub(crate) fn next_number(&self) -> Option<u64> {
        let target = self.target.unwrap_or(u64::from(u32::MAX));
        let pieces = |it: &Pending| it.what.pieces(target).len() as u64;
        Some(self.number? + self.pending.iter().map(pieces).sum::<u64>())
    }

    pub(crate) fn push(
        &mut self,
        segment: &ProducedSegment,
        is_lost: bool,
        setup: &Setup,
    ) -> Vec<Told> {
        if segment.is_init {
            return self.initialisation(segment, is_lost, setup);
        }
        let mut told = Vec::new();
        let sequence = segment.sequence;
        self.number(sequence, &mut told);
        let file = nameable(segment.path_hint.as_deref(), setup);
        if let (Some(file), false) = (&file, is_lost) {
            self.overwrite(file);
        }
        let micros = self.round(segment.duration_secs);
        self.last_secs = micros.map(|_| segment.duration_secs);
        if is_lost {
            told.push(Told::Lost(sequence));
        } else if file.is_none() {
            told.push(Told::NoName(sequence));
        }
        if micros.is_none() {
            told.push(Told::UnusableDuration(sequence));
        }
        let what = match file {
            _ if is_lost => What::Gap { micros },
            None => What::Gap { micros },
            Some(file) => match (micros, &self.initialisation) {
                (None, _) => What::Gap { micros },
                (_, Initialisation::Lost { .. }) => {
                    told.push(Told::Undecodable(sequence));
                    What::Gap { micros }
                }
                (Some(micros), _) => What::Segment {
                    file,
                    micros,
                    listed_as: None,
                },
            },
        };
        self.enter(what, sequence);
        if let Some(target) = self.target
            && let Some(What::Segment { micros, .. }) = self.pending.back().map(|it| &it.what)
            && *micros > longest(target, self.version)
        {
            told.push(Told::TooLong(sequence));
        }
        told
    }

    /// Numbers that were left out: gaps of the last duration, with nothing of their own.
    fn skip(&mut self, missing: u64) {
        for _ in 0..missing {
            let micros = self.last_secs.and_then(|secs| self.round(secs));
            let what = What::Gap { micros };
            self.lasts(&what);
            self.pending.push_back(Pending {
                what,
                starts_discontinuity: false,
                map: self.last_map.clone(),
                keys: self.last_keys.clone(),
                tags: Vec::new(),
                date: None,
            });
        }
    }

    fn lasts(&mut self, what: &What) {
        let unknown = self.target.unwrap_or(3600) * SECOND;
        self.media_time += match what {
            What::Segment { micros, .. } => *micros,
            What::Gap { micros } => micros.unwrap_or(unknown),
        };
    }

    fn enter(&mut self, what: What, sequence: u64) {
        self.lasts(&what);
        if let Initialisation::Landed { file, .. } = &self.initialisation {
            self.last_map = Some(file.clone());
        }
        let version = match self.initialisation {
            Initialisation::None => 3,
            _ => 6,
        };
        self.version.get_or_insert(version);
        let keys = self.keys.iter().map(|key| of_number(key, sequence));
        self.last_keys = keys.collect();
        self.pending.push_back(Pending {
            what,
            starts_discontinuity: std::mem::take(&mut self.starts_discontinuity),
            map: self.last_map.clone(),
            keys: self.last_keys.clone(),
            tags: std::mem::take(&mut self.tags),
            date: self.date.take(),
        });
    }

    fn number(&mut self, found: u64, told: &mut Vec<Told>) {
        match self.next_sequence {
            None if found < 1 << 53 => self.number = Some(found),
            None => {
                self.number = Some(0);
                told.push(Told::NumberTooLarge(found));
            }
            Some(expected) if expected != found => {
                told.push(Told::UnexpectedNumber(found));
                match found.checked_sub(expected) {
                    _ if self.is_first => {}
                    Some(missing @ ..=1024) => self.skip(missing),
                    // Too many to be listed.
                    Some(_) => self.starts_discontinuity = true,
                    None => {}
                }
            }
            Some(_) => {}
        }
        self.is_first = false;
        self.next_sequence = Some(found.wrapping_add(1));
    }

    /// Microseconds such that their sum is the rounded sum of the durations.
    fn round(&mut self, secs: f64) -> Option<u64> {
        if !(0.0..=3600.0).contains(&secs) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an hour at most, and no bit of a duration of a nanosecond is lost"
        )]
        let exact = (secs * f64::from(80).exp2()) as u128;
        self.real += exact;
        let sum = (self.real * u128::from(SECOND) + (1 << 79)) >> 80;
        let sum = u64::try_from(sum).expect("a sum of a few hundred hours at most");
        let micros = sum.saturating_sub(self.rounded);
        self.rounded += micros;
        Some(micros)
    }

    fn initialisation(
        &mut self,
        segment: &ProducedSegment,
        is_lost: bool,
        setup: &Setup,
    ) -> Vec<Told> {
        let sequence = segment.sequence;
        let file = nameable(segment.path_hint.as_deref(), setup);
        let (file, told) = match file {
            _ if is_lost => (None, vec![Told::Lost(sequence)]),
            None => (None, vec![Told::NoName(sequence)]),
            Some(file) => (Some(file), Vec::new()),
        };
        let Some(file) = file else {
            self.lose_initialisation();
            return told;
        };
        let known = match &self.initialisation {
            Initialisation::Landed {
                file,
                content: Some(content),
            } => Some((file.clone(), content.clone())),
            Initialisation::Lost { before } => before.clone(),
            _ => None,
        };
        if let Some((file, content)) = known
            && content == segment.data
        {
            self.initialisation = Initialisation::Landed {
                file,
                content: Some(content),
            };
            return told;
        }
        if self.version.is_some_and(|version| version < 6) {
            self.lose_initialisation();
            return vec![Told::TooLateForInitialisation];
        }
        self.starts_discontinuity |= self.version.is_some();
        self.initialisation = Initialisation::Landed {
            file,
            content: Some(segment.data.clone()),
        };
        told
    }

    fn lose_initialisation(&mut self) {
        self.initialisation = match std::mem::take(&mut self.initialisation) {
            Initialisation::Landed {
                file,
                content: Some(content),
            } if self.last_map.as_ref() == Some(&file) => Initialisation::Lost {
                before: Some((file, content)),
            },
            lost @ Initialisation::Lost { .. } => lost,
            _ => Initialisation::Lost { before: None },
        };
    }

    /// Media took the name of the initialisation segment, of which nothing is left.
    fn overwrite(&mut self, name: &Path) {
        match &mut self.initialisation {
            Initialisation::Landed { file, content } if file == name => *content = None,
            Initialisation::Lost { before } => drop(before.take_if(|(file, _)| file == name)),
            _ => {}
        }
    }
}

impl What {
    /// The durations of the entries that it makes; `None` for one of one target duration, where
    /// that was not known when it was pushed.
    pub(crate) fn pieces(&self, target: u64) -> Vec<u64> {
        let most = target * SECOND;
        match self {
            Self::Segment { micros, .. } => vec![*micros],
            Self::Gap { micros: None } => vec![most],
            Self::Gap { micros: Some(0) } => vec![0],
            Self::Gap { micros: Some(all) } => {
                let mut pieces = vec![most; usize::try_from(all / most).expect("a few thousand")];
                pieces.extend((all % most > 0).then_some(all % most));
                pieces
            }
        }
    }
}

/// The lines of a key for a segment of this number: with its IV too, if the key has none of its
/// own (§5.2).
fn of_number((format, line): (&String, &String), number: u64) -> (String, String) {
    let iv = format!("METHOD=AES-128,IV=0x{number:032X}");
    let line = match line.as_str() {
        KEY_OF_NUMBERS => line.replace("METHOD=AES-128", &iv),
        _ => line.clone(),
    };
    (format.clone(), line)
}

/// The key in force after a segment that says this.
fn of_any_number((format, line): (&String, &String)) -> (String, String) {
    let is_of_number = line.contains("METHOD=AES-128,IV=");
    let line = if is_of_number { KEY_OF_NUMBERS } else { line };
    (format.clone(), line.to_owned())
}

/// The longest printed duration (§4.3.3.1, §7).
pub(crate) fn longest(target: u64, version: Option<u64>) -> u64 {
    let room = if version == Some(3) {
        0
    } else {
        SECOND / 2 - 1
    };
    target * SECOND + room
}

/// The path without its detours, if a playlist can and may name it.
pub(crate) fn nameable(hint: Option<&Path>, setup: &Setup) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for component in hint?.components() {
        match component {
            Component::Normal(name) => plain.push(name),
            Component::CurDir => {}
            _ => return None,
        }
    }
    let is_own = plain == Path::new(setup.path) || plain == setup.state_path();
    (!is_own && plain.file_name().is_some()).then_some(plain)
}
