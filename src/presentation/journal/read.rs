//! Reads a side file and its parts back.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use super::{Published, State};
use crate::presentation::entry::Size;
use crate::presentation::fingerprint::{Fingerprints, Reach};
use crate::presentation::parts::{End, Level, Log, PartName, Parts, Position, Run};
use crate::presentation::pins::{Pins, pins_word};
use crate::presentation::retired::Retired;
use crate::uri;

/// The further objects that a side file names, by what is added to its path.
pub(crate) fn objects_of(header: &str, text: &[u8]) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    read_lines(header, text, |line, words| {
        if let Some((log, level, [_, first, end])) = range(words) {
            let parts = (first..end).map(|number| PartName { log, level, number });
            names.extend(parts.map(PartName::word));
        } else if let ["clip", _, _, name] = *words {
            names.push(pins_word(name));
        } else if words.first() == Some(&"parts") {
            return Err(unreadable(line));
        }
        Ok(())
    })?;
    Ok(names)
}

/// `parts LETTER OLDEST FIRST END`
fn range(words: &[&str]) -> Option<(Log, Level, [u64; 3])> {
    let ["parts", letter, ref numbers @ ..] = *words else {
        return None;
    };
    let (log, level) = PartName::of_letter(letter)?;
    let numbers: Option<Vec<u64>> = numbers.iter().map(|it| it.parse().ok()).collect();
    let numbers: [u64; 3] = numbers?.try_into().ok()?;
    // More than any log has: a number that was changed must not take all memory.
    let is_sound = numbers.is_sorted() && numbers[2] - numbers[1] <= 1 << 20;
    is_sound.then_some((log, level, numbers))
}

/// Why a state cannot be read, and of which part, if it is not the side file itself.
pub(crate) type Unreadable = (Option<String>, String);

impl State {
    /// Reads a side file, and its parts by their names.
    pub(crate) fn read<'a>(
        header: &str,
        text: &[u8],
        part: impl Fn(&str) -> Option<&'a [u8]>,
    ) -> Result<Self, Unreadable> {
        let mut state = Self::default();
        let mut ranges = Vec::new();
        let mut live = Vec::new();
        let read = read_lines(header, text, |line, words| {
            let unreadable = || unreadable(line);
            match *words {
                ["published", number, longest] => {
                    state.published = Published {
                        number: number.parse().map_err(|_| unreadable())?,
                        longest: longest.parse().map_err(|_| unreadable())?,
                    };
                }
                ["texts", ref words @ ..] => {
                    state.texts = Fingerprints::parse(words).ok_or_else(unreadable)?;
                }
                ["newest", number, ranges] => {
                    state.newest = Some(Reach {
                        number: number.parse().map_err(|_| unreadable())?,
                        ranges: ranges.parse().map_err(|_| unreadable())?,
                    });
                }
                ["next", ref words @ ..] => {
                    state.leaving.push(file(words).ok_or_else(unreadable)?);
                }
                ["parts", ..] => ranges.push(range(words).ok_or_else(unreadable)?),
                ["live", letter, position] => {
                    let (log, _) = PartName::of_letter(letter).ok_or_else(unreadable)?;
                    live.push((log, position.parse().map_err(|_| unreadable())?));
                }
                ["clip", ..] => state.clips.push(read_clip(words).ok_or_else(unreadable)?),
                _ if words.first() == Some(&"listed") => {
                    state.sizes.push(size(words).ok_or_else(unreadable)?);
                }
                _ => state.retired.push(retired(words).ok_or_else(unreadable)?),
            }
            Ok(())
        });
        read.map_err(|why| (None, why))?;
        for (log, first_live) in live {
            let parts = state.read_parts(header, log, first_live, &ranges, &part)?;
            state.parts.push((log, parts));
        }
        let mut clips = Vec::new();
        for mut clip in std::mem::take(&mut state.clips) {
            let word = clip.word();
            // Without a list it was never made, or is deleted.
            let Some(text) = part(&word) else { continue };
            let header = format!("{header} {word}");
            let read = read_lines(&header, text, |line, words| {
                let ["pin", name] = *words else {
                    return Err(unreadable(line));
                };
                clip.files
                    .insert(uri::resolve_from_root(name).map_err(|_| unreadable(line))?);
                Ok(())
            });
            read.map_err(|why| (Some(word), why))?;
            clips.push(clip);
        }
        state.clips = clips;
        // Those of the side file are the newest ones.
        state.sizes.sort_by_key(|(number, _)| *number);
        Ok(state)
    }

    /// The files that wait for deletion.
    pub(crate) fn retired(&self) -> impl Iterator<Item = &Retired> {
        let sealed = self.sealed.iter().map(|(_, retired)| retired);
        sealed.chain(&self.retired)
    }

    /// Removes the files that are used.
    pub(crate) fn spare(&mut self, is_used: impl Fn(&Path) -> bool) {
        self.sealed.retain(|(_, retired)| !is_used(retired.file()));
        self.retired.retain(|retired| !is_used(retired.file()));
    }

    fn read_parts<'a>(
        &mut self,
        header: &str,
        log: Log,
        first_live: Position,
        ranges: &[(Log, Level, [u64; 3])],
        part: impl Fn(&str) -> Option<&'a [u8]>,
    ) -> Result<Parts, Unreadable> {
        // The large ones come first.
        let [large, small] = [Level::Large, Level::Small].map(|level| {
            let of = |it: &&(Log, Level, [u64; 3])| (it.0, it.1) == (log, level);
            let [oldest, first, end] = ranges.iter().find(of).map_or([0; 3], |it| it.2);
            let mut ends = Vec::new();
            for number in first..end {
                let name = PartName { log, level, number };
                let refuse = |why| (Some(name.word()), why);
                let text = part(&name.word()).ok_or_else(|| refuse("it is missing".into()))?;
                let read = self.read_part(header, name, text, first_live);
                ends.push(read.map_err(refuse)?);
            }
            Ok(Run::read(oldest, first, ends))
        });
        Ok(Parts::read(log, small?, large?, first_live))
    }

    fn read_part(
        &mut self,
        header: &str,
        name: PartName,
        text: &[u8],
        first_live: Position,
    ) -> Result<End, String> {
        let mut end = End::default();
        let header = format!("{header} {}", name.word());
        read_lines(&header, text, |line, words| {
            let Some((position, words)) = words.split_first() else {
                return Err(unreadable(line));
            };
            let position: Position = position.parse().map_err(|_| unreadable(line))?;
            if position < end.position {
                return Err(unreadable(line));
            }
            end = End {
                position: position.checked_add(1).ok_or_else(|| unreadable(line))?,
                lines: end.lines + 1,
            };
            let is_live = position >= first_live;
            match name.log {
                Log::Waiting => {
                    let retired = retired(words).ok_or_else(|| unreadable(line))?;
                    self.sealed.extend(is_live.then_some((position, retired)));
                }
                Log::Sizes => {
                    let size = size(words).ok_or_else(|| unreadable(line))?;
                    self.sizes.extend(is_live.then_some(size));
                }
            }
            Ok(())
        })?;
        Ok(end)
    }
}

/// Has each line between the header and the end taken.
fn read_lines<'a>(
    header: &str,
    text: &'a [u8],
    mut take: impl FnMut(&'a str, &[&'a str]) -> Result<(), String>,
) -> Result<(), String> {
    let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8")?;
    let mut lines = text.lines();
    if lines.next() != Some(header) {
        return Err("it was not written by this publisher".into());
    }
    for line in lines {
        if line == "end" {
            return Ok(());
        }
        let words: Vec<&str> = line.split(' ').collect();
        take(line, &words)?;
    }
    Err("it is truncated".into())
}

/// `delete STAYS NAME` or `delete STAYS BYTES NAME`
fn retired(words: &[&str]) -> Option<Retired> {
    let (word, words) = words.split_first()?;
    file(words).filter(|_| *word == "delete")
}

/// `STAYS NAME` or `STAYS BYTES NAME`
fn file(words: &[&str]) -> Option<Retired> {
    let (stays, bytes, name) = match *words {
        [stays, name] => (stays, 0, name),
        [stays, bytes, name] => (stays, bytes.parse().ok()?, name),
        _ => return None,
    };
    let file = uri::resolve_from_root(name).ok()?;
    Some(Retired::new(file, stays.parse().ok()?).with_bytes(bytes))
}

/// `listed NUMBER BYTES MAP`
fn size(words: &[&str]) -> Option<(u64, Size)> {
    let ["listed", number, segment, map] = *words else {
        return None;
    };
    let size = Size {
        segment: segment.parse().ok()?,
        map: map.parse().ok()?,
    };
    Some((number.parse().ok()?, size))
}

fn unreadable(line: &str) -> String {
    format!("it has an invalid line: {line:?}")
}

fn read_clip(words: &[&str]) -> Option<Pins> {
    let ["clip", until, stays, name] = *words else {
        return None;
    };
    let until = match until {
        "-" => None,
        secs => Some(UNIX_EPOCH.checked_add(Duration::from_secs(secs.parse().ok()?))?),
    };
    Some(Pins {
        name: name.to_owned(),
        until,
        stays: stays.parse().ok()?,
        has_landed: true,
        ..Pins::default()
    })
}
