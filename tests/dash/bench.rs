//! A presentation of three renditions in memory, with a playlist for each and one MPD.

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use segment_stream::dash::{AdaptationSet, Mpd, Representation};
use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher, Notice, Presentation};
use segment_stream::{MediaTime, ProducedSegment, SegmentInfo};

use super::check::{self, check};
use super::lost::{lost_with_info, stored};
use super::memory::Memory;

pub(crate) const NAMES: [&str; 3] = ["video", "en", "de"];

const TIMESCALES: [u32; 3] = [90_000, 48_000, 48_000];

/// The date of the first segment.
pub(crate) const DATE: u64 = 1_795_366_800;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A window of ten seconds.
    Live,
    Event,
    Vod,
}

pub(crate) fn date(micros: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(DATE) + Duration::from_micros(micros)
}

pub(crate) fn playlist(shape: Shape) -> MediaPlaylist {
    let playlist = match shape {
        Shape::Live => MediaPlaylist::live("", Duration::from_secs(10)),
        Shape::Event => MediaPlaylist::event(""),
        Shape::Vod => MediaPlaylist::vod(""),
    };
    playlist
        .target_duration(Duration::from_secs(2))
        .program_date_time(date(0))
}

pub(crate) fn mpd() -> Mpd {
    let representation =
        |name: &str, bandwidth| Representation::new(format!("{name}.m3u8"), bandwidth).id(name);
    let audio = |name: &str| {
        let of = representation(name, 128_000).codecs("mp4a.40.2");
        AdaptationSet::audio()
            .language(name)
            .role("main")
            .representation(of.sampling_rate(48_000).channels(2))
    };
    Mpd::new("live.mpd")
        .adaptation_set(
            AdaptationSet::video().switchable().representation(
                representation("video", 3_000_000)
                    .codecs("avc1.64001f")
                    .size(1280, 720)
                    .frame_rate(25, NonZeroU32::MIN),
            ),
        )
        .adaptation_set(audio("en"))
        .adaptation_set(audio("de"))
}

/// The media time of a segment: video of two seconds, audio of whole frames.
pub(crate) fn time(rendition: usize, place: u64) -> MediaTime {
    let timescale = NonZeroU32::new(TIMESCALES[rendition]).expect("it is not 0");
    let start = |place: u64| match rendition {
        0 => place * 180_000,
        _ => (place * 96_000).div_ceil(1024) * 1024,
    };
    MediaTime {
        start: start(place),
        duration: start(place + 1) - start(place),
        timescale,
    }
}

pub(crate) struct Bench {
    pub(crate) memory: Memory,
    pub(crate) publishers: Vec<MediaPlaylistPublisher<Memory>>,
    /// The number of the next segment.
    pub(crate) next: u64,
    /// The number at which the media time is 0.
    pub(crate) zero: u64,
    /// What stands in front of the names of this session.
    pub(crate) session: String,
    pub(crate) texts: Vec<String>,
    /// Whether each text is checked at once.
    pub(crate) checks: bool,
    pub(crate) notices: Vec<Notice>,
}

impl Bench {
    pub(crate) fn new(shape: Shape) -> Self {
        Self::with(playlist(shape), mpd())
    }

    pub(crate) fn with(playlist: MediaPlaylist, mpd: Mpd) -> Self {
        let memory = Memory::default();
        let presentation = Presentation::new(playlist).expect("it is valid");
        let presentation = presentation.mpd(mpd).expect("it is valid");
        Self::of(presentation, memory)
    }

    pub(crate) fn of(presentation: Presentation, memory: Memory) -> Self {
        // An audio segment may last longer than two seconds.
        let presentation = presentation.max_lag(Duration::from_secs(4));
        let presentation = presentation.with_clock(memory.clock());
        let passed = memory.clock();
        let presentation = presentation.with_wall_clock(move || date(0) + passed());
        let add = |name| presentation.rendition(format!("{name}.m3u8"), memory.clone());
        let publishers = NAMES.map(|name| add(name).expect("it is valid"));
        let mut bench = Self {
            memory,
            publishers: publishers.into(),
            next: 0,
            zero: 0,
            session: String::new(),
            texts: Vec::new(),
            checks: true,
            notices: Vec::new(),
        };
        bench.push_maps();
        bench
    }

    pub(crate) fn push_maps(&mut self) {
        for r in 0..NAMES.len() {
            self.push_map(r, "init");
        }
    }

    pub(crate) fn push_map(&mut self, r: usize, name: &str) {
        let path = format!("{}{}-{name}.mp4", self.session, NAMES[r]);
        let bytes = path.clone().into_bytes();
        let map = ProducedSegment::init(bytes).with_path(path.clone());
        self.memory.store(path);
        self.send(r, map, SegmentInfo::new(), true);
    }

    pub(crate) fn name(&self, r: usize, number: u64) -> String {
        format!("{}{}-{number}.m4s", self.session, NAMES[r])
    }

    /// The next segment of all renditions, lost in some.
    pub(crate) fn push(&mut self, lost: &[usize]) {
        self.push_with(lost, &SegmentInfo::new());
    }

    pub(crate) fn push_with(&mut self, lost: &[usize], info: &SegmentInfo) {
        let number = self.next;
        self.next += 1;
        for r in 0..NAMES.len() {
            let segment = self.segment(r, number);
            let info = info.clone().media_time(time(r, number - self.zero));
            self.send(r, segment, info, !lost.contains(&r));
        }
        if self.checks && self.memory.has("live.mpd") {
            self.check();
        }
    }

    pub(crate) fn segment(&self, r: usize, number: u64) -> ProducedSegment {
        let duration = time(r, number - self.zero);
        #[allow(clippy::cast_precision_loss, reason = "a few seconds")]
        let secs = duration.duration as f64 / f64::from(duration.timescale.get());
        ProducedSegment::media(number, vec![1; 4], secs).with_path(self.name(r, number))
    }

    pub(crate) fn send(
        &mut self,
        r: usize,
        segment: ProducedSegment,
        info: SegmentInfo,
        is_stored: bool,
    ) {
        let item = if is_stored {
            self.memory
                .store(segment.path_hint.clone().expect("it has a path"));
            stored((segment, info))
        } else {
            lost_with_info((segment, info))
        };
        if let Ok(pushed) = self.publishers[r].push(&item) {
            self.notices.extend(pushed.notices);
        }
    }

    pub(crate) fn finish(&mut self) {
        for it in &mut self.publishers {
            drop(it.finish().expect("it is published"));
        }
        self.check();
    }

    pub(crate) fn text(&self, path: &str) -> String {
        let text = self.memory.content(path).expect("it is published");
        String::from_utf8(text).expect("it is text")
    }

    pub(crate) fn mpd_text(&self) -> String {
        self.text("live.mpd")
    }

    /// The standing MPD, checked.
    pub(crate) fn mpd(&self) -> check::Mpd {
        let text = self.mpd_text();
        check(&text).unwrap_or_else(|why| panic!("{why}:\n{text}"))
    }

    /// Checks the standing MPD, and that every file that it names is there.
    pub(crate) fn check(&mut self) {
        let mpd = self.mpd();
        for (period, track) in mpd
            .periods
            .iter()
            .flat_map(|period| period.tracks.values().map(move |it| (period, it)))
        {
            let uris = track.segments.iter().map(|it| &it.uri);
            for uri in uris.chain([&track.initialization]) {
                let uri = &uri.replace("%20", " ").replace("%24", "$");
                let id = &period.id;
                assert!(
                    self.memory.has(uri),
                    "Period {id} names {uri}, which is not there"
                );
            }
        }
        let text = self.mpd_text();
        if self.texts.last() != Some(&text) {
            self.texts.push(text);
        }
    }
}
