//! Reads bit by bit.

/// Bits, the highest of each byte first. Reads nothing but `None` behind the end.
pub(crate) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn bit(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// A number of up to 32 bits.
    pub(crate) fn number(&mut self, bits: u32) -> Option<u32> {
        (0..bits).try_fold(0, |number: u32, _| {
            Some(number << 1 | u32::from(self.bit()?))
        })
    }

    /// The bytes that were read, or begun.
    pub(crate) fn read_bytes(&self) -> usize {
        self.at.div_ceil(8)
    }

    pub(crate) fn skip(&mut self, bits: usize) {
        self.at = self.at.saturating_add(bits);
    }

    /// `ue(v)` of H.264, 9.1.
    pub(crate) fn golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.number(zeros)?;
        Some((1_u32 << zeros) - 1 + rest)
    }

    /// `se(v)` of H.264, 9.1.1.
    pub(crate) fn signed_golomb(&mut self) -> Option<i64> {
        let code = i64::from(self.golomb()?);
        Some(if code % 2 == 0 {
            -code / 2
        } else {
            (code + 1) / 2
        })
    }
}
