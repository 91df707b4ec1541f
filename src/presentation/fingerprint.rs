//! The texts that may stand at the destination of a manifest: their fingerprints, and how far they
//! go.

use super::visits;

/// How many publications in a row may fail before the text at the destination is unknown.
const REMEMBERED: usize = 16;

/// The fingerprints of all texts of which one is at the destination: the last published text, and
/// every text whose publication failed since. A failure may come after the text has arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Fingerprints {
    /// None was ever published.
    #[default]
    None,
    OneOf(Vec<u64>),
    Unknown,
}

impl Fingerprints {
    pub(crate) fn only(text: &[u8]) -> Self {
        Self::OneOf(vec![fingerprint(text)])
    }

    pub(crate) fn of(fingerprint: u64) -> Self {
        Self::OneOf(vec![fingerprint])
    }

    /// Adds texts that are about to be published.
    pub(crate) fn add(&mut self, more: &Self) {
        let known = match (&mut *self, more) {
            (Self::None, _) => return self.clone_from(more),
            (_, Self::None) => return,
            (Self::OneOf(known), Self::OneOf(more)) => {
                let new = more.iter().filter(|it| !known.contains(it));
                let new: Vec<_> = new.copied().collect();
                known.extend(new);
                known.len()
            }
            _ => usize::MAX,
        };
        if known > REMEMBERED {
            *self = Self::Unknown;
        }
    }

    pub(crate) fn may_be(&self, text: &[u8]) -> bool {
        match self {
            Self::None | Self::Unknown => true,
            Self::OneOf(known) => known.contains(&fingerprint(text)),
        }
    }

    /// As words of a line.
    pub(crate) fn print(&self) -> String {
        match self {
            Self::None | Self::Unknown => "any".to_owned(),
            Self::OneOf(known) => {
                let words: Vec<_> = known.iter().map(|it| format!("{it:016x}")).collect();
                words.join(" ")
            }
        }
    }

    pub(crate) fn parse(words: &[&str]) -> Option<Self> {
        if words == ["any"] {
            return Some(Self::Unknown);
        }
        let known = words.iter().map(|word| u64::from_str_radix(word, 16).ok());
        known.collect::<Option<Vec<u64>>>().map(Self::OneOf)
    }
}

/// How far a text of a manifest goes. Of two texts the newer one has the greater reach, and a
/// truncated one a smaller reach than the whole.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reach {
    /// The number after the last entry.
    pub(crate) number: u64,
    /// How many date ranges stand behind the last entry.
    pub(crate) ranges: usize,
}

/// The state after the whole words of the last text, so that a text that begins like it is not read
/// from its beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rolling {
    /// The bytes of these words.
    length: usize,
    hash: u64,
}

impl Default for Rolling {
    fn default() -> Self {
        Self {
            length: 0,
            hash: START,
        }
    }
}

impl Rolling {
    /// The fingerprint of the next text, of which `kept` bytes are those of the last one.
    pub(crate) fn next(&mut self, text: &[u8], kept: usize) -> u64 {
        if kept < self.length {
            *self = Self::default();
        }
        let rest = text.get(self.length..).unwrap_or_default();
        visits::count_bytes(rest.len());
        let (words, tail) = rest.as_chunks();
        self.length += rest.len() - tail.len();
        self.hash = words.iter().copied().fold(self.hash, mix);
        let mut last = [0; WORD];
        last[..tail.len()].copy_from_slice(tail);
        // The length tells a text from the same one with zeros behind it.
        mix(mix(self.hash, last), (text.len() as u64).to_le_bytes())
    }
}

const WORD: usize = 8;
const START: u64 = 0xcbf2_9ce4_8422_2325;
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

fn fingerprint(text: &[u8]) -> u64 {
    Rolling::default().next(text, 0)
}

/// A word at a time, as the texts of long windows are read with each push. For each word this is a
/// bijection of the hash, so texts that differ in one word never have the same. It detects texts
/// that were truncated or exchanged by accident, not by design.
fn mix(hash: u64, word: [u8; WORD]) -> u64 {
    let mixed = (hash ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
    mixed.rotate_left(29)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_that_may_be_there_is_known_and_no_other() {
        let mut texts = Fingerprints::only(b"one");
        let add = |texts: &mut Fingerprints, text: &[u8]| texts.add(&Fingerprints::only(text));
        add(&mut texts, b"two");
        for (text, is_known) in [
            (&b"one"[..], true),
            (b"two", true),
            (b"on", false),
            (b"", false),
        ] {
            assert_eq!(texts.may_be(text), is_known);
            let printed = texts.print();
            let words: Vec<_> = printed.split_whitespace().collect();
            assert_eq!(Fingerprints::parse(&words).unwrap().may_be(text), is_known);
        }
        // One that is tried again is still one.
        (0..REMEMBERED).for_each(|_| add(&mut texts, b"two"));
        (2..REMEMBERED).for_each(|number| add(&mut texts, number.to_string().as_bytes()));
        assert!(texts.may_be(b"one") && !texts.may_be(b"on"));
        add(&mut texts, b"one too many");
        assert_eq!(texts, Fingerprints::Unknown);
        assert!(texts.may_be(b"anything"));
        let mut rolling = Rolling::default();
        for (text, kept) in [(&b"on"[..], 0), (b"one", 2), (b"two", 0), (b"twofold", 3)] {
            assert_eq!(rolling.next(text, kept), fingerprint(text));
        }
    }

    #[test]
    fn a_text_that_grew_has_the_fingerprint_of_the_whole() {
        let text: Vec<u8> = (0..100).collect();
        for grown in 1..50 {
            let mut rolling = Rolling::default();
            for length in (0..=text.len()).step_by(grown) {
                let kept = length.saturating_sub(grown);
                let whole = &text[..length];
                assert_eq!(rolling.next(whole, kept), fingerprint(whole));
            }
        }
    }

    #[test]
    fn a_text_that_was_cut_or_changed_has_another_fingerprint() {
        let text: Vec<u8> = (1..=100).collect();
        let mut known = std::collections::HashSet::from([fingerprint(&text)]);
        for length in 0..text.len() {
            assert!(known.insert(fingerprint(&text[..length])), "{length}");
            let mut changed = text.clone();
            changed[length] ^= 0x80;
            assert!(known.insert(fingerprint(&changed)), "{length}");
        }
        // The tail is a whole word that ends in zeros.
        for zeros in 1..20 {
            assert!(known.insert(fingerprint(&vec![0; zeros])), "{zeros}");
        }
        // Side files have it: it must stay.
        assert_eq!(fingerprint(b"a"), 0x2e18_a1d7_a1ad_bc72);
    }
}
