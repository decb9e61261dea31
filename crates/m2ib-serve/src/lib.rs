//! Explanations in the browser, and as a service.
//!
//! [`Service`] holds a model and answers over HTTP: an explorer of pages and scripts that are part of
//! the program and load nothing from elsewhere, and a JSON interface with the same functions, which
//! `/openapi.json` describes. [`Service::router`] is all of it, for tests and for a server of one's
//! own; [`Service::run`] serves it on a listener until it is told to stop.
//!
//! Explanations are computed by a few threads of their own behind a queue of limited length, never by
//! those that talk to clients. What a client gives is bytes and captions: no path from a request is
//! ever opened, and nothing is written.
//!
//! **What this crate may know:** the facade, the methods and the drawings. It knows no data sets and
//! no experiments, and names no backend.

mod about;
mod answer;
mod assets;
mod body;
mod connections;
mod drawn;
mod engine;
mod events;
mod explanation;
mod explanations;
mod guard;
mod limits;
mod picture;
mod pictures;
mod pool;
mod problem;
mod question;
mod routes;
mod service;
mod similarities;

pub use limits::Limits;
pub use service::{Error, Result, Sample, Service, Settings};
