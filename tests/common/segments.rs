//! Segments whose payload tells which one they are.

use segment_stream::ProducedSegment;

/// A media segment of 2 s whose payload is known from its number.
pub fn segment(sequence: u64) -> ProducedSegment {
    ProducedSegment::media(sequence, payload(sequence, 64), 2.0)
}

/// The same with a path hint.
pub fn segment_at(sequence: u64, path: impl Into<std::path::PathBuf>) -> ProducedSegment {
    segment(sequence).with_path(path)
}

/// `length` bytes that no other sequence number has in this order.
pub fn payload(sequence: u64, length: usize) -> Vec<u8> {
    sequence
        .to_le_bytes()
        .into_iter()
        .chain((0..).map(|position: u64| (position.wrapping_mul(31) ^ sequence).to_le_bytes()[0]))
        .take(length)
        .collect()
}
