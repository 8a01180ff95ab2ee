//! Everything that is tested through the front door, in one binary: a real socket, both engines, a
//! real browser, the program itself.

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
mod browser;
mod cli;
mod crashes;
mod docs;
mod document;
mod faults;
mod interleavings;
mod load;
mod logs;
mod model_check;
mod requirements;
mod sdks;
mod store;
mod support;
mod timing;
mod tls;
mod transfer;
mod watching;

// `interleavings` compiles a file of the crate, which says `crate::model` and `crate::telemetry`.
use doorward::{model, telemetry};
