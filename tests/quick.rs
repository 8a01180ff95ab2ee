//! The tests through the front door that take seconds, in one binary: a real socket, both engines,
//! the program itself. Those that take minutes stand in `slow.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    missing_docs,
    reason = "a test that cannot go on should panic where it stands"
)]
#![allow(
    clippy::too_many_lines,
    reason = "a list of attacks or requests is a table, however long"
)]

mod api;
mod architecture;
mod attacks;
mod cli;
mod database_paths;
mod docs;
mod document;
mod interleavings;
mod logs;
mod model_check;
mod operator;
mod pattern;
mod proxies;
mod raw;
mod requirements;
mod restore;
mod store;
mod support;
mod thief_model;
mod timing;
mod tls;
mod transfer;
mod watching;

// `interleavings` compiles a file of the crate, which says `crate::model` and `crate::telemetry`.
use doorward::{model, telemetry};
