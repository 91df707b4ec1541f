#![no_main]

#[path = "../../fuzzed/fragmented_mp4.rs"]
mod fragmented_mp4;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fragmented_mp4::check(data));
