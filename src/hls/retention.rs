//! What is to be deleted, from when on, and its memory across restarts.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::duration::{Micros, from_duration};
use super::entry::Retired;
use super::texts::Texts;
use crate::uri;

const HEADER: &str = "#segment-stream-hls-state:1";

/// Files that no published playlist names any more, each with the moment in which it did so last.
#[derive(Debug, Default)]
pub(super) struct Retention {
    margin: Micros,
    waiting: VecDeque<Waiting>,
    /// Nothing is deleted, but what a later session must know is kept.
    has_given_up: bool,
}

#[derive(Debug, Clone)]
struct Waiting {
    file: PathBuf,
    stays: Micros,
    since: Moment,
}

/// A point on the two clocks that must both have come far enough: a stall stops the media and not the
/// clients, and a burst of media is over before they have played it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Moment {
    pub(super) media: Micros,
    /// Since some moment in the past; it never goes back.
    pub(super) clock: Duration,
}

impl Retention {
    pub(super) fn new(margin: Duration) -> Self {
        Self {
            margin: from_duration(margin),
            waiting: VecDeque::new(),
            has_given_up: false,
        }
    }

    /// Deletes nothing any more.
    pub(super) fn give_up(&mut self) {
        self.has_given_up = true;
        self.waiting.clear();
    }

    pub(super) fn has_given_up(&self) -> bool {
        self.has_given_up
    }

    /// These are named by no published playlist from now on.
    pub(super) fn add(&mut self, retired: Vec<Retired>, since: Moment) {
        if self.has_given_up {
            return;
        }
        for Retired { file, stays } in retired {
            let before = self.waiting.iter().find(|waiting| waiting.file == file);
            let stays = stays.max(before.map_or(0, |waiting| waiting.stays));
            self.waiting.retain(|waiting| waiting.file != file);
            self.waiting.push_back(Waiting { file, stays, since });
        }
    }

    /// All that waits has waited since this time only.
    pub(super) fn begin_at(&mut self, clock: Duration) {
        for waiting in &mut self.waiting {
            waiting.since.clock = clock;
        }
    }

    /// Forgets the files that are used again.
    pub(super) fn spare(&mut self, is_used: impl Fn(&Path) -> bool) {
        self.waiting.retain(|waiting| !is_used(&waiting.file));
    }

    /// The files that may be deleted now, the longest retired first.
    pub(super) fn due(&self, now: Moment) -> Vec<PathBuf> {
        self.waiting
            .iter()
            .filter(|waiting| {
                let media = now.media.saturating_sub(waiting.since.media);
                let clock = from_duration(now.clock.saturating_sub(waiting.since.clock));
                media >= waiting.stays && clock >= waiting.stays.saturating_add(self.margin)
            })
            .map(|waiting| waiting.file.clone())
            .collect()
    }

    pub(super) fn done(&mut self, file: &Path) {
        self.waiting.retain(|waiting| waiting.file != file);
    }

    /// Puts the file behind all others.
    pub(super) fn postpone(&mut self, file: &Path) {
        let found = self.waiting.iter().position(|it| it.file == file);
        if let Some(waiting) = found.and_then(|place| self.waiting.remove(place)) {
            self.waiting.push_back(waiting);
        }
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.waiting.iter().map(|waiting| waiting.file.as_path())
    }

    /// What a later session must know: all that waits, and all that is about to.
    pub(super) fn render(
        &self,
        published: Published,
        texts: &Texts,
        about_to: &[Retired],
    ) -> Vec<u8> {
        let Published { number, longest } = published;
        let waiting = self.waiting.iter().map(|it| (&it.file, it.stays));
        let about_to = about_to.iter().map(|it| (&it.file, it.stays));
        let mut text = format!("{HEADER}\npublished {number} {longest}\n");
        text.extend(["texts ", &texts.print(), "\n"]);
        for (file, stays) in waiting.chain(about_to) {
            // Relative to where all paths start; encoded, so that it is one word.
            let start = if file.has_root() { "/" } else { "" };
            if let Ok(name) = uri::reference(Path::new(start), file) {
                text.extend(["delete ", &stays.to_string(), " ", start, &name, "\n"]);
            }
        }
        text.push_str("end\n");
        text.into_bytes()
    }
}

/// What [`Retention::render`] wrote.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) published: Published,
    /// What the playlist's text may be.
    pub(super) texts: Texts,
    pub(super) retired: Vec<Retired>,
}

/// What was surely published.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Published {
    /// The number after the last one that was.
    pub(super) number: u64,
    /// The duration of the longest playlist that was.
    pub(super) longest: Micros,
}

impl State {
    pub(super) fn read(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8")?;
        let mut lines = text.lines();
        if lines.next() != Some(HEADER) {
            return Err("it was not written by this publisher".into());
        }
        let mut state = Self::default();
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            match *words {
                ["published", number, longest] => {
                    state.published = Published {
                        number: number.parse().map_err(|_| unreadable(line))?,
                        longest: longest.parse().map_err(|_| unreadable(line))?,
                    };
                }
                ["texts", ref words @ ..] => {
                    state.texts = Texts::parse(words).ok_or_else(|| unreadable(line))?;
                }
                ["delete", stays, name] => state.retired.push(Retired {
                    stays: stays.parse().map_err(|_| unreadable(line))?,
                    file: file(name).ok_or_else(|| unreadable(line))?,
                }),
                ["end"] => return Ok(state),
                _ => return Err(unreadable(line)),
            }
        }
        Err("it is cut".into())
    }
}

fn unreadable(line: &str) -> String {
    format!("it has a line that cannot be read: {line:?}")
}

fn file(name: &str) -> Option<PathBuf> {
    let (start, reference) = match name.strip_prefix('/') {
        Some(rest) => (Path::new("/"), rest),
        None => (Path::new(""), name),
    };
    uri::resolve(start, reference).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Micros = 1_000_000;

    fn at(media_secs: u64, clock_secs: u64) -> Moment {
        Moment {
            media: media_secs * SECOND,
            clock: Duration::from_secs(clock_secs),
        }
    }

    fn retired(file: &str, stays_secs: u64) -> Retired {
        Retired {
            file: file.into(),
            stays: stays_secs * SECOND,
        }
    }

    #[test]
    fn a_file_is_due_when_both_clocks_say_so_and_the_margin_is_over() {
        let mut retention = Retention::new(Duration::from_secs(5));
        retention.add(vec![retired("0.ts", 10)], at(100, 1_000));
        for (media, clock, is_due) in [
            (100, 1_000, false),
            (109, 2_000, false),
            (200, 1_014, false),
            (110, 1_015, true),
        ] {
            assert_eq!(
                !retention.due(at(media, clock)).is_empty(),
                is_due,
                "{media} {clock}"
            );
        }
        retention.done(Path::new("0.ts"));
        assert!(retention.due(at(1_000, 9_000)).is_empty());
    }

    #[test]
    fn what_is_postponed_goes_behind_all_others() {
        let mut retention = Retention::new(Duration::ZERO);
        let names = ["0.ts", "1.ts", "2.ts"];
        let all = names.iter().map(|name| retired(name, 3)).collect();
        retention.add(all, at(0, 0));
        retention.postpone(Path::new("1.ts"));
        retention.postpone(Path::new("none.ts"));
        let files: Vec<_> = retention.files().collect();
        assert_eq!(files, ["0.ts", "2.ts", "1.ts"].map(Path::new));
    }

    #[test]
    fn the_state_comes_back_and_a_cut_one_is_refused() {
        let mut retention = Retention::new(Duration::ZERO);
        let names = ["live/0.ts", "a b\n#c.ts", "/srv/x.ts", "end"];
        retention.add(
            names.iter().map(|name| retired(name, 3)).collect(),
            at(0, 0),
        );
        let published = Published {
            number: 7,
            longest: 9 * SECOND,
        };
        let text = retention.render(published, &Texts::only(b"text"), &[retired("last.ts", 4)]);
        let state = State::read(&text).unwrap();
        assert_eq!(state.published, published);
        assert_eq!(state.texts, Texts::only(b"text"));
        let files: Vec<_> = state
            .retired
            .iter()
            .map(|it| it.file.to_str().unwrap())
            .collect();
        assert_eq!(files, [&names[..], &["last.ts"]].concat());
        let text = String::from_utf8(text).unwrap();
        for (line, odd) in [
            ("published 7 ", "published x "),
            ("texts ", "texts x"),
            ("delete 3000000 end", "delete -3 end"),
            ("delete 3000000 end", "delete 3 ../end"),
            ("delete 3000000 end", "remove 3 end"),
        ] {
            let error = State::read(text.replace(line, odd).as_bytes()).unwrap_err();
            assert!(
                error.contains(&format!("line that cannot be read: \"{odd}")),
                "{error}"
            );
        }
        let text = text.into_bytes();
        for length in 0..text.len() - 1 {
            assert!(State::read(&text[..length]).is_err(), "cut after {length}");
        }
    }
}
