//! The cutter of transport streams, without files and without threads.

mod common;

#[path = "mpegts/access.rs"]
mod access;
#[path = "mpegts/any_stream.rs"]
mod any_stream;
#[path = "mpegts/clock.rs"]
mod clock;
#[path = "mpegts/damage.rs"]
mod damage;
#[path = "mpegts/faults.rs"]
mod faults;
#[path = "mpegts/interleaving.rs"]
mod interleaving;
#[path = "mpegts/jumps.rs"]
mod jumps;
#[path = "mpegts/programs.rs"]
mod programs;
#[path = "mpegts/real_audio.rs"]
mod real_audio;
#[path = "mpegts/reserved.rs"]
mod reserved;
#[path = "mpegts/sets.rs"]
mod sets;
#[path = "mpegts/silence.rs"]
mod silence;
#[path = "mpegts/splices.rs"]
mod splices;
#[path = "mpegts/tables.rs"]
mod tables;

use std::time::Duration;

use common::joined;
use common::muxer::{H264, Muxer, Pes, RANDOM_ACCESS, Stream};
use segmenter::mpegts::{CutError, Cutter};
use segmenter::{Notice, Segment};

const PMT: u16 = 0x1000;
const VIDEO: u16 = 0x100;
const AUDIO: u16 = 0x101;
/// A picture at 25 Hz.
const FRAME: u64 = 3600;
const START: u64 = 90_000;

/// A stream with one program, one video and one audio.
fn h264() -> Muxer {
    let mut muxer = Muxer::default();
    muxer.pat(0, &[(1, PMT)]);
    muxer.pmt(
        PMT,
        1,
        0,
        &[Stream::new(H264, VIDEO), Stream::new(0x0F, AUDIO)],
    );
    muxer
}

/// Picture number `index` of a stream without B-frames.
fn picture(index: u64, flags: u8) -> Pes {
    Pes {
        pid: VIDEO,
        presented: Some(START + index * FRAME),
        flags,
        content: vec![0xAB; 300],
        ..Pes::default()
    }
}

/// `count` pictures, every 25th of them a random access point by its indicator.
fn pictures(muxer: &mut Muxer, count: u64) {
    for index in 0..count {
        muxer.pes(&picture(
            index,
            if index % 25 == 0 { RANDOM_ACCESS } else { 0 },
        ));
    }
}

fn seconds(cuts: &[Segment]) -> Vec<f64> {
    cuts.iter().map(|cut| cut.length().as_secs_f64()).collect()
}

fn data(cuts: &[Segment]) -> Vec<Vec<u8>> {
    cuts.iter().map(|cut| cut.data.clone()).collect()
}

/// Cuts the whole input, given in one piece.
fn try_cut(bytes: &[u8], target: Duration) -> (Vec<Segment>, Result<(), CutError>) {
    let mut cutter = Cutter::new(target);
    let mut cuts = Vec::new();
    let pushed = cutter.push(bytes, &mut cuts);
    let finished = cutter.finish(&mut cuts);
    if pushed.is_err() {
        assert_eq!(pushed, finished, "a fault stays");
    }
    (cuts, finished)
}

/// Cuts an input without a fault, and checks that nothing is lost.
fn cut(bytes: &[u8], target: Duration) -> Vec<Segment> {
    let (cuts, outcome) = try_cut(bytes, target);
    assert_eq!(outcome, Ok(()));
    joined::check(bytes, &data(&cuts));
    cuts
}

fn cut_at_seconds(bytes: &[u8], target: u64) -> Vec<f64> {
    seconds(&cut(bytes, Duration::from_secs(target)))
}
