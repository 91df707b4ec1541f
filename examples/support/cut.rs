//! Cuts a transport stream and sends the segments, as short as it can be.

use std::io::{self, Read};
use std::time::Duration;

use segment_stream::SegmentSender;
use segment_stream::hls::SegmentNames;
use segmenter::mpegts::Cutter;

#[path = "convert.rs"]
mod convert;

/// Cuts the whole input into segments of about two seconds. Its media segments get the numbers from
/// `next` on. A full stream blocks, so that the input fills up instead.
pub(crate) fn cut(
    mut input: impl Read,
    mut next: u64,
    mut names: SegmentNames,
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
            sender.send(convert::submission(segment, &mut next, |it| names.name(it)))?;
        }
        if length == 0 {
            return Ok(());
        }
    }
}
