//! The options of the driver for origins.

use std::time::Duration;

use crate::stream::RetryPolicy;

/// How the publisher thread of an origin puts manifests.
///
/// ```text
/// OriginOptions::new(target_duration)
///     .min_interval(Duration::from_secs(1))   // An object store that limits writes to one object.
///     .in_order(5)                            // A receiver that wants every version.
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OriginOptions {
    pub(super) target_duration: Duration,
    pub(super) retry: RetryPolicy,
    pub(super) min_interval: Duration,
    pub(super) delivery: Delivery,
}

/// Which versions are put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    /// The latest one of each URL.
    Latest,
    /// Every one, in order. At most so many wait.
    InOrder { versions: usize },
}

impl OriginOptions {
    /// The latest version of each URL is put, as often as it changes. A version is retried for two
    /// target durations from its first attempt, with pauses from 50 ms to 1 s.
    pub(crate) fn new(target_duration: Duration) -> Self {
        let two = target_duration.saturating_mul(2);
        Self {
            target_duration,
            retry: RetryPolicy {
                most: two,
                fallback: two,
                ..RetryPolicy::default()
            },
            min_interval: Duration::ZERO,
            delivery: Delivery::Latest,
        }
    }

    /// Sets the pauses between attempts, and for how long a version is retried: for
    /// [`fallback`](RetryPolicy::fallback), and [`most`](RetryPolicy::most) at most. With
    /// [`while_there_is_room`](RetryPolicy::while_there_is_room) a version is retried until a newer
    /// one of its URL comes or, [in order](Self::in_order), until no other version may wait.
    pub(crate) fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// Sets the shortest time from the end of a put to the next put of the same URL. By default
    /// there is none. Google Cloud Storage takes one write of an object each second.
    pub(crate) fn min_interval(mut self, interval: Duration) -> Self {
        self.min_interval = interval;
        self
    }

    /// Puts every version, in order, for a receiver that wants each. At most `versions` wait behind
    /// the one that is being put, and at least one; further ones are refused until there is room.
    pub(crate) fn in_order(mut self, versions: usize) -> Self {
        self.delivery = Delivery::InOrder {
            versions: versions.max(1),
        };
        self
    }
}
