//! Any bytes as the MPD of an earlier session, beside playlists that are right.

use segment_stream::dash::Previous;
use segment_stream::hls::Presentation;

use super::bench::{Bench, Shape, mpd, playlist};
use super::resume::restart_as;
use super::{check as of_mpd, document};

/// What goes on publishes MPDs that are well-formed, and name only files that are there.
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
        // An MPD has no side file with its fingerprint, so forged times stay as they are. Names of
        // files that are not there do not.
        let text = bench.mpd_text();
        document::parse(&text).expect("it is well-formed");
        if text.as_bytes() != data && of_mpd::check(&text).is_ok() {
            bench.check();
        }
    }
}
