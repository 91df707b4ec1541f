//! Makes splice information sections (SCTE 35).

use super::muxer::seal;

/// What a `splice_insert` says.
#[derive(Clone, Copy)]
pub enum Action {
    Cancel,
    Out(Option<u64>),
    /// With a duration, and whether the program resumes by itself.
    OutFor(Option<u64>, u64, bool),
    In(Option<u64>),
}

pub use Action::{Cancel, In, Out, OutFor};

/// A segmentation descriptor.
pub struct Segmentation {
    event: u32,
    kind: Option<u8>,
    ticks: Option<u64>,
}

impl Segmentation {
    pub fn new(event: u32, kind: u8, ticks: Option<u64>) -> Self {
        Self {
            event,
            kind: Some(kind),
            ticks,
        }
    }

    pub fn cancelled(event: u32) -> Self {
        Self {
            event,
            kind: None,
            ticks: None,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut body = [b"CUEI", &self.event.to_be_bytes()[..]].concat();
        match self.kind {
            None => body.push(0xFF),
            Some(kind) => {
                body.push(0x7F);
                body.push(if self.ticks.is_some() { 0xFF } else { 0xBF });
                if let Some(ticks) = self.ticks {
                    body.extend(&ticks.to_be_bytes()[3..]);
                }
                body.extend([0, 0, kind, 1, 1]);
            }
        }
        let len = u8::try_from(body.len()).unwrap();
        [&[0x02, len], &body[..]].concat()
    }
}

/// 33 bits behind a bit that is set and six that are reserved.
fn stamp(ticks: u64) -> [u8; 5] {
    let bytes = (ticks | 0x7E_0000_0000 | 0x80_0000_0000).to_be_bytes();
    [bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]]
}

pub fn insert(event: u32, action: Action, adjustment: u64) -> Vec<u8> {
    let mut body = event.to_be_bytes().to_vec();
    let (is_out, at, planned) = match action {
        Cancel => {
            body.push(0xFF);
            return section(adjustment, 0x05, &body, &[]);
        }
        Out(at) => (true, at, None),
        OutFor(at, ticks, auto_return) => (true, at, Some((ticks, auto_return))),
        In(at) => (false, at, None),
    };
    let immediate = if at.is_none() { 0x10 } else { 0 };
    let out = if is_out { 0x80 } else { 0 };
    let with_duration = if planned.is_some() { 0x20 } else { 0 };
    body.extend([0x7F, out | 0x40 | with_duration | immediate | 0x0F]);
    body.extend(at.iter().flat_map(|at| stamp(*at)));
    if let Some((ticks, auto_return)) = planned {
        let mut duration = stamp(ticks);
        if !auto_return {
            duration[0] &= 0x7F;
        }
        body.extend(duration);
    }
    body.extend([0, 1, 0, 0]);
    section(adjustment, 0x05, &body, &[])
}

pub fn time_signal(at: Option<u64>, segmentations: &[Segmentation]) -> Vec<u8> {
    let body = at.map_or_else(|| vec![0x7F], |at| stamp(at).to_vec());
    let descriptors: Vec<u8> = segmentations.iter().flat_map(Segmentation::bytes).collect();
    section(0, 0x06, &body, &descriptors)
}

/// A section with any command.
pub fn section(adjustment: u64, kind: u8, body: &[u8], descriptors: &[u8]) -> Vec<u8> {
    let adjustment = adjustment.to_be_bytes();
    let len = u16::try_from(body.len()).unwrap();
    let loop_len = u16::try_from(descriptors.len()).unwrap();
    let mut bytes = vec![0xFC, 0x30, 0, 0, adjustment[3] & 1];
    bytes.extend(&adjustment[4..]);
    bytes.extend([0xFF, 0xFF]);
    bytes.extend((0xF000 | len).to_be_bytes());
    bytes.push(kind);
    bytes.extend(body);
    bytes.extend(loop_len.to_be_bytes());
    bytes.extend(descriptors);
    seal_short(bytes)
}

/// Adds the length and the checksum.
fn seal_short(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[2] = u8::try_from(bytes.len() + 4 - 3).unwrap();
    seal(bytes)
}

/// The scheme of an `emsg` that has a section.
pub const SCHEME: &str = "urn:scte:scte35:2013:bin";

/// When the event of an `emsg` takes place, in ticks.
#[derive(Clone, Copy)]
pub enum EventTime {
    /// Behind the earliest picture of the fragment: version 0.
    Behind(u32),
    /// On the presentation's clock: version 1.
    At(u64),
}

/// An event message box (ISO/IEC 23009-1, 5.10.3.3) without a `value`.
pub fn emsg(scheme: &str, timescale: u32, time: EventTime, id: u32, data: &[u8]) -> Vec<u8> {
    let strings = [scheme.as_bytes(), &[0, 0]].concat();
    let scale = timescale.to_be_bytes();
    // The duration is not known.
    let rest = [[0xFF; 4], id.to_be_bytes()].concat();
    let body = match time {
        EventTime::Behind(delta) => {
            let head = [&[0; 4], &strings[..], &scale, &delta.to_be_bytes()];
            [&head.concat()[..], &rest, data].concat()
        }
        EventTime::At(time) => {
            let head = [&[1, 0, 0, 0][..], &scale, &time.to_be_bytes()];
            [&head.concat()[..], &rest, &strings, data].concat()
        }
    };
    let size = u32::try_from(body.len() + 8).unwrap();
    [&size.to_be_bytes(), &b"emsg"[..], &body].concat()
}
