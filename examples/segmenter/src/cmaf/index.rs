//! Indexes: how far a `sidx` counts the bytes behind it.

use super::boxes::WholeBox;

/// A reference's type, in the top bit of its first word; the other bits are its size.
const SIZE_BITS: u32 = 0x7FFF_FFFF;

/// How many bytes a `sidx` counts, from its own end on. None if it cannot be read. ISO/IEC
/// 14496-12, 8.16.3.
pub(crate) fn counted_bytes(sidx: WholeBox<'_>) -> Option<u64> {
    let mut fields = sidx.fields();
    let (version, _) = fields.version_and_flags()?;
    let _reference_id = fields.u32()?;
    let _timescale = fields.u32()?;
    let _earliest_presentation_time = fields.by_version(version)?;
    let first_offset = fields.by_version(version)?;
    let _reserved = fields.u16()?;
    let mut counted = first_offset;
    for _ in 0..fields.u16()? {
        let size = fields.u32()? & SIZE_BITS;
        let _subsegment_duration = fields.u32()?;
        let _access_points = fields.u32()?;
        counted = counted.checked_add(size.into())?;
    }
    Some(counted)
}
