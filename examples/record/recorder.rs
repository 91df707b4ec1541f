//! Makes numbered segments of a transport stream.

use std::collections::VecDeque;
use std::time::Duration;

use segment_stream::ProducedSegment;
use segmenter::mpegts::{Cut, Cutter};

use crate::names::segment_name;
use crate::support::producer::Packager;

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
    fn push(
        &mut self,
        bytes: &[u8],
        segments: &mut VecDeque<ProducedSegment>,
    ) -> Result<(), String> {
        let mut cuts = Vec::new();
        let pushed = self.cutter.push(bytes, &mut cuts);
        segments.extend(numbered(cuts, &mut self.next_number));
        pushed.map_err(|fault| fault.to_string())
    }

    fn finish(mut self, segments: &mut VecDeque<ProducedSegment>) -> Result<(), String> {
        let mut cuts = Vec::new();
        let finished = self.cutter.finish(&mut cuts);
        segments.extend(numbered(cuts, &mut self.next_number));
        finished.map_err(|fault| fault.to_string())
    }

    fn stop(mut self, segments: &mut VecDeque<ProducedSegment>) {
        segments.extend(numbered(self.cutter.stop(), &mut self.next_number));
    }

    fn recycle(&mut self, payload: Vec<u8>) {
        self.cutter.recycle(payload);
    }

    fn programs(&self) -> Option<usize> {
        self.cutter.programs()
    }
}

fn numbered(
    cuts: impl IntoIterator<Item = Cut>,
    next: &mut u64,
) -> impl Iterator<Item = ProducedSegment> {
    cuts.into_iter().map(move |cut| {
        let number = *next;
        *next += 1;
        let segment = ProducedSegment::media(number, cut.data, cut.duration.as_secs_f64());
        segment.with_path(segment_name(number))
    })
}
