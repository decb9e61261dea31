//! Everything that is answered, in-process, and every answer held against `assets/openapi.json`.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

mod asking;
mod client;
mod described;
mod explaining;
mod foreign;
mod limits;
mod refused;
mod running;
