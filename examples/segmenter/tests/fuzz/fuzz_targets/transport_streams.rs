#![no_main]

#[path = "../../fuzzed/transport_streams.rs"]
mod transport_streams;

#[global_allocator]
static MEMORY: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    transport_streams::check(data);
    // It takes as long as many of the other check.
    if data.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte)) % 16 == 0 {
        transport_streams::check_memory(data);
    }
});
