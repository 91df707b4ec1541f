//! The HTTP sink against a server with every fault, and against nginx.
#![cfg(feature = "http")]

mod common;

#[path = "http/connections.rs"]
mod connections;
#[path = "http/deletion.rs"]
mod deletion;
#[path = "http/example.rs"]
mod example;
#[path = "http/faults.rs"]
mod faults;
#[path = "http/nginx.rs"]
mod nginx;
#[path = "http/reading.rs"]
mod reading;
#[path = "http/requests.rs"]
mod requests;
#[path = "http/secrets.rs"]
mod secrets;
#[path = "http/server.rs"]
mod server;
#[path = "http/shutdown.rs"]
mod shutdown;
#[cfg(feature = "tls")]
#[path = "http/tls.rs"]
mod tls;
#[path = "http/writers.rs"]
mod writers;
