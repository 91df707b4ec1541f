//! Finds the packets in the bytes of the input, also behind damage and between padding.

use super::packet::{PACKET_LEN, SYNC_BYTE};

/// The distances between packets: plain, with a time stamp of four bytes in front (BDAV, M2TS), and
/// with a Reed-Solomon code of 16 bytes behind (DVB).
const STRIDES: [usize; 3] = [PACKET_LEN, 192, 204];
/// The sync bytes that prove packets at an unexpected place.
const PROOF: usize = 5;
/// The sync bytes that prove packets in the old rhythm.
const PROOF_IN_RHYTHM: usize = 2;
/// The bytes that a decision needs.
const WINDOW: usize = (PROOF - 1) * 204 + 1;
/// The bytes of a piece that are searched at once if they do not come at once.
const BATCH: usize = 8 * WINDOW;

/// What was found in the input.
pub(crate) enum Found<'a> {
    Packet(&'a [u8; PACKET_LEN]),
    /// Bytes that are no packets.
    Skipped {
        offset: u64,
        len: u64,
    },
}

/// The end of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Clean,
    InsidePacket { offset: u64, len: usize },
}

/// Whether these first bytes of an input hold packets of a transport stream, or begin with one.
#[must_use]
pub fn looks_like_transport_stream(start: &[u8]) -> bool {
    let mut sync = Sync::default();
    sync.push(start, &mut |_| {});
    sync.has_begun() || start.first() == Some(&SYNC_BYTE)
}

/// Follows the sync bytes. Its decisions do not depend on the pieces in which the input comes.
#[derive(Default)]
pub(crate) struct Sync {
    /// The bytes that could not be decided on.
    carry: Vec<u8>,
    /// Where in the input the next undecided byte stands.
    offset: u64,
    state: State,
    stride: Option<usize>,
    /// The bytes up to the next packet.
    gap: usize,
    is_ending: bool,
    first_byte: Option<u8>,
}

#[derive(Clone, Copy, Default)]
enum State {
    #[default]
    Unknown,
    InStep,
    /// Since this byte of the input.
    Lost(u64),
}

impl Sync {
    /// Whether there ever was a packet.
    pub(crate) fn has_begun(&self) -> bool {
        !matches!(self.state, State::Unknown)
    }

    /// The number of bytes that were decided on.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn first_byte(&self) -> Option<u8> {
        self.first_byte
    }

    /// Takes the next bytes. Calls `out` for each thing found.
    pub(crate) fn push(&mut self, mut bytes: &[u8], out: &mut impl FnMut(Found<'_>)) {
        self.first_byte = self.first_byte.or(bytes.first().copied());
        while !self.carry.is_empty() {
            let want = self.want();
            if self.carry.len() < want {
                // A search takes more than one byte at a time.
                let fill = if want == WINDOW { BATCH } else { want };
                let (now, later) = bytes.split_at((fill - self.carry.len()).min(bytes.len()));
                self.carry.extend_from_slice(now);
                bytes = later;
                if self.carry.len() < want {
                    return;
                }
            }
            let mut carry = std::mem::take(&mut self.carry);
            let used = self.step(&carry, out);
            carry.drain(..used);
            self.carry = carry;
        }
        while bytes.len() >= self.want() {
            let used = self.step(bytes, out);
            bytes = &bytes[used..];
        }
        self.carry.extend_from_slice(bytes);
    }

    /// Ends the input.
    pub(crate) fn finish(&mut self, out: &mut impl FnMut(Found<'_>)) -> End {
        self.is_ending = true;
        self.push(&[], out);
        let (offset, len) = (self.offset, self.carry.len());
        match (self.state, self.carry.first()) {
            (_, None) => {}
            (State::InStep, Some(&SYNC_BYTE)) if self.gap == 0 => {
                return End::InsidePacket { offset, len };
            }
            (State::Unknown, Some(&SYNC_BYTE)) => return End::InsidePacket { offset, len },
            (State::Lost(since), _) => out(Found::Skipped {
                offset: since,
                len: offset + len as u64 - since,
            }),
            // The input as a whole is the fault, or what is behind the last packet.
            (State::Unknown, _) => {}
            _ if self.gap > 0 => {}
            _ => out(Found::Skipped {
                offset,
                len: len as u64,
            }),
        }
        End::Clean
    }

    /// The bytes that the next step needs.
    fn want(&self) -> usize {
        match self.state {
            _ if self.gap > 0 => 1,
            State::InStep => PACKET_LEN,
            _ if self.is_ending => PACKET_LEN,
            _ => WINDOW,
        }
    }

    /// Decides on the first of these bytes. Returns on how many.
    fn step(&mut self, bytes: &[u8], out: &mut impl FnMut(Found<'_>)) -> usize {
        if self.gap > 0 {
            let used = self.gap.min(bytes.len());
            self.gap -= used;
            self.offset += used as u64;
            return used;
        }
        if !matches!(self.state, State::InStep) {
            return self.search(bytes, out);
        }
        match bytes.first_chunk() {
            Some(packet) if packet[0] == SYNC_BYTE => {
                out(Found::Packet(packet));
                self.offset += PACKET_LEN as u64;
                self.gap = self.stride.unwrap_or(PACKET_LEN) - PACKET_LEN;
                PACKET_LEN
            }
            _ => {
                self.state = State::Lost(self.offset);
                0
            }
        }
    }

    /// Looks for packets in the bytes, of which there is at least a window.
    fn search(&mut self, bytes: &[u8], out: &mut impl FnMut(Found<'_>)) -> usize {
        let end = bytes.len() + 1 - self.want();
        for at in 0..end {
            if bytes[at] != SYNC_BYTE {
                continue;
            }
            let Some(stride) = self.stride_at(bytes, at) else {
                continue;
            };
            self.offset += at as u64;
            match self.state {
                State::Lost(since) if self.offset > since => out(Found::Skipped {
                    offset: since,
                    len: self.offset - since,
                }),
                // The time stamp in front of the first packet is not lost.
                State::Unknown
                    if self.offset > 0 && self.offset + (PACKET_LEN as u64) != stride as u64 =>
                {
                    out(Found::Skipped {
                        offset: 0,
                        len: self.offset,
                    });
                }
                _ => {}
            }
            self.stride = Some(stride);
            self.state = State::InStep;
            return at;
        }
        self.offset += end as u64;
        end
    }

    /// The distance of the packets that begin here, if they do.
    fn stride_at(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let is_in_rhythm = |stride: usize| match self.state {
            State::Lost(since) => (self.offset + at as u64 - since).is_multiple_of(stride as u64),
            _ => false,
        };
        let known = self.stride.into_iter();
        let mut strides = known.chain(STRIDES.into_iter().filter(|it| Some(*it) != self.stride));
        strides.find(|&stride| {
            let proof = if self.stride == Some(stride) && is_in_rhythm(stride) {
                PROOF_IN_RHYTHM
            } else {
                PROOF
            };
            let expected = (0..proof).map(|index| at + index * stride);
            let there = expected.filter(|at| *at < bytes.len());
            let mut count = 0;
            let all = there
                .inspect(|_| count += 1)
                .all(|at| bytes[at] == SYNC_BYTE);
            // At the end of the input fewer than that can be there.
            let is_last = self.is_ending && at + PACKET_LEN == bytes.len();
            all && (count == proof || self.is_ending && (count > 1 || is_last))
        })
    }
}
