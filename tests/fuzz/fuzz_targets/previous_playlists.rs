#![no_main]

#[path = "../../fuzzed/listing.rs"]
mod listing;
#[path = "../../fuzzed/previous_playlists.rs"]
mod previous_playlists;

libfuzzer_sys::fuzz_target!(|data: &[u8]| previous_playlists::check(data));
