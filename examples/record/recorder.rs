//! Makes numbered segments of a transport stream.

use std::collections::VecDeque;
use std::time::Duration;

use segment_stream::{SegmentInfo, Submission};
use segmenter::Segment;
use segmenter::mpegts::Cutter;

use crate::names::segment_name;
use support::convert::submission;
use support::producer::Packager;

pub(crate) struct Recorder {
    cutter: Cutter,
    next_number: u64,
}

impl Recorder {
    pub(crate) fn new(target: Duration, first_number: u64) -> Self {
        Self {
            cutter: Cutter::new(target),
            next_number: first_number,
        }
    }
}

impl Packager for Recorder {
    fn push(&mut self, bytes: &[u8], segments: &mut VecDeque<Submission>) -> Result<(), String> {
        let mut cuts = Vec::new();
        let pushed = self.cutter.push(bytes, &mut cuts);
        segments.extend(numbered(cuts, &mut self.next_number));
        pushed.map_err(|fault| fault.to_string())
    }

    fn finish(&mut self, segments: &mut VecDeque<Submission>) -> Result<(), String> {
        let mut cuts = Vec::new();
        let finished = self.cutter.finish(&mut cuts);
        segments.extend(numbered(cuts, &mut self.next_number));
        finished.map_err(|fault| fault.to_string())
    }

    fn stop(mut self, segments: &mut VecDeque<Submission>) {
        let mut cuts = Vec::new();
        self.cutter.stop(&mut cuts);
        segments.extend(numbered(cuts, &mut self.next_number));
    }

    fn recycle(&mut self, payload: Vec<u8>) {
        self.cutter.recycle(payload);
    }

    fn take_notices(&mut self) -> Vec<String> {
        let notices = self.cutter.take_notices();
        notices.iter().map(ToString::to_string).collect()
    }
}

fn numbered(cuts: Vec<Segment>, next: &mut u64) -> impl Iterator<Item = Submission> {
    cuts.into_iter().map(move |cut| {
        submission(cut, next, SegmentInfo::new(), |segment| {
            let name = segment_name(segment.sequence);
            segment.with_path(name)
        })
    })
}
