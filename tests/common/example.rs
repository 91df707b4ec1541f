//! The programs in `examples/`, for tests that run them.

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// The binary of an example, built from what the sources are now, beside the running test and with
/// its profile and features. Built once in a process.
///
/// # Panics
///
/// If it does not build.
#[must_use]
pub fn example(name: &'static str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<&str, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built.entry(name).or_insert_with(|| build(name)).clone()
}

fn build(name: &str) -> PathBuf {
    // target/PROFILE/deps/TEST: whatever stands for "target" is where cargo has to build.
    let test = env::current_exe().expect("the path of this test");
    let folder = test
        .ancestors()
        .nth(2)
        .expect("the test stands in PROFILE/deps");
    let target = folder
        .parent()
        .expect("a profile's folder stands in a target folder");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let mut features = Vec::new();
    if cfg!(feature = "hls") {
        features.push("hls");
    }
    if cfg!(feature = "confined") {
        features.push("confined");
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
    folder
        .join("examples")
        .join(name)
        .with_extension(env::consts::EXE_EXTENSION)
}
