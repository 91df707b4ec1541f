//! A segment that is being written to, for muxers that want a [`Write`].

use std::fmt;
use std::io::{self, Write};

use super::sender::SegmentSender;
use crate::error::SendError;
use crate::segment::ProducedSegment;

/// Collects the bytes of a segment, and sends it when it is [finished](SegmentWriter::finish). Made by
/// [`SegmentSender::writer`].
///
/// Dropped unfinished it sends nothing, so that a muxer's error never becomes half a segment. What it
/// collects is not yet in the stream and counts for none of its bounds. It holds a sender, and so
/// keeps the stream open.
///
/// ```
/// use segment_stream::{ProducedSegment, SegmentStream, SegmentStreamConfig};
/// use std::io::Write;
///
/// # fn main() -> std::io::Result<()> {
/// let (mut stream, sender) = SegmentStream::new(SegmentStreamConfig::default())?;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("00007.ts");
///
/// let mut output = sender.writer(ProducedSegment::media(7, Vec::new(), 0.0).with_path(path));
/// for _packet in 0..10 {
///     output.write_all(&[0x47; 188])?; // Here: a muxer that writes to a `Write`.
/// }
/// output.segment_mut().duration_secs = 2.0; // Known only now.
/// output.finish()?;
///
/// assert_eq!(stream.next().expect("one was sent")?.byte_len(), 1880);
/// # Ok(())
/// # }
/// ```
#[must_use = "dropped unfinished it sends nothing"]
pub struct SegmentWriter {
    sender: SegmentSender,
    segment: ProducedSegment,
}

impl SegmentSender {
    /// A [`Write`] that collects the payload of `segment`, behind what it already has, and sends it when
    /// it is finished.
    pub fn writer(&self, segment: ProducedSegment) -> SegmentWriter {
        SegmentWriter {
            sender: self.clone(),
            segment,
        }
    }
}

impl SegmentWriter {
    /// The segment as it is so far.
    #[must_use]
    pub fn segment(&self) -> &ProducedSegment {
        &self.segment
    }

    /// The segment as it is so far, to enter what is known only at its end, or to patch what is written.
    pub fn segment_mut(&mut self) -> &mut ProducedSegment {
        &mut self.segment
    }

    /// Sends the segment; waits for room as [`SegmentSender::send`] does.
    ///
    /// # Errors
    ///
    /// As for [`SegmentSender::send`]; the segment is inside.
    pub fn finish(self) -> Result<(), SendError> {
        self.sender.send(self.segment)
    }

    /// The segment, unsent: for [`try_send`](SegmentSender::try_send) and
    /// [`send_timeout`](SegmentSender::send_timeout).
    #[must_use]
    pub fn into_segment(self) -> ProducedSegment {
        self.segment
    }
}

impl Write for SegmentWriter {
    /// Takes all of it, or none where there is no memory for it
    /// ([`OutOfMemory`](io::ErrorKind::OutOfMemory)).
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let data = &mut self.segment.data;
        data.try_reserve(bytes.len())
            .map_err(|error| io::Error::new(io::ErrorKind::OutOfMemory, error))?;
        data.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    /// Does nothing: the segment goes out in one piece, when it is finished.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for SegmentWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentWriter")
            .field("segment", &self.segment)
            .finish_non_exhaustive()
    }
}
