//! Many cameras in one process: each a live stream with a window and retention, at the speed of
//! playback. At the end the lateness is printed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher};
use segment_stream::{
    DiskSink, ProducedSegment, SegmentSender, SegmentStream, SegmentStreamConfig,
};
use segmenter::{Segment, Segmenter};

use super::number;
use crate::plain::{name, store};

pub(super) const NAME: &str = "cameras";

/// Segments that are handed over as they are, all from one set of buffers.
pub(crate) const SEGMENTS: &str = "segments";
/// A transport stream that is cut.
pub(crate) const STREAM: &str = "stream";

/// A loop on one thread that stores finished segments and removes old ones: the least that it takes.
pub(crate) const PLAIN: &str = "plain";

/// The duration of a segment, and the listed ones.
pub(crate) const EACH: Duration = Duration::from_secs(2);
pub(crate) const LISTED: u32 = 3;
/// Files that are kept beyond the window: a segment stays for its own duration and that of the
/// playlist, which rounds up to as many.
pub(crate) const KEPT: u32 = LISTED + 1;
const LENGTH: usize = 1_000_000;
/// Of a transport stream, between two pieces.
const PIECE: Duration = Duration::from_millis(100);

pub(crate) fn command(
    kind: &str,
    cameras: u32,
    time: Duration,
    folder: &Path,
    input: &Path,
) -> io::Result<Command> {
    let mut command = super::command(NAME)?;
    command.arg(kind).arg(cameras.to_string());
    command.arg(time.as_secs_f64().to_string());
    command.arg(folder).arg(input);
    Ok(command)
}

pub(super) fn play(arguments: &[&str]) -> io::Result<()> {
    let [kind, cameras, seconds, folder, input] = *arguments else {
        return Err(io::Error::other("cameras have five arguments"));
    };
    let cameras = number(cameras)?;
    let end = Duration::from_secs_f64(number(seconds)?);
    if kind == PLAIN {
        return plainly(cameras, end, Path::new(folder));
    }
    let (returned, payloads) = unbounded();
    let mut all = Vec::new();
    for number in 0..cameras {
        let folder = Path::new(folder).join(number.to_string());
        fs::create_dir_all(&folder)?;
        let returned = returned.clone();
        all.push(Camera::open(all.len(), &folder, returned)?);
    }
    let clock = Clock {
        start: Instant::now(),
        end,
        cameras,
    };
    match kind {
        SEGMENTS => clock.segments(&mut all, &payloads)?,
        STREAM => clock.streams(&mut all, &payloads, Path::new(input))?,
        _ => return Err(io::Error::other(format!("no such kind: {kind}"))),
    }
    let (mut stored, mut late, mut worst) = (0, 0, Duration::ZERO);
    for camera in all {
        drop(camera.sender);
        drop(camera.due);
        let found = camera.publisher.join().expect("it ends by itself")?;
        stored += found.len();
        late += found.iter().filter(|it| **it > EACH).count();
        worst = found.into_iter().fold(worst, Duration::max);
    }
    println!("{stored} {late} {}", worst.as_secs_f64());
    Ok(())
}

fn plainly(cameras: u32, end: Duration, folder: &Path) -> io::Result<()> {
    let folders: Vec<_> = (0..cameras)
        .map(|number| folder.join(number.to_string()))
        .collect();
    folders.iter().try_for_each(fs::create_dir_all)?;
    let payload = vec![0x47; LENGTH];
    let clock = Clock {
        start: Instant::now(),
        end,
        cameras,
    };
    let (mut stored, mut late, mut worst) = (0, 0, Duration::ZERO);
    clock.each(EACH, |camera, turn, due| {
        store(&folders[camera], turn.into(), &payload)?;
        if let Some(old) = turn.checked_sub(LISTED + KEPT) {
            fs::remove_file(folders[camera].join(name(old.into())))?;
        }
        stored += 1;
        late += usize::from(due.elapsed() > EACH);
        worst = worst.max(due.elapsed());
        Ok(())
    })?;
    println!("{stored} {late} {}", worst.as_secs_f64());
    Ok(())
}

struct Camera {
    number: u64,
    sender: SegmentSender,
    /// When each segment was due.
    due: Sender<Instant>,
    publisher: JoinHandle<io::Result<Vec<Duration>>>,
}

impl Camera {
    fn open(index: usize, folder: &Path, returned: Sender<(usize, Vec<u8>)>) -> io::Result<Self> {
        let playlist = MediaPlaylist::live("live.m3u8", EACH * LISTED).target_duration(EACH);
        let sink = || DiskSink::rooted(folder);
        let mut publisher = MediaPlaylistPublisher::new(playlist, sink())?;
        let (stream, sender) = SegmentStream::with_sink(SegmentStreamConfig::default(), sink())?;
        let (due, times) = unbounded::<Instant>();
        let publisher = thread::spawn(move || {
            let mut late = Vec::new();
            for item in stream {
                publisher.push(&item)?;
                let due = times.recv().map_err(io::Error::other)?;
                late.push(due.elapsed());
                // Refused at the end, when nobody makes segments any more.
                let _ = returned.send((index, item?.data));
            }
            Ok(late)
        });
        Ok(Self {
            number: 0,
            sender,
            due,
            publisher,
        })
    }

    /// The queue has room for four times as long as a segment may be late.
    fn send(&mut self, payload: Vec<u8>, duration: f64, due: Instant) -> io::Result<()> {
        let path = format!("{:05}.ts", self.number);
        let segment = ProducedSegment::media(self.number, payload, duration).with_path(path);
        self.number += 1;
        self.due.send(due).map_err(io::Error::other)?;
        self.sender.send(segment)?;
        Ok(())
    }
}

struct Clock {
    start: Instant,
    end: Duration,
    cameras: u32,
}

impl Clock {
    /// Calls for each camera in each interval until the end. Cameras are spread over time, and a call
    /// is never early.
    fn each(
        &self,
        interval: Duration,
        mut call: impl FnMut(usize, u32, Instant) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut next: BinaryHeap<_> = (0..self.cameras)
            .map(|camera| Reverse((EACH * camera / self.cameras, camera, 0)))
            .collect();
        while let Some(Reverse((due, camera, turn))) = next.pop()
            && due < self.end
        {
            thread::sleep(due.saturating_sub(self.start.elapsed()));
            call(camera as usize, turn, self.start + due)?;
            next.push(Reverse((due + interval, camera, turn + 1)));
        }
        Ok(())
    }

    fn segments(
        &self,
        cameras: &mut [Camera],
        payloads: &Receiver<(usize, Vec<u8>)>,
    ) -> io::Result<()> {
        self.each(EACH, |camera, _, due| {
            let payload = payloads.try_recv().map(|(_, payload)| payload);
            let payload = payload.unwrap_or_else(|_| vec![0x47; LENGTH]);
            cameras[camera].send(payload, EACH.as_secs_f64(), due)
        })
    }

    fn streams(
        &self,
        cameras: &mut [Camera],
        payloads: &Receiver<(usize, Vec<u8>)>,
        input: &Path,
    ) -> io::Result<()> {
        let file = File::open(input)?;
        // As long as it takes to play the file, it takes to read it. `INPUT_CAMERA` has a constant
        // rate.
        let rate = LENGTH as f64 / EACH.as_secs_f64();
        let mut piece = vec![0; (rate * PIECE.as_secs_f64()) as usize];
        let mut segmenters: Vec<_> = cameras
            .iter()
            .map(|_| Segmenter::new(EACH).for_players(None))
            .collect();
        let mut cut: Vec<Segment> = Vec::new();
        self.each(PIECE, |camera, turn, due| {
            for (of, payload) in payloads.try_iter() {
                segmenters[of].recycle(payload);
            }
            let offset = u64::from(turn) * piece.len() as u64;
            let len = file.read_at(&mut piece, offset)?;
            let taken = segmenters[camera].push(&piece[..len], &mut cut);
            taken.map_err(io::Error::other)?;
            for segment in cut.drain(..) {
                let duration = segment.length().as_secs_f64();
                cameras[camera].send(segment.data, duration, due)?;
            }
            Ok(())
        })
    }
}
