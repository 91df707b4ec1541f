//! The cutter for fragmented MP4, without files and without threads.

mod common;

#[path = "cmaf/any_stream.rs"]
mod any_stream;
#[path = "cmaf/capacity.rs"]
mod capacity;
#[path = "cmaf/damage.rs"]
mod damage;
#[path = "cmaf/endings.rs"]
mod endings;
#[path = "cmaf/faults.rs"]
mod faults;
#[path = "cmaf/indexes.rs"]
mod indexes;
#[path = "cmaf/joined.rs"]
mod joined;
#[path = "cmaf/jumps.rs"]
mod jumps;
#[path = "cmaf/made.rs"]
mod made;
#[path = "cmaf/maker.rs"]
mod maker;
#[path = "cmaf/points.rs"]
mod points;
#[path = "cmaf/real_input.rs"]
mod real_input;
#[path = "cmaf/renewal.rs"]
mod renewal;
#[path = "cmaf/splices.rs"]
mod splices;
#[path = "cmaf/time.rs"]
mod time;

use std::time::Duration;

use segmenter::cmaf::{CutError, Cutter, Kind, looks_like_mp4};
use segmenter::{Segment, SegmentKind};

const SECOND: Duration = Duration::from_secs(1);

/// Cuts an input that comes in pieces of these lengths, over and over.
fn cut_in(bytes: &[u8], pieces: &[usize], cutter: Cutter) -> (Vec<Segment>, Result<(), CutError>) {
    let mut cutter = cutter;
    let mut cuts = Vec::new();
    let mut rest = bytes;
    let mut pushed = Ok(());
    for &len in pieces.iter().cycle() {
        if rest.is_empty() || pushed.is_err() {
            break;
        }
        let (now, later) = rest.split_at(rest.len().min(len));
        pushed = cutter.push(now, &mut cuts);
        rest = later;
    }
    let finished = cutter.finish(&mut cuts);
    if pushed.is_err() {
        assert_eq!(pushed, finished, "a fault stays");
    }
    (cuts, finished)
}

/// Cuts an input that comes in one piece.
fn try_cut(bytes: &[u8], target: Duration) -> (Vec<Segment>, Result<(), CutError>) {
    cut_in(bytes, &[usize::MAX], Cutter::new(target))
}

/// Cuts an input without a fault, and checks that nothing is lost.
fn cut(bytes: &[u8], target: Duration) -> Vec<Segment> {
    let (cuts, outcome) = try_cut(bytes, target);
    assert_eq!(outcome, Ok(()));
    joined::check(bytes, &cuts);
    cuts
}

fn cut_at_seconds(bytes: &[u8], target: u64) -> Vec<f64> {
    seconds(&cut(bytes, Duration::from_secs(target)))
}

/// How long the media segments last.
fn durations(cuts: &[Segment]) -> Vec<Duration> {
    cuts.iter()
        .filter(|cut| cut.kind == SegmentKind::Media)
        .map(Segment::length)
        .collect()
}

fn seconds(cuts: &[Segment]) -> Vec<f64> {
    durations(cuts).iter().map(Duration::as_secs_f64).collect()
}

fn data(cut: &Segment) -> &[u8] {
    &cut.data
}

fn joined(cuts: &[Segment]) -> Vec<u8> {
    cuts.iter().flat_map(data).copied().collect()
}

/// The names of the boxes in each segment.
fn names(cuts: &[Segment]) -> Vec<Vec<String>> {
    cuts.iter().map(|cut| joined::names(data(cut))).collect()
}
