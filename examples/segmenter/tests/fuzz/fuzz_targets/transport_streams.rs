#![no_main]

#[path = "../../fuzzed/transport_streams.rs"]
mod transport_streams;

libfuzzer_sys::fuzz_target!(|data: &[u8]| transport_streams::check(data));
