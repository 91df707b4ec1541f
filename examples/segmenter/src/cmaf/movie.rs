//! What the `moov` announces: the tracks, and what holds for their samples unless a fragment says
//! else.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::boxes::WholeBox;
use super::description::Description;
use super::error::CutError;
use super::kind::Kind;

/// The initialisation of a stream.
pub(crate) struct Movie {
    /// The track that decides where to cut.
    pub(crate) track: Track,
    /// The other video and audio tracks, with the ticks in a second.
    pub(crate) others: BTreeMap<u32, NonZeroU32>,
    /// Of every track that may have fragments.
    pub(crate) defaults: BTreeMap<u32, Defaults>,
    /// Of every video and audio track.
    pub(crate) descriptions: BTreeMap<u32, Description>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Track {
    pub(crate) id: u32,
    pub(crate) medium: Medium,
    /// Ticks in a second.
    pub(crate) timescale: NonZeroU32,
    /// The start of the media that is not presented, in ticks.
    pub(crate) skipped: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    Video,
    Audio,
}

/// What a sample is like where nothing nearer to it says so. ISO/IEC 14496-12, 8.8.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Defaults {
    pub(crate) duration: u32,
    pub(crate) size: u32,
    pub(crate) flags: u32,
}

impl Movie {
    /// Reads a `moov`.
    pub(crate) fn read(moov: WholeBox<'_>) -> Result<Self, CutError> {
        let offset = moov.offset;
        let mut tracks = Vec::new();
        let mut descriptions = BTreeMap::new();
        for child in moov.children() {
            let child = child?;
            if child.kind == Kind::TRAK {
                if has_samples(child)? {
                    return Err(CutError::MovieWithSamples { offset });
                }
                if let Some(track) = Track::read(child)? {
                    let scale = track.timescale.get();
                    let described = Description::read(child, track.id, track.medium, scale);
                    descriptions.insert(track.id, described);
                    tracks.push(track);
                }
            }
        }
        let mvex = moov.child(Kind::MVEX)?;
        let defaults = read_defaults(mvex.ok_or(CutError::NotFragmented { offset })?)?;
        let first = |medium| {
            let is_it = |track: &&Track| track.medium == medium && defaults.contains_key(&track.id);
            tracks.iter().find(is_it).copied()
        };
        let track = first(Medium::Video)
            .or_else(|| first(Medium::Audio))
            .ok_or(CutError::NoTrack { offset })?;
        let others = tracks.iter().filter(|other| other.id != track.id);
        let others = others.map(|other| (other.id, other.timescale)).collect();
        Ok(Self {
            track,
            others,
            defaults,
            descriptions,
        })
    }
}

impl Track {
    /// Reads a `trak`. None for what is neither video nor audio.
    fn read(trak: WholeBox<'_>) -> Result<Option<Self>, CutError> {
        let mdia = trak.required(Kind::MDIA)?;
        let hdlr = mdia.required(Kind::HDLR)?;
        let medium = match &handler(hdlr).ok_or_else(|| hdlr.unreadable())? {
            b"vide" => Medium::Video,
            b"soun" => Medium::Audio,
            _ => return Ok(None),
        };
        let tkhd = trak.required(Kind::TKHD)?;
        let mdhd = mdia.required(Kind::MDHD)?;
        Ok(Some(Self {
            id: after_times(tkhd).ok_or_else(|| tkhd.unreadable())?,
            medium,
            timescale: after_times(mdhd)
                .and_then(NonZeroU32::new)
                .ok_or_else(|| mdhd.unreadable())?,
            skipped: skipped(trak).unwrap_or(0),
        }))
    }
}

/// The first `media_time` of a `trak` that is no empty edit. ISO/IEC 14496-12, 8.6.6.
fn skipped(trak: WholeBox<'_>) -> Option<i64> {
    let edits = trak.child(Kind::EDTS).ok()??;
    let mut fields = edits.child(Kind::ELST).ok()??.fields();
    let (version, _) = fields.version_and_flags()?;
    for _ in 0..fields.u32()? {
        let _duration = fields.by_version(version)?;
        let media_time = match version {
            0 => fields.u32()?.cast_signed().into(),
            _ => fields.u64()?.cast_signed(),
        };
        let _rate = fields.u32()?;
        if media_time >= 0 {
            return Some(media_time);
        }
    }
    None
}

/// `handler_type`. ISO/IEC 14496-12, 8.4.3.
fn handler(hdlr: WholeBox<'_>) -> Option<[u8; 4]> {
    let mut fields = hdlr.fields();
    fields.version_and_flags()?;
    let _pre_defined = fields.u32()?;
    fields.array()
}

/// What follows `creation_time` and `modification_time`: the `track_ID` of a `tkhd`, the
/// `timescale` of an `mdhd`. ISO/IEC 14496-12, 8.3.2 and 8.4.2.
fn after_times(full: WholeBox<'_>) -> Option<u32> {
    let mut fields = full.fields();
    let (version, _) = fields.version_and_flags()?;
    let _creation_time = fields.by_version(version)?;
    let _modification_time = fields.by_version(version)?;
    fields.u32()
}

/// Whether a `trak` has samples outside of fragments. ISO/IEC 14496-12, 8.7.3.
fn has_samples(trak: WholeBox<'_>) -> Result<bool, CutError> {
    let minf = trak.required(Kind::MDIA)?.required(Kind::MINF)?;
    let table = minf.required(Kind::STBL)?;
    for child in table.children() {
        let child = child?;
        if child.kind == Kind::STSZ || child.kind == Kind::STZ2 {
            let count = sample_count(child).ok_or_else(|| child.unreadable())?;
            if count > 0 {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// `sample_count`: in both kinds of box it comes after 32 bits that tell how sizes are written.
fn sample_count(sizes: WholeBox<'_>) -> Option<u32> {
    let mut fields = sizes.fields();
    fields.version_and_flags()?;
    let _sample_size = fields.u32()?;
    fields.u32()
}

/// Reads every `trex` of an `mvex`.
fn read_defaults(mvex: WholeBox<'_>) -> Result<BTreeMap<u32, Defaults>, CutError> {
    let mut defaults = BTreeMap::new();
    for child in mvex.children() {
        let child = child?;
        if child.kind == Kind::TREX {
            let (id, of_track) = Defaults::read(child).ok_or_else(|| child.unreadable())?;
            defaults.insert(id, of_track);
        }
    }
    Ok(defaults)
}

impl Defaults {
    fn read(trex: WholeBox<'_>) -> Option<(u32, Self)> {
        let mut fields = trex.fields();
        fields.version_and_flags()?;
        let track = fields.u32()?;
        let _sample_description_index = fields.u32()?;
        let duration = fields.u32()?;
        let size = fields.u32()?;
        let flags = fields.u32()?;
        let defaults = Self {
            duration,
            size,
            flags,
        };
        Some((track, defaults))
    }
}
