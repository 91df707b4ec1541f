//! A program that permissions bind: root reads a folder of any mode.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::{TempDir, tempdir};

use super::again::again_with;
use super::means::have_tools;

/// A program to run as a user who is not root.
pub struct Unprivileged {
    work: TempDir,
    program: PathBuf,
    prefix: &'static [&'static str],
}

const AS_NOBODY: &[&str] = &[
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "--inh-caps=-all",
];

impl Unprivileged {
    /// The user who runs the tests, or another one if that is root.
    pub fn new(test: &str, program: &Path) -> Option<Self> {
        let work = tempdir().unwrap();
        if fs::metadata(work.path()).unwrap().uid() != 0 {
            return Some(Self {
                program: program.to_path_buf(),
                prefix: &[],
                work,
            });
        }
        if !have_tools(test, &["setpriv"]) {
            return None;
        }
        let copy = reachable_copy(program, work.path());
        Some(Self {
            program: copy,
            prefix: AS_NOBODY,
            work,
        })
    }

    /// A folder that the program may write to, which is not made.
    pub fn folder(&self) -> PathBuf {
        self.work.path().join("folder")
    }

    /// The program, to be given arguments.
    pub fn command(&self) -> Command {
        let program = self.program.to_str().expect("temporary paths are text");
        let words = [self.prefix, &[program]].concat();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(self.work.path());
        command
    }

    /// Of a test binary, a test of it (see [`again`](super::again::again)).
    pub fn again(&self, test: &str) -> Command {
        let mut command = again_with(&self.program, self.prefix, test, self.folder());
        command.current_dir(self.work.path());
        command
    }
}

/// Opens `directory` to everybody and copies `program` there, as another user may not reach it
/// where it stands.
pub fn reachable_copy(program: &Path, directory: &Path) -> PathBuf {
    let copy = directory.join("program");
    // A process of its own copies: a descriptor of ours that is open for writing would be inherited
    // by whatever another test starts just then, and a file that is open for writing cannot be
    // executed (ETXTBSY).
    let copied = Command::new("cp").arg(program).arg(&copy).status().unwrap();
    assert!(copied.success());
    for path in [directory, &copy] {
        fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
    }
    copy
}

/// Makes a folder that its owner cannot read, until this is dropped.
pub struct Unreadable(PathBuf);

impl Unreadable {
    pub fn make(path: PathBuf) -> Self {
        fs::create_dir(&path).unwrap();
        Self::at(path)
    }

    /// Of one that is there.
    pub fn at(path: PathBuf) -> Self {
        fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
        Self(path)
    }
}

impl Drop for Unreadable {
    fn drop(&mut self) {
        let _ = fs::set_permissions(&self.0, Permissions::from_mode(0o755));
    }
}
