//! Hands segments to a stream whose sink does nothing, so many of them: for `.ci/instructions`,
//! which counts what each takes.
//!
//! ```text
//! cargo bench --bench instructions -- 10000
//! ```

use std::env;
use std::io;

use segment_stream::{ProducedSegment, SegmentStream, SegmentStreamConfig, sink};

/// As many as fit at once are sent, and then taken, so that no thread waits for another one more
/// often than it must.
const DEPTH: usize = 500;

fn main() -> io::Result<()> {
    let count = env::args().find_map(|argument| argument.parse().ok());
    let rounds = count.unwrap_or(DEPTH) / DEPTH;
    let config = SegmentStreamConfig {
        channel_depth: DEPTH,
        ..Default::default()
    };
    let (mut stream, sender) = SegmentStream::with_sink(config, sink::from_fn(|_| Ok(())))?;
    for _ in 0..rounds {
        for number in 0..DEPTH as u64 {
            let segment = ProducedSegment::media(number, Vec::new(), 2.0);
            sender.send(segment.with_path("video/00000.ts"))?;
        }
        for item in stream.by_ref().take(DEPTH) {
            item?;
        }
    }
    stream.finish()?;
    Ok(())
}
