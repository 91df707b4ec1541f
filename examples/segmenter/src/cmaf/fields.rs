//! Reads the fields of a box, one after the other.

/// What was not read yet. Each reading is `None` where the bytes are not there.
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (now, later) = self.0.split_at_checked(len)?;
        self.0 = later;
        Some(now)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (now, later) = self.0.split_first_chunk()?;
        self.0 = later;
        Some(*now)
    }

    /// Text that ends with a zero, without that.
    pub(crate) fn string(&mut self) -> Option<&'a [u8]> {
        let len = self.0.iter().position(|byte| *byte == 0)?;
        let text = self.bytes(len)?;
        self.bytes(1)?;
        Some(text)
    }

    /// All that is left.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// `version` and `flags`, with which every full box begins. ISO/IEC 14496-12, 4.2.
    pub(crate) fn version_and_flags(&mut self) -> Option<(u8, u32)> {
        let word = self.u32()?;
        let [version, ..] = word.to_be_bytes();
        Some((version, word & 0x00FF_FFFF))
    }

    /// A field that has 32 bits in version 0 of its box, and 64 in version 1. None for versions
    /// that are not known.
    pub(crate) fn by_version(&mut self, version: u8) -> Option<u64> {
        match version {
            0 => self.u32().map(u64::from),
            1 => self.u64(),
            _ => None,
        }
    }

    /// A field that is there if its flag is set; else it has this value.
    pub(crate) fn u32_if(&mut self, flags: u32, flag: u32, otherwise: u32) -> Option<u32> {
        if flags & flag == 0 {
            return Some(otherwise);
        }
        self.u32()
    }
}
