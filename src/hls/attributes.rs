//! Attribute lists (RFC 8216 §4.2): `#TAG:NAME=VALUE,NAME="VALUE"`.

use std::fmt::{Display, Write};

/// A tag with an attribute list, while it is written.
pub(super) struct TagLine {
    text: String,
    is_first: bool,
}

impl TagLine {
    /// A tag of this name, `#EXT-X-MEDIA`.
    pub(super) fn new(tag: &str) -> Self {
        Self {
            text: format!("{tag}:"),
            is_first: true,
        }
    }

    /// A value that is not quoted: a number or an enumerated string.
    pub(super) fn plain(mut self, name: &str, value: impl Display) -> Self {
        if !self.is_first {
            self.text.push(',');
        }
        self.is_first = false;
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{name}={value}");
        self
    }

    /// A quoted string, which must have been checked.
    pub(super) fn quoted(self, name: &str, value: impl Display) -> Self {
        self.plain(name, format_args!("\"{value}\""))
    }

    /// A value as it was read.
    pub(super) fn value(self, name: &str, value: Value<'_>) -> Self {
        match value {
            Value::Plain(text) => self.plain(name, text),
            Value::Quoted(text) => self.quoted(name, text),
        }
    }

    pub(super) fn hexadecimal(self, name: &str, bytes: &[u8]) -> Self {
        let digits = bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02X}");
            text
        });
        self.plain(name, format_args!("0x{digits}"))
    }

    pub(super) fn maybe_plain(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.plain(name, value),
            None => self,
        }
    }

    pub(super) fn maybe_quoted(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.quoted(name, value),
            None => self,
        }
    }

    /// The line, without its end.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// A value as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Plain(&'a str),
    Quoted(&'a str),
}

impl<'a> Value<'a> {
    pub(super) fn plain(self) -> Option<&'a str> {
        match self {
            Self::Plain(text) => Some(text),
            Self::Quoted(_) => None,
        }
    }

    pub(super) fn quoted(self) -> Option<&'a str> {
        match self {
            Self::Quoted(text) => Some(text),
            Self::Plain(_) => None,
        }
    }

    /// The bytes of a hexadecimal sequence with an even number of digits.
    pub(super) fn bytes(self) -> Option<Vec<u8>> {
        let digits = self.plain()?.strip_prefix("0x")?.as_bytes();
        let byte = |pair: &[u8]| {
            let digit = |digit: u8| char::from(digit).to_digit(16);
            let [high, low] = *pair else { return None };
            u8::try_from(digit(high)? * 16 + digit(low)?).ok()
        };
        digits.chunks(2).map(byte).collect()
    }
}

/// The attributes of a line with this tag, in their order; `None` if it is no such line.
pub(super) fn read<'a>(line: &'a str, tag: &str) -> Option<Vec<(&'a str, Value<'a>)>> {
    let mut rest = line.strip_prefix(tag)?.strip_prefix(':')?;
    let mut found = Vec::new();
    loop {
        let (name, value) = rest.split_once('=')?;
        let (value, after) = if let Some(quoted) = value.strip_prefix('"') {
            let (text, after) = quoted.split_once('"')?;
            (Value::Quoted(text), after)
        } else {
            let end = value.find(',').unwrap_or(value.len());
            let (text, after) = value.split_at(end);
            (Value::Plain(text), after)
        };
        found.push((name, value));
        if after.is_empty() {
            return Some(found);
        }
        rest = after.strip_prefix(',')?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let line = TagLine::new("#T")
            .quoted("A", "b, c=d")
            .plain("N", 1.5)
            .hexadecimal("H", &[0, 0xAB])
            .maybe_plain("X", None::<u8>)
            .finish();
        assert_eq!(line, "#T:A=\"b, c=d\",N=1.5,H=0x00AB");
        let read = read(&line, "#T").unwrap();
        assert_eq!(
            read,
            [
                ("A", Value::Quoted("b, c=d")),
                ("N", Value::Plain("1.5")),
                ("H", Value::Plain("0x00AB"))
            ]
        );
        assert_eq!(read[2].1.bytes(), Some(vec![0, 0xAB]));
    }

    #[test]
    fn a_broken_list_is_none() {
        for line in [
            "",
            "#T",
            "#T:",
            "#T:A",
            "#TX:A=1",
            "#T:A=\"b",
            "#T:A=\"b\"c",
            "#T:A=\"b\"B=1",
            "#T:A=1,",
            "#T:A=1,B",
        ] {
            assert_eq!(read(line, "#T"), None, "{line:?}");
        }
        for digits in ["", "0x0", "0xGG", "0x+1", "00", "0x001"] {
            assert_eq!(Value::Plain(digits).bytes(), None, "{digits:?}");
        }
        assert_eq!(Value::Quoted("0x00").bytes(), None);
    }
}
