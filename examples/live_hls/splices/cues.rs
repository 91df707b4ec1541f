//! EXT-X-CUE-OUT and EXT-X-CUE-IN: lines of the segments at which a break begins and ends.

use std::time::{Duration, SystemTime};

use super::NEAR;
use super::key::Key;
use super::time::seconds;

/// The lines that wait for their segments.
#[derive(Default)]
pub(super) struct Cues(Vec<Cue>);

/// A line that belongs to the segment at this time.
struct Cue {
    at: SystemTime,
    key: Key,
    line: String,
}

impl Cues {
    /// A break begins, and lasts this long if it is known.
    pub(super) fn push_out(&mut self, key: Key, at: SystemTime, length: Option<Duration>) {
        let line = match length {
            Some(length) => format!("#EXT-X-CUE-OUT:{}", seconds(length)),
            None => "#EXT-X-CUE-OUT".to_owned(),
        };
        self.0.push(Cue { at, key, line });
    }

    /// A break ends.
    pub(super) fn push_in(&mut self, key: Key, at: SystemTime) {
        let line = "#EXT-X-CUE-IN".to_owned();
        self.0.push(Cue { at, key, line });
    }

    /// Whether a line of this break waits.
    pub(super) fn has(&self, key: Key) -> bool {
        self.0.iter().any(|cue| cue.key == key)
    }

    /// Withdraws the waiting lines of these breaks.
    pub(super) fn withdraw(&mut self, is_it: impl Fn(Key) -> bool) {
        self.0.retain(|cue| !is_it(cue.key));
    }

    /// Takes the lines of the segment that begins at this date.
    pub(super) fn take(&mut self, date: SystemTime) -> Vec<String> {
        let is_due = |cue: &mut Cue| cue.at <= date + NEAR;
        let due = self.0.extract_if(.., is_due);
        due.map(|cue| cue.line).collect()
    }
}
