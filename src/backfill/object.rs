//! An object that an origin should get, and its words in the journal.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::segment::ProducedSegment;
use crate::sink::ObjectKind;

/// An object that was recorded.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Object {
    pub(super) name: PathBuf,
    pub(super) kind: ObjectKind,
    pub(super) sequence: u64,
    pub(super) bytes: u64,
    pub(super) duration_secs: f64,
}

impl Object {
    /// `None` if the segment has no name, or one that the journal cannot hold.
    pub(super) fn of(segment: &ProducedSegment, kind: ObjectKind) -> Option<Self> {
        let name = segment.path_hint.clone()?;
        name.to_str()?;
        Some(Self {
            name,
            kind,
            sequence: segment.sequence,
            bytes: segment.byte_len() as u64,
            duration_secs: segment.duration_secs,
        })
    }

    pub(super) fn is_manifest(&self) -> bool {
        self.kind == ObjectKind::Manifest
    }

    pub(super) fn with_data(&self, data: Vec<u8>) -> ProducedSegment {
        ProducedSegment {
            sequence: self.sequence,
            data,
            duration_secs: self.duration_secs,
            is_init: self.kind == ObjectKind::InitialisationSegment,
            path_hint: Some(self.name.clone()),
        }
    }

    /// `KIND SEQUENCE BYTES DURATION NAME`, with the bits of the duration, so that NaN stays NaN.
    pub(super) fn words(&self) -> String {
        let kind = match self.kind {
            ObjectKind::InitialisationSegment => "init",
            ObjectKind::Manifest => "manifest",
            _ => "media",
        };
        let (sequence, bytes) = (self.sequence, self.bytes);
        let bits = self.duration_secs.to_bits();
        format!("{kind} {sequence} {bytes} {bits:x} {}", word(&self.name))
    }

    pub(super) fn parse(words: &[&str]) -> Option<Self> {
        let [kind, sequence, bytes, bits, name] = *words else {
            return None;
        };
        Some(Self {
            name: path(name)?,
            kind: match kind {
                "init" => ObjectKind::InitialisationSegment,
                "media" => ObjectKind::MediaSegment,
                "manifest" => ObjectKind::Manifest,
                _ => return None,
            },
            sequence: sequence.parse().ok()?,
            bytes: bytes.parse().ok()?,
            duration_secs: f64::from_bits(u64::from_str_radix(bits, 16).ok()?),
        })
    }
}

/// A path as errors show it, with escapes for what no terminal should get.
pub(super) fn quoted(path: &Path) -> String {
    format!("{:?}", path.display().to_string())
}

/// A name as one word without a space or a line break.
fn word(name: &Path) -> String {
    let mut word = String::new();
    for byte in name.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_graphic() && *byte != b'%' {
            word.push(char::from(*byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(word, "%{byte:02X}");
        }
    }
    word
}

fn path(word: &str) -> Option<PathBuf> {
    let text = String::from_utf8(percent_decoded(word.as_bytes())).ok()?;
    (!text.is_empty()).then(|| PathBuf::from(text))
}

/// Whether the text of a manifest may name a file. A name that is part of another one counts as
/// well.
pub(super) fn may_name(text: &[u8], file: &Path) -> bool {
    let Some(file) = file.file_name() else {
        return true;
    };
    let file = file.as_encoded_bytes();
    let found = |text: &[u8]| text.windows(file.len()).any(|part| part == file);
    found(text) || found(&percent_decoded(text))
}

/// A percent sign without two digits stands for itself.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    let mut decoded = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let high = digit(text.get(at + 1)).filter(|_| *byte == b'%');
        let low = digit(text.get(at + 2)).filter(|_| *byte == b'%');
        if let (Some(high), Some(low)) = (high, low) {
            decoded.extend(u8::try_from(high * 16 + low));
            at += 3;
        } else {
            decoded.push(*byte);
            at += 1;
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_word_and_comes_back() {
        for name in ["a b", "100%", "%41", "ü/ 7\n.ts", "a\\b", "\u{7f}"] {
            let object = Object {
                name: name.into(),
                kind: ObjectKind::MediaSegment,
                sequence: u64::MAX,
                bytes: 7,
                duration_secs: f64::INFINITY,
            };
            let words = object.words();
            let split: Vec<_> = words.split(' ').collect();
            assert_eq!(Object::parse(&split), Some(object), "{words}");
            assert!(words.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        }
    }

    #[test]
    fn a_manifest_names_a_file_as_it_is_or_encoded() {
        let text = b"#EXTINF:2,\nseg/a%20b.ts\n#EXTINF:2,\n1.ts\n50%";
        for name in ["a b.ts", "x/1.ts", "a%20b.ts"] {
            assert!(may_name(text, Path::new(name)), "{name}");
        }
        assert!(!may_name(text, Path::new("2.ts")));
    }
}
