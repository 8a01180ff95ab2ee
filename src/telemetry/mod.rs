//! What an operator sees of a running process: log lines, metrics and spans, and the request that
//! each of them belongs to.
//!
//! The layer knows nothing of HTTP or SQL. What the parts count is named where it is counted; here
//! stand the means.

pub mod log;
pub mod metrics;
pub mod request_context;
pub mod traces;
