//! The two input formats, behind one type.

use std::time::Duration;

use segmenter::{cmaf, mpegts};

/// The first byte of every packet of a transport stream. ISO/IEC 13818-1, 2.4.3.2.
const SYNC_BYTE: u8 = 0x47;

/// The cutter of an input.
pub(crate) enum Cutter {
    TransportStream(Box<mpegts::Cutter>),
    Mp4(Box<cmaf::Cutter>),
}

/// A piece that was cut.
pub(crate) enum Piece {
    Initialisation(Vec<u8>),
    Media(Vec<u8>, Duration),
}

impl Cutter {
    /// This many bytes identify any input: the size and name of an MP4's first box.
    pub(crate) const TOLD_BY: usize = 8;

    /// The cutter for an input that begins with these bytes, once the format is known.
    pub(crate) fn for_input(start: &[u8], target: Duration) -> Option<Self> {
        if start.first() == Some(&SYNC_BYTE) {
            return Some(Self::TransportStream(Box::new(mpegts::Cutter::new(target))));
        }
        // As the size of a box, that byte would mean more than a gigabyte.
        cmaf::looks_like_mp4(start).then(|| Self::Mp4(Box::new(cmaf::Cutter::new(target))))
    }

    /// The extension of the names of media segments, without its dot.
    pub(crate) fn extension(&self) -> &'static str {
        match self {
            Self::TransportStream(_) => "ts",
            Self::Mp4(_) => "m4s",
        }
    }

    /// The number of programs in a transport stream, once known.
    pub(crate) fn programs(&self) -> Option<usize> {
        match self {
            Self::TransportStream(cutter) => cutter.programs(),
            Self::Mp4(_) => None,
        }
    }

    /// Takes the payload of a finished segment for reuse.
    pub(crate) fn recycle(&mut self, payload: Vec<u8>) {
        match self {
            Self::TransportStream(cutter) => cutter.recycle(payload),
            // It collects a segment in pieces.
            Self::Mp4(_) => {}
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8], pieces: &mut Vec<Piece>) -> Result<(), String> {
        match self {
            Self::TransportStream(cutter) => {
                let mut cuts = Vec::new();
                let pushed = cutter.push(bytes, &mut cuts);
                pieces.extend(cuts.into_iter().map(Piece::from));
                pushed.map_err(|fault| fault.to_string())
            }
            Self::Mp4(cutter) => {
                let mut cuts = Vec::new();
                let pushed = cutter.push(bytes, &mut cuts);
                pieces.extend(cuts.into_iter().map(Piece::from));
                pushed.map_err(|fault| fault.to_string())
            }
        }
    }

    pub(crate) fn finish(self, pieces: &mut Vec<Piece>) -> Result<(), String> {
        match self {
            Self::TransportStream(cutter) => {
                let mut cuts = Vec::new();
                let finished = cutter.finish(&mut cuts);
                pieces.extend(cuts.into_iter().map(Piece::from));
                finished.map_err(|fault| fault.to_string())
            }
            Self::Mp4(cutter) => {
                let mut cuts = Vec::new();
                let finished = cutter.finish(&mut cuts);
                pieces.extend(cuts.into_iter().map(Piece::from));
                finished.map_err(|fault| fault.to_string())
            }
        }
    }

    pub(crate) fn stop(self) -> Option<Piece> {
        match self {
            Self::TransportStream(cutter) => cutter.stop().map(Piece::from),
            Self::Mp4(cutter) => cutter.stop().map(Piece::from),
        }
    }
}

impl From<mpegts::Cut> for Piece {
    fn from(cut: mpegts::Cut) -> Self {
        Self::Media(cut.data, cut.duration)
    }
}

impl From<cmaf::Cut> for Piece {
    fn from(cut: cmaf::Cut) -> Self {
        match cut {
            cmaf::Cut::Initialisation { data } => Self::Initialisation(data),
            cmaf::Cut::Media { data, duration } => Self::Media(data, duration),
        }
    }
}
