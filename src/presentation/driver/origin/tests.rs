//! The driver on a virtual clock, and then with threads.

mod doubt;
mod ends;
mod model;
mod order;
mod retries;
mod threads;
mod world;
