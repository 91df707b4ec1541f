//! What a publisher takes: an item of the iteration, with or without its information.

use crate::error::WriteError;
use crate::segment::ProducedSegment;
use crate::stream::Yielded;

/// An item of the iteration over a stream: of a plain `for`, or of
/// [`with_info`](crate::SegmentStream::with_info), which has the
/// [`SegmentInfo`](crate::SegmentInfo) that travelled with the segment.
///
/// An `Err` has its information in either case.
pub trait Item: sealed::Sealed {}

impl Item for Result<ProducedSegment, WriteError> {}

impl Item for Yielded {}

pub(crate) mod sealed {
    use crate::error::WriteError;
    use crate::segment::{ProducedSegment, SegmentInfo};
    use crate::stream::Yielded;

    pub trait Sealed {
        fn result(&self) -> &Result<ProducedSegment, WriteError>;
        fn info(&self) -> SegmentInfo;
    }

    impl Sealed for Result<ProducedSegment, WriteError> {
        fn result(&self) -> &Result<ProducedSegment, WriteError> {
            self
        }

        fn info(&self) -> SegmentInfo {
            match self {
                Ok(_) => SegmentInfo::new(),
                Err(error) => error.info().clone(),
            }
        }
    }

    impl Sealed for Yielded {
        fn result(&self) -> &Result<ProducedSegment, WriteError> {
            &self.result
        }

        fn info(&self) -> SegmentInfo {
            self.info.clone()
        }
    }
}
