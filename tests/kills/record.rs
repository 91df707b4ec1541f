//! The recorder: `examples/record`.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::common::folder::{entries, temps};
use super::{SAMPLE, Victim, session_of};

pub(crate) struct Record {
    input: Vec<u8>,
    /// The segments of the whole input.
    segments: Vec<Vec<u8>>,
}

impl Record {
    pub(crate) fn new() -> Self {
        let mut input = fs::read(SAMPLE).unwrap();
        input.truncate(2000 * 188);
        let mut record = Self {
            input,
            segments: Vec::new(),
        };
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let status = super::random::feed(&record, &out).wait().unwrap();
        assert!(status.success());
        record.segments = contents(&out);
        assert!(record.segments.len() > 5);
        record
    }

    /// How many segments the session stored that began with `start`, each of them whole.
    fn stored(&self, start: &Path, out: &Path) -> usize {
        if !out.exists() {
            return 0;
        }
        let (before, now) = (contents(start), contents(out));
        assert!(now.starts_with(&before), "what was there has changed");
        let new = &now[before.len()..];
        assert!(self.segments.starts_with(new), "one is torn or missing");
        new.len()
    }
}

impl Victim for Record {
    fn command(&self, prefix: &[&str], out: &Path) -> Command {
        let mut command = session_of("record", prefix);
        command
            .args(["--target", "1", "--durability", "full", "-"])
            .arg(out);
        command
    }

    fn input(&self) -> &[u8] {
        &self.input
    }

    fn exit_code(&self) -> i32 {
        0
    }

    fn check(&self, start: &Path, out: &Path) {
        self.stored(start, out);
    }

    fn go_on(&self, start: &Path, out: &Path) {
        let stored = self.stored(start, out);
        let before: Vec<_> = contents(start)
            .into_iter()
            .chain(self.segments[..stored].to_vec())
            .collect();
        let status = super::random::feed(self, out).wait().unwrap();
        assert!(status.success());
        assert!(temps(out).is_empty(), "{:?}", temps(out));
        let now = contents(out);
        assert!(
            now == [before, self.segments.clone()].concat(),
            "it does not go on"
        );
        let names = entries(out)
            .into_iter()
            .map(|path| path.into_os_string().into_string().unwrap());
        let expected = (0..now.len()).map(|number| format!("segment-{number:05}.ts"));
        assert!(names.eq(expected), "a number is missing, or a file is left");
    }
}

/// The contents of the segments in the directory, in the order of their numbers.
fn contents(folder: &Path) -> Vec<Vec<u8>> {
    if !folder.exists() {
        return Vec::new();
    }
    let left_over = temps(folder);
    assert!(left_over.len() <= 2, "one for each session: {left_over:?}");
    let segments = entries(folder)
        .into_iter()
        .filter(|path| !left_over.contains(path));
    segments
        .map(|path| fs::read(folder.join(path)).unwrap())
        .collect()
}
