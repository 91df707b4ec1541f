//! The state of the publisher thread, for health checks.

use std::time::Duration;

/// The state of the publisher thread of an origin at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OriginHealth {
    /// Whether the thread puts what is published. It has ended after a panic of its sink, and once
    /// the publisher was finished within a time or dropped.
    pub is_running: bool,
    /// The alarm: no manifest was published for 1.5 target durations or longer. It is off before
    /// the first publication and once the manifest's end has been published.
    pub is_overdue: bool,
    /// The time since the last publication, or since the first attempt if there was none.
    pub unpublished_for: Option<Duration>,
    /// The number of documents that wait to be put.
    pub waiting: usize,
    /// For how long the sink has been in its present call.
    pub in_flight_for: Option<Duration>,
    /// The number of URLs that will be put again, because the outcome of a put is unknown.
    pub in_doubt: usize,
    /// The number of failed puts since a manifest was published.
    pub failures: u64,
    /// The error of the last put, until one succeeds.
    pub last_error: Option<String>,
}
