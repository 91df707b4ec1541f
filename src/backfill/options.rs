//! The options of a backfill.

use std::time::Duration;

/// The options of a [`Backfill`](crate::Backfill).
///
/// ```
/// use segment_stream::BackfillOptions;
/// use std::time::Duration;
///
/// // Retention may wait for the origin with 50 GB.
/// let options = BackfillOptions::holding(50_000_000_000).time_limit(Duration::from_secs(60));
/// # drop(options);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct BackfillOptions {
    pub(super) hold_bytes: u64,
    pub(super) time_limit: Duration,
    pub(super) deletes_local: bool,
    pub(super) is_synced: bool,
}

impl BackfillOptions {
    /// Keeps at most `bytes` on disk that [retention](crate::Recorder) wants to delete and the origin
    /// does not have. Beyond that the oldest are deleted and never uploaded, which is logged as an
    /// error. `u64::MAX` sets no limit.
    pub fn holding(bytes: u64) -> Self {
        Self {
            hold_bytes: bytes,
            time_limit: Duration::from_secs(30),
            deletes_local: false,
            is_synced: false,
        }
    }

    /// The time for one attempt to upload an object from disk; 30 s by default. The live edge shares
    /// the link with at most one such attempt.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Deletes the file of each segment once the origin has it. Playlists on disk then name missing
    /// files. By default retention decides.
    pub fn delete_local(mut self) -> Self {
        self.deletes_local = true;
        self
    }

    /// Syncs the journal after each change, so that it survives a power cut: one sync more for each
    /// segment. By default it survives the death of the process.
    pub fn synced(mut self) -> Self {
        self.is_synced = true;
        self
    }
}
