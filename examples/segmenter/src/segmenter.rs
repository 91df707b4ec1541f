//! Either format behind one type.

use std::fmt;
use std::mem;
use std::time::Duration;

use crate::notice::Notice;
use crate::segment::Segment;
use crate::track::Track;
use crate::{cmaf, mpegts};

/// The first bytes that tell an MP4: the size and the name of its first box.
const MP4_START: usize = 8;
/// The bytes in which a transport stream has to show its packets.
const LONGEST_START: usize = 16 * 1024;

/// The format of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// ISO/IEC 13818-1.
    TransportStream,
    /// ISO/IEC 14496-12, in fragments.
    Mp4,
}

/// Cuts an input of either format. The first bytes decide which.
///
/// ```
/// use std::time::Duration;
/// use segmenter::Segmenter;
///
/// # fn main() -> Result<(), segmenter::Error> {
/// # let input: &[u8] = include_bytes!("../../../tests/data/sample.ts");
/// let mut segmenter = Segmenter::new(Duration::from_secs(4));
/// let mut segments = Vec::new();
/// for piece in input.chunks(64 * 1024) {
///     segmenter.push(piece, &mut segments)?;
/// }
/// segmenter.finish(&mut segments)?;
/// assert_eq!(segments.len(), 5);
/// assert_eq!(segments[0].length(), Duration::from_secs(4));
/// # Ok(())
/// # }
/// ```
pub struct Segmenter {
    target: Duration,
    scope: Scope,
    /// The bytes before the format is known.
    start: Vec<u8>,
    cutter: Option<Cutter>,
    fault: Option<Error>,
}

/// What of a transport stream is kept.
#[derive(Clone, Copy)]
enum Scope {
    Everything,
    /// What a player can decode, of this program or the first one.
    ForPlayers(Option<u16>),
}

enum Cutter {
    TransportStream(Box<mpegts::Cutter>),
    Mp4(Box<cmaf::Cutter>),
}

/// Why an input cannot be cut, or not any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// There is no input.
    Empty,
    /// It has neither format.
    UnknownFormat {
        /// Its first bytes.
        start: [u8; MP4_START],
        /// The number of those that are there.
        len: usize,
    },
    /// The fault of a transport stream.
    TransportStream(mpegts::CutError),
    /// The fault of an MP4.
    Mp4(cmaf::CutError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "the input is empty"),
            Self::UnknownFormat { start, len } => {
                write!(f, "neither a transport stream nor an MP4: it begins with")?;
                start
                    .iter()
                    .take(*len)
                    .try_for_each(|byte| write!(f, " {byte:02x}"))
            }
            Self::TransportStream(error) => error.fmt(f),
            Self::Mp4(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl Segmenter {
    /// A segmenter whose segments last at least `target`, except the last one and those before a
    /// discontinuity.
    #[must_use]
    pub fn new(target: Duration) -> Self {
        Self {
            target,
            scope: Scope::Everything,
            start: Vec::new(),
            cutter: None,
            fault: None,
        }
    }

    /// Cuts for players: of a transport stream with several programs one is kept, this one or else
    /// the first that can be cut, and media that no decoder can begin with is dropped after a
    /// discontinuity. Streams on PIDs that DVB reserves get others. A segment of an MP4 comes out as
    /// soon as it can. By default everything is kept.
    #[must_use]
    pub fn for_players(self, program: Option<u16>) -> Self {
        Self {
            scope: Scope::ForPlayers(program),
            ..self
        }
    }

    /// The format, once known.
    #[must_use]
    pub fn format(&self) -> Option<Format> {
        self.cutter.as_ref().map(|cutter| match cutter {
            Cutter::TransportStream(_) => Format::TransportStream,
            Cutter::Mp4(_) => Format::Mp4,
        })
    }

    /// The video and audio tracks, as far as they are known.
    #[must_use]
    pub fn tracks(&self) -> Vec<Track> {
        match &self.cutter {
            None => Vec::new(),
            Some(Cutter::TransportStream(cutter)) => cutter.tracks(),
            Some(Cutter::Mp4(cutter)) => cutter.tracks(),
        }
    }

    /// The shortest and the longest time between two random access points so far. None before the
    /// second one.
    #[must_use]
    pub fn groups(&self) -> Option<(Duration, Duration)> {
        match self.cutter.as_ref()? {
            Cutter::TransportStream(cutter) => cutter.groups(),
            Cutter::Mp4(cutter) => cutter.groups(),
        }
    }

    /// Takes the notices that came since the last call.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        match &mut self.cutter {
            None => Vec::new(),
            Some(Cutter::TransportStream(cutter)) => cutter.take_notices(),
            Some(Cutter::Mp4(cutter)) => cutter.take_notices(),
        }
    }

    /// Takes the payload of a segment that nobody needs any more, for one that comes.
    pub fn recycle(&mut self, payload: Vec<u8>) {
        // An MP4 is collected in pieces.
        if let Some(Cutter::TransportStream(cutter)) = &mut self.cutter {
            cutter.recycle(payload);
        }
    }

    /// Takes the next bytes, of whatever length, and adds the segments that they complete.
    ///
    /// # Errors
    ///
    /// The input has neither format, or cannot be cut. Every later call fails likewise.
    pub fn push(&mut self, bytes: &[u8], segments: &mut Vec<Segment>) -> Result<(), Error> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let outcome = self.take(bytes, segments);
        self.fault = outcome.err();
        outcome
    }

    fn take(&mut self, bytes: &[u8], segments: &mut Vec<Segment>) -> Result<(), Error> {
        if let Some(cutter) = &mut self.cutter {
            return cutter.push(bytes, segments);
        }
        self.start.extend_from_slice(bytes);
        let format = if mpegts::looks_like_transport_stream(&self.start) {
            Some(Format::TransportStream)
        } else {
            // As the size of a box, the first byte of a packet would mean more than a gigabyte.
            cmaf::looks_like_mp4(&self.start).then_some(Format::Mp4)
        };
        match format {
            Some(format) => self.begin(format, segments),
            None if self.start.len() > LONGEST_START => Err(self.unknown()),
            None => Ok(()),
        }
    }

    fn begin(&mut self, format: Format, segments: &mut Vec<Segment>) -> Result<(), Error> {
        let start = mem::take(&mut self.start);
        let cutter = match format {
            Format::TransportStream => {
                let cutter = mpegts::Cutter::new(self.target);
                Cutter::TransportStream(Box::new(match self.scope {
                    Scope::Everything => cutter,
                    Scope::ForPlayers(program) => cutter
                        .drop_undecodable()
                        .one_program(program)
                        .move_reserved_pids(),
                }))
            }
            Format::Mp4 => {
                let cutter = cmaf::Cutter::new(self.target);
                Cutter::Mp4(Box::new(match self.scope {
                    Scope::Everything => cutter,
                    Scope::ForPlayers(_) => cutter.drop_undecodable().promptly(),
                }))
            }
        };
        self.cutter.insert(cutter).push(&start, segments)
    }

    /// Ends the input: adds the last segments.
    ///
    /// # Errors
    ///
    /// That of [`push`](Self::push), if there was one; else the input ended too early, or has
    /// nothing to cut. The segments before are added in any case.
    pub fn finish(&mut self, segments: &mut Vec<Segment>) -> Result<(), Error> {
        let Some(cutter) = &mut self.cutter else {
            return Err(self.fault.unwrap_or_else(|| self.unknown()));
        };
        let outcome = cutter.finish(segments);
        self.fault = self.fault.or(outcome.err());
        outcome
    }

    /// Ends in the middle: adds what is held, in whole packets or boxes, whatever it is.
    pub fn stop(&mut self, segments: &mut Vec<Segment>) {
        match self.cutter.take() {
            None => {}
            Some(Cutter::TransportStream(cutter)) => cutter.stop(segments),
            Some(Cutter::Mp4(cutter)) => segments.extend(cutter.stop()),
        }
    }

    fn unknown(&self) -> Error {
        let mut start = [0; MP4_START];
        let len = self.start.len().min(MP4_START);
        start[..len].copy_from_slice(&self.start[..len]);
        match len {
            0 => Error::Empty,
            _ => Error::UnknownFormat { start, len },
        }
    }
}

impl Cutter {
    fn push(&mut self, bytes: &[u8], segments: &mut Vec<Segment>) -> Result<(), Error> {
        match self {
            Self::TransportStream(cutter) => {
                cutter.push(bytes, segments).map_err(Error::TransportStream)
            }
            Self::Mp4(cutter) => cutter.push(bytes, segments).map_err(Error::Mp4),
        }
    }

    fn finish(&mut self, segments: &mut Vec<Segment>) -> Result<(), Error> {
        match self {
            Self::TransportStream(cutter) => {
                cutter.finish(segments).map_err(Error::TransportStream)
            }
            Self::Mp4(cutter) => cutter.finish(segments).map_err(Error::Mp4),
        }
    }
}
