//! A segment under construction, for muxers that want a [`Write`].

use std::fmt;
use std::io::{self, Seek, SeekFrom, Write};

use super::sender::SegmentSender;
use crate::error::SendError;
use crate::segment::{ProducedSegment, SegmentInfo, Submission};

/// Collects the bytes of a segment, and sends it when it is [finished](SegmentWriter::finish). Made
/// by [`SegmentSender::segment_writer`] and [`SegmentSender::writer`].
///
/// Dropped unfinished it sends nothing, so a muxer's error never becomes half a segment. The bytes
/// that it has collected are not in the stream yet and count against none of its bounds. It holds a
/// sender, and so keeps the stream open.
///
/// It is a [`Seek`] for muxers that patch a header at the end: the position starts at the end of
/// the payload that is there, and a write beyond the end fills the gap with zeros.
///
/// ```
/// use segment_stream::{SegmentStream, SegmentStreamConfig};
/// use std::io::{Seek, SeekFrom, Write};
///
/// # fn main() -> std::io::Result<()> {
/// let (mut stream, sender) = SegmentStream::new(SegmentStreamConfig::default())?;
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("00007.m4s");
///
/// let mut output = sender.segment_writer(7).path(path);
/// output.write_all(&[0; 8])?; // A header whose length is known only at the end.
/// output.write_all(&[1; 100])?;
/// output.seek(SeekFrom::Start(0))?;
/// output.write_all(&108_u32.to_be_bytes())?;
/// output.segment_mut().duration_secs = 2.0; // Known only now.
/// output.finish()?;
///
/// assert_eq!(stream.next().expect("one was sent")?.byte_len(), 108);
/// # Ok(())
/// # }
/// ```
#[must_use = "dropped unfinished it sends nothing"]
pub struct SegmentWriter {
    sender: SegmentSender,
    submission: Submission,
    /// Within the payload or beyond its end.
    position: u64,
}

impl SegmentSender {
    /// A [`Write`] and [`Seek`] that collects the payload of the media segment with this number,
    /// and sends it when it is finished. Its duration is 0 s until
    /// [`segment_mut`](SegmentWriter::segment_mut) sets it.
    pub fn segment_writer(&self, sequence: u64) -> SegmentWriter {
        self.writer(ProducedSegment::media(sequence, Vec::new(), 0.0))
    }

    /// The same for a segment that is there already, or a [`Submission`]: what is written follows
    /// the payload that it has.
    pub fn writer(&self, submission: impl Into<Submission>) -> SegmentWriter {
        let submission = submission.into();
        SegmentWriter {
            sender: self.clone(),
            position: submission.segment.data.len() as u64,
            submission,
        }
    }
}

impl SegmentWriter {
    /// Sets the path hint.
    pub fn path(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.submission.segment.path_hint = Some(path.into());
        self
    }

    /// The segment as it is so far.
    #[must_use]
    pub fn segment(&self) -> &ProducedSegment {
        &self.submission.segment
    }

    /// The segment as it is so far, for facts that are known only at its end.
    #[must_use]
    pub fn segment_mut(&mut self) -> &mut ProducedSegment {
        &mut self.submission.segment
    }

    /// The information that travels with the segment. Setters take and return it:
    /// `*writer.info_mut() = writer.info_mut().clone().discontinuity()`.
    pub fn info_mut(&mut self) -> &mut SegmentInfo {
        &mut self.submission.info
    }

    /// Sends the segment; blocks until there is room, as [`SegmentSender::send`] does.
    ///
    /// # Errors
    ///
    /// As for [`SegmentSender::send`]; the segment is inside.
    pub fn finish(self) -> Result<(), SendError> {
        self.sender.send(self.submission)
    }

    /// The segment and its information, unsent: for [`try_send`](SegmentSender::try_send) and
    /// [`send_timeout`](SegmentSender::send_timeout).
    #[must_use]
    pub fn into_submission(self) -> Submission {
        self.submission
    }

    /// The segment alone, unsent.
    #[must_use]
    pub fn into_segment(self) -> ProducedSegment {
        self.submission.segment
    }
}

impl Write for SegmentWriter {
    /// Takes all of it, or nothing if there is no memory for it
    /// ([`OutOfMemory`](io::ErrorKind::OutOfMemory)).
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let no_memory = || io::Error::from(io::ErrorKind::OutOfMemory);
        let data = &mut self.submission.segment.data;
        let start = usize::try_from(self.position).map_err(|_| no_memory())?;
        let end = start.checked_add(bytes.len()).ok_or_else(no_memory)?;
        data.try_reserve(end.saturating_sub(data.len()))
            .map_err(|error| io::Error::new(io::ErrorKind::OutOfMemory, error))?;
        if data.len() < start {
            data.resize(start, 0);
        }
        let (over, behind) = bytes.split_at(bytes.len().min(data.len() - start));
        data[start..start + over.len()].copy_from_slice(over);
        data.extend_from_slice(behind);
        self.position = end as u64;
        Ok(bytes.len())
    }

    /// Does nothing: the segment goes out in one piece, when it is finished.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for SegmentWriter {
    /// A position beyond the end is allowed; the gap is filled when something is written there. One
    /// before the start is an error ([`InvalidInput`](io::ErrorKind::InvalidInput)), and the
    /// position stays.
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let end = self.submission.segment.data.len() as u64;
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => end.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "cannot seek to a position before the start of the segment",
            )
        })?;
        Ok(self.position)
    }
}

impl fmt::Debug for SegmentWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentWriter")
            .field("segment", self.segment())
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;
    use crate::{SegmentStream, SegmentStreamConfig};

    #[derive(Debug, Clone)]
    enum Step {
        Write(Vec<u8>),
        Seek(SeekFrom),
    }

    fn step() -> impl Strategy<Value = Step> {
        let to = prop_oneof![
            (0_u64..80).prop_map(SeekFrom::Start),
            (-60_i64..20).prop_map(SeekFrom::End),
            (-40_i64..20).prop_map(SeekFrom::Current),
        ];
        prop_oneof![
            proptest::collection::vec(1_u8.., 1..20).prop_map(Step::Write),
            to.prop_map(Step::Seek),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn it_writes_and_seeks_as_a_cursor_does(
            before in proptest::collection::vec(1_u8.., 0..20),
            steps in proptest::collection::vec(step(), 0..40),
        ) {
            let (_stream, sender) = SegmentStream::new(SegmentStreamConfig::default()).unwrap();
            let segment = ProducedSegment::media(7, before.clone(), 2.0);
            let mut writer = sender.writer(segment);
            let mut cursor = Cursor::new(before);
            cursor.seek(SeekFrom::End(0)).unwrap();
            for step in steps {
                match step {
                    Step::Write(bytes) => {
                        prop_assert_eq!(writer.write(&bytes).unwrap(), bytes.len());
                        cursor.write_all(&bytes).unwrap();
                    }
                    Step::Seek(to) => {
                        let (found, expected) = (writer.seek(to), cursor.seek(to));
                        let kind = |result: io::Result<u64>| result.map_err(|error| error.kind());
                        prop_assert_eq!(kind(found), kind(expected));
                    }
                }
                prop_assert_eq!(&writer.segment().data, cursor.get_ref());
            }
        }
    }

    #[test]
    fn a_gap_that_no_memory_holds_is_an_error_and_changes_nothing() {
        let (_stream, sender) = SegmentStream::new(SegmentStreamConfig::default()).unwrap();
        let mut writer = sender.segment_writer(7);
        writer.write_all(b"abc").unwrap();
        for far in [u64::MAX, u64::MAX / 2] {
            writer.seek(SeekFrom::Start(far)).unwrap();
            let error = writer.write(b"d").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
            assert_eq!(writer.segment().data, b"abc");
        }
    }
}
