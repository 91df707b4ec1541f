//! Renders a media playlist as text.

use std::io::{self, Write};
use std::sync::Arc;

use quick_m3u8::tag::HlsPlaylistType;
use quick_m3u8::tag::hls::{
    Discontinuity, DiscontinuitySequence, Endlist, Gap, IndependentSegments, M3u, Map,
    MediaSequence, PlaylistType, Targetduration, Version,
};
use quick_m3u8::{HlsLine, Writer};

use super::config::Kind;
use super::{date, key};
use crate::presentation::entry::Entry;
use crate::presentation::rendition::Playlist;
use crate::presentation::time;

/// Renders the whole text. The version and the target duration must be settled.
pub(crate) fn render(playlist: &Playlist) -> io::Result<Vec<u8>> {
    let mut text = Writer::new(Vec::new());
    header(playlist, &mut text)?;
    let mut previous = None;
    for entry in &playlist.entries {
        segment(entry, previous, &mut text)?;
        previous = Some(entry);
    }
    if playlist.has_ended {
        text.write_line(HlsLine::from(Endlist))?;
    }
    Ok(text.into_inner())
}

fn header(playlist: &Playlist, text: &mut Writer<Vec<u8>>) -> io::Result<()> {
    let settled = |value: Option<u64>| value.expect("BUG: rendered before it was settled");
    text.write_line(HlsLine::from(M3u))?;
    text.write_line(HlsLine::from(Version::new(settled(playlist.version))))?;
    if playlist.config.independent_segments {
        text.write_line(HlsLine::from(IndependentSegments))?;
    }
    let target = settled(playlist.target_secs);
    text.write_line(HlsLine::from(Targetduration::new(target)))?;
    text.write_line(HlsLine::from(MediaSequence::new(playlist.media_sequence)))?;
    if playlist.discontinuity_sequence > 0 {
        // Must come before the first segment and the first discontinuity (§4.3.3.3). The default
        // is 0.
        let sequence = DiscontinuitySequence::new(playlist.discontinuity_sequence);
        text.write_line(HlsLine::from(sequence))?;
    }
    let kind = match playlist.config.kind {
        // A live playlist, from which segments are removed, must not have a type (§6.2.2).
        Kind::Live { .. } => return Ok(()),
        Kind::Event => HlsPlaylistType::Event,
        Kind::Vod => HlsPlaylistType::Vod,
    };
    text.write_line(HlsLine::from(PlaylistType::new(kind)))?;
    Ok(())
}

fn segment(entry: &Entry, previous: Option<&Entry>, text: &mut Writer<Vec<u8>>) -> io::Result<()> {
    if entry.starts_discontinuity {
        text.write_line(HlsLine::from(Discontinuity))?;
    }
    // Keys are in force until others replace them, so they are repeated if the segment that had
    // them slid out.
    let mut known = previous.map_or(&[][..], |previous| &previous.keys);
    if let Some(map) = &entry.map
        && previous.and_then(|previous| previous.map.as_ref()) != Some(map)
    {
        if known.iter().any(|line| line != key::NO_KEY) {
            // A key applies to initialisation segments as well (§4.3.2.4), and this one is in the
            // clear.
            writeln!(text.get_mut(), "{}", key::NO_KEY)?;
            known = &[];
        }
        let tag = Map::builder().with_uri(map.uri.as_str()).finish();
        text.write_line(HlsLine::from(tag))?;
    }
    let keys = if Arc::as_ref(&entry.keys) == known {
        &[]
    } else {
        entry.keys.as_slice()
    };
    if ends_a_format(known, keys) {
        writeln!(text.get_mut(), "{}", key::NO_KEY)?;
    }
    for line in keys.iter().chain(&entry.tags) {
        writeln!(text.get_mut(), "{line}")?;
    }
    if let Some(date) = entry.date {
        writeln!(
            text.get_mut(),
            "#EXT-X-PROGRAM-DATE-TIME:{}",
            date::print(date)
        )?;
    }
    if entry.is_gap {
        text.write_line(HlsLine::from(Gap))?;
    }
    writeln!(
        text.get_mut(),
        "#EXTINF:{},\n{}",
        time::print(entry.micros),
        entry.uri
    )
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
