//! Killed and resumed, again and again.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher};
use std::io::Write;
use std::process::Child;

use super::common::folder::{entries, in_memory};
use super::common::listing::{Listed, Listing};
use super::common::thorough::cases;
use super::common::threads::must_end;
use super::*;

fn session(options: &[&str], out: &Path) -> Command {
    let mut command = packager();
    command
        .args([
            "--resume",
            "--target",
            "0.4",
            "--window",
            "3",
            "--durability",
            "none",
        ])
        .args(options)
        .arg("-")
        .arg(out);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Everything that a playlist was ever seen to list.
#[derive(Default)]
struct History {
    latest: Option<Listing>,
    by_number: BTreeMap<u64, Listed>,
    by_uri: BTreeMap<String, u64>,
}

impl History {
    fn latest(&self) -> &Listing {
        self.latest.as_ref().expect("it was published")
    }

    /// Takes the playlist as it is now. Nothing that was ever seen may have changed.
    fn see(&mut self, path: &Path) {
        let Ok(text) = fs::read(path) else {
            assert!(self.latest.is_none(), "the playlist is gone");
            return;
        };
        let now = Listing::of(&text);
        if let Some(before) = &self.latest {
            assert!(now.media_sequence >= before.media_sequence, "it went back");
            assert!(now.end() >= before.end(), "it lost its end");
        }
        for segment in &now.segments {
            let known = self
                .by_number
                .entry(segment.number)
                .or_insert_with(|| segment.clone());
            assert_eq!(known, segment, "a number stands for something else");
            let number = self
                .by_uri
                .entry(segment.uri.clone())
                .or_insert(segment.number);
            assert_eq!(*number, segment.number, "{} is listed twice", segment.uri);
        }
        for file in now.files() {
            assert!(
                path.with_file_name(file).is_file(),
                "{file} is listed and not there"
            );
        }
        self.latest = Some(now);
    }
}

/// The session that a file is of, and its place in that.
fn session_of(name: &str) -> (&str, &str) {
    name.rsplit_once('-').expect("a session and a number")
}

/// A file in the directory that the playlist does not list must never have been listed: the kill
/// came between its write and its publication. Returns the number of such files.
fn check_unlisted(out: &Path, history: &History) -> usize {
    // The last one of each session that was seen in a playlist. A session lists what it stores in
    // order, and after its kill the playlist still ends with what it listed last.
    let mut last = BTreeMap::new();
    for uri in history.by_uri.keys() {
        let (session, number) = session_of(uri);
        last.insert(session, number);
    }
    let listed: BTreeSet<&str> = history.latest().files().chain([LIVE, RECORDING]).collect();
    let found = entries(out)
        .into_iter()
        .map(|path| path.into_os_string().into_string().unwrap());
    let unlisted: Vec<String> = found.filter(|name| !listed.contains(&**name)).collect();
    for name in &unlisted {
        assert!(!name.starts_with('.'), "{name} is left");
        let (session, number) = session_of(name);
        let was_listed = match session.strip_suffix("-init") {
            Some(session) => last.contains_key(session),
            None => last.get(session).is_some_and(|last| number <= *last),
        };
        assert!(!was_listed, "{name} was listed once, and is never deleted");
    }
    unlisted.len()
}

/// Kills a session after so much of the input that nobody can know it.
fn kill(child: &mut Child, input: &[u8], round: u64) {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(round);
    let until = usize::try_from(hasher.finish() % input.len() as u64).unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(&input[..until])
        .unwrap();
    child.kill().unwrap();
}

/// Returns the two playlists in the end.
fn kill_and_go_on(input: &[u8], kills: u64, options: &[&str]) -> (History, History) {
    let folder = in_memory();
    let out = folder.path().join("out");
    let (mut live, mut recording) = (History::default(), History::default());
    let mut idle = 0;
    for round in 0..=kills {
        let mut child = session(options, &out).spawn().unwrap();
        if round < kills {
            kill(&mut child, input, round);
        } else {
            child.stdin.take().unwrap().write_all(input).unwrap();
        }
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.success(), round == kills);
        let complaints = text(&ended.stderr);
        let is_expected = |line: &str| {
            // When the kill came between the two playlists.
            (options == RECORD && line.contains(" was expected"))
                || (round == kills && (line.starts_with("packaged ") || line.contains("waiting")))
        };
        assert!(
            complaints.lines().all(is_expected),
            "round {round}: {complaints}"
        );
        let before = live.by_number.len();
        live.see(&out.join(LIVE));
        recording.see(&out.join(RECORDING));
        idle += u64::from(live.by_number.len() == before);
    }
    let latest = live.latest();
    assert!(latest.has_ended);
    let whole = if options == RECORD { &recording } else { &live };
    let unlisted = check_unlisted(&out, whole);
    if options != RECORD {
        // The last session was not killed, and cleaned up after those before it.
        assert_eq!(unlisted, 0);
    }
    println!(
        "{} segments listed in all, {unlisted} files stored and never listed, {idle} of {kills} \
         sessions published nothing",
        latest.end()
    );
    assert!(idle + kills / 10 < kills, "else it shows little");
    (live, recording)
}

const RECORD: &[&str] = &["--record"];

#[test]
fn a_transport_stream_goes_on_after_each_kill() {
    if let Some(input) = make("a_transport_stream_goes_on", Format::TransportStream, 20) {
        must_end(move || kill_and_go_on(&input, cases(15, 50), &[]));
    }
}

#[test]
fn a_fragmented_mp4_goes_on_after_each_kill() {
    if let Some(input) = make("a_fragmented_mp4_goes_on", Format::Mp4, 20) {
        must_end(move || kill_and_go_on(&input, cases(15, 50), &[]));
    }
}

#[test]
fn a_recording_goes_on_after_each_kill_and_stays_whole() {
    let Some(input) = make("a_recording_goes_on", Format::TransportStream, 20) else {
        return;
    };
    must_end(move || {
        let (live, recording) = kill_and_go_on(&input, 25, RECORD);
        let recorded = recording.latest();
        assert!(recorded.has_ended && recorded.media_sequence == 0);
        assert_eq!(recorded.segments.len(), recording.by_number.len());
        for uri in live.by_uri.keys() {
            assert!(
                recording.by_uri.contains_key(uri),
                "{uri} is not in the recording"
            );
        }
    });
}
