//! The MPD that an earlier session left.

use std::io;
use std::path::Path;

use super::config::Mpd;
use crate::error::SinkError;
use crate::sink::{ObjectKind, SegmentSink, WriteContext};

/// An MPD as an earlier session left it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Previous {
    /// The text of the MPD.
    pub mpd: Vec<u8>,
}

impl Previous {
    /// Reads it from the root directory of the publishers' [`DiskSink`](crate::DiskSink). `None` if
    /// there is no MPD.
    ///
    /// # Errors
    ///
    /// The MPD exists and cannot be read.
    pub fn read(root: impl AsRef<Path>, mpd: &Mpd) -> io::Result<Option<Self>> {
        match std::fs::read(root.as_ref().join(mpd.path())) {
            Ok(mpd) => Ok(Some(Self { mpd })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads it through a sink of the presentation, which must support
    /// [`read`](SegmentSink::read). `None` if there is no MPD.
    ///
    /// # Errors
    ///
    /// The MPD exists and cannot be read.
    pub fn read_through<S: SegmentSink + ?Sized>(
        sink: &mut S,
        mpd: &Mpd,
    ) -> Result<Option<Self>, SinkError> {
        let context = WriteContext::default().for_object(ObjectKind::Manifest);
        let text = sink.read(mpd.path(), &context);
        let text = text.map_err(|error| error.or_during("read", Some(mpd.path())))?;
        Ok(text.map(|mpd| Self { mpd }))
    }
}
