//! The names and numbers of the segments.

use std::error::Error;
use std::fs;
use std::path::Path;

const PREFIX: &str = "segment-";
const SUFFIX: &str = ".ts";
const DIGITS: usize = 5;

pub(crate) fn segment_name(number: u64) -> String {
    format!("{PREFIX}{number:0DIGITS$}{SUFFIX}")
}

/// The number in a name of [`segment_name`].
fn segment_number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let are_ours = digits.len() >= DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| are_ours)
}

/// The number after the highest one in the directory.
pub(crate) fn next_number(path: &Path) -> Result<u64, Box<dyn Error>> {
    let failed = |error| format!("cannot read the directory {}: {error}", path.display());
    let mut next = 0;
    for entry in fs::read_dir(path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if let Some(number) = name.to_str().and_then(segment_number) {
            next = next.max(number.saturating_add(1));
        }
    }
    Ok(next)
}
