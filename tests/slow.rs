//! What takes minutes through the front door, in one binary: crashes, faults, load, the packages in
//! `openapi/` and a real browser.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    missing_docs,
    reason = "a test that cannot go on should panic where it stands"
)]

mod browser;
mod crashes;
mod faults;
mod floods;
mod load;
mod sdks;
mod support;
