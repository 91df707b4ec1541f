//! A segment that was cut as one that can be sent.

use std::num::NonZeroU32;

use segment_stream::{MediaTime, ProducedSegment, SegmentInfo, Submission};
use segmenter::{Segment, SegmentKind};

/// The segment with what its manifests should say of it, added to `info`. `name` gives its name; media segments get
/// the next number.
pub fn submission(
    segment: Segment,
    next_number: &mut u64,
    mut info: SegmentInfo,
    name: impl FnOnce(ProducedSegment) -> ProducedSegment,
) -> Submission {
    if segment.kind == SegmentKind::Initialisation {
        return name(ProducedSegment::init(segment.data)).into();
    }
    if segment.discontinuity {
        info = info.discontinuity();
    }
    if let Some(timescale) = NonZeroU32::new(segment.timescale) {
        let (start, duration) = (segment.start, segment.duration);
        info = info.media_time(MediaTime {
            start,
            duration,
            timescale,
        });
    }
    let number = *next_number;
    *next_number += 1;
    let seconds = segment.length().as_secs_f64();
    let segment = ProducedSegment::media(number, segment.data, seconds);
    Submission::from((name(segment), info))
}
