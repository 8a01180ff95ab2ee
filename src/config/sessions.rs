//! Lifetime and number of sessions.

use std::time::Duration;

use super::row::settings;
use super::setting::BadSetting;
use super::values::{By, DURATION, Whole, parse_duration, show_duration};

const IDLE_TTL: &str = "DOORWARD_SESSION_IDLE_TTL";

settings! {
    /// Lifetime and number of sessions.
    SessionSettings {
        idle_ttl: Duration = IDLE_TTL, "14d", DURATION,
            "a session ends if it is not refreshed for this time";
        max_age: Duration = "DOORWARD_SESSION_MAX_AGE", "30d", DURATION,
            "a session ends after this time in every case";
        per_user: usize = "DOORWARD_SESSIONS_PER_USER", "50", Whole(1, 10_000),
            "maximum number of live sessions of one user, 1 to 10000; a further login ends the least recently \
             used one";
        refresh_grace: Duration = "DOORWARD_REFRESH_GRACE", "30s", By(parse_grace, show_duration),
            "0s to 60s: grace period in which the previous refresh token may get the current one again; 0s \
             turns it off";
    }
}

impl SessionSettings {
    /// The first contradiction between these settings.
    pub(super) fn contradiction(&self) -> Option<BadSetting> {
        (self.idle_ttl > self.max_age)
            .then(|| BadSetting::new(IDLE_TTL, "must not be longer than DOORWARD_SESSION_MAX_AGE"))
    }
}

fn parse_grace(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        _ if text == "0s" => Ok(Duration::ZERO),
        Ok(grace) if grace <= Duration::from_mins(1) => Ok(grace),
        Ok(_) | Err(_) => Err("must be from 0s to 60s".to_owned()),
    }
}
