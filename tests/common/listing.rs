//! A media playlist as a player sees it: through a parser that is not the one that wrote it.

use std::fs;
use std::path::Path;

use m3u8_rs::{MediaSegment, parse_media_playlist_res};

#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    pub target_secs: u64,
    pub segments: Vec<Listed>,
    pub has_ended: bool,
    /// The number of the first segment.
    pub media_sequence: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    pub number: u64,
    pub uri: String,
    pub micros: u64,
    pub is_gap: bool,
    pub starts_discontinuity: bool,
    /// The initialisation segment in force.
    pub map: Option<String>,
}

impl Listing {
    pub fn of_file(path: &Path) -> Self {
        Self::of(&fs::read(path).unwrap())
    }

    /// Parses a whole playlist.
    ///
    /// # Panics
    ///
    /// If it is not whole. The parser is lenient, so the text has to pass as well.
    pub fn of(text: &[u8]) -> Self {
        let parsed = parse_media_playlist_res(text)
            .unwrap_or_else(|error| panic!("{error}: {}", text.escape_ascii()));
        let text = str::from_utf8(text).unwrap();
        assert!(
            text.starts_with("#EXTM3U\n") && text.ends_with('\n'),
            "{text}"
        );
        let durations: Vec<u64> = text.lines().filter_map(micros).collect();
        let uris = text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(
            (uris, durations.len()),
            (parsed.segments.len(), uris),
            "{text}"
        );

        let mut map = None;
        let segments = (parsed.media_sequence..)
            .zip(parsed.segments.into_iter().zip(durations))
            .map(|(number, (segment, micros))| {
                if let Some(own) = &segment.map {
                    map = Some(own.uri.clone());
                }
                Listed {
                    number,
                    is_gap: is_gap(&segment),
                    starts_discontinuity: segment.discontinuity,
                    uri: segment.uri,
                    micros,
                    map: map.clone(),
                }
            });
        let listing = Self {
            target_secs: parsed.target_duration,
            segments: segments.collect(),
            has_ended: parsed.end_list,
            media_sequence: parsed.media_sequence,
        };
        for Listed { micros, .. } in &listing.segments {
            // RFC 8216, 4.3.3.1.
            let rounded = (micros + 500_000) / 1_000_000;
            assert!(rounded <= listing.target_secs, "{text}");
        }
        listing
    }

    pub fn micros(&self) -> u64 {
        self.segments.iter().map(|segment| segment.micros).sum()
    }

    /// The number after the last one.
    pub fn end(&self) -> u64 {
        self.media_sequence + self.segments.len() as u64
    }

    /// Every file that has to be there.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let there = self.segments.iter().filter(|segment| !segment.is_gap);
        there.flat_map(|segment| segment.map.as_deref().into_iter().chain([&*segment.uri]))
    }
}

/// The microseconds of a line that says a duration, in six decimals and with the comma.
fn micros(line: &str) -> Option<u64> {
    let duration = line
        .strip_prefix("#EXTINF:")?
        .strip_suffix(',')
        .expect(line);
    let (whole, decimals) = duration.split_once('.').expect(line);
    assert_eq!(decimals.len(), 6, "{line}");
    Some(whole.parse::<u64>().expect(line) * 1_000_000 + decimals.parse::<u64>().expect(line))
}

fn is_gap(segment: &MediaSegment) -> bool {
    segment.unknown_tags.iter().any(|tag| tag.tag == "X-GAP")
}
