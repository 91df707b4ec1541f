//! Playlists that a process left at different numbers.

use std::time::Duration;

use segment_stream::ProducedSegment;
use segment_stream::hls::{
    MediaPlaylist, MediaPlaylistPublisher, Presentation, Previous, ResumeErrorKind,
};

use super::memory::Memory;

fn shared() -> MediaPlaylist {
    MediaPlaylist::live("", Duration::from_secs(6)).target_duration(Duration::from_secs(2))
}

fn start(memory: &Memory) -> [MediaPlaylistPublisher<Memory>; 2] {
    let presentation = Presentation::new(shared()).expect("a presentation");
    let presentation = presentation.with_clock(memory.clock());
    ["a.m3u8", "b.m3u8"].map(|path| {
        let previous = Previous::read_through(&mut memory.clone(), &shared().rendition(path));
        match previous.expect("it can be read") {
            None => presentation.rendition(path, memory.clone()).expect("new"),
            Some(previous) => presentation
                .resume(path, memory.clone(), &previous)
                .expect("it goes on"),
        }
    })
}

fn segment(rendition: usize, number: u64) -> ProducedSegment {
    let path = format!("{}-{number}.ts", ["a", "b"][rendition]);
    ProducedSegment::media(number, vec![1], 2.0).with_path(path)
}

/// Pushes a number to both; what cannot be written is tried again with the next one.
fn push(publishers: &mut [MediaPlaylistPublisher<Memory>; 2], memory: &Memory, number: u64) {
    for (r, publisher) in publishers.iter_mut().enumerate() {
        let segment = segment(r, number);
        memory.store(segment.path_hint.clone().expect("it has a path"));
        let _ = publisher.push(&Ok(segment));
        memory.wait(Duration::from_secs(1));
    }
}

fn text(memory: &Memory, path: &str) -> String {
    let text = memory.content(path).expect("it is there");
    String::from_utf8(text).expect("it is text")
}

#[test]
fn a_playlist_that_is_behind_lists_gaps_for_what_the_other_one_lists() {
    let memory = Memory::default();
    let mut publishers = start(&memory);
    (0..2).for_each(|number| push(&mut publishers, &memory, number));
    memory.refuse(Some("b.m3u8"));
    push(&mut publishers, &memory, 2);
    drop(publishers);
    memory.refuse(None);
    let mut publishers = start(&memory);
    assert_eq!(
        publishers
            .each_ref()
            .map(MediaPlaylistPublisher::next_sequence),
        [3, 3]
    );
    push(&mut publishers, &memory, 3);
    let gap = "#EXT-X-GAP\n#EXTINF:2.000000,\ngap\n";
    assert!(text(&memory, "b.m3u8").ends_with(&format!(
        "b-1.ts\n{gap}#EXT-X-DISCONTINUITY\n#EXTINF:2.000000,\nb-3.ts\n"
    )));
    assert!(
        text(&memory, "a.m3u8")
            .ends_with("a-2.ts\n#EXT-X-DISCONTINUITY\n#EXTINF:2.000000,\na-3.ts\n")
    );
}

/// The numbers between them have slid out of the other one.
#[test]
fn a_playlist_that_is_behind_a_whole_window_begins_with_the_other_one() {
    let memory = Memory::default();
    let mut publishers = start(&memory);
    push(&mut publishers, &memory, 0);
    memory.refuse(Some("b.m3u8"));
    for number in 1..20 {
        push(&mut publishers, &memory, number);
        assert!(memory.has("b-0.ts"), "the playlist there names it");
    }
    drop(publishers);
    memory.refuse(None);
    let mut publishers = start(&memory);
    for number in 20..40 {
        push(&mut publishers, &memory, number);
        let header = |path: &str| {
            let text = text(&memory, path);
            let (header, _) = text.split_once("#EXTINF").expect("a segment");
            header.to_owned()
        };
        let (a, b) = (header("a.m3u8"), header("b.m3u8"));
        let is_gap = |it: &str| it.replace("#EXT-X-GAP\n", "");
        assert_eq!(a, is_gap(&b));
    }
    assert!(!memory.has("b-0.ts"), "it has left");
}

#[test]
fn playlists_of_different_target_durations_are_not_resumed_together() {
    let memory = Memory::default();
    for (path, target) in [("a.m3u8", 2), ("b.m3u8", 4)] {
        let playlist = shared().target_duration(Duration::from_secs(target));
        let playlist = playlist.rendition(path);
        let mut publisher = MediaPlaylistPublisher::new(playlist, memory.clone()).expect("one");
        let _ = publisher.push(&Ok(segment(0, 0))).expect("published");
    }
    let presentation = Presentation::new(shared()).expect("a presentation");
    let resume = |path: &str| {
        // The text says the target duration.
        let playlist = MediaPlaylist::live(path, Duration::from_secs(6));
        let previous = Previous::read_through(&mut memory.clone(), &playlist);
        let previous = previous.expect("it can be read").expect("it is there");
        presentation.resume(path, memory.clone(), &previous)
    };
    let first = resume("a.m3u8").expect("it goes on");
    let error = resume("b.m3u8").expect_err("it differs");
    assert_eq!(error.kind(), ResumeErrorKind::Configuration);
    drop(first);
}
