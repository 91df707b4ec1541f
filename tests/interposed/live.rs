//! A live session. Its segments go through a stream, its playlist is published, and the calls of
//! both are counted. Beside it a publisher writes into memory, where nothing fails; the session
//! must publish the same texts.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use segment_stream::hls::{
    Clip, ClipError, Clipped, MediaPlaylist, MediaPlaylistPublisher, Previous, PublishError,
    Pushed, Retention,
};
use segment_stream::{
    DiskSink, Durability, ProducedSegment, SegmentSender, SegmentSink, SegmentStream,
    SegmentStreamConfig, SinkError, WriteContext, WriteError,
};

use super::{Counted, counted};
use crate::common::config::once;
use crate::common::segments::payload;

pub const PLAYLIST: &str = "live/video.m3u8";
/// The clip of it.
pub const CLIP: &str = "live/video.a.m3u8";
const SEGMENT_SECS: f64 = 2.0;
/// Three target durations, as short as a window can be.
const WINDOW: Duration = Duration::from_secs(6);

/// The texts that a publisher has written, and which of them is stored.
#[derive(Debug, Default)]
pub struct Memory {
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    pub written: Vec<(PathBuf, Vec<u8>)>,
}

/// A sink that keeps everything in memory.
#[derive(Debug, Clone, Default)]
struct InMemory(Arc<Mutex<Memory>>);

impl SegmentSink for InMemory {
    fn write(&mut self, segment: &ProducedSegment, _: &WriteContext) -> Result<(), SinkError> {
        let path = segment.path_hint.clone().expect("a playlist has a path");
        let mut memory = self.0.lock().unwrap();
        memory.written.push((path.clone(), segment.data.clone()));
        memory.files.insert(path, segment.data.clone());
        Ok(())
    }

    fn remove(&mut self, path: &Path, _: &WriteContext) -> Result<(), SinkError> {
        self.0.lock().unwrap().files.remove(path);
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
pub struct LiveSetup {
    pub durability: Durability,
    pub retention: Retention,
    /// How long a segment is, in bytes.
    pub length: usize,
}

impl LiveSetup {
    fn playlist(&self) -> MediaPlaylist {
        MediaPlaylist::live(PLAYLIST, WINDOW)
            .target_duration(Duration::from_secs(2))
            .retention(self.retention)
            // So that there are parts of the side file.
            .side_file_lines(2)
    }

    fn sink(&self, root: &Path) -> Counted<DiskSink> {
        Counted(DiskSink::rooted(root).durability(self.durability))
    }
}

/// The outcome of one segment.
#[derive(Debug)]
pub struct Step {
    pub stored: Result<(), Option<i32>>,
    pub published: Result<Pushed, PublishError>,
}

pub struct Live {
    setup: LiveSetup,
    root: PathBuf,
    stream: SegmentStream,
    sender: SegmentSender,
    publisher: Option<MediaPlaylistPublisher<Counted<DiskSink>>>,
    twin: Option<MediaPlaylistPublisher<InMemory>>,
    pub memory: Arc<Mutex<Memory>>,
    clock: Arc<AtomicU64>,
}

pub fn hint(number: u64) -> PathBuf {
    format!("live/{number:04}.ts").into()
}

impl Live {
    pub fn start(root: &Path, setup: LiveSetup) -> Self {
        Self::start_with(root, setup, once())
    }

    pub fn start_with(root: &Path, setup: LiveSetup, config: SegmentStreamConfig) -> Self {
        let (stream, sender) = SegmentStream::with_sink(config, setup.sink(root)).unwrap();
        let memory = InMemory::default();
        let clock = Arc::new(AtomicU64::new(0));
        let publisher = MediaPlaylistPublisher::new(setup.playlist(), setup.sink(root)).unwrap();
        let twin = MediaPlaylistPublisher::new(setup.playlist(), memory.clone()).unwrap();
        Self {
            setup,
            root: root.to_path_buf(),
            stream,
            sender,
            publisher: Some(publisher.with_clock(seconds(&clock))),
            twin: Some(twin.with_clock(seconds(&clock))),
            memory: memory.0,
            clock,
        }
    }

    pub fn data(&self, number: u64) -> Vec<u8> {
        payload(number, self.setup.length)
    }

    /// Stores a segment and has it listed. `stored` is told of the moment between the two.
    pub fn go_on(&mut self, number: u64, stored: impl FnOnce(&Result<(), Option<i32>>)) -> Step {
        self.clock.fetch_add(2, Ordering::Relaxed);
        let segment = ProducedSegment::media(number, self.data(number), SEGMENT_SECS);
        self.sender.send(segment.with_path(hint(number))).unwrap();
        let item = self.stream.next().expect("one is on its way");
        let result = item.as_ref().map(drop).map_err(WriteError::raw_os_error);
        stored(&result);
        drop(self.twin().push(&item).unwrap());
        Step {
            stored: result,
            published: self.publisher().push(&item),
        }
    }

    /// Long enough for all that waits to be deleted.
    pub fn wait(&self) {
        self.clock.fetch_add(1_000, Ordering::Relaxed);
    }

    pub fn publisher(&mut self) -> &mut MediaPlaylistPublisher<Counted<DiskSink>> {
        self.publisher.as_mut().expect("it is in use")
    }

    pub fn twin(&mut self) -> &mut MediaPlaylistPublisher<impl SegmentSink + use<>> {
        self.twin.as_mut().expect("it is in use")
    }

    pub fn finish(&mut self) -> Result<Pushed, PublishError> {
        drop(self.twin().finish().unwrap());
        self.publisher().finish()
    }

    /// Makes a clip of the last two segments.
    pub fn clip(&mut self) -> Result<Clipped, ClipError> {
        let clip = Clip::last("a", Duration::from_secs(4));
        drop(self.twin().clip(&clip).unwrap());
        self.publisher().clip(&clip)
    }

    /// Releases the clip, if there is one.
    pub fn release_clip(&mut self) -> Option<Pushed> {
        drop(self.twin().release_clip("a"));
        self.publisher().release_clip("a").ok()
    }

    /// Leaves the playlist.
    pub fn suspend(&mut self) -> Result<Pushed, PublishError> {
        drop(self.twin.take().expect("it is in use").suspend().unwrap());
        self.publisher.take().expect("it is in use").suspend()
    }

    /// Begins a playlist where there is none.
    pub fn begin_anew(&mut self) {
        let sink = self.setup.sink(&self.root);
        let publisher = MediaPlaylistPublisher::new(self.setup.playlist(), sink).unwrap();
        self.publisher = Some(publisher.with_clock(seconds(&self.clock)));
        let memory = InMemory(Arc::clone(&self.memory));
        let twin = MediaPlaylistPublisher::new(self.setup.playlist(), memory).unwrap();
        self.twin = Some(twin.with_clock(seconds(&self.clock)));
    }

    /// Goes on with what is there.
    pub fn resume(&mut self) -> io::Result<()> {
        let previous = counted(|| Previous::read(&self.root, &self.setup.playlist()))?
            .ok_or(io::ErrorKind::NotFound)?;
        let sink = self.setup.sink(&self.root);
        let publisher = MediaPlaylistPublisher::resume(self.setup.playlist(), sink, &previous)?;
        self.publisher = Some(publisher.with_clock(seconds(&self.clock)));
        let memory = InMemory(Arc::clone(&self.memory));
        let twin = MediaPlaylistPublisher::resume(self.setup.playlist(), memory, &previous)?;
        self.twin = Some(twin.with_clock(seconds(&self.clock)));
        Ok(())
    }

    /// The text that the playlist must have.
    pub fn expected(&self) -> Option<Vec<u8>> {
        let memory = self.memory.lock().unwrap();
        memory.files.get(Path::new(PLAYLIST)).cloned()
    }
}

/// Whether another session can resume from the files in the directory.
pub fn can_be_resumed(root: &Path, setup: LiveSetup) -> io::Result<()> {
    let Some(previous) = Previous::read(root, &setup.playlist())? else {
        return Ok(());
    };
    let sink = setup.sink(root);
    drop(MediaPlaylistPublisher::resume(
        setup.playlist(),
        sink,
        &previous,
    )?);
    Ok(())
}

fn seconds(clock: &Arc<AtomicU64>) -> impl Fn() -> Duration + Send + Sync + 'static {
    let clock = Arc::clone(clock);
    move || Duration::from_secs(clock.load(Ordering::Relaxed))
}
