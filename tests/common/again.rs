//! Runs one test of this binary again, in a process of its own: under another umask, in another
//! folder, in a namespace, under a tracer.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const FOLDER: &str = "SEGMENT_STREAM_TEST_FOLDER";

/// A command that runs a program of another machine, if the system cannot do so by itself.
const EMULATOR: &str = "SEGMENT_STREAM_EMULATOR";

/// Whether an emulator runs this test.
pub fn is_emulated() -> bool {
    env::var_os(EMULATOR).is_some()
}

/// A command that runs the ignored test `test` behind `prefix`, such as `["nice"]`, and tells it
/// the folder to work in.
pub fn again(prefix: &[&str], test: &str, folder: impl Into<OsString>) -> Command {
    let this = env::current_exe().expect("a running program has a path");
    again_with(&this, prefix, test, folder)
}

/// The same with a copy of this program.
pub fn again_with(
    program: &Path,
    prefix: &[&str],
    test: &str,
    folder: impl Into<OsString>,
) -> Command {
    let mut words: Vec<OsString> = prefix.iter().map(Into::into).collect();
    let emulator = env::var(EMULATOR).unwrap_or_default();
    words.extend(emulator.split_whitespace().map(Into::into));
    words.push(program.into());
    words.extend(
        [
            "--exact",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
            test,
        ]
        .map(Into::into),
    );
    let mut words = words.into_iter();
    let mut command = Command::new(words.next().expect("it holds this program at least"));
    command.args(words).env(FOLDER, folder.into());
    command
}

/// The folder that [`again`] told this process.
pub fn folder() -> PathBuf {
    env::var_os(FOLDER)
        .expect("this test is a part of another, which runs it")
        .into()
}

/// Runs it to its end and demands that exactly one test passed.
pub fn must_pass(command: &mut Command) -> Output {
    let output = command.output().expect("it can be started");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{}\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Runs a part of a test in another process, beside the tests of this one that take turns. It opens
/// no file, as some of those count descriptors.
pub fn beside_the_others(part: &str) {
    let output = must_pass(&mut again(&[], part, ""));
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
}
