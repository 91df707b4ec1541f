//! The deletion of segments that slid out.

use segment_stream::hls::{Notice, Retention};
use segment_stream::{SegmentSink, SinkError, WriteContext};

use super::*;

/// RFC 8216 §6.2.2: its own duration and that of the longest playlist that listed it, here 2 s + 6
/// s.
#[test]
fn a_segment_stays_for_its_duration_and_the_longest_playlists() {
    let mut bench = Bench::new(live());
    for number in 0..4 {
        let _ = bench.push(number, 2.0);
    }
    for number in 4..7 {
        bench.wait(2);
        let _ = bench.push(number, 2.0);
        assert!(bench.has("0.ts"), "after {number}");
    }
    assert!(bench.text().contains("SEQUENCE:4\n"));
    bench.wait(2);
    let _ = bench.push(7, 2.0);
    assert!(!bench.has("0.ts") && bench.has("1.ts"));
}

#[test]
fn media_without_time_and_time_without_media_delete_nothing() {
    let mut bench = Bench::new(live());
    for number in 0..40 {
        let _ = bench.push(number, 2.0);
    }
    assert!(bench.has("0.ts"), "the clock stood still");
    let mut bench = Bench::new(live());
    for number in 0..4 {
        let _ = bench.push(number, 2.0);
    }
    bench.wait(1000);
    let _ = bench.publisher.delete_due();
    assert!(bench.has("0.ts"), "no media came");
}

/// After a restart it is counted anew, whatever the clock that is given says.
#[test]
fn a_clock_that_did_not_begin_at_zero_deletes_nothing_early_after_a_restart() {
    let mut bench = Bench::new(live());
    for number in 0..4 {
        let _ = bench.push(number, 2.0);
    }
    let mut bench = bench.restart();
    for number in 4..14 {
        let _ = bench.push(number, 2.0);
    }
    assert!(bench.has("0.ts"), "no time has passed");
}

/// A segment that left the playlist with its last publication is deleted, too.
#[test]
fn what_slides_out_at_the_end_is_deleted() {
    let mut bench = Bench::new(live());
    for number in 0..3 {
        let _ = bench.push(number, 2.0);
    }
    bench.fails(Answer::Refused);
    assert!(bench.publisher.push(&Ok(media(3, 2.0))).is_err());
    bench.fails(Answer::Done);
    let _ = bench.publisher.finish().expect("it is published");
    bench.wait(1000);
    let _ = bench.publisher.delete_due();
    assert!(!bench.has("0.ts"));
    assert!(!bench.has(".live.m3u8.state"));
}

/// A side file that could not be deleted is tried again like any other.
#[test]
fn the_side_file_is_deleted_at_last() {
    let mut bench = Bench::new(live());
    let _ = bench.push(0, 2.0);
    bench.folder.set_faults(Faults {
        removal: Answer::Refused,
        ..Faults::default()
    });
    let pushed = bench.publisher.finish().expect("it is published");
    assert_eq!(pushed.notices.len(), 1);
    bench.folder.set_faults(Faults::default());
    let _ = bench.publisher.delete_due();
    assert!(!bench.has(".live.m3u8.state"));
}

/// A text that came through although its answer was lost was published: it counts as a listing.
#[test]
fn a_publication_whose_answer_was_lost_counts() {
    let mut bench = Bench::new(live().target_duration(Duration::from_secs(4)));
    for number in 0..4 {
        let _ = bench.push(number, 3.0);
    }
    bench.fails(Answer::Unheard);
    assert!(bench.publisher.push(&Ok(media(4, 2.9))).is_err());
    assert!(bench.text().ends_with("4.ts\n"));
    bench.fails(Answer::Done);
    let _ = bench.push(5, 4.0);
    assert!(bench.text().contains("SEQUENCE:2\n"));
    // 3 s for itself and 14.9 s for the list that was published unheard.
    for number in 6..10 {
        let _ = bench.push(number, 4.0);
    }
    bench.wait(17);
    let _ = bench.publisher.delete_due();
    assert!(bench.has("0.ts"), "it was listed for longer");
    let _ = bench.push(10, 4.0);
    bench.wait(1);
    let _ = bench.publisher.delete_due();
    assert!(!bench.has("0.ts"));
}

/// A name that is used again while what it was waits to be deleted: if the process dies between
/// the side file and the playlist, it is still known.
#[test]
fn a_name_that_is_used_again_is_not_forgotten_in_a_crash() {
    let mut bench = Bench::new(live());
    for number in 0..4 {
        let _ = bench.push(number, 2.0);
    }
    bench.folder.store(Path::new("0.ts"), vec![1]);
    bench.folder.die_after(1);
    let again = media(4, 2.0).with_path("0.ts");
    assert!(bench.publisher.push(&Ok(again)).is_err());
    let mut bench = bench.restart();
    let waiting: Vec<_> = bench.publisher.waiting_for_deletion().collect();
    assert_eq!(waiting, [Path::new("0.ts")]);
    let _ = bench.publisher.finish().expect("it is published");
    bench.wait(1000);
    let _ = bench.publisher.delete_due();
    assert!(!bench.has("0.ts"));
}

#[test]
fn a_recorder_keeps_everything_and_needs_no_side_file() {
    let mut bench = Bench::new(live().retention(Retention::Keep));
    for number in 0..20 {
        bench.wait(100);
        let _ = bench.push(number, 2.0);
    }
    assert!(bench.has("0.ts") && !bench.has(".live.m3u8.state"));
}

/// After ENDLIST the playlist cannot be resumed, but pending deletions are not lost.
#[test]
fn a_new_playlist_takes_over_what_an_ended_one_had_to_delete() {
    let mut bench = Bench::new(live());
    for number in 0..6 {
        let _ = bench.push(number, 2.0);
    }
    let _ = bench.publisher.finish().expect("it is published");
    assert!(bench.publisher.waiting_for_deletion().count() > 1);
    let previous = bench.previous();
    let Bench {
        folder,
        playlist,
        publisher,
    } = bench;
    drop(publisher);
    let publisher = MediaPlaylistPublisher::new(playlist.clone(), folder.clone())
        .expect("a playlist that can be one")
        .with_clock(folder.clock())
        .take_over(&previous)
        .expect("a side file that can be read");
    let mut bench = Bench {
        folder,
        playlist,
        publisher,
    };
    assert!(bench.has("0.ts"));
    for number in 10..20 {
        bench.wait(2);
        let _ = bench.push(number, 2.0);
    }
    assert!(!bench.has("0.ts") && !bench.has("1.ts"));
}

/// The same where another publication came in between: the side file knows of it after a crash.
#[test]
fn a_publication_whose_answer_was_lost_counts_after_a_restart() {
    let mut bench = Bench::new(live().target_duration(Duration::from_secs(4)));
    for number in 0..4 {
        let _ = bench.push(number, 3.0);
    }
    bench.fails(Answer::Unheard);
    assert!(bench.publisher.push(&Ok(media(4, 2.9))).is_err());
    bench.fails(Answer::Done);
    bench.folder.store(Path::new("2.ts"), vec![1]);
    let _ = bench.push(5, 4.0);
    assert!(bench.text().contains("SEQUENCE:2\n"));
    let mut bench = bench.restart();
    let _ = bench.push(6, 3.0);
    assert!(bench.text().contains("SEQUENCE:3\n"));
    // 3 s for itself and 14.9 s for the list that was published unheard, not 12.9 s for those
    // since.
    for number in 7..11 {
        bench.wait(4);
        let _ = bench.push(number, 4.0);
    }
    assert!(bench.has("2.ts"), "it was listed for longer");
    bench.wait(4);
    let _ = bench.push(11, 4.0);
    assert!(!bench.has("2.ts"));
}

/// Said once, and never tried again; what is to be deleted is for a session that can.
#[test]
fn a_sink_that_cannot_delete_is_told_once() {
    let clock = Duration::from_secs(100_000);
    let folder = Folder::new(live().path(), clock, true);
    let mut bench = Bench::on(folder, live());
    let mut notices = Vec::new();
    for number in 0..20 {
        bench.wait(2);
        notices.extend(bench.push(number, 2.0).notices);
    }
    let ended = bench.publisher.finish().expect("it is published");
    notices.extend(ended.notices);
    bench.wait(1000);
    notices.extend(bench.publisher.delete_due().notices);
    assert!(
        matches!(notices[..], [Notice::CannotDelete(_)]),
        "{notices:?}"
    );
    assert!(bench.has("0.ts") && bench.has(".live.m3u8.state"));
}

/// Refuses to delete the segments below this number.
struct Stubborn(Folder, u64);

impl SegmentSink for Stubborn {
    fn write(&mut self, file: &ProducedSegment, context: &WriteContext) -> Result<(), SinkError> {
        self.0.write(file, context)
    }

    fn remove(&mut self, path: &Path, context: &WriteContext) -> Result<(), SinkError> {
        if (0..self.1).any(|number| path == Path::new(&format!("{number}.ts"))) {
            return Err(SinkError::permanent("it stays"));
        }
        self.0.remove(path, context)
    }
}

/// However many there are that cannot be deleted, the others get their turn.
#[test]
fn what_cannot_be_deleted_does_not_keep_the_rest_from_it() {
    let folder = Folder::new(live().path(), Duration::ZERO, false);
    let sink = Stubborn(folder.clone(), 20);
    let mut publisher = MediaPlaylistPublisher::new(live(), sink)
        .expect("a playlist that can be one")
        .with_clock(folder.clock());
    for number in 0..30 {
        let segment = media(number, 2.0);
        folder.store(Path::new(&format!("{number}.ts")), Vec::new());
        let _ = publisher.push(&Ok(segment)).expect("published");
    }
    let _ = publisher.finish().expect("it is published");
    folder.wait(Duration::from_secs(1000));
    // Each of the 27 that have slid out is tried once.
    let pushed = publisher.delete_due();
    let is_told = |it: &Notice| matches!(it, Notice::NotDeleted(_));
    assert!(pushed.notices.len() == 20 && pushed.notices.iter().all(is_told));
    let left: Vec<_> = publisher.waiting_for_deletion().collect();
    assert_eq!(left.len(), 20, "{left:?}");
}

/// Deletes as slowly as a disk that is busy with other things.
struct Slow(Folder);

impl SegmentSink for Slow {
    fn write(&mut self, file: &ProducedSegment, context: &WriteContext) -> Result<(), SinkError> {
        self.0.write(file, context)
    }

    fn remove(&mut self, path: &Path, context: &WriteContext) -> Result<(), SinkError> {
        self.0.wait(Duration::from_millis(300));
        self.0.remove(path, context)
    }
}

/// A push does not wait for all that there is to delete where that takes long; a call to delete
/// does.
#[test]
fn slow_deletions_are_spread_over_several_pushes() {
    let folder = Folder::new(live().path(), Duration::ZERO, false);
    let mut publisher = MediaPlaylistPublisher::new(live(), Slow(folder.clone()))
        .expect("a playlist that can be one")
        .with_clock(folder.clock());
    let mut push = |number| {
        let _ = publisher.push(&Ok(media(number, 2.0))).expect("published");
        publisher.waiting_for_deletion().count()
    };
    for number in 0..12 {
        let _ = push(number);
    }
    folder.wait(Duration::from_secs(1000));
    for number in 12..15 {
        assert_eq!(push(number), 9, "one slides out and one is deleted");
    }
    let _ = publisher.finish().expect("it is published");
    assert_eq!(publisher.waiting_for_deletion().count(), 8);
    folder.wait(Duration::from_secs(1000));
    let _ = publisher.delete_due();
    assert_eq!(publisher.waiting_for_deletion().count(), 0);
}

#[test]
fn a_push_deletes_sixteen_files_and_a_call_to_delete_all_that_are_due() {
    let mut bench = Bench::new(live());
    for number in 0..100 {
        let _ = bench.push(number, 2.0);
    }
    bench.wait(1000);
    let there = |bench: &Bench| {
        let there = |number: &u64| bench.has(&format!("{number}.ts"));
        (0..101).filter(there).count()
    };
    let _ = bench.push(100, 2.0);
    assert_eq!(there(&bench), 101 - 16);
    let pushed = bench.publisher.delete_due();
    assert!(pushed.notices.is_empty(), "{:?}", pushed.notices);
    // Three are listed, and of four that slid out last not as much media has come.
    assert_eq!(there(&bench), 3 + 4);
    let waiting: Vec<_> = bench.publisher.waiting_for_deletion().collect();
    assert_eq!(waiting, ["94.ts", "95.ts", "96.ts", "97.ts"].map(Path::new));
}

/// It is counted from when it took over, not from the beginning of the clock.
#[test]
fn what_is_taken_over_waits_its_time() {
    let mut bench = Bench::new(live());
    for number in 0..6 {
        let _ = bench.push(number, 2.0);
    }
    let previous = bench.previous();
    let publisher = MediaPlaylistPublisher::new(live(), bench.folder.clone())
        .expect("a playlist that can be one")
        .with_clock(bench.folder.clock())
        .take_over(&previous)
        .expect("a side file that can be read");
    drop(std::mem::replace(&mut bench.publisher, publisher));
    for number in 10..20 {
        let _ = bench.push(number, 2.0);
    }
    assert!(bench.has("0.ts") && bench.has("1.ts"), "no time has passed");
}

/// Its publications take a while.
struct Late(Folder);

impl SegmentSink for Late {
    fn write(&mut self, file: &ProducedSegment, context: &WriteContext) -> Result<(), SinkError> {
        if file.path_hint.as_deref() == Some(Path::new("live.m3u8")) {
            self.0.wait(Duration::from_secs(5));
        }
        self.0.write(file, context)
    }

    fn remove(&mut self, path: &Path, context: &WriteContext) -> Result<(), SinkError> {
        self.0.remove(path, context)
    }
}

/// A client may load the old playlist until the new one is there.
#[test]
fn what_slid_out_is_counted_from_the_end_of_the_publication() {
    let folder = Folder::new(live().path(), Duration::ZERO, false);
    let mut publisher = MediaPlaylistPublisher::new(live(), Late(folder.clone()))
        .expect("a playlist that can be one")
        .with_clock(folder.clock());
    for number in 0..4 {
        folder.store(Path::new(&format!("{number}.ts")), Vec::new());
        let _ = publisher.push(&Ok(media(number, 2.0))).expect("published");
    }
    let _ = publisher.finish().expect("published");
    // 0.ts left with the fourth push; since then one publication of 5 s. It stays for 8 s.
    let has = || folder.content(Path::new("0.ts")).is_some();
    folder.wait(Duration::from_millis(2_900));
    let _ = publisher.delete_due();
    assert!(has());
    folder.wait(Duration::from_millis(100));
    let _ = publisher.delete_due();
    assert!(!has());
}

/// A name that is used again, in an entry that could not be published yet.
#[test]
fn a_name_that_is_about_to_be_used_again_is_not_deleted() {
    let mut bench = Bench::new(live());
    for number in 0..4 {
        let _ = bench.push(number, 2.0);
    }
    bench.wait(1000);
    bench.fails(Answer::Refused);
    bench.folder.store(Path::new("0.ts"), vec![1]);
    for number in 4..8 {
        let again = media(number, 2.0);
        let again = if number == 7 {
            again.with_path("0.ts")
        } else {
            again
        };
        assert!(bench.publisher.push(&Ok(again)).is_err());
    }
    let _ = bench.publisher.delete_due();
    bench.fails(Answer::Done);
    let _ = bench.push(8, 2.0);
    assert!(
        bench.text().contains("0.ts\n") && bench.has("0.ts"),
        "{}",
        bench.text()
    );
}

/// From one to another and back and away again, with nothing in between: the older wait counts.
#[test]
fn an_initialisation_segment_that_came_back_for_nothing_stays_as_long() {
    let mut bench = Bench::new(live());
    let _ = bench.push_segment(init(0, "a.mp4"));
    let _ = bench.push(0, 2.0);
    let _ = bench.push_segment(init(1, "b.mp4"));
    for number in 1..5 {
        let _ = bench.push(number, 2.0);
    }
    assert!(!bench.text().contains("a.mp4") && bench.has("a.mp4"));
    let _ = bench.push_segment(init(0, "a.mp4"));
    let _ = bench.push_segment(init(2, "c.mp4"));
    let _ = bench.push(5, 2.0);
    assert!(bench.has("a.mp4"), "no time has passed");
}

/// After a crash between the two the side file notes what the playlist that stands still names.
#[test]
fn what_the_old_playlist_lists_stays_after_a_take_over() {
    for still_fails in [Answer::Refused, Answer::Done] {
        let mut bench = Bench::new(live());
        let _ = bench.push_segment(init(0, "0.mp4"));
        let _ = bench.push(0, 2.0);
        let _ = bench.push_segment(init(1, "1.mp4"));
        for number in 1..3 {
            let _ = bench.push(number, 2.0);
        }
        bench.fails(Answer::Refused);
        assert!(bench.publisher.push(&Ok(media(3, 2.0))).is_err());
        bench.fails(still_fails);
        let listed = bench.text();
        let previous = bench.previous();
        assert!(previous.state.is_some());
        let publisher = MediaPlaylistPublisher::new(live(), bench.folder.clone())
            .expect("a playlist that can be one")
            .with_clock(bench.folder.clock())
            .take_over(&previous)
            .expect("a side file that can be read");
        drop(std::mem::replace(&mut bench.publisher, publisher));
        for number in 0..20 {
            bench.wait(2);
            let path = format!("new-{number}.ts");
            bench.folder.store(Path::new(&path), vec![1]);
            let pushed = bench
                .publisher
                .push(&Ok(media(number, 2.0).with_path(path)));
            assert_eq!(pushed.is_ok(), still_fails == Answer::Done);
        }
        let _ = bench.publisher.delete_due();
        for file in ["0.mp4", "0.ts", "1.mp4", "1.ts", "2.ts"] {
            assert!(listed.contains(file) && bench.has(file), "{file}");
        }
    }
}

/// Its own list does not name it any more, but the one that clients have does.
#[test]
fn a_name_that_a_standing_playlist_has_for_another_file_is_not_deleted() {
    let mut bench = Bench::new(live());
    for number in 0..4 {
        let _ = bench.push(number, 2.0);
        bench.wait(2);
    }
    bench.fails(Answer::Unheard);
    bench.folder.store(Path::new("0.ts"), vec![2]);
    let again = media(4, 2.0).with_path("0.ts");
    assert!(bench.publisher.push(&Ok(again)).is_err());
    assert!(bench.text().ends_with("\n0.ts\n"));
    bench.fails(Answer::Refused);
    for number in 5..9 {
        bench.wait(20);
        assert!(bench.publisher.push(&Ok(media(number, 2.0))).is_err());
        let _ = bench.publisher.delete_due();
        assert!(bench.has("0.ts"), "after {number}");
    }
}

#[test]
fn a_sink_that_cannot_delete_says_so_once_where_nothing_waits_too() {
    let folder = Folder::new(live().path(), Duration::ZERO, true);
    let mut bench = Bench::on(folder, live());
    let _ = bench.push(0, 2.0);
    let first = bench.publisher.finish().expect("published").notices;
    assert!(matches!(first[..], [Notice::CannotDelete(_)]), "{first:?}");
    for _ in 0..2 {
        let again = bench.publisher.delete_due().notices;
        assert!(again.is_empty(), "{again:?}");
    }
}

#[test]
fn what_is_due_is_deleted_while_publications_fail() {
    let mut bench = Bench::new(live());
    for number in 0..9 {
        let _ = bench.push(number, 2.0);
    }
    bench.wait(1000);
    bench.fails(Answer::Refused);
    assert!(bench.publisher.push(&Ok(media(9, 2.0))).is_err());
    let _ = bench.publisher.delete_due();
    assert!(!bench.has("0.ts") && bench.has("6.ts"));
    assert!(bench.text().contains("6.ts"));
}
