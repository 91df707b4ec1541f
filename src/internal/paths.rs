//! Names that may be those of one file.

use std::ffi::OsStr;

/// Whether two components of paths may name the same file. File systems such as FAT, exFAT, NTFS
/// and APFS ignore the case of a name, and some of them dots and spaces at its end: so both are
/// ignored here, the case in ASCII.
pub(crate) fn may_be_same(one: &OsStr, other: &OsStr) -> bool {
    without_end(one).eq_ignore_ascii_case(without_end(other))
}

/// A name without the dots and spaces at its end.
fn without_end(name: &OsStr) -> &[u8] {
    let name = name.as_encoded_bytes();
    let end = name.iter().rposition(|byte| !b". ".contains(byte));
    &name[..end.map_or(0, |last| last + 1)]
}
