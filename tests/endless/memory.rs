//! The memory of this process, for tests that require it not to grow.

use std::fs;

/// The resident bytes of this process, where the system says them to the page.
///
/// Walks the pages. The cheaper numbers in `status` and `statm` are sums of what each CPU or
/// thread keeps to itself for a while, and may be off by megabytes.
pub(crate) fn resident_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/smaps_rollup").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(kilobytes * 1024)
}
