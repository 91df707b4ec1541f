//! Renditions on threads of their own.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use segment_stream::hls::{MediaPlaylist, Notice, Presentation};
use segment_stream::{ProducedSegment, SegmentSink, SinkError, WriteContext};

use super::memory::Memory;

fn shared() -> MediaPlaylist {
    MediaPlaylist::event("").target_duration(Duration::from_secs(2))
}

fn segment(rendition: &str, number: u64) -> ProducedSegment {
    let path = format!("{rendition}-{number}.ts");
    ProducedSegment::media(number, vec![1], 2.0).with_path(path)
}

/// Writes to a folder, notes the order of the writes, and stops at the first write of one path
/// until the test lets it go on.
struct Gated {
    memory: Memory,
    written: Arc<Mutex<Vec<(PathBuf, String)>>>,
    stops_at: Option<(&'static str, Sender<()>, Receiver<()>)>,
}

impl SegmentSink for Gated {
    fn write(&mut self, file: &ProducedSegment, context: &WriteContext) -> Result<(), SinkError> {
        let path = file.path_hint.clone().expect("it has a path");
        if let Some((_, entered, go_on)) = self.stops_at.take_if(|it| path == Path::new(it.0)) {
            entered.send(()).expect("the test waits");
            go_on.recv().expect("the test lets go");
        }
        self.memory.write(file, context)?;
        let text = String::from_utf8(file.data.clone()).expect("it is text");
        let mut written = self.written.lock().expect("no call panics");
        written.push((path, text));
        Ok(())
    }
}

#[test]
fn a_slow_write_holds_up_no_other_playlist_and_its_thread_writes_the_newer_text() {
    let memory = Memory::default();
    let written = Arc::new(Mutex::new(Vec::new()));
    let sink = |stops_at| Gated {
        memory: memory.clone(),
        written: Arc::clone(&written),
        stops_at,
    };
    let (entered, has_entered) = channel();
    let (go_on, may_go_on) = channel();
    let presentation = Presentation::new(shared()).expect("a presentation");
    let mut a = presentation.rendition("a.m3u8", sink(None)).expect("one");
    let slow = sink(Some(("a.m3u8", entered, may_go_on)));
    let mut b = presentation.rendition("b.m3u8", slow).expect("another");

    let push = |publisher: &mut segment_stream::hls::MediaPlaylistPublisher<Gated>, segment| {
        publisher.push(&Ok(segment)).expect("nothing fails").notices
    };
    assert!(push(&mut a, segment("a", 0)).is_empty());
    assert!(memory.content("a.m3u8").is_none(), "b has not told yet");
    let other = thread::spawn(move || {
        // It settles number 0, so it writes both playlists.
        let notices = push(&mut b, segment("b", 0));
        (b, notices)
    });
    has_entered.recv().expect("it writes a.m3u8");
    assert!(memory.content("b.m3u8").is_some(), "its own comes first");
    // While that write takes its time, `a` gets ahead of `b` by more than the lag.
    assert!(push(&mut a, segment("a", 1)).is_empty());
    let notices = push(&mut a, segment("a", 2));
    let behind = PathBuf::from("b.m3u8");
    assert!(
        matches!(&notices[..], [Notice::OutOfStep { rendition, number: 1 }] if *rendition == behind),
        "{notices:?}"
    );
    let text = |path| String::from_utf8(memory.content(path).expect("it is there")).expect("text");
    assert!(text("b.m3u8").ends_with("#EXT-X-GAP\n#EXTINF:2.000000,\ngap\n"));
    assert!(memory.content("a.m3u8").is_none(), "one thread writes it");
    go_on.send(()).expect("it waits");
    let (mut b, notices) = other.join().expect("no panic");
    assert!(notices.is_empty(), "{notices:?}");
    assert!(text("a.m3u8").ends_with("a-0.ts\n#EXTINF:2.000000,\na-1.ts\n"));
    // Number 1 has settled without it.
    let notices = push(&mut b, segment("b", 1));
    assert!(matches!(notices[..], [Notice::TooLate { sequence: 1 }]));
    let _ = push(&mut b, segment("b", 2));
    let _ = a.finish().expect("it ends");
    let _ = b.finish().expect("it ends");
    let written = written.lock().expect("no call panics");
    let of = |path| written.iter().filter(move |it| it.0 == Path::new(path));
    for path in ["a.m3u8", "b.m3u8"] {
        let mut lengths = of(path).map(|it| it.1.len());
        assert!(lengths.clone().is_sorted(), "an older text came later");
        assert_eq!(lengths.next_back(), Some(text(path).len()));
        assert!(text(path).ends_with("2.ts\n#EXT-X-ENDLIST\n"));
    }
}

#[test]
fn renditions_on_three_threads_list_all_and_agree() {
    let memory = Memory::default();
    let presentation = Presentation::new(shared()).expect("a presentation");
    // None of them is left behind, however slow its thread.
    let presentation = presentation.max_lag(Duration::from_secs(1_000_000));
    let names = ["a", "b", "c"];
    let publishers = names.map(|name| {
        presentation
            .rendition(format!("{name}.m3u8"), memory.clone())
            .expect("a rendition")
    });
    thread::scope(|scope| {
        for (name, mut publisher) in names.into_iter().zip(publishers) {
            scope.spawn(move || {
                for number in 0..50 {
                    if number % 7 == 3 && name == "b" {
                        publisher.discontinuity();
                    }
                    let pushed = publisher.push(&Ok(segment(name, number)));
                    assert!(pushed.expect("nothing fails").notices.is_empty());
                }
                let _ = publisher.finish().expect("it ends");
            });
        }
    });
    let text = |name: &str| {
        let text = memory.content(format!("{name}.m3u8"));
        let text = String::from_utf8(text.expect("it is there")).expect("text");
        text.replace(&format!("{name}-"), "")
    };
    assert_eq!(text("a").matches("#EXT-X-DISCONTINUITY\n").count(), 7);
    assert_eq!(text("a").matches("\n#EXTINF").count(), 50);
    assert!(text("a").ends_with("49.ts\n#EXT-X-ENDLIST\n"));
    assert_eq!(text("a"), text("b"));
    assert_eq!(text("a"), text("c"));
}

#[test]
fn a_rendition_that_ended_or_was_dropped_holds_up_nobody() {
    let memory = Memory::default();
    let presentation = Presentation::new(shared()).expect("a presentation");
    let mut publishers = ["a", "b", "c"].map(|name| {
        presentation
            .rendition(format!("{name}.m3u8"), memory.clone())
            .expect("a rendition")
    });
    for (name, publisher) in ["a", "b", "c"].into_iter().zip(&mut publishers) {
        let _ = publisher.push(&Ok(segment(name, 0))).expect("published");
    }
    let [mut a, mut b, c] = publishers;
    let _ = b.finish().expect("it ends");
    drop(c);
    let pushed = a.push(&Ok(segment("a", 1))).expect("published");
    assert!(pushed.notices.is_empty(), "{pushed:?}");
    let text = |path| String::from_utf8(memory.content(path).expect("it is there")).expect("text");
    assert!(text("a.m3u8").ends_with("a-1.ts\n"));
    assert!(text("b.m3u8").ends_with("b-0.ts\n#EXT-X-ENDLIST\n"));
    assert!(text("c.m3u8").ends_with("c-0.ts\n"));
}
