//! The messages of errors and of the log, kept short.

use std::error::Error;
use std::sync::{Arc, Mutex};

use log::{Level, LevelFilter, Log, Metadata, Record};
use segment_stream::hls::{Notice, PublishErrorKind};
use segment_stream::{ObjectKind, SinkError, sink};

use super::*;

/// Remembers the messages. Every test here knows its own by a number or a path, as they run side
/// by side.
struct Remembering(Mutex<Vec<(Level, String)>>);

static LOGGER: Remembering = Remembering(Mutex::new(Vec::new()));

impl Log for Remembering {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "segment_stream"
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let message = (record.level(), record.args().to_string());
            self.0.lock().expect("no test panics in it").push(message);
        }
    }

    fn flush(&self) {}
}

fn start_logging() {
    // Whichever test is first.
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(LevelFilter::Trace);
    }
}

fn logged(part: &str) -> Vec<(Level, String)> {
    let all = LOGGER.0.lock().expect("no test panics in it");
    let found = all.iter().filter(|(_, message)| message.contains(part));
    found.cloned().collect()
}

#[test]
fn a_notice_is_logged_once_in_ten_seconds() {
    start_logging();
    let mut bench = Bench::new(event());
    for number in 41_000..41_100 {
        let pushed = bench.push(number, f64::NAN);
        assert_eq!(pushed.notices.len(), 1);
    }
    let found = logged("segment 410");
    let message = "segment 41000 is listed as a gap: its duration is invalid";
    assert_eq!(found.first(), Some(&(Level::Warn, message.to_owned())));
    assert!(found.len() < 10, "{found:?}");
}

/// The stream has logged it already.
#[test]
fn a_loss_is_not_logged_again() {
    start_logging();
    let mut bench = Bench::new(event());
    let pushed = bench.lose(media(42_000, 2.0));
    assert!(matches!(pushed.notices[..], [Notice::Lost { .. }]));
    assert!(logged("segment 42000 was lost").is_empty());
}

#[test]
fn a_sink_that_cannot_delete_is_an_error_in_the_log() {
    start_logging();
    let folder = Folder::new(live().path(), Duration::ZERO, true);
    let mut bench = Bench::on(folder, live());
    for number in 0..20 {
        bench.wait(2);
        let _ = bench.push(number, 2.0);
    }
    let found = logged("old segments will not be deleted");
    assert!(!found.is_empty());
    assert!(found.iter().all(|it| it.0 == Level::Error), "{found:?}");
}

#[test]
fn a_drop_with_changes_unpublished_is_logged_and_one_without_is_not() {
    start_logging();
    for (path, is_published) in [("open.m3u8", false), ("published.m3u8", true)] {
        let mut bench = Bench::new(event().rendition(path));
        let _ = bench.push(0, 2.0);
        if !is_published {
            bench.fails(Answer::Refused);
            assert!(bench.publisher.push(&Ok(media(1, 1.5))).is_err());
        }
        drop(bench);
        let found = logged(path);
        if is_published {
            assert!(found.is_empty(), "{found:?}");
        } else {
            let [(Level::Error, message)] = &found[..] else {
                panic!("{found:?}");
            };
            assert!(message.contains("dropped with changes unpublished"));
            assert!(message.ends_with("3.500 s"), "{message}");
        }
    }
}

#[test]
fn an_error_has_its_cause_and_the_notices_of_its_push() {
    let mut bench = Bench::new(event());
    bench.fails(Answer::Refused);
    let error = bench.publisher.push(&Ok(media(0, f64::NAN)));
    let error = error.expect_err("it was refused");
    let cause = "it failed as it was told to";
    assert!(error.to_string().contains(cause), "{error}");
    assert!(error.sink_error().to_string().contains(cause));
    assert_eq!(error.kind(), PublishErrorKind::Sink);
    // The message has it already.
    let mut next = error.source();
    while let Some(below) = next {
        assert!(!below.to_string().contains(cause), "{below}");
        next = below.source();
    }
    assert!(matches!(
        error.notices(),
        [Notice::UnusableDuration { sequence: 0 }]
    ));
}

#[test]
fn a_refusal_has_its_kind_and_names_the_playlist() {
    let mut bench = Bench::new(event());
    let error = bench.publisher.finish().expect_err("nothing was pushed");
    assert_eq!(error.kind(), PublishErrorKind::Invalid);
    let message = "the manifest was not published: \"live.m3u8\": no segment was ever pushed";
    assert_eq!(error.to_string(), message);
    let _ = bench.push(0, 2.0);
    let _ = bench.publisher.finish().expect("it ends");
    let error = bench.publisher.push(&Ok(media(1, 2.0)));
    let error = error.expect_err("it has ended");
    assert_eq!(error.kind(), PublishErrorKind::Ended);
    assert!(error.to_string().ends_with(": \"live.m3u8\": it has ended"));
}

/// A sink says which files are what, and a message names the file even if the sink did not.
#[test]
fn the_sink_of_a_publisher_is_told_what_it_writes() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let sink = sink::from_fn_with_context(move |file, context| {
        let object = (file.path_hint.clone(), context.object());
        told.lock().expect("no call panics").push(object);
        Ok(())
    });
    let mut publisher = MediaPlaylistPublisher::new(live(), sink).expect("a playlist");
    let _ = publisher.push(&Ok(media(0, 2.0))).expect("published");
    assert_eq!(
        *seen.lock().expect("no call panics"),
        [
            (Some(live().state_path()), ObjectKind::State),
            (Some(live().path().to_owned()), ObjectKind::Manifest),
        ]
    );
    let refusing = sink::from_fn(|_| Err(std::io::Error::other("no")));
    let mut publisher = MediaPlaylistPublisher::new(event(), refusing).expect("a playlist");
    let error = publisher.push(&Ok(media(0, 2.0))).expect_err("refused");
    let message = "the manifest was not published: cannot write \"live.m3u8\": no";
    assert_eq!(error.to_string(), message);
}

#[test]
fn notices_can_be_cloned() {
    let notice = Notice::NotDeleted(SinkError::permanent("it stays").with_path("0.ts"));
    assert_eq!(notice.clone().to_string(), notice.to_string());
}

#[test]
fn a_publisher_is_shown_by_its_path_and_its_state() {
    let mut bench = Bench::new(event());
    let _ = bench.push(43, 2.0);
    assert_eq!(
        format!("{:?}", bench.publisher),
        "MediaPlaylistPublisher { path: \"live.m3u8\", next_sequence: 44, is_unpublished: false, .. }"
    );
}

#[test]
fn a_loss_is_told_in_the_number_that_it_has() {
    for (segments, expected) in [
        (1, "segment 7 was lost"),
        (3, "3 segments were lost, starting at segment 7"),
    ] {
        let sequence = 7;
        let notice = Notice::Lost { sequence, segments };
        assert_eq!(notice.to_string(), expected);
    }
}

#[test]
fn what_a_push_that_failed_has_coped_with_is_logged() {
    start_logging();
    let mut bench = Bench::new(event());
    bench.fails(Answer::Refused);
    assert!(bench.publisher.push(&Ok(media(44_000, f64::NAN))).is_err());
    assert_eq!(logged("segment 44000 is listed as a gap").len(), 1);
}

/// Where others' data fill the disk, only they can help.
#[test]
fn that_nothing_is_due_on_a_full_disk_is_logged_once_in_ten_seconds() {
    start_logging();
    let name = "nothing-is-due.m3u8";
    let playlist =
        MediaPlaylist::live(name, Duration::ZERO).target_duration(Duration::from_secs(2));
    let mut bench = Bench::new(playlist);
    for number in 0..4 {
        let _ = bench.push(number, 2.0);
    }
    bench.fails(Answer::NoSpace);
    for number in 4..20 {
        assert!(bench.publisher.push(&Ok(media(number, 2.0))).is_err());
        assert!(bench.has("0.ts"));
    }
    let found = logged(name);
    let [(Level::Error, message)] = &found[..] else {
        panic!("{found:?}");
    };
    let begins = format!(
        "no space is left for the manifest \"{name}\", and nothing more is due for deletion (files \
         not due yet: 1): "
    );
    assert!(message.starts_with(&begins), "{message}");
    bench.fails(Answer::Done);
    let _ = bench.push(20, 2.0);
    assert!(bench.text().ends_with("\n20.ts\n"));
}
