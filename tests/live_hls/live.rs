//! A player that comes while the window slides.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::common::listing::Listing;
use super::common::threads::must_end;
use super::frames::{Frames, decoder};
use super::server::Server;
use super::*;

/// Long enough for the first files to be deleted while the player plays: they wait by the clock.
const SECONDS: u32 = 40;

/// How far the input is ahead of what was packaged of it, at most: a segment waits for its audio, of
/// which ffmpeg collects 0.4 s into a packet.
const AHEAD: usize = 48 * 1024;
/// How many segments are listed that the player has not asked for, at most, but for those in
/// `AHEAD`.
const UNPLAYED: usize = 2;
/// Before the player starts. The window is a good half of it.
const WITHOUT_PLAYER: usize = 25;

/// The lines of the packager for each file: name, duration, size.
#[derive(Default)]
struct Said {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    segments: Vec<(String, f64)>,
    bytes: usize,
    has_ended: bool,
}

impl Said {
    fn listen(self: Arc<Self>, stdout: impl Read) {
        for line in BufReader::new(stdout).lines() {
            let line = line.unwrap();
            let words: Vec<&str> = line.split_whitespace().collect();
            let mut state = self.state.lock().unwrap();
            state.bytes += words[3].parse::<usize>().unwrap();
            if !words[0].contains("-init-") {
                state
                    .segments
                    .push((words[0].to_owned(), words[1].parse().unwrap()));
            }
            self.changed.notify_all();
        }
        self.state.lock().unwrap().has_ended = true;
        self.changed.notify_all();
    }

    /// Waits until so many bytes were packaged; returns how many segments that are.
    fn wait_for(&self, bytes: usize) -> usize {
        let state = self.state.lock().unwrap();
        let is_missing = |state: &mut State| state.bytes < bytes && !state.has_ended;
        let state = self.changed.wait_while(state, is_missing).unwrap();
        assert!(!state.has_ended, "the packager has ended");
        state.segments.len()
    }

    fn segments(&self) -> Vec<(String, f64)> {
        self.state.lock().unwrap().segments.clone()
    }
}

/// A player that has loaded the playlist once and is slow with the segments.
struct Laggard {
    listing: Listing,
    since: Instant,
}

impl Laggard {
    fn load(out: &Path) -> Self {
        // Read at some time after that.
        let since = Instant::now();
        let listing = Listing::of_file(&out.join(LIVE));
        Self { listing, since }
    }

    /// For as long as the playlist lasts it finds what that names, though it slid out long ago.
    fn look(&self, out: &Path) {
        for name in self.listing.files() {
            let is_there = out.join(name).exists();
            let is_late = self.since.elapsed() >= Duration::from_micros(self.listing.micros());
            assert!(is_there || is_late, "{name} was deleted too early");
        }
    }
}

/// A packager that is fed in steps.
struct Broadcast {
    packager: Child,
    stdin: ChildStdin,
    said: Arc<Said>,
    listener: JoinHandle<()>,
    input: Vec<u8>,
    fed: usize,
}

impl Broadcast {
    fn start(input: Vec<u8>, out: &Path) -> Self {
        let mut command = packager();
        command
            .args(["--target", "0.2", "--window", "3", "-"])
            .arg(out);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut packager = command.spawn().unwrap();
        let said = Arc::<Said>::default();
        let listener = thread::spawn({
            let (said, stdout) = (Arc::clone(&said), packager.stdout.take().unwrap());
            move || said.listen(stdout)
        });
        Self {
            stdin: packager.stdin.take().unwrap(),
            packager,
            said,
            listener,
            input,
            fed: 0,
        }
    }

    /// Feeds on, for as long as not too many segments would wait. Returns how many are packaged,
    /// or none at the end of the input.
    fn step(&mut self) -> Option<usize> {
        let rest = &self.input[self.fed..];
        let piece = &rest[..rest.len().min(4096)];
        if piece.is_empty() {
            return None;
        }
        self.stdin.write_all(piece).unwrap();
        self.fed += piece.len();
        Some(self.said.wait_for(self.fed.saturating_sub(AHEAD)))
    }
}

/// The place of a segment among all, by its name.
fn places(segments: &[(String, f64)]) -> BTreeMap<&str, usize> {
    let names = segments.iter().map(|(name, _)| name.as_str());
    names.zip(0..).collect()
}

fn broadcast(input: Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("input");
    fs::write(&file, &input).unwrap();
    let whole = Frames::of(&file);
    let out = folder.path().join("out");
    let mut broadcast = Broadcast::start(input, &out);
    while broadcast.step().expect("the input is longer") < WITHOUT_PLAYER {}
    let laggard = Laggard::load(&out);
    assert!(laggard.listing.media_sequence > 0, "it slides");

    let server = Server::start(&out);
    let player = thread::spawn({
        let mut decoder = decoder(server.url(LIVE));
        move || output(&mut decoder)
    });
    while let Some(packaged) = broadcast.step() {
        laggard.look(&out);
        // The player's own progress is the clock.
        server.wait_until(|requests| {
            let segments = broadcast.said.segments();
            let places = places(&segments);
            let asked_for = requests
                .iter()
                .filter_map(|request| places.get(&*request.name));
            asked_for
                .max()
                .is_some_and(|&latest| latest + UNPLAYED >= packaged)
        });
    }
    drop(broadcast.stdin);
    let decoded = player.join().unwrap();
    let deleted = broadcast
        .said
        .segments()
        .iter()
        .filter(|(name, _)| !out.join(name).exists())
        .count();

    let requests = server.requests();
    assert!(
        requests.iter().all(|request| request.status == 200),
        "{requests:?}"
    );
    assert_eq!(text(&decoded.stderr), "");
    assert!(decoded.status.success());
    let packaged = broadcast.packager.wait_with_output().unwrap();
    broadcast.listener.join().unwrap();
    assert!(packaged.status.success(), "{}", text(&packaged.stderr));

    let segments = broadcast.said.segments();
    let places = places(&segments);
    let first = requests
        .iter()
        .filter_map(|request| places.get(&*request.name))
        .min();
    let first = *first.expect("it has asked for something");
    let missed: f64 = segments[..first].iter().map(|(_, seconds)| seconds).sum();
    Frames::parse(&text(&decoded.stdout)).must_be_the_end_of(&whole, missed, "live");
    println!(
        "{} segments, the player came at {first}, {deleted} were deleted before it was done",
        segments.len()
    );
    assert!(
        deleted > 0,
        "else it shows nothing that no segment was missing"
    );

    // In the end the directory has exactly the listed files.
    let listing = Listing::of_file(&out.join(LIVE));
    let mut listed: Vec<_> = listing.files().chain([LIVE]).collect();
    listed.sort_unstable();
    listed.dedup();
    assert_eq!(names(&out), listed);
}

#[test]
fn a_player_of_a_transport_stream_gets_every_frame_from_its_start_to_the_end() {
    let test = "a_player_of_a_transport_stream_gets_every_frame_from_its_start_to_the_end";
    if let Some(input) = make(test, Format::TransportStream, SECONDS) {
        must_end(|| broadcast(input));
    }
}

#[test]
fn a_player_of_a_fragmented_mp4_gets_every_frame_from_its_start_to_the_end() {
    let test = "a_player_of_a_fragmented_mp4_gets_every_frame_from_its_start_to_the_end";
    if let Some(input) = make(test, Format::Mp4, SECONDS) {
        must_end(|| broadcast(input));
    }
}
