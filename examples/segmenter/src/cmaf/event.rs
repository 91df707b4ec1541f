//! Event messages with splice information. ISO/IEC 23009-1, 5.10.3.3; ANSI/SCTE 214-3.

use std::num::NonZeroU32;

use super::boxes::WholeBox;
use super::fields::Fields;
use crate::cues::Identity;
use crate::mpegts::crc32;
use crate::scte35::{SpliceInfo, TABLE_ID};
use crate::segment::Splice;

/// `scheme_id_uri` of a message that has a splice information section.
const SCHEME: &[u8] = b"urn:scte:scte35:2013:bin";
/// What comes before the bytes that a section counts.
const SECTION_HEADER_LEN: usize = 3;
/// The longest `value`, which names the source of the message.
const LONGEST_VALUE: usize = 1024;

/// An `emsg` with splice information.
pub(crate) struct Event {
    value: Vec<u8>,
    id: u32,
    time: Time,
    section: Vec<u8>,
    info: SpliceInfo,
}

/// The message has a fault.
pub(crate) struct Unreadable;

/// When an event takes place, on a clock of its own.
#[derive(Clone, Copy)]
struct Time {
    ticks: u64,
    counted: Counted,
    timescale: NonZeroU32,
}

/// Where a time is counted from.
#[derive(Clone, Copy)]
enum Counted {
    /// The earliest sample of the fragment: version 0.
    FromFragment,
    /// The start of the presentation: version 1.
    FromStart,
}

/// The line of decode times.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    pub(crate) timescale: NonZeroU32,
    /// When the earliest sample of the fragment is composed.
    pub(crate) earliest: i64,
    /// The start of the media that is not presented.
    pub(crate) skipped: i64,
    /// By how much access points are composed later than decoded.
    pub(crate) offset: i64,
}

impl Event {
    /// Reads an `emsg`. None if it has another scheme.
    pub(crate) fn read(emsg: WholeBox<'_>) -> Option<Result<Self, Unreadable>> {
        let mut fields = emsg.fields();
        let (version, _) = fields.version_and_flags()?;
        let early = match version {
            0 => None,
            1 => Some(Head::read(&mut fields, Counted::FromStart)?),
            _ => return None,
        };
        let is_it = fields.string()? == SCHEME;
        is_it.then(|| Self::read_message(early, fields).ok_or(Unreadable))
    }

    /// Reads what follows the scheme.
    fn read_message(early: Option<Head>, mut fields: Fields<'_>) -> Option<Self> {
        let value = fields.string()?;
        let head = match early {
            Some(head) => head,
            None => Head::read(&mut fields, Counted::FromFragment)?,
        };
        let section = section(fields.rest())?;
        if value.len() > LONGEST_VALUE {
            return None;
        }
        Some(Self {
            value: value.to_vec(),
            id: head.id,
            time: Time {
                ticks: head.ticks,
                counted: head.counted,
                timescale: NonZeroU32::new(head.timescale)?,
            },
            section: section.to_vec(),
            info: SpliceInfo::read(section)?,
        })
    }

    /// The splice, at its time on a line.
    pub(crate) fn place(self, clock: Clock) -> (Splice, Identity) {
        let at = self.time.on(clock);
        let identity = Identity::Message {
            value: self.value,
            id: self.id,
            info: self.info.clone().without_stamp(),
        };
        let Self { section, info, .. } = self;
        (Splice { section, info, at }, identity)
    }
}

impl Time {
    fn on(self, clock: Clock) -> i64 {
        // Less than 2^64 times less than 2^32.
        let ticks = i128::from(self.ticks) * i128::from(clock.timescale.get())
            / i128::from(self.timescale.get());
        let composed = match self.counted {
            Counted::FromFragment => i128::from(clock.earliest) + ticks,
            Counted::FromStart => i128::from(clock.skipped) + ticks,
        };
        let at = composed - i128::from(clock.offset);
        i64::try_from(at).unwrap_or(if at < 0 { i64::MIN } else { i64::MAX })
    }
}

/// The numbers of a message.
struct Head {
    timescale: u32,
    ticks: u64,
    counted: Counted,
    id: u32,
}

impl Head {
    fn read(fields: &mut Fields<'_>, counted: Counted) -> Option<Self> {
        let timescale = fields.u32()?;
        let ticks = match counted {
            Counted::FromFragment => fields.u32()?.into(),
            Counted::FromStart => fields.u64()?,
        };
        let _duration = fields.u32()?;
        let id = fields.u32()?;
        Some(Self {
            timescale,
            ticks,
            counted,
            id,
        })
    }
}

/// The section at the start of a message, if its checksum is right.
fn section(message: &[u8]) -> Option<&[u8]> {
    let [table_id, high, low] = *message.first_chunk::<SECTION_HEADER_LEN>()?;
    let len = usize::from(u16::from_be_bytes([high & 0x0F, low]));
    let section = message.get(..SECTION_HEADER_LEN + len)?;
    (table_id == TABLE_ID && crc32(section) == 0).then_some(section)
}
