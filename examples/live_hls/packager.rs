//! Makes segments of an input of either format.

use std::collections::VecDeque;
use std::fmt::Write;
use std::time::Duration;

use segment_stream::ProducedSegment;
use segment_stream::hls::SegmentNames;

use crate::format::{Cutter, Piece};
use crate::support::producer;

/// Detects the format, cuts the input, and names and numbers the segments.
pub(crate) struct Packager {
    target: Duration,
    first_sequence: u64,
    /// The bytes before the format was known.
    start: Vec<u8>,
    known: Option<Known>,
}

struct Known {
    cutter: Cutter,
    labels: Labels,
}

struct Labels {
    names: SegmentNames,
    next_sequence: u64,
}

impl Packager {
    /// A packager. Its first media segment gets this number.
    pub(crate) fn new(target: Duration, first_sequence: u64) -> Self {
        Self {
            target,
            first_sequence,
            start: Vec::new(),
            known: None,
        }
    }

    /// Why the format of the input is unknown.
    fn unknown(&self) -> String {
        if self.start.is_empty() {
            return "the input is empty".into();
        }
        let mut text = "neither a transport stream nor an MP4: it begins with".to_owned();
        for byte in self.start.iter().take(Cutter::TOLD_BY) {
            // Writing to a string cannot fail.
            let _ = write!(text, " {byte:02x}");
        }
        text
    }
}

impl producer::Packager for Packager {
    fn push(
        &mut self,
        bytes: &[u8],
        segments: &mut VecDeque<ProducedSegment>,
    ) -> Result<(), String> {
        if let Some(Known { cutter, labels }) = &mut self.known {
            let mut pieces = Vec::new();
            let pushed = cutter.push(bytes, &mut pieces);
            segments.extend(labels.label(pieces));
            return pushed;
        }
        self.start.extend_from_slice(bytes);
        if let Some(cutter) = Cutter::for_input(&self.start, self.target) {
            let labels = Labels {
                names: SegmentNames::new("", cutter.extension()),
                next_sequence: self.first_sequence,
            };
            self.known = Some(Known { cutter, labels });
            let start = std::mem::take(&mut self.start);
            return self.push(&start, segments);
        }
        if self.start.len() >= Cutter::TOLD_BY {
            return Err(self.unknown());
        }
        Ok(())
    }

    fn finish(self, segments: &mut VecDeque<ProducedSegment>) -> Result<(), String> {
        let Some(Known { cutter, mut labels }) = self.known else {
            return Err(self.unknown());
        };
        let mut pieces = Vec::new();
        let finished = cutter.finish(&mut pieces);
        segments.extend(labels.label(pieces));
        finished
    }

    fn stop(self, segments: &mut VecDeque<ProducedSegment>) {
        if let Some(Known { cutter, mut labels }) = self.known {
            segments.extend(labels.label(cutter.stop()));
        }
    }

    fn recycle(&mut self, payload: Vec<u8>) {
        if let Some(Known { cutter, .. }) = &mut self.known {
            cutter.recycle(payload);
        }
    }

    fn programs(&self) -> Option<usize> {
        self.known.as_ref()?.cutter.programs()
    }
}

impl Labels {
    fn label(
        &mut self,
        pieces: impl IntoIterator<Item = Piece>,
    ) -> impl Iterator<Item = ProducedSegment> {
        pieces.into_iter().map(|piece| {
            let segment = match piece {
                Piece::Initialisation(data) => ProducedSegment::init(data),
                Piece::Media(data, duration) => {
                    let sequence = self.next_sequence;
                    self.next_sequence += 1;
                    ProducedSegment::media(sequence, data, duration.as_secs_f64())
                }
            };
            self.names.name(segment)
        })
    }
}
