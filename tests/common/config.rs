//! The configurations of the streams of several test files.

use segment_stream::{RetryPolicy, SegmentStreamConfig};

/// The default but for this depth.
pub fn depth(channel_depth: usize) -> SegmentStreamConfig {
    SegmentStreamConfig {
        channel_depth,
        ..Default::default()
    }
}

/// A single attempt for each segment, so that every failure is seen.
pub fn once() -> SegmentStreamConfig {
    SegmentStreamConfig {
        retry: RetryPolicy::never(),
        ..Default::default()
    }
}

/// How many writers whatever holds for one is tested with.
pub const WRITERS: [usize; 4] = [1, 2, 4, 16];
