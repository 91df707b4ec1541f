//! MPDs beside the playlists of a presentation. Every text passes a check of our own.
#![cfg(feature = "dash")]

#[path = "dash/bench.rs"]
mod bench;
#[path = "dash/check.rs"]
mod check;
#[path = "dash/clips.rs"]
mod clips;
#[path = "dash/config.rs"]
mod config;
#[path = "dash/document.rs"]
mod document;
#[path = "dash/ends.rs"]
mod ends;
#[path = "dash/files.rs"]
mod files;
#[path = "dash/live.rs"]
mod live;
#[path = "hls_model/lost.rs"]
mod lost;
#[path = "common/means.rs"]
#[allow(dead_code, unreachable_pub, reason = "other tests use the rest")]
mod means;
#[path = "in_step/memory.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod memory;
#[path = "dash/model.rs"]
mod model;
#[path = "dash/mutations.rs"]
mod mutations;
#[path = "dash/periods.rs"]
mod periods;
#[path = "dash/resume.rs"]
mod resume;
#[path = "dash/resuming.rs"]
mod resuming;
#[path = "dash/schema.rs"]
mod schema;
#[path = "dash/templates.rs"]
mod templates;
#[path = "common/thorough.rs"]
#[allow(dead_code, unreachable_pub, reason = "other tests use the rest")]
mod thorough;
