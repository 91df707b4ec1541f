//! Any bytes as the MPD of an earlier session, beside playlists that are right.

use segment_stream::dash::Previous;
use segment_stream::hls::Presentation;

use super::bench::{Bench, Shape, mpd, playlist};
use super::resume::restart_as;

/// What goes on publishes MPDs that are right, and name only files that are there.
pub(crate) fn check(data: &[u8]) {
    let previous = Previous { mpd: data.to_vec() };
    let presentation = Presentation::new(playlist(Shape::Live)).expect("it is valid");
    if presentation.resume_mpd(mpd(), &previous).is_err() {
        return;
    }
    let mut bench = Bench::new(Shape::Live);
    (0..3).for_each(|_| bench.push(&[]));
    bench.memory.put("live.mpd", data);
    let mut bench = restart_as(bench, Shape::Live, true);
    bench.checks = false;
    for lost in [&[][..], &[], &[1]] {
        bench.push(lost);
        // If it began after all segments, as only a forgery can, it stands as it is.
        if bench.mpd_text().as_bytes() != data {
            bench.check();
        }
    }
}
