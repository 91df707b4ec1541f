//! What the receivers ask for, as they get it.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use super::common::listing::Listing;
use super::common::threads::must_end;
use super::origin::{Origin, PLAYLIST, name};
use super::{SAMPLE, output, pusher, text};

/// Pushes the sample, and returns the complaints. On a busy machine a segment may come too late, and
/// is a gap then.
fn run(arguments: &[&str], url: &str) -> String {
    let pushed = output(pusher().args(arguments).args([SAMPLE, url]));
    text(&pushed.stderr)
}

/// The puts that have arrived.
#[derive(Default)]
struct Arrived {
    counts: Mutex<Counts>,
    changed: Condvar,
}

#[derive(Default)]
struct Counts {
    segments: u64,
    playlists: u64,
}

/// The number of versions that `push_hls` has waiting for a receiver that wants each of them.
const VERSIONS: u64 = 5;
/// The playlists that are held up.
const HELD: u64 = 8;

impl Arrived {
    /// Holds each of the first playlists up until there are newer versions, and segments while there
    /// would be too many
    fn pass(&self, name: &str) {
        let mut counts = self.counts.lock().unwrap();
        let is_playlist = name == PLAYLIST;
        if is_playlist {
            counts.playlists += 1;
        } else {
            counts.segments += 1;
        }
        let (playlist, segment) = (counts.playlists, counts.segments);
        self.changed.notify_all();
        let waits = |counts: &mut Counts| {
            if is_playlist {
                playlist <= HELD && counts.segments < playlist + VERSIONS - 2
            } else {
                segment >= counts.playlists + VERSIONS
            }
        };
        drop(self.changed.wait_while(counts, waits).unwrap());
    }
}

#[test]
fn youtube_gets_every_version_in_order_from_0_by_its_query_and_no_deletion() {
    must_end(|| {
        let arrived = Arrived::default();
        let origin = Origin::start(move |exchange| {
            arrived.pass(name(&exchange.request.line));
            None
        });
        let prefix = "/http_upload_hls?cid=KEY&copy=0&file=";
        let url = format!("http://{}{prefix}", origin.server.address());
        // No put is ever too late.
        // The playlist has a minute for each put. The segments come one after the other.
        let options = ["--target", "0.4", "--max-segment", "60", "--window", "180"];
        let receiver = ["--receiver", "youtube", "--writers", "1"];
        let said = run(&[receiver.as_slice(), &options].concat(), &url);
        assert!(!said.contains("KEY"), "{said}");
        for line in origin.server.lines() {
            let name = line.strip_prefix(&format!("PUT {prefix}")).expect(&line);
            assert!(name == PLAYLIST || name.contains(".ts"), "{line}");
        }
        let puts = origin.puts().into_iter();
        let playlists = puts.filter(|put| put.name == PLAYLIST);
        let playlists: Vec<_> = playlists.map(|put| put.body).collect();
        let count = playlists.len() - 1;
        assert!(count as u64 > HELD + VERSIONS, "{count}");
        for (number, text) in (1..).zip(&playlists) {
            let listing = Listing::of(text);
            assert_eq!(listing.media_sequence, 0);
            assert_eq!(listing.segments.len(), count.min(number));
            assert_eq!(listing.has_ended, number > count);
        }
        let last = Listing::of(&playlists[count]);
        let names = origin.names();
        assert!(
            last.files()
                .all(|file| names.iter().any(|name| name == file))
        );
    });
}

/// Segments have left the playlist.
#[test]
fn a_receiver_that_ages_objects_out_gets_no_deletion() {
    must_end(|| {
        let origin = Origin::start(|_| None);
        let options = ["--target", "0.4", "--max-segment", "4", "--window", "12"].as_slice();
        let receiver = ["--receiver", "no-deletion"].as_slice();
        let said = run(&[receiver, options].concat(), &origin.server.url());
        assert!(!said.contains("delete"), "{said}");
        for line in origin.server.lines() {
            assert!(line.starts_with("PUT /live/"), "{line}");
        }
        let last = Listing::of(&origin.object(PLAYLIST).unwrap());
        assert!(last.has_ended && last.media_sequence > 0);
        let mut listed: Vec<_> = last.files().map(str::to_owned).collect();
        listed.push(PLAYLIST.into());
        let names = origin.names();
        assert!(listed.iter().all(|name| names.contains(name)));
        assert!(names.len() > listed.len());
    });
}

/// Every object, and so the side file as well.
#[test]
fn a_receiver_of_one_write_a_second_gets_no_two_of_an_object_in_one() {
    must_end(|| {
        let origin = Origin::start(|_| None);
        let options = ["--target", "0.4", "--max-segment", "60", "--window", "180"].as_slice();
        let receiver = ["--receiver", "one-a-second"].as_slice();
        run(&[receiver, options].concat(), &origin.server.url());
        let puts = origin.puts();
        let of_playlist = puts.iter().filter(|it| it.name == PLAYLIST);
        assert!(of_playlist.count() >= 2);
        for (place, later) in puts.iter().enumerate() {
            let mut earlier = puts[..place].iter().rev();
            if let Some(before) = earlier.find(|it| it.name == later.name) {
                let between = later.begin.saturating_duration_since(before.end);
                let name = &later.name;
                assert!(between >= Duration::from_secs(1), "{name}: {between:?}");
            }
        }
    });
}
