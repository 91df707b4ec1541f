//! A media playlist's text, read strictly: what is not allowed there is an error, with its clause.

use std::collections::BTreeMap;

/// A media playlist.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Text {
    pub(crate) version: u64,
    pub(crate) target: u64,
    pub(crate) media_sequence: u64,
    pub(crate) discontinuity_sequence: u64,
    pub(crate) kind: Option<String>,
    pub(crate) is_independent: bool,
    pub(crate) entries: Vec<Entry>,
    /// The date ranges that no segment brought, and the number of the segment behind each.
    pub(crate) ranges: Vec<(u64, String)>,
    pub(crate) has_ended: bool,
}

/// One media segment, with all that holds for it, wherever in the text it is said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Entry {
    pub(crate) uri: String,
    pub(crate) micros: u64,
    pub(crate) is_gap: bool,
    pub(crate) starts_discontinuity: bool,
    /// Milliseconds since 1970.
    pub(crate) date: Option<i64>,
    /// The map in force.
    pub(crate) map: Option<String>,
    /// The keys in force, by their format (RFC 8216 §4.3.2.4).
    pub(crate) keys: BTreeMap<String, String>,
    pub(crate) tags: Vec<String>,
}

impl Text {
    pub(crate) fn total(&self) -> u64 {
        self.entries.iter().map(|entry| entry.micros).sum()
    }

    pub(crate) fn end(&self) -> u64 {
        self.media_sequence + self.entries.len() as u64
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Entry> {
        let place = number.checked_sub(self.media_sequence)?;
        self.entries.get(usize::try_from(place).ok()?)
    }
}

/// Reads a text whose URIs all begin with `base`, and whose lines of the caller's are
/// `passed_through`.
pub(crate) fn parse(
    text: &str,
    base: &str,
    passed_through: impl Fn(&str) -> bool,
) -> Result<Text, String> {
    let body = text
        .strip_prefix("#EXTM3U\n")
        .ok_or("it does not begin with #EXTM3U")?;
    let body = body.strip_suffix('\n').ok_or("its last line has no end")?;
    let mut reader = Reader {
        base,
        ..Reader::default()
    };
    for line in body.split('\n') {
        reader
            .line(line, &passed_through)
            .map_err(|why| format!("{why}: {line:?}"))?;
    }
    reader.finish()
}

#[derive(Default)]
struct Reader<'a> {
    base: &'a str,
    text: Text,
    headers: Vec<String>,
    next: Entry,
    /// The names of the tags of the next segment.
    said: Vec<String>,
    has_duration: bool,
    map: Option<String>,
    keys: BTreeMap<String, String>,
}

impl Reader<'_> {
    fn line(&mut self, line: &str, passed_through: &impl Fn(&str) -> bool) -> Result<(), String> {
        if self.text.has_ended {
            return Err("a line after EXT-X-ENDLIST".into());
        }
        if line.chars().any(char::is_control) {
            return Err("a control character (§4.1)".into());
        }
        if self.has_duration {
            return self.uri(line);
        }
        if line.starts_with("#EXT-X-KEY:") {
            return self.key(line);
        }
        if passed_through(line) {
            self.next.tags.push(line.to_owned());
            return Ok(());
        }
        if line.starts_with("#EXT-X-DATERANGE:") {
            if self.next != Entry::default() || !self.said.is_empty() {
                return Err("a date range between the tags of a segment".into());
            }
            let number = self.text.end();
            self.text.ranges.push((number, line.to_owned()));
            return Ok(());
        }
        let (name, value) = line
            .split_once(':')
            .map_or((line, None), |(n, v)| (n, Some(v)));
        if self.header(name, value)? {
            return Ok(());
        }
        if self.said.iter().any(|said| said == name) {
            return Err("a tag twice for one segment".into());
        }
        self.said.push(name.to_owned());
        match (name, value) {
            ("#EXT-X-DISCONTINUITY", None) => self.next.starts_discontinuity = true,
            ("#EXT-X-GAP", None) => self.next.is_gap = true,
            ("#EXT-X-ENDLIST", None) => {
                self.text.has_ended = true;
                self.said.clear();
            }
            ("#EXT-X-MAP", Some(value)) => self.map(value)?,
            ("#EXT-X-PROGRAM-DATE-TIME", Some(value)) => self.next.date = Some(date(value)?),
            ("#EXTINF", Some(value)) => {
                self.next.micros = duration(value).ok_or("EXTINF is not as 2.000000,")?;
                self.has_duration = true;
            }
            _ => return Err("not a line of a media playlist".into()),
        }
        Ok(())
    }

    fn header(&mut self, name: &str, value: Option<&str>) -> Result<bool, String> {
        let number = || {
            let value = value.filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()));
            value
                .and_then(|value| value.parse::<u64>().ok())
                .ok_or("no number")
        };
        match name {
            "#EXT-X-VERSION" => self.text.version = number()?,
            "#EXT-X-TARGETDURATION" => self.text.target = number()?,
            "#EXT-X-MEDIA-SEQUENCE" => self.text.media_sequence = number()?,
            "#EXT-X-DISCONTINUITY-SEQUENCE" => self.text.discontinuity_sequence = number()?,
            "#EXT-X-PLAYLIST-TYPE" => self.text.kind = value.map(str::to_owned),
            "#EXT-X-INDEPENDENT-SEGMENTS" => self.text.is_independent = value.is_none(),
            _ => return Ok(false),
        }
        if self.headers.iter().any(|header| header == name) {
            return Err("a header twice (§4.3.3)".into());
        }
        let has_begun = !self.text.entries.is_empty() || !self.text.ranges.is_empty();
        if has_begun || self.next != Entry::default() {
            return Err("a header after the first segment began".into());
        }
        self.headers.push(name.to_owned());
        Ok(true)
    }

    fn key(&mut self, line: &str) -> Result<(), String> {
        if !self.said.is_empty() && self.said.iter().any(|name| name == "#EXTINF") {
            return Err("EXT-X-KEY between EXTINF and its URI".into());
        }
        if line.contains("METHOD=NONE") {
            self.keys.clear();
            return Ok(());
        }
        let format = line
            .split("KEYFORMAT=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        self.keys
            .insert(format.unwrap_or("identity").to_owned(), line.to_owned());
        Ok(())
    }

    fn map(&mut self, value: &str) -> Result<(), String> {
        let uri = value
            .strip_prefix("URI=\"")
            .and_then(|rest| rest.strip_suffix('"'))
            .ok_or("EXT-X-MAP is not as URI=\"…\"")?;
        self.check_uri(uri)?;
        if !self.keys.is_empty() {
            // §4.3.2.4: a key holds for the initialisation segments declared after it as well.
            return Err("EXT-X-MAP where a key is in force, of a segment in the clear".into());
        }
        self.map = Some(uri.to_owned());
        Ok(())
    }

    fn check_uri(&self, uri: &str) -> Result<(), String> {
        let rest = uri
            .strip_prefix(self.base)
            .ok_or("not under the base URL")?;
        let mut bytes = rest.bytes();
        while let Some(byte) = bytes.next() {
            let is_plain = match byte {
                b'%' => {
                    let is_hex = |byte: Option<u8>| byte.is_some_and(|it| it.is_ascii_hexdigit());
                    is_hex(bytes.next()) && is_hex(bytes.next())
                }
                _ => byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte),
            };
            if !is_plain {
                return Err("a URI with a character that must be encoded (RFC 3986 §2.3)".into());
            }
        }
        if rest.is_empty() || rest.starts_with('/') || rest.ends_with('/') {
            return Err("a URI that is no relative reference to a file".into());
        }
        Ok(())
    }

    fn uri(&mut self, line: &str) -> Result<(), String> {
        let is_gap_without_name = self.next.is_gap && line == "gap";
        if !is_gap_without_name {
            self.check_uri(line)?;
        }
        let entry = std::mem::take(&mut self.next);
        self.text.entries.push(Entry {
            uri: line.to_owned(),
            map: self.map.clone(),
            keys: self.keys.clone(),
            ..entry
        });
        self.said.clear();
        self.has_duration = false;
        Ok(())
    }

    fn finish(self) -> Result<Text, String> {
        let left_over = self.has_duration || !self.said.is_empty() || self.next != Entry::default();
        if left_over {
            return Err("its last segment has no URI".into());
        }
        for name in ["VERSION", "TARGETDURATION", "MEDIA-SEQUENCE"] {
            let name = format!("#EXT-X-{name}");
            if !self.headers.contains(&name) {
                return Err(format!("no {name}"));
            }
        }
        Ok(self.text)
    }
}

/// `2.000000,` in microseconds.
fn duration(value: &str) -> Option<u64> {
    let (whole, decimals) = value.strip_suffix(',')?.split_once('.')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let is_shortest = whole == "0" || !whole.starts_with('0');
    if decimals.len() != 6 || !is_number(decimals) || !is_number(whole) || !is_shortest {
        return None;
    }
    format!("{whole}{decimals}").parse().ok()
}

/// `2026-11-22T17:00:00.000Z` in milliseconds since 1970.
pub(crate) fn date(value: &str) -> Result<i64, String> {
    let shape: String = value
        .chars()
        .map(|it| if it.is_ascii_digit() { '0' } else { it })
        .collect();
    if shape != "0000-00-00T00:00:00.000Z" {
        return Err("a date of another shape".into());
    }
    let number = |from: usize, to: usize| value[from..to].parse::<i64>().expect("digits");
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let february = if is_leap(year) { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before: i64 = (1..month)
        .map(|it| months[usize::try_from(it - 1).expect("a month")])
        .sum();
    let years: i64 = (1970..year)
        .map(|it| if is_leap(it) { 366 } else { 365 })
        .sum();
    let seconds = ((years + before + day - 1) * 24 + number(11, 13)) * 3600
        + number(14, 16) * 60
        + number(17, 19);
    Ok(seconds * 1000 + number(20, 23))
}
