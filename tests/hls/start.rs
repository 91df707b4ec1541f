//! EXT-X-START on media playlists (RFC 8216 §4.3.5.2).

use std::io;

use segment_stream::hls::{MultivariantPlaylist, Presentation, ResumeErrorKind, Start, Variant};

use super::*;

fn before_the_end(secs: u64) -> Start {
    Start::before_the_end(Duration::from_secs(secs)).expect("a start")
}

fn after_the_beginning(millis: u64) -> Start {
    let start = Start::after_the_beginning(Duration::from_millis(millis));
    start.expect("a start").precise()
}

#[test]
fn it_stands_in_the_header_and_stays_after_a_resume() {
    let mut bench = Bench::new(live().independent_segments().start(before_the_end(7)));
    let _ = bench.push(0, 2.0);
    let header = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-INDEPENDENT-SEGMENTS\n\
                  #EXT-X-START:TIME-OFFSET=-7.000\n#EXT-X-TARGETDURATION:2\n";
    assert!(bench.text().starts_with(header), "{}", bench.text());
    // Whether it is asked for again or not.
    let mut bench = bench.restart();
    let _ = bench.push(1, 2.0);
    let mut bench = bench.go_on_with(live().independent_segments());
    let _ = bench.push(2, 2.0);
    assert!(bench.text().starts_with(header), "{}", bench.text());
    assert!(bench.text().ends_with("\n2.ts\n"));
}

#[test]
fn a_resumed_playlist_refuses_another_one() {
    for before in [live(), live().start(before_the_end(8))] {
        let mut bench = Bench::new(before);
        let _ = bench.push(0, 2.0);
        let (asked, previous) = (live().start(before_the_end(7)), bench.previous());
        let refused = MediaPlaylistPublisher::resume(asked, bench.folder.clone(), &previous);
        let refused = refused.expect_err("it differs");
        assert_eq!(refused.kind(), ResumeErrorKind::Configuration);
        assert!(refused.to_string().contains("EXT-X-START"), "{refused}");
    }
    // The text of another program.
    let mut bench = Bench::new(live().start(before_the_end(7)));
    let _ = bench.push(0, 2.0);
    let mut previous = bench.previous();
    let text = bench.text().replace("-7.000", "-7");
    (previous.playlist, previous.state) = (text.into_bytes(), None);
    let refused = MediaPlaylistPublisher::resume(live(), bench.folder.clone(), &previous);
    let refused = refused.expect_err("it is in other words");
    assert_eq!(refused.kind(), ResumeErrorKind::Foreign);
}

/// "The TIME-OFFSET value SHOULD NOT be within three target durations of the end" of a playlist
/// that grows.
#[test]
fn near_the_live_edge_it_is_refused_before_anything_is_published() {
    let near = before_the_end(5);
    for playlist in [live().start(near), event().start(near)] {
        let folder = Folder::new(playlist.path(), Duration::ZERO, false);
        let refused = MediaPlaylistPublisher::new(playlist.clone(), folder);
        let refused = refused.expect_err("it is too near");
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        assert!(refused.to_string().contains("three target durations"));
        assert!(Presentation::new(playlist).is_err());
    }
    // It never grows.
    let vod = MediaPlaylist::vod("live.m3u8").start(near);
    let mut bench = Bench::new(vod);
    let _ = bench.push(0, 2.0);
    let _ = bench.publisher.finish().expect("it ends");
    assert!(bench.text().contains("#EXT-X-START:TIME-OFFSET=-5.000\n"));
}

#[test]
fn a_multivariant_playlist_with_another_one_is_refused() {
    let mut bench = Bench::new(live().start(after_the_beginning(2_500)));
    let _ = bench.push(0, 2.0);
    let main = MultivariantPlaylist::new("main.m3u8").variant(Variant::new("live.m3u8", 1));
    let publish = |main: &MultivariantPlaylist| {
        let published = main.publish(&mut bench.folder.clone(), &[&bench.publisher]);
        published.map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(publish(&main), Ok(()));
    assert_eq!(
        publish(&main.clone().start(after_the_beginning(2_500))),
        Ok(())
    );
    let refused = publish(&main.start(after_the_beginning(2_000))).unwrap_err();
    assert!(refused.contains("EXT-X-START"), "{refused}");
    assert!(bench.text().contains("TIME-OFFSET=2.500,PRECISE=YES\n"));
}
