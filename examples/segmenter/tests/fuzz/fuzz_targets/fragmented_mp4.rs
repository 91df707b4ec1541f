#![no_main]

#[path = "../../fuzzed/fragmented_mp4.rs"]
mod fragmented_mp4;

#[global_allocator]
static MEMORY: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fragmented_mp4::check(data);
    // It takes as long as many of the other check.
    if data.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte)) % 16 == 0 {
        fragmented_mp4::check_memory(data);
    }
});
