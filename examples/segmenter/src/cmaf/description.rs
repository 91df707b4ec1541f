//! What a `moov` and its fragments say of a track: the codec, the size of pictures, the rate.

use std::collections::BTreeMap;

use super::boxes::WholeBox;
use super::fields::Fields;
use super::kind::Kind;
use super::movie::Medium;
use crate::track::{Track, TrackKind};

/// The samples of a track so far.
#[derive(Clone, Copy, Default)]
pub(crate) struct Total {
    pub(crate) samples: u64,
    pub(crate) bytes: u64,
    pub(crate) ticks: u64,
}

/// The totals of all tracks, by number.
pub(crate) type Totals = BTreeMap<u32, Total>;

/// What a `trak` says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Description {
    track: Track,
    timescale: u32,
}

impl Description {
    /// Reads the first sample entry of a `trak`. ISO/IEC 14496-12, 8.5.2.
    pub(crate) fn read(trak: WholeBox<'_>, id: u32, medium: Medium, timescale: u32) -> Self {
        let kind = match medium {
            Medium::Video => TrackKind::Video,
            Medium::Audio => TrackKind::Audio,
        };
        let mut described = Track::new(id, kind);
        let language = child(trak, &[b"mdia", b"mdhd"]).and_then(language);
        described.language = language.filter(|code| code != "und");
        let table = child(trak, &[b"mdia", b"minf", b"stbl", b"stsd"]);
        if let Some(entry) = table.and_then(|table| entry(table.body())) {
            let read = match medium {
                Medium::Video => read_pictures(&mut described, entry),
                Medium::Audio => read_sound(&mut described, entry),
            };
            // What cannot be read stays unknown.
            let _ = read;
        }
        Self {
            track: described,
            timescale,
        }
    }

    /// The track with what its samples say.
    pub(crate) fn with(&self, total: Option<&Total>) -> Track {
        let mut track = self.track.clone();
        let Some(total) = total.filter(|total| total.ticks > 0) else {
            return track;
        };
        let scale = u64::from(self.timescale);
        track.bandwidth = Some(total.bytes.saturating_mul(8 * scale) / total.ticks);
        if track.kind == TrackKind::Video {
            // Exact up to 2^53.
            #[expect(clippy::cast_precision_loss)]
            let [samples, ticks] = [total.samples * scale, total.ticks].map(|it| it as f64);
            track.rate = Some(samples / ticks);
        }
        track
    }
}

/// The box at the end of a path.
fn child<'a>(mut parent: WholeBox<'a>, path: &[&[u8; 4]]) -> Option<WholeBox<'a>> {
    for name in path {
        parent = parent.child(Kind(**name)).ok().flatten()?;
    }
    Some(parent)
}

/// ISO/IEC 14496-12, 8.4.2: three letters of five bits.
fn language(mdhd: WholeBox<'_>) -> Option<String> {
    let mut fields = mdhd.fields();
    let (version, _) = fields.version_and_flags()?;
    fields.by_version(version)?;
    fields.by_version(version)?;
    fields.u32()?;
    fields.by_version(version)?;
    let packed = fields.u16()?;
    let letter = |shift: u32| char::from(0x60 + u8::try_from(packed >> shift & 0x1F).unwrap_or(0));
    Some([10, 5, 0].map(letter).iter().collect())
}

/// A sample entry: its name, and what is behind the header.
#[derive(Clone, Copy)]
struct Entry<'a> {
    name: [u8; 4],
    body: &'a [u8],
}

/// The first entry of a list of boxes behind eight bytes.
fn entry(list: &[u8]) -> Option<Entry<'_>> {
    boxes(list.get(8..)?).next()
}

/// The boxes in these bytes, as far as they are whole.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    std::iter::from_fn(move || {
        let mut fields = Fields::new(bytes);
        let len = usize::try_from(fields.u32()?).ok()?;
        let name = fields.array()?;
        let (now, later) = bytes.split_at_checked(len)?;
        bytes = later;
        let body = now.get(8..)?;
        Some(Entry { name, body })
    })
}

/// ISO/IEC 14496-12, 12.1.3.
fn read_pictures(track: &mut Track, entry: Entry<'_>) -> Option<()> {
    let mut fields = Fields::new(entry.body.get(24..)?);
    track.size = Some((fields.u16()?.into(), fields.u16()?.into()));
    let inner = || boxes(entry.body.get(78..).unwrap_or_default());
    let find = |name: &[u8; 4]| inner().find(|it| it.name == *name).map(|it| it.body);
    let name = String::from_utf8_lossy(&entry.name).into_owned();
    track.codec = match &entry.name {
        b"avc1" | b"avc3" => {
            let [_, profile, constraints, level] = *find(b"avcC")?.first_chunk()?;
            Some(format!("{name}.{profile:02X}{constraints:02X}{level:02X}"))
        }
        b"hvc1" | b"hev1" => hevc_name(&name, find(b"hvcC")?),
        b"av01" => {
            let [_, profile, third] = *find(b"av1C")?.first_chunk()?;
            let tier = if third & 0x80 == 0 { 'M' } else { 'H' };
            let depth = match third >> 5 & 3 {
                0 => 8,
                2 => 10,
                _ => 12,
            };
            let (profile, level) = (profile >> 5, profile & 0x1F);
            Some(format!("av01.{profile}.{level:02}{tier}.{depth:02}"))
        }
        b"vp09" => {
            let [profile, level, third] = *find(b"vpcC")?.get(4..)?.first_chunk()?;
            Some(format!("vp09.{profile:02}.{level:02}.{:02}", third >> 4))
        }
        _ => Some(name),
    };
    Some(())
}

/// ISO/IEC 14496-15, annex E.
fn hevc_name(name: &str, config: &[u8]) -> Option<String> {
    let mut fields = Fields::new(config);
    let [_, first] = fields.array()?;
    let compatibility = fields.u32()?.reverse_bits();
    let mut constraints = fields.array::<6>()?.to_vec();
    let [level] = fields.array()?;
    while constraints.last() == Some(&0) {
        constraints.pop();
    }
    let space = ["", "A", "B", "C"][usize::from(first >> 6)];
    let tier = if first & 0x20 == 0 { 'L' } else { 'H' };
    let profile = first & 0x1F;
    let constraints: Vec<_> = constraints.iter().map(|it| format!(".{it:X}")).collect();
    Some(format!(
        "{name}.{space}{profile}.{compatibility:X}.{tier}{level}{}",
        constraints.concat()
    ))
}

/// ISO/IEC 14496-12, 12.2.3.
fn read_sound(track: &mut Track, entry: Entry<'_>) -> Option<()> {
    let mut fields = Fields::new(entry.body.get(16..)?);
    track.channels = Some(fields.u16()?.into());
    fields.bytes(6)?;
    track.rate = Some(f64::from(fields.u32()?) / 65_536.0);
    let mut inner = boxes(entry.body.get(28..).unwrap_or_default());
    track.codec = match &entry.name {
        b"mp4a" => inner
            .find(|it| it.name == *b"esds")
            .and_then(|it| mpeg_name(it.body.get(4..)?)),
        b"Opus" => Some("opus".into()),
        name => Some(String::from_utf8_lossy(name).into_owned()),
    };
    Some(())
}

/// ISO/IEC 14496-1, 7.2.6: the object type, and of AAC that of ISO/IEC 14496-3, 1.6.2.1.
fn mpeg_name(mut bytes: &[u8]) -> Option<String> {
    let mut object = None;
    loop {
        let (&tag, mut rest) = bytes.split_first()?;
        // A length of seven bits a byte.
        loop {
            let (&byte, behind) = rest.split_first()?;
            rest = behind;
            if byte & 0x80 == 0 {
                break;
            }
        }
        match (tag, object) {
            (3, _) => bytes = rest.get(3..)?,
            (4, _) => {
                object = rest.first().copied();
                if object != Some(0x40) {
                    return Some(format!("mp4a.{:X}", object?));
                }
                bytes = rest.get(13..)?;
            }
            (5, Some(object)) => {
                let first = u32::from(*rest.first()?);
                let of_aac = match first >> 3 {
                    31 => 32 + ((first & 7) << 3 | u32::from(*rest.get(1)?) >> 5),
                    plain => plain,
                };
                return Some(format!("mp4a.{object:X}.{of_aac}"));
            }
            _ => return None,
        }
    }
}
