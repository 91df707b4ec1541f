//! A file system in a file, which can be mounted, broken and mounted again.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use tempfile::{TempDir, tempdir};

use super::common::again::{again, must_pass};
use super::common::means::{have_tools, skip};

/// Mounts the image on the folder of the same name, runs the rest, and lets go of the image: what
/// is mounted next should see what is on it, and nothing that is only remembered.
const MOUNTED: &str =
    r#"mount -o loop "$0.img" "$0" || exit 77; "$@"; code=$?; umount "$0"; exit $code"#;

pub(crate) struct Image {
    work: TempDir,
}

impl Image {
    /// Makes one of this size, unless what it takes is missing.
    pub(crate) fn make(test: &str, maker: &[&str], megabytes: u64) -> Option<Self> {
        if !have_tools(test, &[maker[0], "unshare", "mount", "umount"]) {
            return None;
        }
        let image = Self {
            work: tempdir().unwrap(),
        };
        fs::create_dir(image.point()).unwrap();
        let file = image.point().with_extension("img");
        File::create(&file)
            .unwrap()
            .set_len(megabytes << 20)
            .unwrap();
        let made = Command::new(maker[0])
            .args(&maker[1..])
            .arg(&file)
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let mut probe = Command::new("unshare");
        let probe = probe
            .args(["-m", "sh", "-c", MOUNTED])
            .arg(image.point())
            .arg("true");
        let output = probe.output().unwrap();
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            skip(
                test,
                &format!("no file can be mounted here: {}", why.trim()),
            );
            return None;
        }
        Some(image)
    }

    fn point(&self) -> PathBuf {
        self.work.path().join("disk")
    }

    /// Runs a part of a test with the file system mounted on its folder.
    pub(crate) fn run(&self, part: &str, writers: usize) -> String {
        self.run_behind(&[], part, writers)
    }

    /// The same behind a prefix.
    pub(crate) fn run_behind(&self, behind: &[&str], part: &str, writers: usize) -> String {
        let point = self.point().into_os_string().into_string().unwrap();
        let prefix = ["unshare", "-m", "sh", "-c", MOUNTED, &point];
        let mut command = again(&[&prefix, behind].concat(), part, &point);
        command.env("SEGMENT_STREAM_TEST_WRITERS", writers.to_string());
        let output = must_pass(&mut command);
        String::from_utf8(output.stdout).unwrap()
    }
}

/// How many writers [`Image::run`] told this process to take.
pub(crate) fn writers() -> usize {
    std::env::var("SEGMENT_STREAM_TEST_WRITERS")
        .unwrap()
        .parse()
        .unwrap()
}
