//! The history of calls and promises, and the check of the state after a power cut.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::common::listing::Listing;
use crate::interposed::disk::{Chance, Disk, Files};
use crate::interposed::{Call, Kind};

/// In which way a state is not as it must be in
/// [`Durability::Full`](segment_stream::Durability::Full).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wrong {
    /// Something was said to be stored, and is not there or older.
    Missing,
    /// A file under a final name is not whole.
    Torn,
    /// A playlist names what is not there, or not whole.
    Named,
    /// A file that nobody asked for, and no sweep takes.
    Stray,
}

/// A file that was asked for.
#[derive(Debug, Default)]
struct File {
    /// The contents that it may have, in order.
    versions: Vec<Vec<u8>>,
    /// At which position which version was said to be stored.
    promised: Vec<(usize, usize)>,
    /// From where on it may be gone.
    given_up: Option<usize>,
    is_playlist: bool,
}

/// All by their paths below the folder that the model begins at.
pub(crate) struct History {
    start: Disk,
    pub(crate) calls: Vec<Call>,
    files: BTreeMap<PathBuf, File>,
}

/// The findings of all cuts.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) cuts: usize,
    pub(crate) states: usize,
    /// By what is in them.
    pub(crate) distinct: HashSet<u64>,
    /// How many states were wrong in which way, with an example each.
    pub(crate) wrong: BTreeMap<Wrong, (usize, String)>,
}

impl Found {
    pub(crate) fn ways(&self) -> BTreeSet<Wrong> {
        self.wrong.keys().copied().collect()
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.cuts += other.cuts;
        self.states += other.states;
        self.distinct.extend(other.distinct);
        for (wrong, (count, example)) in other.wrong {
            self.wrong.entry(wrong).or_insert((0, example)).0 += count;
        }
    }
}

impl History {
    pub(crate) fn new(start: Disk) -> Self {
        Self {
            start,
            calls: Vec::new(),
            files: BTreeMap::new(),
        }
    }

    fn file(&mut self, path: impl Into<PathBuf>) -> &mut File {
        self.files.entry(path.into()).or_default()
    }

    /// This is going to be stored.
    pub(crate) fn asked(&mut self, path: impl Into<PathBuf>, content: &[u8]) {
        self.file(path).versions.push(content.to_vec());
    }

    /// The last requested content was reported as stored, after this many calls.
    pub(crate) fn promised(&mut self, path: impl Into<PathBuf>, position: usize) {
        let file = self.file(path);
        let version = file.versions.len() - 1;
        file.promised.push((position, version));
    }

    /// From here on it may be gone.
    pub(crate) fn given_up(&mut self, path: impl Into<PathBuf>, position: usize) {
        self.file(path).given_up = Some(position);
    }

    pub(crate) fn is_playlist(&mut self, path: impl Into<PathBuf>) {
        self.file(path).is_playlist = true;
    }

    /// Cuts the power before each call and after the last, and looks at the states that this may
    /// leave, no more than `most` each time. `look` sees each distinct one.
    pub(crate) fn cut_everywhere(&self, most: usize, mut look: impl FnMut(&Files)) -> Found {
        let mut found = Found::default();
        let mut disk = self.start.clone();
        for position in 0..=self.calls.len() {
            if self.is_as_before(position) {
                disk.go_on(&self.calls[position]);
                continue;
            }
            found.cuts += 1;
            disk.states(most, |files| {
                found.states += 1;
                if found.distinct.insert(fingerprint(&files)) {
                    look(&files);
                }
                for (wrong, what) in self.check(position, &files) {
                    let entry = found.wrong.entry(wrong).or_insert_with(|| {
                        let names: Vec<_> =
                            files.iter().map(|(path, it)| (path, it.len())).collect();
                        (0, format!("{what} before call {position}: {names:?}"))
                    });
                    entry.0 += 1;
                }
            });
            if let Some(call) = self.calls.get(position) {
                disk.go_on(call);
            }
        }
        found
    }

    /// Whether the call before has changed nothing, and nothing was promised since.
    fn is_as_before(&self, position: usize) -> bool {
        let Some(before) = position.checked_sub(1) else {
            return false;
        };
        let before = &self.calls[before];
        let is_promised = |file: &File| file.promised.iter().any(|(since, _)| *since == position);
        !before.changes()
            && before.kind != Kind::Sync
            && position < self.calls.len()
            && !self.files.values().any(is_promised)
    }

    /// The same calls as another run may have made them, in which the calls of `ahead` are made by
    /// a thread of their own that is up to `most` of these ranges ahead of the other one, which in
    /// turn comes to no call before those that stand in front of it in here. What was promised
    /// when goes with the calls.
    pub(crate) fn interleave(&self, ahead: &[Range<usize>], most: usize, seed: u64) -> Self {
        let (mut leading, mut following) = (Vec::new(), Vec::new());
        for position in 0..self.calls.len() {
            let range = ahead.iter().position(|range| range.contains(&position));
            match range {
                Some(range) => leading.push((position, range)),
                None => following.push(position),
            }
        }
        let mut chance = Chance(seed);
        let mut order = Vec::new();
        let (mut leading, mut following) = (&leading[..], &following[..]);
        // At times the one thread is the faster, and at times the other.
        let mut eagerness = 0;
        while let Some((next, rest)) = following.split_first() {
            if order.len() % 16 == 0 {
                eagerness = chance.below(7);
            }
            if let Some(((position, range), after)) = leading.split_first() {
                let is_due = position < next;
                let reached = ahead.iter().filter(|range| range.end <= *next).count();
                if is_due || *range < reached + most && chance.below(6) < eagerness {
                    order.push(*position);
                    leading = after;
                    continue;
                }
            }
            order.push(*next);
            following = rest;
        }
        order.extend(leading.iter().map(|(position, _)| *position));

        // After which call something was promised, or given up, stays.
        let mut places = vec![0; order.len()];
        for (place, position) in order.iter().enumerate() {
            places[*position] = place + 1;
        }
        let moved = |after: usize| after.checked_sub(1).map_or(0, |call| places[call]);
        let files = self.files.iter().map(|(path, file)| {
            let promised = file.promised.iter();
            let file = File {
                versions: file.versions.clone(),
                promised: promised.map(|(after, it)| (moved(*after), *it)).collect(),
                given_up: file.given_up.map(moved),
                is_playlist: file.is_playlist,
            };
            (path.clone(), file)
        });
        Self {
            start: self.start.clone(),
            calls: order.iter().map(|it| self.calls[*it].clone()).collect(),
            files: files.collect(),
        }
    }

    fn check(&self, position: usize, files: &Files) -> Vec<(Wrong, String)> {
        let mut wrong = Vec::new();
        for (path, content) in files {
            match self.files.get(path) {
                Some(file) if file.versions.iter().any(|it| **it == **content) => {
                    if file.is_playlist {
                        wrong.extend(self.names_what_is_missing(path, content, files));
                    }
                }
                Some(_) => wrong.push((Wrong::Torn, format!("{} is torn", path.display()))),
                None if is_temp(path) => {}
                None => wrong.push((Wrong::Stray, format!("{} is there", path.display()))),
            }
        }
        for (path, file) in &self.files {
            let mut promised = file.promised.iter().rev();
            let Some((_, version)) = promised.find(|(since, _)| *since <= position) else {
                continue;
            };
            if file.given_up.is_some_and(|since| since <= position) {
                continue;
            }
            let is_there = files.get(path).is_some_and(|content| {
                file.versions[*version..].iter().any(|it| **it == **content)
            });
            if !is_there {
                wrong.push((Wrong::Missing, format!("{} is missing", path.display())));
            }
        }
        wrong
    }

    fn names_what_is_missing(
        &self,
        playlist: &Path,
        text: &[u8],
        files: &Files,
    ) -> Vec<(Wrong, String)> {
        let folder = playlist.parent().unwrap_or(Path::new(""));
        let mut wrong = Vec::new();
        for name in named(text) {
            let path = folder.join(name);
            let is_whole = files.get(&path).is_some_and(|content| {
                let file = self.files.get(&path);
                file.is_some_and(|file| file.versions.iter().any(|it| **it == **content))
            });
            if !is_whole {
                wrong.push((Wrong::Named, format!("{} is named", path.display())));
            }
        }
        wrong
    }
}

/// The files that a playlist or an MPD names.
fn named(text: &[u8]) -> Vec<String> {
    #[cfg(feature = "dash")]
    if text.starts_with(b"<?xml") {
        let mpd = super::check::check(&String::from_utf8_lossy(text)).expect("it is whole");
        let tracks = mpd.periods.iter().flat_map(|it| it.tracks.values());
        let uris = tracks.flat_map(|track| {
            let segments = track.segments.iter().map(|it| it.uri.clone());
            segments.chain([track.initialization.clone()])
        });
        return uris.collect();
    }
    Listing::of(text).files().map(str::to_owned).collect()
}

/// The files that a sweep deletes, by its documentation.
fn is_temp(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_prefix(".segment-")
        .and_then(|rest| rest.strip_suffix(".tmp"))
        .is_some_and(|random| random.len() == 12)
}

/// Temp files have other names each time, and count by what is in them.
pub(crate) fn fingerprint(files: &Files) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (path, content) in files {
        if is_temp(path) {
            "a temp file".hash(&mut hasher);
        } else {
            path.hash(&mut hasher);
        }
        content.hash(&mut hasher);
    }
    hasher.finish()
}
