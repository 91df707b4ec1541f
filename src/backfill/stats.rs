//! Figures of a backfill.

/// The state of a [`Backfill`](crate::Backfill).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackfillStats {
    /// The objects that were recorded and are not at the origin.
    pub owed: usize,
    /// Their bytes.
    pub owed_bytes: u64,
    /// Those that retention wants to delete.
    pub held: usize,
    /// Their bytes.
    pub held_bytes: u64,
    /// The objects that were uploaded from disk since the start.
    pub uploaded: u64,
    /// The segments that were lost since the start: deleted before the origin had them, as the
    /// limit says, or by somebody else.
    pub lost: u64,
    /// The manifests that were not uploaded since the start, as they name lost segments.
    pub withheld: u64,
    /// The failed uploads in a row.
    pub failures: u64,
    /// The error of the last failed upload, until one succeeds.
    pub last_error: Option<String>,
    /// The error of the journal, until it can be written again. Meanwhile a killed process forgets
    /// what was recorded.
    pub journal_error: Option<String>,
    /// Whether the thread runs that uploads. It ends with the backfill, or if a sink panics.
    pub is_running: bool,
}
