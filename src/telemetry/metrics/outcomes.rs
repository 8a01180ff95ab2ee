//! Figures of what came out: logins, registrations and refreshes by outcome, refusals by limit.

use prometheus::{Error, IntCounterVec, Registry};
use strum::{IntoStaticStr, VariantNames};

use super::Family;
use crate::model::refusal::{LoginRefusal, RefreshRefusal};

const LOGINS: Family = Family::labelled(
    "doorward_logins_total",
    "Logins by outcome; callers are not told which refusal it was",
    &["outcome"],
);
const REGISTRATIONS: Family = Family::labelled(
    "doorward_registrations_total",
    "Registrations by outcome",
    &["outcome"],
);
const REFRESHES: Family = Family::labelled(
    "doorward_refreshes_total",
    "Refreshes by outcome; callers are not told which refusal it was",
    &["outcome"],
);
const THROTTLED: Family = Family::labelled(
    "doorward_throttled_total",
    "Requests and connections refused by a limit",
    &["limit"],
);

/// The outcomes that every flow may have.
const OF_ALL: &[&str] = &["ok", "throttled", "busy", "unavailable", "internal"];
/// The outcomes of a login beside those and its refusals.
const OF_LOGINS: &[&str] = &["password_change_required", "invalid_input", "password_grant_off"];
/// The outcomes of a registration beside those.
const OF_REGISTRATIONS: &[&str] = &["email_taken", "registration_closed", "invalid_input"];
/// The outcome of a refresh beside those and its refusals: the token before the newest got the same
/// pair again.
const OF_REFRESHES: &[&str] = &["repeated"];

/// Limit that refuses a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum RequestLimit {
    /// Attempts at the password of one account.
    Account,
    /// Logins from one address.
    LoginAddress,
    /// Registrations from one address.
    RegisterAddress,
    /// Connections beyond the most of one address.
    Connections,
    /// Connections that their client had reset before they were accepted.
    NoAddress,
}

/// The counters of one family, one for each of its words.
pub struct Words(IntCounterVec);

impl Words {
    /// All start at zero, because an alert on the first of its kind compares it with the zero
    /// before.
    fn register(family: &Family, registry: &Registry, words: &[&[&str]]) -> Result<Self, Error> {
        let counters = family.counters(registry)?;
        for word in words.concat() {
            counters.with_label_values(&[word]);
        }
        Ok(Self(counters))
    }

    /// Counts one more.
    pub fn count(&self, word: &'static str) {
        self.0.with_label_values(&[word]).inc();
    }
}

/// The counters of the flows that begin without an access token.
pub struct Outcomes {
    /// Logins by outcome and true reason.
    pub logins: Words,
    /// Registrations by outcome.
    pub registrations: Words,
    /// Refreshes by outcome and true reason.
    pub refreshes: Words,
    /// Refusals by the limit that refused.
    throttled: Words,
}

impl Outcomes {
    pub(super) fn register(registry: &Registry) -> Result<Self, Error> {
        Ok(Self {
            logins: Words::register(&LOGINS, registry, &[OF_ALL, OF_LOGINS, LoginRefusal::VARIANTS])?,
            registrations: Words::register(&REGISTRATIONS, registry, &[OF_ALL, OF_REGISTRATIONS])?,
            refreshes: Words::register(
                &REFRESHES,
                registry,
                &[OF_ALL, OF_REFRESHES, RefreshRefusal::VARIANTS],
            )?,
            throttled: Words::register(&THROTTLED, registry, &[RequestLimit::VARIANTS])?,
        })
    }

    /// Counts one more request that a limit refused.
    pub fn throttled(&self, limit: RequestLimit) {
        self.throttled.count(limit.into());
    }
}
