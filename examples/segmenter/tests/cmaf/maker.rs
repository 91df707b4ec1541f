//! Makes fragmented MP4 of which a test can choose what matters.

pub(crate) const SYNC: u32 = 0x0200_0000;
pub(crate) const NON_SYNC: u32 = 0x0101_0000;
pub(crate) const VIDEO: u32 = 1;
pub(crate) const AUDIO: u32 = 2;
/// Of the video that these functions make.
pub(crate) const TIMESCALE: u32 = 1000;

/// A box of these parts.
pub(crate) fn plain(name: &str, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let size = u32::try_from(body.len() + 8).unwrap();
    [&size.to_be_bytes(), name.as_bytes(), &body].concat()
}

/// A box with the longer header.
pub(crate) fn long(name: &str, body: &[u8]) -> Vec<u8> {
    let size = body.len() as u64 + 16;
    [&[0, 0, 0, 1], name.as_bytes(), &size.to_be_bytes(), body].concat()
}

/// A full box of these parts.
pub(crate) fn full(name: &str, version: u8, flags: u32, parts: &[&[u8]]) -> Vec<u8> {
    let head = u32::from(version) << 24 | flags;
    plain(name, &[&head.to_be_bytes(), &parts.concat()])
}

pub(crate) fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// 32 bits in version 0, 64 in version 1.
fn by_version(version: u8, value: u64) -> Vec<u8> {
    match version {
        0 => u32::try_from(value).unwrap().to_be_bytes().to_vec(),
        _ => value.to_be_bytes().to_vec(),
    }
}

pub(crate) fn ftyp() -> Vec<u8> {
    plain("ftyp", &[b"iso6", &[0; 4], b"cmfc"])
}

pub(crate) fn styp() -> Vec<u8> {
    plain("styp", &[b"msdh", &[0; 4], b"msdh"])
}

pub(crate) fn mdat(len: usize) -> Vec<u8> {
    plain("mdat", &[&vec![0xAB; len]])
}

/// A `sidx` with one reference for each of these sizes.
pub(crate) fn sidx(version: u8, first_offset: u64, sizes: &[usize]) -> Vec<u8> {
    let mut references = u32::try_from(sizes.len()).unwrap().to_be_bytes().to_vec();
    for &size in sizes {
        references.extend(words(&[u32::try_from(size).unwrap(), 1, 0x9000_0000]));
    }
    let earliest = by_version(version, 0);
    let first_offset = by_version(version, first_offset);
    let ids = words(&[VIDEO, TIMESCALE]);
    full(
        "sidx",
        version,
        0,
        &[&ids, &earliest, &first_offset, &references],
    )
}

/// The description of a track in a `moov`.
#[derive(Clone)]
pub(crate) struct Track {
    pub(crate) id: u32,
    pub(crate) handler: &'static str,
    pub(crate) timescale: u32,
    /// Of its `tkhd` and `mdhd`.
    pub(crate) version: u8,
    /// How many samples the `moov` itself has, and in which kind of box it says so.
    pub(crate) samples: (u32, &'static str),
    /// Duration and flags in its `trex`.
    pub(crate) defaults: Option<(u32, u32)>,
}

impl Track {
    pub(crate) fn video() -> Self {
        Self {
            id: VIDEO,
            handler: "vide",
            timescale: TIMESCALE,
            version: 0,
            samples: (0, "stsz"),
            defaults: Some((40, NON_SYNC)),
        }
    }

    pub(crate) fn audio() -> Self {
        Self {
            id: AUDIO,
            handler: "soun",
            timescale: 48_000,
            defaults: Some((1024, SYNC)),
            ..Self::video()
        }
    }

    fn trak(&self, others: &[u8]) -> Vec<u8> {
        let times = [by_version(self.version, 5), by_version(self.version, 6)].concat();
        let id = words(&[self.id, 0]);
        let timescale = words(&[self.timescale]);
        let length = by_version(self.version, 0);
        let (count, sizes) = self.samples;
        let table = full(sizes, 0, 0, &[&words(&[0, count])]);
        let handler = [&[0; 4], self.handler.as_bytes(), &[0; 13]].concat();
        plain(
            "trak",
            &[
                &full("tkhd", self.version, 7, &[&times, &id, &[0; 60]]),
                others,
                &plain(
                    "mdia",
                    &[
                        &full(
                            "mdhd",
                            self.version,
                            0,
                            &[&times, &timescale, &length, &[0; 4]],
                        ),
                        &full("hdlr", 0, 0, &[&handler]),
                        &plain(
                            "minf",
                            &[&plain("stbl", &[&full("stsd", 0, 0, &[&[0; 4]]), &table])],
                        ),
                    ],
                ),
            ],
        )
    }

    fn trex(&self) -> Vec<u8> {
        let of = |(duration, flags)| words(&[self.id, 1, duration, 0, flags]);
        let defaults = self.defaults.map(of);
        defaults.map_or_else(Vec::new, |defaults| full("trex", 0, 0, &[&defaults]))
    }
}

pub(crate) fn moov(tracks: &[Track]) -> Vec<u8> {
    moov_with(tracks, &[])
}

/// With these boxes in each `trak`.
pub(crate) fn moov_with(tracks: &[Track], others: &[u8]) -> Vec<u8> {
    let headers: Vec<u8> = tracks.iter().flat_map(|track| track.trak(others)).collect();
    let defaults: Vec<u8> = tracks.iter().flat_map(Track::trex).collect();
    let mvhd = full("mvhd", 0, 0, &[&[0; 96]]);
    plain("moov", &[&mvhd, &headers, &plain("mvex", &[&defaults])])
}

/// A run of samples. What is not given is not in the box.
#[derive(Clone, Default)]
pub(crate) struct Run {
    pub(crate) count: u32,
    pub(crate) data_offset: Option<i32>,
    pub(crate) first_flags: Option<u32>,
    /// Of each sample: its duration, size, flags, and composition time offset.
    pub(crate) columns: [Option<Vec<u32>>; 4],
}

impl Run {
    fn trun(&self) -> Vec<u8> {
        let mut flags = 0;
        let mut body = words(&[self.count]);
        if let Some(offset) = self.data_offset {
            flags |= 1;
            body.extend(offset.to_be_bytes());
        }
        if let Some(first) = self.first_flags {
            flags |= 4;
            body.extend(first.to_be_bytes());
        }
        for (bit, column) in self.columns.iter().enumerate() {
            flags |= u32::from(column.is_some()) << (8 + bit);
        }
        let rows = self.columns.iter().flatten().map(Vec::len).max();
        for sample in 0..rows.unwrap_or(0) {
            let row = self.columns.iter().flatten().map(|column| column[sample]);
            body.extend(row.flat_map(u32::to_be_bytes));
        }
        full("trun", 1, flags, &[&body])
    }
}

/// The description of a track in a `moof`. A field that is `None` is not in the box.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) track: u32,
    pub(crate) base_data_offset: Option<u64>,
    pub(crate) description: Option<u32>,
    pub(crate) duration: Option<u32>,
    pub(crate) size: Option<u32>,
    pub(crate) flags: Option<u32>,
    /// The decode time, and the version of the box that has it.
    pub(crate) start: Option<(u8, u64)>,
    pub(crate) runs: Vec<Run>,
}

impl Part {
    /// `count` pictures of 40 ms, the first of which has these flags.
    pub(crate) fn video(start: u64, count: u32, first_flags: u32) -> Self {
        Self {
            track: VIDEO,
            base_data_offset: None,
            description: None,
            duration: None,
            size: None,
            flags: None,
            start: Some((1, start)),
            runs: vec![Run {
                count,
                data_offset: Some(8),
                first_flags: Some(first_flags),
                ..Run::default()
            }],
        }
    }

    pub(crate) fn audio(start: u64, count: u32) -> Self {
        Self {
            track: AUDIO,
            ..Self::video(start, count, SYNC)
        }
    }

    fn traf(&self) -> Vec<u8> {
        let mut flags = 0x02_0000;
        let mut head = words(&[self.track]);
        if let Some(offset) = self.base_data_offset {
            flags |= 1;
            head.extend(offset.to_be_bytes());
        }
        for (flag, field) in [
            (0x02, self.description),
            (0x08, self.duration),
            (0x10, self.size),
            (0x20, self.flags),
        ] {
            if let Some(field) = field {
                flags |= flag;
                head.extend(field.to_be_bytes());
            }
        }
        let of = |(version, time)| full("tfdt", version, 0, &[&by_version(version, time)]);
        let tfdt = self.start.map_or_else(Vec::new, of);
        let runs: Vec<u8> = self.runs.iter().flat_map(Run::trun).collect();
        plain("traf", &[&full("tfhd", 0, flags, &[&head]), &tfdt, &runs])
    }
}

pub(crate) fn moof(parts: &[Part]) -> Vec<u8> {
    let trafs: Vec<u8> = parts.iter().flat_map(Part::traf).collect();
    plain("moof", &[&full("mfhd", 0, 0, &[&[0, 0, 0, 1]]), &trafs])
}

/// A fragment with its data.
pub(crate) fn fragment(parts: &[Part]) -> Vec<u8> {
    [moof(parts), mdat(100)].concat()
}

/// A second of pictures, which begins at this second.
pub(crate) fn second(start: u64, first_flags: u32) -> Vec<u8> {
    fragment(&[Part::video(1000 * start, 25, first_flags)])
}

/// An initialisation segment with one video track.
pub(crate) fn initialisation() -> Vec<u8> {
    [ftyp(), moov(&[Track::video()])].concat()
}

/// So many seconds of video, each of which lets a decoder in.
pub(crate) fn stream(seconds: u64) -> Vec<u8> {
    let fragments = (0..seconds).flat_map(|start| second(start, SYNC));
    initialisation().into_iter().chain(fragments).collect()
}
