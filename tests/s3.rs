//! The S3 sink against a server that recomputes every signature, and against a real store.
#![cfg(feature = "s3")]

mod common;

#[path = "s3/credentials.rs"]
mod credentials;
#[path = "s3/example.rs"]
mod example;
#[path = "s3/faults.rs"]
mod faults;
#[path = "s3/multipart.rs"]
mod multipart;
#[path = "s3/objects.rs"]
mod objects;
#[path = "s3/real.rs"]
mod real;
#[path = "s3/secrets.rs"]
mod secrets;
#[allow(dead_code, reason = "the tests of the HTTP sink use the rest")]
#[path = "http/server.rs"]
mod server;
#[path = "s3/store.rs"]
mod store;
#[path = "s3/sweep.rs"]
mod sweep;
