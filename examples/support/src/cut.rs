//! Cuts a transport stream and sends the segments, as short as it can be.

use std::io::{self, Read};
use std::time::Duration;

use segment_stream::{ProducedSegment, SegmentInfo, SegmentSender};
use segmenter::mpegts::Cutter;

use crate::convert;

/// Cuts the whole input into segments of about two seconds. Its media segments get the numbers from
/// `next` on. A full stream blocks, so that the input fills up instead.
pub fn cut(
    mut input: impl Read,
    mut next: u64,
    mut name: impl FnMut(ProducedSegment) -> ProducedSegment,
    sender: &SegmentSender,
) -> io::Result<()> {
    let mut cutter = Cutter::new(Duration::from_secs(2));
    let (mut bytes, mut cuts) = (vec![0; 64 * 1024], Vec::new());
    loop {
        let length = input.read(&mut bytes)?;
        match length {
            0 => cutter.finish(&mut cuts).map_err(io::Error::other)?,
            _ => cutter
                .push(&bytes[..length], &mut cuts)
                .map_err(io::Error::other)?,
        }
        for segment in cuts.drain(..) {
            let info = SegmentInfo::new();
            sender.send(convert::submission(segment, &mut next, info, &mut name))?;
        }
        if length == 0 {
            return Ok(());
        }
    }
}
