//! One transport packet: ISO/IEC 13818-1, 2.4.3.2 to 2.4.3.5.

/// The length of a transport packet in bytes.
pub(crate) const PACKET_LEN: usize = 188;
/// The first byte of every packet.
pub(crate) const SYNC_BYTE: u8 = 0x47;
/// The PID of the Program Association Table.
pub(crate) const PAT_PID: u16 = 0;

/// A view of one packet. Its fields are read when they are asked for: of most packets only the PID
/// is.
#[derive(Clone, Copy)]
pub(crate) struct Packet<'a>(&'a [u8; PACKET_LEN]);

impl<'a> Packet<'a> {
    /// The packet in `bytes`, if that is 188 bytes that begin with the sync byte.
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Self> {
        let bytes = <&[u8; PACKET_LEN]>::try_from(bytes).ok()?;
        (bytes[0] == SYNC_BYTE).then_some(Self(bytes))
    }

    /// The packets in `bytes`, which are in step.
    pub(crate) fn all_in(bytes: &'a [u8]) -> impl Iterator<Item = Self> {
        bytes.chunks_exact(PACKET_LEN).filter_map(Self::new)
    }

    pub(crate) fn pid(self) -> u16 {
        u16::from_be_bytes([self.0[1] & 0x1F, self.0[2]])
    }

    /// `payload_unit_start_indicator`: a PES packet or a section starts in this packet.
    pub(crate) fn starts_unit(self) -> bool {
        self.0[1] & 0x40 != 0
    }

    pub(crate) fn counter(self) -> u8 {
        self.0[3] & 0x0F
    }

    /// The payload, empty where there is none or where nobody can read it: in a packet that the
    /// receiver marked as damaged, or a scrambled one.
    pub(crate) fn payload(self) -> &'a [u8] {
        let damaged = self.0[1] & 0x80 != 0;
        let scrambled = self.0[3] & 0xC0 != 0;
        if damaged || scrambled || !self.has_payload() {
            return &[];
        }
        let start = 4 + if self.has_adaptation() {
            1 + usize::from(self.0[4])
        } else {
            0
        };
        self.0.get(start..).unwrap_or(&[])
    }

    pub(crate) fn has_payload(self) -> bool {
        self.0[3] & 0x10 != 0
    }

    fn has_adaptation(self) -> bool {
        self.0[3] & 0x20 != 0
    }

    fn has_flag(self, flag: u8) -> bool {
        // A length of 0 is one byte of stuffing, without flags (2.4.3.5).
        self.has_adaptation() && self.0[4] > 0 && self.0[5] & flag != 0
    }

    pub(crate) fn is_discontinuous(self) -> bool {
        self.has_flag(0x80)
    }

    pub(crate) fn is_random_access(self) -> bool {
        self.has_flag(0x40)
    }

    /// The base of the program clock reference, in ticks of 90 kHz.
    pub(crate) fn pcr(self) -> Option<u64> {
        let bytes = &self.0[6..11];
        (self.has_flag(0x10) && self.0[4] >= 7).then(|| {
            let high = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            u64::from(high) << 1 | u64::from(bytes[4] >> 7)
        })
    }
}

/// Adds `by` to the continuity counter of the packet in `bytes`, modulo 16.
pub(crate) fn advance_counter(bytes: &mut [u8], by: u8) {
    let counter = bytes[3].wrapping_add(by) & 0x0F;
    bytes[3] = bytes[3] & 0xF0 | counter;
}
