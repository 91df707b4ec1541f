//! The ledger: what the origin should get, and how far each object is. It knows no lock, no clock
//! and no file.
//!
//! Each change returns its line of the journal. A line is the whole truth about the change: the
//! ledger that reads the lines back is the same, but for objects that were on their way.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::object::Object;
use crate::segment::ProducedSegment;

/// Counts upwards in the order of recording.
pub(super) type Id = u64;

pub(super) const HEADER: &str = "segment-stream backfill 1";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// It is being written to disk.
    Recording,
    /// It is on disk, and on its way to the origin with the live edge.
    Live,
    /// It is on disk and has to be uploaded from there.
    Missed,
    /// It is at the origin, and its file has to be deleted.
    Leaving,
    /// Its file is gone, and the origin never got it.
    Lost,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    object: Object,
    state: State,
    /// Retention wants to delete the file.
    is_held: bool,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: BTreeMap<Id, Entry>,
    names: HashMap<PathBuf, Id>,
    /// Everything by its state; manifests apart.
    states: BTreeSet<(State, Id)>,
    manifests: BTreeSet<(State, Id)>,
    /// What retention wants to delete and the origin does not have.
    held: BTreeSet<Id>,
    held_bytes: u64,
    missing_bytes: u64,
    next: Id,
    deletes_local: bool,
}

/// What becomes of a file that retention wants to delete.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// It may go.
    Pass,
    /// It stays. These have to go in its place, or it has itself.
    Held(Vec<(Id, PathBuf)>),
}

impl Ledger {
    /// `deletes_local`: the file of whatever the origin has is to be deleted.
    pub(super) fn new(deletes_local: bool) -> Self {
        Self {
            deletes_local,
            ..Self::default()
        }
    }

    /// An object is about to be written. An older one of the same name is replaced.
    pub(super) fn owe(&mut self, object: Object) -> (Id, String) {
        let id = self.next;
        let line = format!("owe {id} {}\n", object.words());
        self.insert(id, object, State::Recording);
        (id, line)
    }

    /// The write is over. What was not written is not owed.
    pub(super) fn recorded(&mut self, id: Id, is_stored: bool) -> Option<String> {
        let entry = self.entries.get(&id)?;
        // It may have been given up meanwhile.
        if entry.state != State::Recording {
            return None;
        }
        if !is_stored {
            return self.drop(id);
        }
        // The live edge does not take manifests.
        let is_manifest = entry.object.is_manifest();
        let state = if is_manifest {
            State::Missed
        } else {
            State::Live
        };
        self.set(id, state);
        None
    }

    pub(super) fn find(&self, name: &Path) -> Option<Id> {
        self.names.get(name).copied()
    }

    /// Whether the object has to get to the origin still.
    pub(super) fn is_owed(&self, id: Id) -> bool {
        self.state(id).is_some_and(|it| it <= State::Missed)
    }

    pub(super) fn state(&self, id: Id) -> Option<State> {
        Some(self.entries.get(&id)?.state)
    }

    pub(super) fn object(&self, id: Id) -> Option<&Object> {
        Some(&self.entries.get(&id)?.object)
    }

    /// Whether this segment is the object, and not an older one of its name.
    pub(super) fn is_it(&self, id: Id, segment: &ProducedSegment) -> bool {
        let bytes = segment.byte_len() as u64;
        let object = self.object(id);
        object.is_some_and(|it| (it.sequence, it.bytes) == (segment.sequence, bytes))
    }

    /// The live edge did not get it to the origin.
    pub(super) fn miss(&mut self, id: Id) {
        if self.state(id) == Some(State::Live) {
            self.set(id, State::Missed);
        }
    }

    /// The live edge did not get these numbers to the origin.
    pub(super) fn miss_all(&mut self, first: u64, last: u64) {
        for id in self.all(State::Live) {
            let number = self.object(id).map(|object| object.sequence);
            if number.is_some_and(|number| (first..=last).contains(&number)) {
                self.set(id, State::Missed);
            }
        }
    }

    /// The live edge has ended.
    pub(super) fn end_live(&mut self) {
        for id in self.all(State::Live) {
            self.set(id, State::Missed);
        }
    }

    /// The origin has it.
    pub(super) fn settle(&mut self, id: Id) -> Option<String> {
        let entry = self.entries.get(&id)?;
        if entry.state == State::Leaving {
            return None;
        }
        let deletes = self.deletes_local && !entry.object.is_manifest();
        // The file of a lost one is gone.
        if (entry.is_held || deletes) && entry.state != State::Lost {
            self.set(id, State::Leaving);
        } else {
            self.remove(id);
        }
        Some(format!("there {id}\n"))
    }

    /// Retention wants to delete the file of this name, and at most `limit` bytes are kept for the
    /// origin beyond that. The oldest go first.
    pub(super) fn hold(&mut self, name: &Path, limit: u64) -> (Hold, Option<String>) {
        let found = self.find(name).and_then(|id| Some((id, self.state(id)?)));
        let Some((id, state)) = found.filter(|(_, state)| *state != State::Lost) else {
            return (Hold::Pass, None);
        };
        if state == State::Leaving {
            return (Hold::Held(Vec::new()), None);
        }
        let entry = self.entries.get_mut(&id);
        let is_new = entry.is_some_and(|entry| !std::mem::replace(&mut entry.is_held, true));
        self.track(id);
        let mut over = Vec::new();
        while self.held_bytes > limit
            && let Some(oldest) = self.held.first().copied()
        {
            let name = self.object(oldest).map(|object| object.name.clone());
            self.set(oldest, State::Lost);
            over.extend(name.map(|name| (oldest, name)));
        }
        (Hold::Held(over), is_new.then(|| format!("hold {id}\n")))
    }

    /// Its file is gone, and the origin does not have it.
    pub(super) fn lose(&mut self, id: Id) -> Option<String> {
        self.state(id)?;
        self.set(id, State::Lost);
        Some(format!("lose {id}\n"))
    }

    /// It is of no more interest.
    pub(super) fn drop(&mut self, id: Id) -> Option<String> {
        self.remove(id)?;
        Some(format!("drop {id}\n"))
    }

    /// The oldest file from `from` on that has to be deleted.
    pub(super) fn next_deletion(&self, from: Id) -> Option<Id> {
        first(&self.states, State::Leaving, from)
    }

    /// The oldest object from `from` on that has to be uploaded from disk: a segment, or a manifest
    /// if the origin has all that was recorded before it.
    pub(super) fn next_upload(&self, from: Id) -> Option<Id> {
        let manifest = first(&self.manifests, State::Missed, from);
        manifest
            .filter(|id| self.has_all_before(*id))
            .or_else(|| first(&self.states, State::Missed, from))
    }

    /// Whether the origin has every segment that was recorded before. Lost ones do not count.
    pub(super) fn has_all_before(&self, id: Id) -> bool {
        let owed = [State::Recording, State::Live, State::Missed];
        let mut oldest = owed
            .iter()
            .filter_map(|state| first(&self.states, *state, 0));
        oldest.all(|oldest| oldest > id)
    }

    /// Whether a segment is on its way with the live edge.
    pub(super) fn is_live_busy(&self) -> bool {
        first(&self.states, State::Live, 0).is_some()
    }

    /// Whether all that is owed can be uploaded now, or is at the origin.
    pub(super) fn is_done(&self) -> bool {
        self.next_deletion(0).is_none() && self.owed() == 0
    }

    pub(super) fn lost(&self) -> impl Iterator<Item = &Path> {
        let lost = (State::Lost, 0)..;
        let ids = self.states.range(lost).map(|(_, id)| *id);
        ids.filter_map(|id| Some(self.object(id)?.name.as_path()))
    }

    /// How many objects the origin does not have, without the lost ones.
    pub(super) fn owed(&self) -> usize {
        let of = |set: &BTreeSet<_>| set.range(..(State::Leaving, 0)).count();
        of(&self.states) + of(&self.manifests)
    }

    pub(super) fn owed_bytes(&self) -> u64 {
        self.missing_bytes
    }

    pub(super) fn held(&self) -> (usize, u64) {
        (self.held.len(), self.held_bytes)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The whole journal.
    pub(super) fn render(&self) -> String {
        let mut text = format!("{HEADER}\n");
        for (id, entry) in &self.entries {
            text.extend([format!("owe {id} {}\n", entry.object.words())]);
            text.extend(entry.is_held.then(|| format!("hold {id}\n")));
            text.extend(match entry.state {
                State::Leaving => Some(format!("there {id}\n")),
                State::Lost => Some(format!("lose {id}\n")),
                State::Recording | State::Live | State::Missed => None,
            });
        }
        text
    }

    /// Reads a journal back. Returns how many of its lines cannot be read. The last line does not
    /// count if its end is missing, as a killed process leaves it.
    ///
    /// `None`: it is no journal.
    pub(super) fn read(&mut self, text: &[u8]) -> Option<usize> {
        let whole = text.iter().rposition(|byte| *byte == b'\n');
        let mut lines = text[..whole.unwrap_or(0)].split(|byte| *byte == b'\n');
        let header = lines.next().unwrap_or_default();
        if header.is_empty() && HEADER.as_bytes().starts_with(text) {
            return Some(0);
        }
        if header != HEADER.as_bytes() {
            return None;
        }
        let lines = lines.map(|line| std::str::from_utf8(line).ok());
        Some(
            lines
                .filter(|line| line.and_then(|it| self.replay(it)).is_none())
                .count(),
        )
    }

    fn replay(&mut self, line: &str) -> Option<()> {
        let words: Vec<_> = line.split(' ').collect();
        let (operation, words) = words.split_first()?;
        let (id, words) = words.split_first()?;
        let id: Id = id.parse().ok()?;
        match *operation {
            "owe" if id >= self.next && id < Id::MAX => {
                self.insert(id, Object::parse(words)?, State::Missed);
            }
            _ if !words.is_empty() => return None,
            // A line about an object that was replaced.
            "hold" | "there" | "lose" | "drop" if !self.entries.contains_key(&id) => {}
            "hold" => {
                self.entries.get_mut(&id)?.is_held = true;
                self.track(id);
            }
            "there" => drop(self.settle(id)),
            "lose" => drop(self.lose(id)),
            "drop" => drop(self.drop(id)),
            _ => return None,
        }
        Some(())
    }

    fn insert(&mut self, id: Id, object: Object, state: State) {
        if let Some(older) = self.names.insert(object.name.clone(), id) {
            self.forget(older);
        }
        self.next = id + 1;
        self.missing_bytes = self.missing_bytes.saturating_add(object.bytes);
        self.set_of(&object).insert((state, id));
        let entry = Entry {
            object,
            state,
            is_held: false,
        };
        self.entries.insert(id, entry);
    }

    fn set_of(&mut self, object: &Object) -> &mut BTreeSet<(State, Id)> {
        if object.is_manifest() {
            &mut self.manifests
        } else {
            &mut self.states
        }
    }

    fn set(&mut self, id: Id, state: State) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let before = std::mem::replace(&mut entry.state, state);
        let (bytes, is_manifest) = (entry.object.bytes, entry.object.is_manifest());
        let set = if is_manifest {
            &mut self.manifests
        } else {
            &mut self.states
        };
        set.remove(&(before, id));
        set.insert((state, id));
        if before <= State::Missed && state > State::Missed {
            self.missing_bytes = self.missing_bytes.saturating_sub(bytes);
        }
        self.track(id);
    }

    /// Keeps the sum of what is held.
    fn track(&mut self, id: Id) {
        let Some(entry) = self.entries.get(&id) else {
            return;
        };
        let bytes = entry.object.bytes;
        let is_held = entry.is_held && entry.state <= State::Missed;
        if is_held && self.held.insert(id) {
            self.held_bytes = self.held_bytes.saturating_add(bytes);
        } else if !is_held && self.held.remove(&id) {
            self.held_bytes = self.held_bytes.saturating_sub(bytes);
        }
    }

    fn remove(&mut self, id: Id) -> Option<()> {
        let name = self.forget(id)?;
        if self.names.get(&name) == Some(&id) {
            self.names.remove(&name);
        }
        Some(())
    }

    fn forget(&mut self, id: Id) -> Option<PathBuf> {
        let entry = self.entries.remove(&id)?;
        let (state, bytes) = (entry.state, entry.object.bytes);
        self.set_of(&entry.object).remove(&(state, id));
        if state <= State::Missed {
            self.missing_bytes = self.missing_bytes.saturating_sub(bytes);
        }
        if self.held.remove(&id) {
            self.held_bytes = self.held_bytes.saturating_sub(bytes);
        }
        Some(entry.object.name)
    }

    fn all(&self, state: State) -> Vec<Id> {
        let all = self.states.range((state, 0)..=(state, Id::MAX));
        all.map(|(_, id)| *id).collect()
    }
}

fn first(set: &BTreeSet<(State, Id)>, state: State, from: Id) -> Option<Id> {
    let mut range = set.range((state, from)..=(state, Id::MAX));
    range.next().map(|(_, id)| *id)
}

#[cfg(test)]
mod tests;
