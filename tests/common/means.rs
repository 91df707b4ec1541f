//! The means that a test needs and a machine may lack: a tool, a namespace, root.
//!
//! On a developer's machine a test that lacks one says so and passes; with `CI=true` it fails.

use std::env;

/// Whether every tool is on the path; says which one is not, and fails where nothing may be
/// missing.
#[must_use]
pub fn have_tools(test: &str, tools: &[&str]) -> bool {
    tools.iter().all(|tool| {
        let found = is_on_the_path(tool);
        found || skip(test, &format!("`{tool}` is not installed"))
    })
}

fn is_on_the_path(tool: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let program = format!("{tool}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&path).any(|folder| folder.join(&program).is_file())
}

/// Says that a test is skipped and why. Returns `false`, or panics with `CI=true`.
pub fn skip(test: &str, why: &str) -> bool {
    assert!(
        env::var_os("CI").is_none_or(|value| value != "true"),
        "{test} cannot run here: {why}"
    );
    eprintln!("SKIPPED {test}: {why}");
    false
}
