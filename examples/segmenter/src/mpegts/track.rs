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
    OtherAudio,
}

impl Codec {
    pub(crate) fn is_video(self) -> bool {
        !matches!(self, Self::Adts | Self::Loas | Self::OtherAudio)
    }

    /// By `stream_type` (ISO/IEC 13818-1, table 2-34; ATSC A/53 part 3 from 0x80) and descriptors.
    fn new(stream_type: u8, descriptors: &[u8]) -> Option<Self> {
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
            // MPEG audio, raw AAC, MPEG-H; AC-3, E-AC-3.
            0x03 | 0x04 | 0x1C | 0x2D | 0x81 | 0x87 => Some(Self::OtherAudio),
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
            (0x05, data) => {
                let format = data.get(..4)?;
                let audio: [&[u8]; 7] = [
                    b"AC-3", b"EAC3", b"DTS1", b"DTS2", b"DTS3", b"Opus", b"BSSD",
                ];
                audio.contains(&format).then_some(Self::OtherAudio)
            }
            // AC-3, E-AC-3, DTS, AAC; among the extensions DTS-HD, AC-4 and Opus.
            (0x6A | 0x7A..=0x7C, _) | (0x7F, [0x0E | 0x15 | 0x80, ..]) => Some(Self::OtherAudio),
            _ => None,
        }
    }
}

/// What a PMT says of its program (ISO/IEC 13818-1, 2.4.4.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProgramMap {
    pub(crate) pcr_pid: u16,
    /// The first video stream, or the first audio stream where there is no video.
    pub(crate) track: Option<Track>,
}

impl ProgramMap {
    /// Reads the body of a PMT section.
    pub(crate) fn new(body: &[u8]) -> Option<Self> {
        let pcr_pid = low_bits(body.get(..2)?, 13);
        let info_len = low_bits(body.get(2..4)?, 12);
        let mut rest = body.get(4 + usize::from(info_len)..)?;
        let mut track: Option<Track> = None;
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
            if let Some(codec) = Codec::new(*stream_type, descriptors)
                && track.is_none_or(|track| codec.is_video() && !track.codec.is_video())
            {
                let pid = low_bits(&[*pid_high, *pid_low], 13);
                track = Some(Track { pid, codec });
            }
            rest = next;
        }
        Some(Self { pcr_pid, track })
    }

    pub(crate) fn has_video(self) -> bool {
        self.track.is_some_and(|track| track.codec.is_video())
    }
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
