//! Limits on attempts and connections, and the proxies trusted to name the client's address.

use std::time::Duration;

use ipnet::IpNet;

use super::row::settings;
use super::values::{By, DurationOr, NETWORKS, RATE, ValueForm as _, Whole};
use crate::model::throttle::Rate;

const DURATION_OR_STRICT: DurationOr = DurationOr("strict", "24h");
/// Duration of an account lock, or strict, which was called `until-reset` in 0.1.0.
const LOCK: By<Option<Duration>> = By(
    |text| DURATION_OR_STRICT.parse(if text == "until-reset" { "strict" } else { text }),
    |lock| DURATION_OR_STRICT.show(lock),
);

settings! {
    /// Limits on attempts and connections, and the proxies trusted to name the client's address.
    LimitSettings {
        login: Option<Rate> = "DOORWARD_LIMIT_LOGIN_IP", "100/5m", RATE,
            "attempts at a password from one client address (IPv6: one /64) in a period, or off; a /24 or \
             /56 has four times as many, a /48 sixteen times; the limit per account is always on";
        register: Option<Rate> = "DOORWARD_LIMIT_REGISTER_IP", "30/1h", RATE,
            "registrations and changes of e-mail address from one client address in a period, or off";
        account_lock: Option<Duration> = "DOORWARD_ACCOUNT_LOCK", "24h", LOCK,
            "time that an account is closed, after 100 failed logins in a row, to networks that have failed on it: \
             a time of at least 1h, or strict: closed to every unknown device until it is unlocked";
        connections: usize = "DOORWARD_CONNECTIONS_PER_ADDRESS", "256", Whole(1, 25_000),
            "connections that one client address (IPv6: one /64) can have open at a node; a /24 or /56 has four \
             times as many, a /48 sixteen times; trusted proxies can have any number";
        trusted_proxies: Vec<IpNet> = "DOORWARD_TRUSTED_PROXIES", "none", NETWORKS,
            "comma-separated networks of proxies whose X-Forwarded-For is trusted, such as 10.0.0.0/8";
    }
}
