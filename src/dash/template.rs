//! The template of segment names: a URI in which one number changes.

use std::ops::Range;

/// What tells the segments of a template apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum Addressing {
    /// The producer's number.
    #[default]
    Number,
    /// The media time of the first sample, in ticks.
    Time,
}

/// A URI with the place of a number in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    addressing: Addressing,
    before: String,
    /// At least so many digits.
    width: usize,
    after: String,
}

impl Template {
    /// The template of a URI whose file name contains this value in decimal digits: as the last
    /// such number in front of the extension.
    pub(crate) fn of(addressing: Addressing, uri: &str, value: u64) -> Option<Self> {
        let name = uri.rfind('/').map_or(0, |slash| slash + 1);
        let end = uri[name..].rfind('.').map_or(uri.len(), |dot| name + dot);
        let stem = name..end;
        let is_it = |run: &Range<usize>| uri[run.clone()].parse() == Ok(value);
        let run = numbers(uri, stem).into_iter().rev().find(is_it)?;
        let digits = &uri[run.clone()];
        let template = Self {
            addressing,
            before: uri[..run.start].to_owned(),
            width: if digits.starts_with('0') {
                digits.len()
            } else {
                1
            },
            after: uri[run.end..].to_owned(),
        };
        template.fits(uri, value).then_some(template)
    }

    /// The URI of a segment.
    #[cfg(test)]
    pub(crate) fn uri(&self, value: u64) -> String {
        let (before, width, after) = (&self.before, self.width, &self.after);
        format!("{before}{value:0width$}{after}")
    }

    pub(crate) fn fits(&self, uri: &str, value: u64) -> bool {
        let digits = uri.strip_prefix(&*self.before);
        let digits = digits.and_then(|rest| rest.strip_suffix(&*self.after));
        digits.is_some_and(|digits| self.value(digits) == Some(value))
    }

    /// The value in a URI of this template.
    pub(crate) fn value_in(&self, uri: &str) -> Option<u64> {
        let rest = uri.strip_prefix(&*self.before)?;
        self.value(rest.strip_suffix(&*self.after)?)
    }

    fn value(&self, digits: &str) -> Option<u64> {
        let value = digits.parse::<u64>().ok()?;
        let width = self.width;
        (format!("{value:0width$}") == digits).then_some(value)
    }

    pub(crate) fn addressing(&self) -> Addressing {
        self.addressing
    }

    /// The template as `SegmentTemplate@media` has it (ISO/IEC 23009-1, 5.3.9.4.4). A URI has no
    /// `$`, because that is encoded.
    pub(crate) fn print(&self) -> String {
        let name = match self.addressing {
            Addressing::Number => "Number",
            Addressing::Time => "Time",
        };
        let (before, after) = (&self.before, &self.after);
        match self.width {
            1 => format!("{before}${name}${after}"),
            width => format!("{before}${name}%0{width}d${after}"),
        }
    }

    /// The template that [`print`](Template::print) printed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('$');
        let (before, middle, after) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let (name, width) = match middle.split_once("%0") {
            None => (middle, 1),
            Some((name, width)) => (name, width.strip_suffix('d')?.parse().ok()?),
        };
        let template = Self {
            addressing: match name {
                "Number" => Addressing::Number,
                "Time" => Addressing::Time,
                _ => return None,
            },
            before: before.to_owned(),
            // A number has at most 20 digits; a name may have more zeros, to a file system's limit.
            width: Some(width).filter(|width| *width <= 255)?,
            after: after.to_owned(),
        };
        (template.print() == text).then_some(template)
    }
}

/// The numbers in a part of a URI. The digits of an encoded character are none.
fn numbers(uri: &str, part: Range<usize>) -> Vec<Range<usize>> {
    let bytes = uri.as_bytes();
    let mut found = Vec::new();
    let mut at = part.start;
    while at < part.end {
        if bytes[at] == b'%' {
            at += 3;
            continue;
        }
        let length = bytes[at..part.end]
            .iter()
            .take_while(|it| it.is_ascii_digit())
            .count();
        if length > 0 {
            found.push(at..at + length);
        }
        at += length.max(1);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_in_the_name_makes_the_template() {
        use Addressing::{Number, Time};

        for (addressing, uri, value, media, next) in [
            (Number, "7.m4s", 7, "$Number$.m4s", "8.m4s"),
            (Number, "a/07.m4s", 7, "a/$Number%02d$.m4s", "a/08.m4s"),
            (
                Number,
                "10/v4-00010.m4s",
                10,
                "10/v4-$Number%05d$.m4s",
                "10/v4-00011.m4s",
            ),
            (Number, "s1-4.m4s", 4, "s1-$Number$.m4s", "s1-5.m4s"),
            (Number, "99999.m4s", 99_999, "$Number$.m4s", "100000.m4s"),
            (Number, "0", 0, "$Number$", "1"),
            (Number, "a%2012.m4s", 12, "a%20$Number$.m4s", "a%2013.m4s"),
            (Number, "12-12.m4s", 12, "12-$Number$.m4s", "12-13.m4s"),
            (
                Time,
                "v-180000.m4s",
                180_000,
                "v-$Time$.m4s",
                "v-180001.m4s",
            ),
        ] {
            let template = Template::of(addressing, uri, value).unwrap();
            assert_eq!(template.print(), media);
            assert!(template.fits(uri, value) && template.uri(value) == uri);
            assert_eq!(template.uri(value + 1), next);
            assert_eq!(template.value_in(next), Some(value + 1));
            assert_eq!(Template::parse(media), Some(template));
        }
    }

    #[test]
    fn a_name_without_the_number_has_no_template() {
        for (uri, value) in [
            ("video.m4s", 4),
            ("7.m4s", 8),
            ("77.m4s", 7),
            ("a%07.m4s", 7),
            ("7/video.m4s", 7),
            ("18446744073709551616.m4s", 0),
        ] {
            assert_eq!(Template::of(Addressing::Number, uri, value), None, "{uri}");
        }
        let template = Template::of(Addressing::Number, "v-07.m4s", 7).unwrap();
        assert!(!template.fits("v-8.m4s", 8) && !template.fits("w-08.m4s", 8));
        assert!(template.fits("v-108.m4s", 108));
        for text in [
            "",
            "a",
            "$Number",
            "$Bandwidth$",
            "$Number%05x$",
            "$Number%0999999d$",
            "$$",
        ] {
            assert_eq!(Template::parse(text), None, "{text}");
        }
    }
}
