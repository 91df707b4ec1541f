//! The side file: the state of the manifest and the pending deletions, for a later session.
//!
//! It holds the newest lines of each log, and names the parts that hold the others.

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::entry::Size;
use super::fingerprint::Fingerprints;
use super::parts::{End, Level, Log, PartName, Parts, Position, Run};
use super::pins::{Pins, pins_word};
use super::retired::Retired;
use super::time::Micros;
use crate::uri;

/// The contents of a side file and of its parts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) published: Published,
    /// The texts that the manifest may have.
    pub(crate) texts: Fingerprints,
    /// The files that wait for deletion, by their position in the log; then those of the side file
    /// itself.
    pub(crate) sealed: Vec<(Position, Retired)>,
    pub(crate) retired: Vec<Retired>,
    /// The lengths of listed segments.
    pub(crate) sizes: Vec<(u64, Size)>,
    /// The clips that were not released.
    pub(crate) clips: Vec<Pins>,
    /// The parts of each log, if there may be any.
    pub(crate) parts: Vec<(Log, Parts)>,
}

/// The publications that certainly succeeded.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Published {
    /// The number after the last published one.
    pub(crate) number: u64,
    /// The duration of the longest published manifest.
    pub(crate) longest: Micros,
}

/// The text of a side file, with the lines that are in no part. `first_live` is the first position
/// of a log that counts.
pub(crate) fn render<'a>(
    header: &str,
    published: Published,
    texts: &Fingerprints,
    logs: &[(&Parts, Position)],
    clips: &[Pins],
    sizes: impl Iterator<Item = (u64, Size)>,
    retired: impl Iterator<Item = &'a Retired>,
) -> Vec<u8> {
    let Published { number, longest } = published;
    let texts = texts.print();
    let mut text = format!("{header}\npublished {number} {longest}\ntexts {texts}\n");
    for (parts, first_live) in logs.iter().filter(|(parts, _)| parts.are_named()) {
        for (level, run) in parts.runs() {
            let letter = letter(parts.log(), level);
            let (oldest, first, end) = (run.oldest, run.first, run.end());
            text.extend([format!("parts {letter} {oldest} {first} {end}\n")]);
        }
        let letter = letter(parts.log(), Level::Small);
        text.extend([format!("live {letter} {first_live}\n")]);
    }
    text.extend(clips.iter().map(clip_line));
    text.extend(sizes.map(|(number, size)| listed(number, size)));
    text.extend(retired.map(Retired::line));
    text.push_str("end\n");
    text.into_bytes()
}

/// The text of a part of the log of waiting files.
pub(crate) fn render_waiting<'a>(
    header: &str,
    name: PartName,
    lines: impl Iterator<Item = (Position, &'a Retired)>,
) -> Vec<u8> {
    let lines = lines.filter(|(_, retired)| !retired.line().is_empty());
    let lines = lines.map(|(position, retired)| format!("{position} {}", retired.line()));
    render_part(header, name, lines)
}

/// The text of a part of the log of lengths.
pub(crate) fn render_sizes(
    header: &str,
    name: PartName,
    lines: impl Iterator<Item = (u64, Size)>,
) -> Vec<u8> {
    let lines = lines.map(|(number, size)| format!("{number} {}", listed(number, size)));
    render_part(header, name, lines)
}

/// The list of the files that a clip pins. It is written before the clip.
pub(crate) fn render_pins(header: &str, pins: &Pins) -> Vec<u8> {
    let mut names: Vec<_> = pins
        .files
        .iter()
        .filter_map(|it| uri::from_root(it).ok())
        .collect();
    names.sort_unstable();
    let mut text = format!("{header} {}\n", pins.word());
    text.extend(names.into_iter().map(|name| format!("pin {name}\n")));
    text.push_str("end\n");
    text.into_bytes()
}

/// `clip UNTIL STAYS NAME`, in seconds since 1970
fn clip_line(clip: &Pins) -> String {
    let Pins { name, stays, .. } = clip;
    let until = clip
        .until
        .map(|it| it.duration_since(UNIX_EPOCH).unwrap_or_default());
    let until = until.map_or_else(|| "-".to_owned(), |it| it.as_secs().to_string());
    format!("clip {until} {stays} {name}\n")
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

fn render_part(header: &str, name: PartName, lines: impl Iterator<Item = String>) -> Vec<u8> {
    let mut text = format!("{header} {}\n", name.word());
    text.extend(lines);
    text.push_str("end\n");
    text.into_bytes()
}

fn listed(number: u64, size: Size) -> String {
    format!("listed {number} {} {}\n", size.segment, size.map)
}

fn letter(log: Log, level: Level) -> char {
    PartName {
        log,
        level,
        number: 0,
    }
    .letter()
}

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
    let (stays, bytes, name) = match *words {
        ["delete", stays, name] => (stays, 0, name),
        ["delete", stays, bytes, name] => (stays, bytes.parse().ok()?, name),
        _ => return None,
    };
    let file: PathBuf = uri::resolve_from_root(name).ok()?;
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::internal::platform;

    const HEADER: &str = "#state:1";

    #[test]
    fn the_state_comes_back_and_a_cut_one_is_refused() {
        // Windows has no such name.
        let lines = "a b\n#c.ts";
        let is_plain = platform::is_plain_name(lines.as_ref());
        let odd = if is_plain { lines } else { "a b#c.ts" };
        let mut names = vec!["live/0.ts", odd, "/srv/x.ts", "end"];
        // A drive is one on Windows only.
        let drive = "C:\\srv\\x.ts";
        names.extend(Path::new(drive).is_absolute().then_some(drive));
        let retired: Vec<_> = names
            .into_iter()
            .map(|name| Retired::new(name.into(), 3_000_000))
            .collect();
        let published = Published {
            number: 7,
            longest: 9_000_000,
        };
        let text = render(
            HEADER,
            published,
            &Fingerprints::only(b"text"),
            &[],
            &[],
            std::iter::empty(),
            retired.iter(),
        );
        let read = |text: &[u8]| State::read(HEADER, text, |_| None).map_err(|(_, why)| why);
        let state = read(&text).unwrap();
        assert_eq!(state.published, published);
        assert_eq!(state.texts, Fingerprints::only(b"text"));
        assert_eq!(state.retired, retired);
        let text = String::from_utf8(text).unwrap();
        for (line, odd) in [
            ("published 7 ", "published x "),
            ("texts ", "texts x"),
            ("delete 3000000 end", "delete -3 end"),
            ("delete 3000000 end", "delete 3 ../end"),
            ("delete 3000000 end", "remove 3 end"),
        ] {
            let error = read(text.replace(line, odd).as_bytes()).unwrap_err();
            assert!(error.contains(&format!("invalid line: \"{odd}")), "{error}");
        }
        let text = text.into_bytes();
        for length in 0..text.len() - 1 {
            assert!(read(&text[..length]).is_err(), "cut after {length}");
        }
    }

    #[test]
    fn parts_come_back_with_their_live_lines_and_a_missing_one_is_refused() {
        let mut waiting = Parts::new(Log::Waiting, 2);
        let mut sizes = Parts::new(Log::Sizes, 2);
        for parts in [&mut waiting, &mut sizes] {
            parts.announce(2);
            parts.landed();
        }
        let files = ["0.ts", "1.ts", "2.ts"].map(|name| Retired::new(name.into(), 3).with_bytes(7));
        let lines = || (0..).zip(&files);
        let seal = waiting.due(0, 2, 2).unwrap();
        let of_files = render_waiting(HEADER, seal.name, lines().take(2));
        waiting.was_stored(&seal, 2);
        let size = Size {
            segment: 188,
            map: 40,
        };
        let seal = sizes.due(10, 2, 12).unwrap();
        let of_sizes = render_sizes(HEADER, seal.name, [(10, size), (11, size)].into_iter());
        sizes.was_stored(&seal, 2);
        let clip = Pins {
            name: "a-1".into(),
            until: Some(UNIX_EPOCH + Duration::from_secs(9)),
            stays: 5,
            files: ["0.ts", "a b.mp4"].map(PathBuf::from).into(),
            has_landed: true,
            is_gone: false,
        };
        let of_clip = render_pins(HEADER, &clip);
        let text = render(
            HEADER,
            Published::default(),
            &Fingerprints::only(b"text"),
            &[(&waiting, 1), (&sizes, 11)],
            std::slice::from_ref(&clip),
            [(12, size)].into_iter(),
            files[2..].iter(),
        );
        let names = objects_of(HEADER, &text).unwrap();
        assert_eq!(names, ["a0", "c0", "clip-a-1"]);
        let objects = [("a0", &of_files), ("c0", &of_sizes), ("clip-a-1", &of_clip)];
        let read = |but: &str| {
            State::read(HEADER, &text, |name| {
                let found = objects.iter().find(|it| it.0 == name && name != but);
                found.map(|it| &it.1[..])
            })
        };
        let state = read("clip-a-1").unwrap();
        assert_eq!(state.clips, [], "it was not made");
        let state = read("").unwrap();
        assert_eq!(state.clips, [clip]);
        assert_eq!(state.sealed, [(1, files[1].clone())]);
        assert_eq!(state.retired, files[2..]);
        assert_eq!(state.sizes, [(11, size), (12, size)]);
        let ends: Vec<_> = state
            .parts
            .iter()
            .map(|(_, parts)| parts.sealed())
            .collect();
        assert_eq!(ends, [2, 12]);

        let error = read("a0").unwrap_err();
        assert_eq!(error, (Some("a0".into()), "it is missing".into()));
        let cut = &of_files[..of_files.len() - 1];
        let error = State::read(HEADER, &text, |_| Some(&cut[..cut.len() - 3])).unwrap_err();
        assert_eq!(error, (Some("a0".into()), "it is truncated".into()));
    }
}
