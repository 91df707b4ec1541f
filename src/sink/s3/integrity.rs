//! Digests that a store compares with what it has received.

use md5::{Digest as _, Md5};
use sha2::Sha256;

use crate::sink::http::options::base64;

/// How a store finds out that an object was damaged on its way. The header is part of the signature.
///
/// Every store knows `Content-MD5`. Some refuse one or all of the other headers: Backblaze B2 all of
/// them, OVH `Crc32`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum S3Integrity {
    /// `Content-MD5`.
    #[default]
    Md5,
    /// `x-amz-checksum-crc32`.
    Crc32,
    /// `x-amz-checksum-crc32c`.
    Crc32c,
    /// `x-amz-checksum-crc64nvme`.
    Crc64Nvme,
    /// `x-amz-checksum-sha256`.
    Sha256,
}

impl S3Integrity {
    /// The header of a body.
    pub(super) fn header(self) -> &'static str {
        match self {
            Self::Md5 => "content-md5",
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// The name of the algorithm in `x-amz-checksum-algorithm`. MD5 is none of the family.
    pub(super) fn algorithm(self) -> Option<&'static str> {
        match self {
            Self::Md5 => None,
            Self::Crc32 => Some("CRC32"),
            Self::Crc32c => Some("CRC32C"),
            Self::Crc64Nvme => Some("CRC64NVME"),
            Self::Sha256 => Some("SHA256"),
        }
    }

    /// The value of the header, in base64.
    pub(super) fn of(self, data: &[u8]) -> String {
        match self {
            Self::Md5 => base64(&Md5::digest(data)),
            Self::Sha256 => base64(&Sha256::digest(data)),
            Self::Crc32 => base64(&CRC32.of(data).to_be_bytes()[4..]),
            Self::Crc32c => base64(&CRC32C.of(data).to_be_bytes()[4..]),
            Self::Crc64Nvme => base64(&CRC64_NVME.of(data).to_be_bytes()),
        }
    }
}

/// A reflected cyclic redundancy check that begins and ends with the complement.
struct Crc {
    table: [u64; 256],
    ones: u64,
}

static CRC32: Crc = Crc::new(0xEDB8_8320, u32::MAX as u64);
static CRC32C: Crc = Crc::new(0x82F6_3B78, u32::MAX as u64);
static CRC64_NVME: Crc = Crc::new(0x9A6C_9329_AC4B_C9B5, u64::MAX);

impl Crc {
    /// `polynomial` is reversed, and `ones` is as wide as the check.
    const fn new(polynomial: u64, ones: u64) -> Self {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let mut rest = byte as u64;
            let mut bit = 0;
            while bit < 8 {
                rest = if rest & 1 == 1 {
                    polynomial ^ (rest >> 1)
                } else {
                    rest >> 1
                };
                bit += 1;
            }
            table[byte] = rest;
            byte += 1;
        }
        Self { table, ones }
    }

    fn of(&self, data: &[u8]) -> u64 {
        let rest = data.iter().fold(self.ones, |rest, byte| {
            let at = (rest ^ u64::from(*byte)) & 0xFF;
            self.table[at as usize] ^ (rest >> 8)
        });
        rest ^ self.ones
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checks_are_those_of_their_catalogues() {
        let data = b"123456789";
        assert_eq!(CRC32.of(data), 0xCBF4_3926);
        assert_eq!(CRC32C.of(data), 0xE306_9283);
        assert_eq!(CRC64_NVME.of(data), 0xAE8B_1486_0A79_9888);
    }

    #[test]
    fn values_are_in_base64() {
        for (integrity, expected) in [
            (S3Integrity::Md5, "1B2M2Y8AsgTpgAmY7PhCfg=="),
            (S3Integrity::Crc32, "AAAAAA=="),
            (S3Integrity::Crc32c, "AAAAAA=="),
            (S3Integrity::Crc64Nvme, "AAAAAAAAAAA="),
            (
                S3Integrity::Sha256,
                "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            ),
        ] {
            assert_eq!(integrity.of(b""), expected, "{integrity:?}");
        }
    }
}
