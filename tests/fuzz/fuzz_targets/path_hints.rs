#![no_main]

#[path = "../../fuzzed/path_hints.rs"]
mod path_hints;

libfuzzer_sys::fuzz_target!(|data: &[u8]| path_hints::check(data));
