//! Limits on attempts, and the proxies whose word about a client's address counts.

use std::time::Duration;

use ipnet::IpNet;

use super::row::settings;
use super::values::{DurationOr, NETWORKS, RATE};
use crate::model::throttle::Rate;

/// How long an account stays locked.
const LOCK: DurationOr = DurationOr("until-reset", "24h");

settings! {
    /// Limits on attempts, and the proxies whose word about a client's address counts.
    LimitSettings {
        login: Option<Rate> = "DOORWARD_LIMIT_LOGIN_IP", "100/5m", RATE,
            "logins of one client address (IPv6: one /64) in a time, or off; the limit of each account is \
             always on";
        register: Option<Rate> = "DOORWARD_LIMIT_REGISTER_IP", "30/1h", RATE,
            "registrations of one client address in a time, or off";
        account_lock: Option<Duration> = "DOORWARD_ACCOUNT_LOCK", "until-reset", LOCK,
            "how long 100 failures in a row lock an account to unknown devices: until-reset, or a time of \
             at least 1h, such as 24h";
        trusted_proxies: Vec<IpNet> = "DOORWARD_TRUSTED_PROXIES", "none", NETWORKS,
            "comma-separated networks whose X-Forwarded-For is trusted, such as 10.0.0.0/8";
    }
}
