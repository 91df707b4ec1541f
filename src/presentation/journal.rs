//! The side file: the state of the manifest and the pending deletions, for a later session.

use super::fingerprint::Fingerprints;
use super::retired::Retired;
use super::time::Micros;
use crate::uri;

/// The contents of a side file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) published: Published,
    /// The texts that the manifest may have.
    pub(crate) texts: Fingerprints,
    pub(crate) retired: Vec<Retired>,
}

/// The publications that certainly succeeded.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Published {
    /// The number after the last published one.
    pub(crate) number: u64,
    /// The duration of the longest published manifest.
    pub(crate) longest: Micros,
}

/// The text of the side file, with all pending deletions.
pub(crate) fn render<'a>(
    header: &str,
    published: Published,
    texts: &Fingerprints,
    retired: impl Iterator<Item = &'a Retired>,
) -> Vec<u8> {
    let Published { number, longest } = published;
    let texts = texts.print();
    let mut text = format!("{header}\npublished {number} {longest}\ntexts {texts}\n");
    text.extend(retired.map(Retired::line));
    text.push_str("end\n");
    text.into_bytes()
}

impl State {
    pub(crate) fn read(header: &str, text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8")?;
        let mut lines = text.lines();
        if lines.next() != Some(header) {
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
                    state.texts = Fingerprints::parse(words).ok_or_else(|| unreadable(line))?;
                }
                ["delete", stays, name] => {
                    let stays = stays.parse().map_err(|_| unreadable(line))?;
                    let file = uri::resolve_from_root(name).map_err(|_| unreadable(line))?;
                    state.retired.push(Retired::new(file, stays));
                }
                ["end"] => return Ok(state),
                _ => return Err(unreadable(line)),
            }
        }
        Err("it is truncated".into())
    }
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
            retired.iter(),
        );
        let state = State::read(HEADER, &text).unwrap();
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
            let error = State::read(HEADER, text.replace(line, odd).as_bytes()).unwrap_err();
            assert!(error.contains(&format!("invalid line: \"{odd}")), "{error}");
        }
        let text = text.into_bytes();
        for length in 0..text.len() - 1 {
            assert!(
                State::read(HEADER, &text[..length]).is_err(),
                "cut after {length}"
            );
        }
    }
}
