//! Splice information: where a program may be left for advertisements, and where it resumes.
//!
//! ANSI/SCTE 35. A pure parser: [`SpliceInfo::read`] takes a whole section.

use crate::bits::Bits;

/// The table id of a splice information section.
pub(crate) const TABLE_ID: u8 = 0xFC;
/// `segmentation_descriptor`, SCTE 35, 10.3.3.
const SEGMENTATION: u8 = 0x02;
const CUEI: u32 = 0x4355_4549;
/// Stamps count modulo 2^33.
const STAMPS: u64 = (1 << 33) - 1;

/// A splice information section.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpliceInfo {
    /// What it says.
    pub command: Command,
    /// The segmentation descriptors, in their order.
    pub segmentations: Vec<Segmentation>,
}

/// The command of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// A heartbeat (`splice_null`), or a reservation of bandwidth.
    Nothing,
    /// `splice_insert`.
    Insert(Insert),
    /// `time_signal`: the time of the segmentation descriptors. None is now.
    Time(Option<u64>),
    /// Another command: a schedule, or a private one.
    Other,
    /// Only a receiver with the key can read the command.
    Encrypted,
}

/// `splice_insert`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Insert {
    /// The number of the event.
    pub event: u32,
    /// What happens.
    pub action: Action,
}

/// What a `splice_insert` says of its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// It does not take place.
    Cancel,
    /// The program is left.
    Out {
        /// The time stamp, adjusted, modulo 2^33. None is now.
        at: Option<u64>,
        /// How long for.
        planned: Option<Break>,
    },
    /// The program resumes.
    In {
        /// The time stamp, adjusted, modulo 2^33. None is now.
        at: Option<u64>,
    },
}

/// `break_duration`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Break {
    /// In ticks of 90 kHz.
    pub ticks: u64,
    /// The program resumes by itself after this time.
    pub auto_return: bool,
}

/// A segmentation descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Segmentation {
    /// The number of the event.
    pub event: u32,
    /// What it says. None cancels the event.
    pub kind: Option<SegmentationKind>,
}

/// The content of a segmentation descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentationKind {
    /// `segmentation_type_id`, SCTE 35, table 23.
    pub id: u8,
    /// In ticks of 90 kHz.
    pub ticks: Option<u64>,
}

/// What a type of segmentation means for the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The program may be left.
    Out,
    /// The program resumes.
    In,
    /// Neither.
    Mark,
}

impl SegmentationKind {
    /// What it means for the program.
    #[must_use]
    pub fn role(self) -> Role {
        match self.id {
            // Breaks, advertisements, placement opportunities, their overlays, and ad blocks: each
            // starts with an even number and ends with the odd one behind it.
            0x22 | 0x30 | 0x32 | 0x34 | 0x36 | 0x38 | 0x3A | 0x44 | 0x46 => Role::Out,
            0x23 | 0x31 | 0x33 | 0x35 | 0x37 | 0x39 | 0x3B | 0x45 | 0x47 => Role::In,
            _ => Role::Mark,
        }
    }

    /// The type that begins what this type ends; its own if it ends nothing.
    #[must_use]
    pub fn opening(self) -> u8 {
        match self.role() {
            Role::In => self.id - 1,
            Role::Out | Role::Mark => self.id,
        }
    }
}

impl SpliceInfo {
    /// Reads a section, from its table id to its checksum, which is not verified. None if it is no
    /// splice information, or cut short.
    #[must_use]
    pub fn read(section: &[u8]) -> Option<Self> {
        let without_checksum = section.get(..section.len().checked_sub(4)?)?;
        let mut bits = Bits::new(without_checksum);
        if bits.number(8)? != u32::from(TABLE_ID) {
            return None;
        }
        // Flags and length, and the version of the protocol, which has to be 0.
        bits.skip(16);
        if bits.number(8)? != 0 {
            return None;
        }
        let is_encrypted = bits.bit()?;
        bits.skip(6);
        let adjustment = wide(&mut bits, 33)?;
        // cw_index and tier.
        bits.skip(8 + 12);
        let len = bits.number(12)?;
        let kind = bits.number(8)?;
        if is_encrypted {
            return Some(Self {
                command: Command::Encrypted,
                segmentations: Vec::new(),
            });
        }
        let start = 14;
        let end = match len {
            // Of older encoders: not known.
            0xFFF => None,
            len => Some(start + usize::try_from(len).ok()?),
        };
        let body = without_checksum.get(start..end.unwrap_or(without_checksum.len()))?;
        let mut body = Bits::new(body);
        let command = match kind {
            0x00 | 0x07 => Command::Nothing,
            0x05 => Command::Insert(insert(&mut body, adjustment)?),
            0x06 => Command::Time(time(&mut body, adjustment)?.0),
            _ => Command::Other,
        };
        let descriptors = match (end, command) {
            (Some(end), _) => end,
            (None, Command::Other) => without_checksum.len(),
            (None, _) => start + body.read_bytes(),
        };
        let rest = without_checksum.get(descriptors..).unwrap_or_default();
        Some(Self {
            command,
            segmentations: segmentations(rest),
        })
    }
}

impl SpliceInfo {
    /// The time stamp of the command, if it has one.
    pub(crate) fn stamp(&self) -> Option<u64> {
        match self.command {
            Command::Insert(insert) => match insert.action {
                Action::Out { at, .. } | Action::In { at } => at,
                Action::Cancel => None,
            },
            Command::Time(at) => at,
            _ => None,
        }
    }

    /// The same without the time stamp of the command.
    pub(crate) fn without_stamp(mut self) -> Self {
        match &mut self.command {
            Command::Insert(insert) => match &mut insert.action {
                Action::Out { at, .. } | Action::In { at } => *at = None,
                Action::Cancel => {}
            },
            Command::Time(at) => *at = None,
            _ => {}
        }
        self
    }
}

/// A number of more than 32 bits.
fn wide(bits: &mut Bits<'_>, len: u32) -> Option<u64> {
    let high = bits.number(len - 32)?;
    let low = bits.number(32)?;
    Some(u64::from(high) << 32 | u64::from(low))
}

/// A stamp, or None for a time that is not specified.
struct SpliceTime(Option<u64>);

/// `splice_time`, SCTE 35, 9.8.1.
fn time(bits: &mut Bits<'_>, adjustment: u64) -> Option<SpliceTime> {
    if bits.bit()? {
        bits.skip(6);
        let stamp = wide(bits, 33)?;
        let stamp = stamp.wrapping_add(adjustment) & STAMPS;
        Some(SpliceTime(Some(stamp)))
    } else {
        bits.skip(7);
        Some(SpliceTime(None))
    }
}

/// `splice_insert`, SCTE 35, 9.7.3.
fn insert(bits: &mut Bits<'_>, adjustment: u64) -> Option<Insert> {
    let event = bits.number(32)?;
    let is_cancelled = bits.bit()?;
    bits.skip(7);
    if is_cancelled {
        return Some(Insert {
            event,
            action: Action::Cancel,
        });
    }
    let is_out = bits.bit()?;
    let is_whole_program = bits.bit()?;
    let has_duration = bits.bit()?;
    let is_immediate = bits.bit()?;
    bits.skip(4);
    let mut at = None;
    if is_whole_program {
        if !is_immediate {
            at = time(bits, adjustment)?.0;
        }
    } else {
        // Components may splice at times of their own; the first one stands for all.
        for _ in 0..bits.number(8)? {
            bits.skip(8);
            if !is_immediate {
                at = at.or(time(bits, adjustment)?.0);
            }
        }
    }
    let planned = if has_duration {
        let auto_return = bits.bit()?;
        bits.skip(6);
        let ticks = wide(bits, 33)?;
        Some(Break { ticks, auto_return })
    } else {
        None
    };
    // unique_program_id, avail_num, avails_expected.
    bits.skip(32);
    let action = if is_out {
        Action::Out { at, planned }
    } else {
        Action::In { at }
    };
    Some(Insert { event, action })
}

/// The segmentation descriptors in a loop with its length in front.
fn segmentations(bytes: &[u8]) -> Vec<Segmentation> {
    let Some((len, rest)) = bytes.split_first_chunk() else {
        return Vec::new();
    };
    let len = usize::from(u16::from_be_bytes(*len));
    let mut rest = rest.get(..len).unwrap_or(rest);
    let mut found = Vec::new();
    while let [tag, len, after @ ..] = rest {
        let Some((body, next)) = after.split_at_checked(usize::from(*len)) else {
            break;
        };
        if *tag == SEGMENTATION {
            found.extend(segmentation(&mut Bits::new(body)));
        }
        rest = next;
    }
    found
}

/// `segmentation_descriptor`, SCTE 35, 10.3.3.
fn segmentation(bits: &mut Bits<'_>) -> Option<Segmentation> {
    if bits.number(32)? != CUEI {
        return None;
    }
    let event = bits.number(32)?;
    let is_cancelled = bits.bit()?;
    bits.skip(7);
    if is_cancelled {
        return Some(Segmentation { event, kind: None });
    }
    let is_whole_program = bits.bit()?;
    let has_duration = bits.bit()?;
    // Restrictions of the delivery.
    bits.skip(6);
    if !is_whole_program {
        for _ in 0..bits.number(8)? {
            bits.skip(8 + 7 + 33);
        }
    }
    let ticks = if has_duration {
        Some(wide(bits, 40)?)
    } else {
        None
    };
    // The unique program id: its type, its length, and as much.
    bits.skip(8);
    let len = usize::try_from(bits.number(8)?).ok()?;
    bits.skip(len * 8);
    let id = u8::try_from(bits.number(8)?).ok()?;
    let kind = Some(SegmentationKind { id, ticks });
    Some(Segmentation { event, kind })
}
