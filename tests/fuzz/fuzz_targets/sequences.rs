#![no_main]

#[path = "../../fuzzed/bytes.rs"]
mod bytes;
#[path = "../../fuzzed/listing.rs"]
mod listing;
#[path = "../../fuzzed/losses.rs"]
mod losses;
#[path = "../../fuzzed/sequences.rs"]
mod sequences;

libfuzzer_sys::fuzz_target!(|data: &[u8]| sequences::check(data));
