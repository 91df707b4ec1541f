//! The live packager: `examples/live_hls`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::common::folder::{entries, temps};
use super::common::listing::Listing;
use super::{SAMPLE, Victim, session_of};

const PLAYLIST: &str = "live.m3u8";
const SIDE_FILE: &str = ".live.m3u8.state";

/// How a session ends that nobody kills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The input breaks off, so the program suspends the playlist and waits for nothing.
    BrokenOff,
    /// It ends the playlist, and waits until all old segments may be deleted.
    WithTheInput,
}

pub(crate) struct Live {
    ending: Ending,
    input: Vec<u8>,
    /// The segments of the whole input: what they hold, and how long the playlist says that they
    /// last.
    segments: Vec<(Vec<u8>, u64)>,
}

impl Live {
    pub(crate) fn new(ending: Ending) -> Self {
        let mut input = fs::read(SAMPLE).unwrap();
        let in_the_middle_of_a_packet = if ending == Ending::BrokenOff { 100 } else { 0 };
        input.truncate(2000 * 188 + in_the_middle_of_a_packet);
        let mut live = Self {
            ending,
            input,
            segments: Vec::new(),
        };
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        // All of them are listed in a window that is long enough.
        let mut session = live.session(&[], "60", &out).spawn().unwrap();
        super::random::give(&mut session, &live.input);
        assert_eq!(session.wait().unwrap().code(), Some(live.exit_code()));
        let listing = Listing::of_file(&out.join(PLAYLIST));
        let whole = |uri: &str| fs::read(out.join(uri)).unwrap();
        let listed = listing.segments.iter();
        live.segments = listed.map(|it| (whole(&it.uri), it.micros)).collect();
        assert!(live.segments.len() > 5);
        live
    }

    fn session(&self, prefix: &[&str], window: &str, out: &Path) -> Command {
        let mut command = session_of("live_hls", prefix);
        // The shortest target duration that there is, where the end is waited for.
        let target = if self.ending == Ending::BrokenOff {
            "1"
        } else {
            "0.1"
        };
        command
            .args(["--resume", "--durability", "full"])
            .args(["--target", target, "--window", window, "-"])
            .arg(out)
            // So that there are parts of the side file.
            .env("SIDE_FILE_LINES", "2");
        command
    }

    /// Demands that every file but the temp files is whole. Returns the playlist, if there is one.
    fn look_at(&self, out: &Path) -> Option<Listing> {
        if !out.exists() {
            return None;
        }
        for name in names(out) {
            let content = fs::read(out.join(&name)).unwrap();
            match &*name {
                PLAYLIST => {}
                name if name.starts_with(SIDE_FILE) => {
                    assert!(content.ends_with(b"\nend\n"), "{name} is cut");
                }
                name => {
                    let whole = &self.segments[number_of(name)].0;
                    assert!(content == *whole, "{name} is not whole");
                }
            }
        }
        let listing = Listing::of(&fs::read(out.join(PLAYLIST)).ok()?);
        let mut before: Option<(String, usize)> = None;
        for listed in &listing.segments {
            let (session, number) = (stem_of(&listed.uri), number_of(&listed.uri));
            assert!(!listed.is_gap, "nothing was lost: {listed:?}");
            assert!(
                out.join(&listed.uri).is_file(),
                "listed and not there: {listed:?}"
            );
            assert_eq!(listed.micros, self.segments[number].1, "{listed:?}");
            // A session lists what it stores in order, from the first one on, after a break.
            if let Some((last_session, last)) = before {
                let goes_on = last_session == session && number == last + 1;
                let begins = last_session != session && number == 0;
                assert!(goes_on || begins, "{listed:?} after {last_session} {last}");
                assert_eq!(listed.starts_discontinuity, begins, "{listed:?}");
            }
            before = Some((session.to_owned(), number));
        }
        Some(listing)
    }

    /// One session to its end, after which nothing but what is known is there.
    fn run_to_its_end(&self, out: &Path) {
        let before = self.look_at(out);
        let mut command = self.command(&[], out);
        let mut session = command.stderr(Stdio::piped()).spawn().unwrap();
        super::random::give(&mut session, &self.input);
        let ended = session.wait_with_output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(self.exit_code()), "{said}");
        let is_expected = |line: &str| {
            [
                " lasts ",
                ": the input is cut short: ",
                "packaged ",
                "waiting to delete ",
            ]
            .iter()
            .any(|words| line.contains(words))
        };
        assert!(said.lines().all(is_expected), "{said}");

        let now = self.look_at(out).expect("it is published");
        assert!(temps(out).is_empty(), "{:?}", temps(out));
        let end = before.as_ref().map_or(0, Listing::end);
        assert_eq!(now.end(), end + self.segments.len() as u64);
        assert_eq!(now.has_ended, self.ending == Ending::WithTheInput);
        if let Some(before) = before {
            assert_goes_on(&before, &now);
        }
    }
}

impl Victim for Live {
    fn command(&self, prefix: &[&str], out: &Path) -> Command {
        self.session(prefix, "3", out)
    }

    fn input(&self) -> &[u8] {
        &self.input
    }

    fn exit_code(&self) -> i32 {
        i32::from(self.ending == Ending::BrokenOff)
    }

    fn check(&self, start: &Path, out: &Path) {
        let (before, now) = (self.look_at(start), self.look_at(out));
        if let Some(before) = before {
            assert_goes_on(&before, &now.expect("the playlist is gone"));
        }
        if out.exists() {
            let left_over = temps(out);
            // Of the writer and of the publisher, of this session and of one before it that was
            // killed.
            assert!(left_over.len() <= 4, "{left_over:?}");
        }
    }

    fn go_on(&self, _: &Path, out: &Path) {
        let found = self.look_at(out);
        if found.as_ref().is_some_and(|found| found.has_ended) {
            // It was killed while it waited to delete: what is left over is known, at least.
            assert_eq!(orphans(out), [""; 0]);
            return;
        }
        self.run_to_its_end(out);
        if found.is_none() && self.ending == Ending::BrokenOff {
            // Segments stored before there was a playlist are found by the first session that has
            // one.
            self.run_to_its_end(out);
        }
        if found.is_some() || self.ending == Ending::BrokenOff {
            assert_eq!(orphans(out), [""; 0]);
        }
        if self.ending == Ending::WithTheInput {
            let mut left = names(out).into_iter();
            let left = left.find(|name| name.starts_with(SIDE_FILE));
            assert_eq!(left, None, "it waited for all of them");
        }
    }
}

/// The files that are not temp files.
fn names(out: &Path) -> Vec<String> {
    let left_over = temps(out);
    let files = entries(out)
        .into_iter()
        .filter(|path| !left_over.contains(path));
    files
        .map(|path| path.into_os_string().into_string().unwrap())
        .collect()
}

/// `SESSION-NUMBER.ts`.
fn stem_of(name: &str) -> &str {
    name.rsplit_once('-').expect(name).0
}

fn number_of(name: &str) -> usize {
    let number = name.rsplit_once('-').expect(name).1;
    number.strip_suffix(".ts").expect(name).parse().expect(name)
}

/// Nothing that was listed may have changed.
fn assert_goes_on(before: &Listing, now: &Listing) {
    assert!(now.media_sequence >= before.media_sequence, "it went back");
    assert!(now.end() >= before.end(), "it lost its end");
    assert_eq!(now.target_secs, before.target_secs);
    for segment in &now.segments {
        let same = before
            .segments
            .iter()
            .find(|it| it.number == segment.number);
        assert!(
            same.is_none_or(|same| same == segment),
            "{segment:?} was {same:?}"
        );
        let same = before.segments.iter().find(|it| it.uri == segment.uri);
        assert!(
            same.is_none_or(|same| same.number == segment.number),
            "it is listed twice"
        );
    }
}

/// The files that neither the playlist lists nor the side file has to be deleted.
fn orphans(out: &Path) -> Vec<String> {
    let listing = Listing::of_file(&out.join(PLAYLIST));
    let names_of = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let noted = names(out)
        .into_iter()
        .filter(|name| name.starts_with(SIDE_FILE));
    let side_files: Vec<String> = noted.collect();
    let noted: Vec<String> = side_files
        .iter()
        .map(|name| names_of(&out.join(name)))
        .collect();
    let noted = noted.iter().flat_map(|text| text.lines());
    let noted = noted.filter_map(|line| Some(line.split_once("delete ")?.1));
    let noted = noted.map(|line| line.split_once(' ').expect(line).1);
    let known: BTreeSet<&str> = listing
        .files()
        .chain([PLAYLIST])
        .chain(side_files.iter().map(String::as_str))
        .chain(noted)
        .collect();
    names(out)
        .into_iter()
        .filter(|name| !known.contains(&**name))
        .collect()
}
