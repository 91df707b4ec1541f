//! Publishes cameras as live HLS, each through an ffmpeg of its own: `cameras CONFIGURATION OUT`.
//!
//! A line of the configuration is a name and ffmpeg's arguments before the output:
//! `gate -rtsp_transport tcp -i rtsp://192.0.2.7/stream1 -c copy`. An ffmpeg that ends is started again
//! after 1 s, 2 s, 4 s and so on up to 30 s, with a discontinuity. A killed program resumes.

use std::convert::Infallible;
use std::error::Error;
use std::io::Read;
use std::num::NonZeroU32;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs};

use segment_stream::hls::{MediaPlaylist, MediaPlaylistPublisher, Previous, SegmentNames};
use segment_stream::{
    DiskSink, MediaTime, ProducedSegment, SegmentInfo, SegmentSender, SegmentStream,
    SegmentStreamConfig,
};
use segmenter::{Segment, Segmenter};

const TARGET: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// An ffmpeg that ran for so long was fine.
const FINE: Duration = Duration::from_secs(60);

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let mut arguments = env::args().skip(1);
    let (Some(config), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("usage: cameras CONFIGURATION OUT".into());
    };
    let config = fs::read_to_string(&config)?;
    thread::scope(|scope| {
        for line in config.lines().filter(|line| !line.trim().is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (name, folder) = (words[0], Path::new(&out).join(words[0]));
            scope.spawn(move || {
                if let Err(error) = publish(name, &words[1..], &folder) {
                    eprintln!("{name}: {error}");
                }
            });
        }
    });
    Ok(())
}

/// Publishes one camera without end.
fn publish(name: &str, input: &[&str], folder: &Path) -> Outcome<()> {
    fs::create_dir_all(folder)?;
    DiskSink::sweep(folder)?;
    let playlist = MediaPlaylist::live("live.m3u8", 15 * TARGET)
        .target_duration(2 * TARGET)
        .program_date_time_in_band();
    let sink = || DiskSink::rooted(folder);
    let mut publisher = match Previous::read(folder, &playlist)? {
        None => MediaPlaylistPublisher::new(playlist.clone(), sink())?,
        Some(previous) => MediaPlaylistPublisher::resume(playlist.clone(), sink(), &previous)?,
    };
    let mut next = publisher.next_sequence();
    let segments = playlist.reserve(sink());
    let (mut stream, sender) = SegmentStream::with_sink(SegmentStreamConfig::default(), segments)?;
    thread::scope(|scope| {
        scope.spawn(move || supervise(name, input, &sender, &mut next));
        for item in stream.with_info() {
            // A lost segment is a gap, and the next push publishes what this one could not.
            let published = publisher.push(&item).map(drop);
            let lost = item.result.err().map(|error| error.to_string());
            let unpublished = published.err().map(|error| error.to_string());
            for error in lost.into_iter().chain(unpublished) {
                eprintln!("{name}: {error}");
            }
        }
    });
    Ok(())
}

/// Runs ffmpeg again and again, until the stream is closed.
fn supervise(name: &str, input: &[&str], sender: &SegmentSender, next: &mut u64) {
    let mut pause = Duration::from_secs(1);
    while !sender.is_closed() {
        let began = Instant::now();
        let Err(reason) = run(input, sender, next);
        eprintln!("{name}: {reason}");
        if began.elapsed() > FINE {
            pause = Duration::from_secs(1);
        }
        thread::sleep(pause);
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

/// Sends the segments of one ffmpeg, the first of them behind a discontinuity.
fn run(input: &[&str], sender: &SegmentSender, next: &mut u64) -> Outcome<Infallible> {
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error"])
        .args(input)
        .args(["-f", "mpegts", "-"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut output = ffmpeg.stdout.take().ok_or("no output")?;
    let mut segmenter = Segmenter::new(TARGET).for_players(None);
    let (mut segments, mut chunk) = (Vec::new(), vec![0; 64 * 1024]);
    let mut names = SegmentNames::new("", "ts");
    let mut is_first = true;
    let ended = loop {
        let len = output.read(&mut chunk)?;
        let taken = match len {
            0 => segmenter.finish(&mut segments),
            len => segmenter.push(&chunk[..len], &mut segments),
        };
        for mut segment in segments.drain(..) {
            segment.discontinuity |= is_first && *next > 0;
            let (segment, info) = convert(segment, *next, std::mem::take(&mut is_first));
            *next += 1;
            sender.send((names.name(segment), info))?;
        }
        if len == 0 || taken.is_err() {
            break taken;
        }
    };
    let _ = ffmpeg.kill();
    ffmpeg.wait()?;
    Err(ended.err().map_or("ffmpeg ended".into(), Into::into))
}

/// The segment with its exact time, and with its date if that does not follow.
fn convert(cut: Segment, number: u64, is_first: bool) -> (ProducedSegment, SegmentInfo) {
    let length = cut.length();
    let mut info = SegmentInfo::new();
    if let Some(timescale) = NonZeroU32::new(cut.timescale) {
        info = info.media_time(MediaTime {
            start: cut.start,
            duration: cut.duration,
            timescale,
        });
    }
    if cut.discontinuity {
        info = info.discontinuity();
    }
    if cut.discontinuity || is_first {
        info = info.program_date_time(SystemTime::now() - length);
    }
    let segment = ProducedSegment::media(number, cut.data, length.as_secs_f64());
    (segment, info)
}
