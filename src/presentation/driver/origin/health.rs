//! The state of the publisher thread, for health checks.

use std::time::Duration;

/// The state of the publisher thread at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OriginHealth {
    /// Whether the thread puts what is submitted. It has ended after a panic of its sink.
    pub(crate) is_running: bool,
    /// No manifest was published for 1.5 target durations or longer.
    pub(crate) is_overdue: bool,
    /// The time since the last publication, or since the first version if there was none.
    pub(crate) unpublished_for: Option<Duration>,
    /// The number of documents that wait to be put.
    pub(crate) waiting: usize,
    /// For how long the sink has been in its present call.
    pub(crate) in_flight_for: Option<Duration>,
    /// The number of URLs that will be put again, because the outcome of a put is unknown.
    pub(crate) in_doubt: usize,
    /// The error of the last put, until one lands.
    pub(crate) last_error: Option<String>,
}
