#![no_main]

#[allow(dead_code, reason = "it uses a part of this")]
#[path = "../../fuzzed/bytes.rs"]
mod bytes;
#[path = "../../fuzzed/streams.rs"]
mod streams;

libfuzzer_sys::fuzz_target!(|data: &[u8]| streams::check(data));
