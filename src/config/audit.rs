//! Settings of the audit trail.

use std::time::Duration;

use super::row::settings;
use super::values::{By, parse_duration, show_duration};

settings! {
    /// Settings of the audit trail.
    AuditSettings {
        retention: Duration = "DOORWARD_AUDIT_RETENTION", "400d", By(parse_retention, show_duration),
            "time that audit events are kept, at least 1d";
    }
}

fn parse_retention(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(kept) if kept >= Duration::from_hours(24) => Ok(kept),
        Ok(_) | Err(_) => Err("must be at least 1d, such as 400d".to_owned()),
    }
}
