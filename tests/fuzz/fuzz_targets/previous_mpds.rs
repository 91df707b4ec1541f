#![no_main]

#[path = "../../dash/bench.rs"]
#[allow(dead_code)]
mod bench;
#[path = "../../dash/check.rs"]
#[allow(dead_code)]
mod check;
#[path = "../../dash/document.rs"]
#[allow(dead_code)]
mod document;
#[path = "../../hls_model/lost.rs"]
#[allow(dead_code)]
mod lost;
#[path = "../../in_step/memory.rs"]
#[allow(dead_code)]
mod memory;
#[path = "../../fuzzed/previous_mpds.rs"]
mod previous_mpds;
#[path = "../../dash/resume.rs"]
#[allow(dead_code)]
mod resume;

libfuzzer_sys::fuzz_target!(|data: &[u8]| previous_mpds::check(data));
