//! Makes named segments of an input of either format.

use std::collections::VecDeque;

use segment_stream::hls::SegmentNames;
use segment_stream::{SegmentInfo, Submission};
use segmenter::{Format, Segment, Segmenter};

use support::convert::submission;
use support::producer;

/// Cuts the input, and names and numbers the segments.
pub(crate) struct Packager {
    segmenter: Segmenter,
    next_sequence: u64,
    /// Once the format is known.
    names: Option<SegmentNames>,
}

impl Packager {
    /// A packager whose first media segment gets this number.
    pub(crate) fn new(segmenter: Segmenter, next_sequence: u64) -> Self {
        Self {
            segmenter,
            next_sequence,
            names: None,
        }
    }

    fn label(
        &mut self,
        format: Option<Format>,
        cuts: Vec<Segment>,
        segments: &mut VecDeque<Submission>,
    ) {
        let extension = match format {
            Some(Format::Mp4) => "m4s",
            _ => "ts",
        };
        let new = || SegmentNames::new("", extension);
        for cut in cuts {
            let names = self.names.get_or_insert_with(new);
            let name = |segment| names.name(segment);
            let info = SegmentInfo::new();
            segments.push_back(submission(cut, &mut self.next_sequence, info, name));
        }
    }
}

impl producer::Packager for Packager {
    fn push(&mut self, bytes: &[u8], segments: &mut VecDeque<Submission>) -> Result<(), String> {
        let mut cuts = Vec::new();
        let pushed = self.segmenter.push(bytes, &mut cuts);
        self.label(self.segmenter.format(), cuts, segments);
        pushed.map_err(|fault| fault.to_string())
    }

    fn finish(&mut self, segments: &mut VecDeque<Submission>) -> Result<(), String> {
        let mut cuts = Vec::new();
        let finished = self.segmenter.finish(&mut cuts);
        self.label(self.segmenter.format(), cuts, segments);
        finished.map_err(|fault| fault.to_string())
    }

    fn stop(mut self, segments: &mut VecDeque<Submission>) {
        let mut cuts = Vec::new();
        let format = self.segmenter.format();
        self.segmenter.stop(&mut cuts);
        self.label(format, cuts, segments);
    }

    fn recycle(&mut self, payload: Vec<u8>) {
        self.segmenter.recycle(payload);
    }

    fn take_notices(&mut self) -> Vec<String> {
        let notices = self.segmenter.take_notices();
        notices.iter().map(ToString::to_string).collect()
    }
}
