//! Two sizes of a test: one for every `cargo test`, and one for `.ci/trouble` and `.ci/nightly`.

/// Whether there is time for every case: with `SEGMENT_STREAM_THOROUGH=1`.
#[must_use]
pub fn is_thorough() -> bool {
    std::env::var_os("SEGMENT_STREAM_THOROUGH").is_some_and(|value| value == "1")
}

/// The number of cases: `usually`, or `thoroughly` if there is time.
#[must_use]
pub fn cases<T>(usually: T, thoroughly: T) -> T {
    if is_thorough() { thoroughly } else { usually }
}

/// Whether a test runs that needs more time than every run has; says so if it does not.
#[must_use]
pub fn has_time(test: &str) -> bool {
    if !is_thorough() {
        println!("{test}: only with SEGMENT_STREAM_THOROUGH=1");
    }
    is_thorough()
}
