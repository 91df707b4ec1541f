//! Elementary streams: which of them a program can be cut at.

/// The elementary stream that decides where to cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Track {
    pub(crate) pid: u16,
    pub(crate) codec: Codec,
}

/// What has to be known of a codec in order to cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    /// MPEG-1 or MPEG-2 video.
    Mpeg2,
    /// MPEG-4 part 2.
    Mpeg4,
    H264,
    Hevc,
    Vvc,
    /// Video whose random access points are found by their indicator alone.
    OtherVideo,
    /// AAC in frames that say their length (ISO/IEC 13818-7).
    Adts,
    /// AAC in LATM, in frames that say their length (ISO/IEC 14496-3).
    Loas,
    MpegAudio,
    Ac3,
    Eac3,
    Opus,
    OtherAudio,
}

impl Codec {
    pub(crate) fn is_video(self) -> bool {
        !matches!(
            self,
            Self::Adts
                | Self::Loas
                | Self::MpegAudio
                | Self::Ac3
                | Self::Eac3
                | Self::Opus
                | Self::OtherAudio
        )
    }

    /// By `stream_type` (ISO/IEC 13818-1, table 2-34; ATSC A/53 part 3 from 0x80) and descriptors.
    fn new(stream_type: u8, descriptors: &[u8], is_cueing: bool) -> Option<Self> {
        match stream_type {
            0x01 | 0x02 => Some(Self::Mpeg2),
            0x10 => Some(Self::Mpeg4),
            0x1B => Some(Self::H264),
            0x24 => Some(Self::Hevc),
            0x33 => Some(Self::Vvc),
            // AVS, Dirac and VC-1, as the industry numbers them.
            0x42 | 0xD1 | 0xEA => Some(Self::OtherVideo),
            0x0F => Some(Self::Adts),
            0x11 => Some(Self::Loas),
            0x03 | 0x04 => Some(Self::MpegAudio),
            0x81 => Some(Self::Ac3),
            0x87 => Some(Self::Eac3),
            // SCTE 35 splice information, if the program is registered for it.
            0x86 if is_cueing => None,
            // Raw AAC, MPEG-H; BD: LPCM, DTS, TrueHD, E-AC-3, DTS-HD; the industry: DTS.
            0x1C | 0x2D | 0x80 | 0x82..=0x86 | 0x8A | 0xA1 | 0xA2 => Some(Self::OtherAudio),
            0x06 => {
                Descriptors(descriptors).find_map(|(tag, data)| Self::of_private_data(tag, data))
            }
            _ => None,
        }
    }

    /// By a descriptor of a stream of private data: a registration, or DVB's own (EN 300 468, 6.1).
    fn of_private_data(tag: u8, data: &[u8]) -> Option<Self> {
        match (tag, data) {
            (0x05, [b'H', b'E', b'V', b'C', ..]) => Some(Self::Hevc),
            (0x05, [b'A', b'V', b'0', b'1', ..]) => Some(Self::OtherVideo),
            (0x05, data) => match data.get(..4)? {
                b"AC-3" => Some(Self::Ac3),
                b"EAC3" => Some(Self::Eac3),
                b"Opus" => Some(Self::Opus),
                b"DTS1" | b"DTS2" | b"DTS3" | b"BSSD" => Some(Self::OtherAudio),
                _ => None,
            },
            (0x6A, _) => Some(Self::Ac3),
            (0x7A, _) => Some(Self::Eac3),
            (0x7F, [0x80, ..]) => Some(Self::Opus),
            // DTS, AAC; among the extensions DTS-HD and AC-4.
            (0x7B | 0x7C, _) | (0x7F, [0x0E | 0x15, ..]) => Some(Self::OtherAudio),
            _ => None,
        }
    }
}

/// An elementary stream as a PMT names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Elementary {
    pub(crate) pid: u16,
    /// None for what is neither video nor audio.
    pub(crate) codec: Option<Codec>,
    /// As ISO 639 has it.
    pub(crate) language: Option<[u8; 3]>,
    /// It is SCTE 35 splice information.
    pub(crate) is_cueing: bool,
}

/// What a PMT says of its program (ISO/IEC 13818-1, 2.4.4.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProgramMap {
    pub(crate) pcr_pid: u16,
    pub(crate) streams: Vec<Elementary>,
    /// The packets of conditional access.
    pub(crate) access_pids: Vec<u16>,
}

impl ProgramMap {
    /// Reads the body of a PMT section.
    pub(crate) fn new(body: &[u8]) -> Option<Self> {
        let pcr_pid = low_bits(body.get(..2)?, 13);
        let info_len = low_bits(body.get(2..4)?, 12);
        let (info, mut rest) = body.get(4..)?.split_at_checked(usize::from(info_len))?;
        let is_cueing = Descriptors(info).any(|it| it == (0x05, b"CUEI"));
        let mut access_pids: Vec<u16> = access_pids(info).collect();
        let mut streams: Vec<Elementary> = Vec::new();
        while let [
            stream_type,
            pid_high,
            pid_low,
            len_high,
            len_low,
            after @ ..,
        ] = rest
        {
            let info_len = low_bits(&[*len_high, *len_low], 12);
            let (descriptors, next) = after.split_at_checked(usize::from(info_len))?;
            access_pids.extend(self::access_pids(descriptors));
            let pid = low_bits(&[*pid_high, *pid_low], 13);
            if !streams.iter().any(|known| known.pid == pid) {
                streams.push(Elementary {
                    pid,
                    codec: Codec::new(*stream_type, descriptors, is_cueing),
                    language: Descriptors(descriptors).find_map(language),
                    is_cueing: is_cueing && *stream_type == 0x86,
                });
            }
            rest = next;
        }
        Some(Self {
            pcr_pid,
            streams,
            access_pids,
        })
    }

    /// The video and audio streams.
    pub(crate) fn tracks(&self) -> impl Iterator<Item = Track> {
        self.streams.iter().filter_map(|stream| {
            let (pid, codec) = (stream.pid, stream.codec?);
            Some(Track { pid, codec })
        })
    }

    /// The first video stream, or the first audio stream if there is no video.
    pub(crate) fn track(&self) -> Option<Track> {
        let video = self.tracks().find(|track| track.codec.is_video());
        video.or_else(|| self.tracks().next())
    }

    pub(crate) fn has_video(&self) -> bool {
        self.tracks().any(|track| track.codec.is_video())
    }
}

/// `CA_PID` of each conditional access descriptor (ISO/IEC 13818-1, 2.6.16).
fn access_pids(descriptors: &[u8]) -> impl Iterator<Item = u16> {
    Descriptors(descriptors).filter_map(|(tag, data)| {
        let pid = low_bits(data.get(2..4)?, 13);
        (tag == 0x09).then_some(pid)
    })
}

/// ISO/IEC 13818-1, 2.6.18.
fn language((tag, data): (u8, &[u8])) -> Option<[u8; 3]> {
    data.first_chunk().copied().filter(|_| tag == 0x0A)
}

fn low_bits(bytes: &[u8], bits: u32) -> u16 {
    let value = bytes
        .iter()
        .fold(0, |value, &byte| value << 8 | u16::from(byte));
    value & u16::MAX >> (16 - bits)
}

/// The descriptors in a loop: tag and data. Ends at one that is cut short.
struct Descriptors<'a>(&'a [u8]);

impl<'a> Iterator for Descriptors<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let [tag, len, rest @ ..] = self.0 else {
            return None;
        };
        let (data, rest) = rest.split_at_checked(usize::from(*len))?;
        self.0 = rest;
        Some((*tag, data))
    }
}
