//! Renders a media playlist as text. The text of entries that were listed before is kept.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::ops::Range;

use quick_m3u8::tag::HlsPlaylistType;
use quick_m3u8::tag::hls::{
    Discontinuity, DiscontinuitySequence, Endlist, Gap, IndependentSegments, M3u, Map,
    MediaSequence, PlaylistType, Targetduration, Version,
};
use quick_m3u8::{HlsLine, Writer};

use super::config::MediaPlaylist;
use super::start::Start;
use super::{date, date_range, key};
use crate::presentation::config::Extent;
use crate::presentation::date_range::Announced;
use crate::presentation::entry::{Content, Entry};
use crate::presentation::format::Text;
use crate::presentation::rendition::Rendition;
use crate::presentation::time::{Micros, SECOND};
use crate::presentation::visits;

/// The URI of a gap whose file no playlist can name. Any will do, because no client may load it.
pub(crate) const GAP: &str = "gap";

/// The text of the entries that were listed last, each as it follows the one before it.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// The number of the first entry.
    first: u64,
    lengths: VecDeque<usize>,
    body: Vec<u8>,
    /// Where the first entry begins in the body.
    start: usize,
    header: Vec<u8>,
    /// The number of the first entry, and the length, of the last text without its end.
    last: Option<(u64, usize)>,
}

/// The header values that never change once published.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FixedHeader {
    pub(crate) version: u64,
    pub(crate) target_secs: u64,
    pub(crate) start: Option<Start>,
}

/// Renders the whole text.
pub(crate) fn render(
    config: &MediaPlaylist,
    fixed: FixedHeader,
    rendition: &Rendition,
    kept: &mut Kept,
) -> io::Result<Text> {
    kept.follow(config, rendition)?;
    let mut text = Writer::new(Vec::new());
    let numbers = Numbers {
        media: rendition.media_sequence,
        discontinuity: rendition.discontinuity_sequence,
    };
    header(config, config.kind, fixed, numbers, &mut text)?;
    let (first, end) = (rendition.media_sequence, rendition.end());
    // With those whose place has left, as tags that still apply stay.
    ranges(rendition.ranges.within(..=first), &mut text)?;
    let header = text.get_ref().len();
    // The first one repeats what is in force.
    if let Some(first) = rendition.entries.front() {
        segment(config, first, None, &mut text)?;
    }
    let mut text = text.into_inner();
    text.extend_from_slice(kept.behind_the_first());
    // The next entry will follow them.
    let mut text = Writer::new(text);
    ranges(rendition.ranges.within(end.max(first + 1)..), &mut text)?;
    let mut text = text.into_inner();
    let length = text.len();
    let is_same = kept.header == text[..header];
    let before = kept.last.replace((first, length));
    let before = before.filter(|(before, _)| is_same && *before == first);
    if !is_same {
        kept.header = text[..header].to_vec();
    }
    if rendition.has_ended() {
        let mut end = Writer::new(text);
        end.write_line(HlsLine::from(Endlist))?;
        text = end.into_inner();
    }
    Ok(Text {
        bytes: text,
        kept: before.map_or(0, |(_, length)| length),
        notices: Vec::new(),
    })
}

impl Kept {
    /// Forgets entries that left, and renders those that came.
    fn follow(&mut self, config: &MediaPlaylist, rendition: &Rendition) -> io::Result<()> {
        let first = rendition.media_sequence;
        while self.first < first
            && let Some(length) = self.lengths.pop_front()
        {
            self.start += length;
            self.first += 1;
        }
        if self.lengths.is_empty() {
            (self.first, self.start) = (first, 0);
            self.body.clear();
        }
        if self.start > self.body.len() / 2 {
            self.body.drain(..self.start);
            self.start = 0;
        }
        let entries = &rendition.entries;
        let mut text = Writer::new(std::mem::take(&mut self.body));
        for place in self.lengths.len()..entries.len() {
            let Some(entry) = entries.get(place) else {
                break;
            };
            let before = text.get_ref().len();
            let previous = place.checked_sub(1).and_then(|it| entries.get(it));
            let number = first + place as u64;
            let listed = ranges(rendition.ranges.within(number..=number), &mut text);
            if let Err(error) = listed.and_then(|()| segment(config, entry, previous, &mut text)) {
                self.body = text.into_inner();
                self.body.truncate(before);
                return Err(error);
            }
            let length = text.get_ref().len() - before;
            visits::count_bytes(length);
            self.lengths.push_back(length);
        }
        self.body = text.into_inner();
        Ok(())
    }

    fn behind_the_first(&self) -> &[u8] {
        let first = self.lengths.front().copied().unwrap_or_default();
        self.body.get(self.start + first..).unwrap_or_default()
    }
}

/// Renders a VOD playlist of these numbers alone. What is in force at its beginning is repeated
/// there, and each key has an IV of its own, so that no number is needed to play it.
pub(super) fn render_clip(
    config: &MediaPlaylist,
    fixed: FixedHeader,
    rendition: &Rendition,
    numbers: &Range<u64>,
    start: Option<Start>,
) -> io::Result<Vec<u8>> {
    let mut text = Writer::new(Vec::new());
    let first = numbers.start.max(rendition.media_sequence);
    let before = 0..first;
    let before = rendition.section(&before);
    let before = before.filter(|it| it.starts_discontinuity).count() as u64;
    let first = Numbers {
        media: first,
        discontinuity: rendition.discontinuity_sequence + before,
    };
    let fixed = FixedHeader { start, ..fixed };
    header(config, Extent::AtTheEnd, fixed, first, &mut text)?;
    ranges(rendition.ranges.within(..first.media), &mut text)?;
    let mut previous = None;
    for (number, entry) in (first.media..).zip(rendition.section(numbers)) {
        ranges(rendition.ranges.within(number..=number), &mut text)?;
        segment(config, entry, previous, &mut text)?;
        previous = Some(entry);
    }
    text.write_line(HlsLine::from(Endlist))?;
    Ok(text.into_inner())
}

/// The numbers of the first entry.
#[derive(Debug, Clone, Copy)]
struct Numbers {
    media: u64,
    discontinuity: u64,
}

fn header(
    config: &MediaPlaylist,
    kind: Extent,
    fixed: FixedHeader,
    numbers: Numbers,
    text: &mut Writer<Vec<u8>>,
) -> io::Result<()> {
    text.write_line(HlsLine::from(M3u))?;
    text.write_line(HlsLine::from(Version::new(fixed.version)))?;
    if config.independent_segments {
        text.write_line(HlsLine::from(IndependentSegments))?;
    }
    if let Some(start) = fixed.start {
        writeln!(text.get_mut(), "{}", start.print())?;
    }
    text.write_line(HlsLine::from(Targetduration::new(fixed.target_secs)))?;
    text.write_line(HlsLine::from(MediaSequence::new(numbers.media)))?;
    if numbers.discontinuity > 0 {
        // Must come before the first segment and the first discontinuity (§4.3.3.3). The default
        // is 0.
        let sequence = DiscontinuitySequence::new(numbers.discontinuity);
        text.write_line(HlsLine::from(sequence))?;
    }
    let kind = match kind {
        // A playlist from which segments are removed must not have a type (§6.2.2).
        Extent::Window(_) | Extent::Recording => return Ok(()),
        Extent::Growing => HlsPlaylistType::Event,
        Extent::AtTheEnd => HlsPlaylistType::Vod,
    };
    text.write_line(HlsLine::from(PlaylistType::new(kind)))?;
    Ok(())
}

/// Date ranges stand where they were announced. A playlist that grows may only be appended to (bis
/// §6.2.1), so what a range gains is a further tag of the same ID.
fn ranges(listed: &[Announced], text: &mut Writer<Vec<u8>>) -> io::Result<()> {
    for it in listed {
        writeln!(text.get_mut(), "{}", date_range::print(&it.range))?;
    }
    Ok(())
}

fn segment(
    config: &MediaPlaylist,
    entry: &Entry,
    previous: Option<&Entry>,
    text: &mut Writer<Vec<u8>>,
) -> io::Result<()> {
    if entry.starts_discontinuity {
        text.write_line(HlsLine::from(Discontinuity))?;
    }
    // Keys are in force until others replace them, so they are repeated if the segment that had
    // them slid out.
    let before = previous.map(keys).unwrap_or_default();
    let mut known = &before[..];
    if let Some(map) = &entry.initialisation
        && previous.and_then(|previous| previous.initialisation.as_ref()) != Some(map)
    {
        if known.iter().any(|line| line != key::NO_KEY) {
            // A key applies to initialisation segments as well (§4.3.2.4), and this one is in the
            // clear.
            writeln!(text.get_mut(), "{}", key::NO_KEY)?;
            known = &[];
        }
        let tag = Map::builder().with_uri(config.uri_of(&map.file)?).finish();
        text.write_line(HlsLine::from(tag))?;
    }
    let own = keys(entry);
    let keys = if *own == *known { &[] } else { &own[..] };
    if ends_a_format(known, keys) {
        writeln!(text.get_mut(), "{}", key::NO_KEY)?;
    }
    for line in keys.iter().chain(&entry.lines) {
        writeln!(text.get_mut(), "{line}")?;
    }
    if let Some(date) = entry.date {
        writeln!(
            text.get_mut(),
            "#EXT-X-PROGRAM-DATE-TIME:{}",
            date::print(date)
        )?;
    }
    let uri = match &entry.content {
        Content::Stored(file) => config.uri_of(file)?,
        Content::Missing(name) => {
            text.write_line(HlsLine::from(Gap))?;
            match name {
                Some(name) => config.uri_of(name)?,
                None => GAP.to_owned(),
            }
        }
    };
    writeln!(
        text.get_mut(),
        "#EXTINF:{},\n{uri}",
        print_duration(entry.micros),
    )
}

/// The key lines of an entry, with the IV that its number implies.
fn keys(entry: &Entry) -> Cow<'_, [String]> {
    let with_iv = entry
        .sequence
        .and_then(|number| key::of_segment(&entry.keys, number));
    with_iv.map_or(Cow::Borrowed(&entry.keys[..]), Cow::Owned)
}

/// `2.000000`
fn print_duration(micros: Micros) -> String {
    format!("{}.{:06}", micros / SECOND, micros % SECOND)
}

/// A key is in force until the next one of its format (§4.3.2.4), so a key of a format that does
/// not follow must be ended.
fn ends_a_format(known: &[String], keys: &[String]) -> bool {
    let replaces = |line: &String| {
        let format = key::format(line);
        keys.iter().any(|it| key::format(it) == format)
    };
    !keys.is_empty()
        && keys != [key::NO_KEY]
        && !known
            .iter()
            .all(|line| line == key::NO_KEY || replaces(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_decimals_and_no_more() {
        assert_eq!(print_duration(0), "0.000000");
        assert_eq!(print_duration(2_000_000), "2.000000");
        assert_eq!(print_duration(3_600_000_001), "3600.000001");
    }
}
