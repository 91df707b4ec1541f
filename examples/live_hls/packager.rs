//! Makes segments of an input of either format.

use std::collections::VecDeque;

use segment_stream::Submission;
use segment_stream::hls::SegmentNames;
use segmenter::{Format, Segment, Segmenter};

use support::convert::submission;
use support::producer;

/// Cuts the input, and names and numbers the segments.
pub(crate) struct Packager {
    segmenter: Segmenter,
    labels: Labels,
}

struct Labels {
    next_sequence: u64,
    /// Once the format is known.
    names: Option<SegmentNames>,
}

impl Packager {
    /// A packager. Its first media segment gets this number.
    pub(crate) fn new(segmenter: Segmenter, first_sequence: u64) -> Self {
        Self {
            segmenter,
            labels: Labels {
                next_sequence: first_sequence,
                names: None,
            },
        }
    }
}

impl Labels {
    fn label(
        &mut self,
        format: Option<Format>,
        cuts: Vec<Segment>,
    ) -> impl Iterator<Item = Submission> {
        let extension = match format {
            Some(Format::Mp4) => "m4s",
            _ => "ts",
        };
        if !cuts.is_empty() {
            self.names
                .get_or_insert_with(|| SegmentNames::new("", extension));
        }
        let (names, next) = (&mut self.names, &mut self.next_sequence);
        cuts.into_iter().map(move |cut| {
            submission(cut, next, |segment| match names {
                Some(names) => names.name(segment),
                None => segment,
            })
        })
    }
}

impl producer::Packager for Packager {
    fn push(&mut self, bytes: &[u8], segments: &mut VecDeque<Submission>) -> Result<(), String> {
        let mut cuts = Vec::new();
        let pushed = self.segmenter.push(bytes, &mut cuts);
        segments.extend(self.labels.label(self.segmenter.format(), cuts));
        pushed.map_err(|fault| fault.to_string())
    }

    fn finish(&mut self, segments: &mut VecDeque<Submission>) -> Result<(), String> {
        let mut cuts = Vec::new();
        let finished = self.segmenter.finish(&mut cuts);
        segments.extend(self.labels.label(self.segmenter.format(), cuts));
        finished.map_err(|fault| fault.to_string())
    }

    fn stop(mut self, segments: &mut VecDeque<Submission>) {
        let mut cuts = Vec::new();
        let format = self.segmenter.format();
        self.segmenter.stop(&mut cuts);
        segments.extend(self.labels.label(format, cuts));
    }

    fn recycle(&mut self, payload: Vec<u8>) {
        self.segmenter.recycle(payload);
    }

    fn take_notices(&mut self) -> Vec<String> {
        let notices = self.segmenter.take_notices();
        notices.iter().map(ToString::to_string).collect()
    }
}
