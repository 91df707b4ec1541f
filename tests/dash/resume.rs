//! Goes on with what an earlier session left.

use segment_stream::dash::Previous;
use segment_stream::hls::{self, MediaPlaylistPublisher, Presentation};

use super::bench::{Bench, NAMES, Shape, mpd, playlist};
use super::memory::Memory;

/// Resumes everything that stands, as another process would.
pub(crate) fn restart(bench: Bench, has_mpd: bool) -> Bench {
    restart_as(bench, Shape::Live, has_mpd)
}

pub(crate) fn restart_as(mut bench: Bench, shape: Shape, has_mpd: bool) -> Bench {
    bench.publishers.clear();
    bench.memory.revive();
    let mut memory = bench.memory.clone();
    let presentation = Presentation::new(playlist(shape)).expect("it is valid");
    let previous = Previous::read_through(&mut memory, &mpd()).expect("it is read");
    let presentation = match previous.filter(|_| has_mpd) {
        Some(previous) => presentation
            .resume_mpd(mpd(), &previous)
            .expect("it goes on"),
        None => presentation.mpd(mpd()).expect("it is valid"),
    };
    let presentation = presentation.max_lag(std::time::Duration::from_secs(4));
    let presentation = presentation.with_clock(memory.clock());
    bench.publishers = NAMES
        .map(|name| resume(&presentation, &memory, name, shape))
        .into();
    bench.next = bench.publishers[0].next_sequence();
    let sessions = bench.session.len() + 1;
    bench.session = "s".repeat(sessions);
    bench.zero = bench.next;
    bench.push_maps();
    bench
}

fn resume(
    presentation: &Presentation,
    memory: &Memory,
    name: &str,
    shape: Shape,
) -> MediaPlaylistPublisher<Memory> {
    let path = format!("{name}.m3u8");
    let playlist = playlist(shape).rendition(&path);
    let previous = hls::Previous::read_through(&mut memory.clone(), &playlist).expect("it is read");
    match previous {
        Some(previous) => presentation
            .resume(path, memory.clone(), &previous)
            .expect("it goes on"),
        None => presentation
            .rendition(path, memory.clone())
            .expect("it is valid"),
    }
}
