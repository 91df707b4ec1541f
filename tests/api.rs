//! What a program that uses the crate relies on: one file for each concept, in one binary, since
//! each binary takes a second to link.

mod common;

#[path = "api/backpressure.rs"]
mod backpressure;
#[path = "api/full.rs"]
mod full;
#[path = "api/health.rs"]
mod health;
#[path = "api/info.rs"]
mod info;
#[path = "api/panics.rs"]
mod panics;
#[path = "api/retries.rs"]
mod retries;
#[path = "api/room.rs"]
mod room;
#[path = "api/segment_writer.rs"]
mod segment_writer;
#[path = "api/shutdown.rs"]
mod shutdown;
#[path = "api/surface.rs"]
mod surface;
#[path = "api/writers.rs"]
mod writers;
