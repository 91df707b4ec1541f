//! The programs in `examples/`, for tests that run them.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// The variable that names the folder for temporary files.
pub const TEMPORARY: &str = if cfg!(windows) { "TMP" } else { "TMPDIR" };

/// The binary of an example, beside the running test and with its profile. `cargo test` builds it
/// with the tests. If it is missing, older than its sources, or of other features, as
/// `cargo test --test` leaves it, it is built here, once in a process.
///
/// # Panics
///
/// If it does not build.
#[must_use]
pub fn example(name: &'static str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<&str, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built.entry(name).or_insert_with(|| find(name)).clone()
}

fn find(name: &str) -> PathBuf {
    // target/PROFILE/deps/TEST: whatever stands for "target" is where cargo has to build.
    let test = env::current_exe().expect("the path of this test");
    let folder = test
        .ancestors()
        .nth(2)
        .expect("the test stands in PROFILE/deps");
    let target = folder
        .parent()
        .expect("a profile's folder stands in a target folder");
    let program = folder
        .join("examples")
        .join(name)
        .with_extension(env::consts::EXE_EXTENSION);
    if !(is_current(&program) && has_the_features(&program)) {
        build(name, folder, target);
    }
    program
}

/// Whether the program is there and no source is younger. Cargo lists the sources in the file `.d`
/// beside it.
fn is_current(program: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|found| found.modified());
    let (Ok(built), Ok(list)) = (
        modified(program),
        fs::read_to_string(program.with_extension("d")),
    ) else {
        return false;
    };
    let Some((_, sources)) = list.split_once(": ") else {
        return false;
    };
    let mut sources = sources.split_whitespace().map(Path::new);
    // In a copied target folder the program may be that of another tree. A source that is gone was
    // named by another one, which is younger.
    sources.all(|source| {
        source.starts_with(env!("CARGO_MANIFEST_DIR"))
            && modified(source).map_or(true, |source| source <= built)
    })
}

/// Whether the program was built with the feature `confined` if the test was, and else without. It has a
/// message of that feature then. A program that could publish an MPD, or to a store, has another message
/// without the feature `dash` or `s3`.
fn has_the_features(program: &Path) -> bool {
    let content = fs::read(program).unwrap_or_default();
    let says = |message: &[u8]| content.windows(message.len()).any(|part| part == message);
    says(b"which the feature `confined`") == cfg!(feature = "confined")
        && !(cfg!(feature = "dash") && says(b"--dash needs the feature `dash`"))
        && !(cfg!(feature = "s3") && says(b"s3:// needs the feature `s3`"))
}

fn build(name: &str, folder: &Path, target: &Path) {
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let mut features = Vec::new();
    if cfg!(feature = "hls") {
        features.push("hls");
    }
    if cfg!(feature = "dash") {
        features.push("dash");
    }
    if cfg!(feature = "confined") {
        features.push("confined");
    }
    if cfg!(feature = "http") {
        features.push("http");
    }
    if cfg!(feature = "s3") {
        features.push("s3");
    }
    let status = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "build",
            "--quiet",
            "--offline",
            "--example",
            name,
            "--features",
            &features.join(","),
            "--profile",
            profile,
        ])
        .arg("--target-dir")
        .arg(target)
        .status()
        .expect("cargo starts");
    assert!(status.success(), "the example {name} does not build");
}
