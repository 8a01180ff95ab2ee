//! The line of each request in the log.

use std::time::Duration;

use actix_web::http::{Method, StatusCode};

/// Writes the line: at level info for methods that may change something, at debug for the rest.
pub fn write(method: Option<&Method>, status: StatusCode, took: Duration) {
    let level = if method.is_some_and(|method| !method.is_safe()) {
        log::Level::Info
    } else {
        log::Level::Debug
    };
    let took = i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
    log::log!(level, method = word(method), status = status.as_u16(), duration_us = took; "request answered");
}

/// The method, if the path has such an operation; else `other`, because the caller's own words are
/// not logged.
#[must_use]
pub fn word(method: Option<&Method>) -> &str {
    method.map_or("other", Method::as_str)
}
