//! Use-cases: one plain async function of [`App`](crate::app::App) for each thing that a caller can
//! want. The rules live here; no HTTP, no SQL.

pub mod accounts;
pub mod admin;
pub mod audit;
pub mod audit_note;
pub mod audit_purge;
pub mod busy_note;
mod caller;
pub mod clients;
pub mod feed;
pub mod fresh_proof;
pub mod keys;
pub mod login;
pub mod maintenance;
pub mod metrics;
pub mod portability;
pub mod readiness;
pub mod roles;
pub mod secret;
pub mod sessions;
pub mod workers;

use crate::crypto::CryptoError;
use crate::crypto::password_hash::HashError;
use crate::model::invalid::Invalid;
use crate::model::refusal::{LoginRefusal, RefreshRefusal};
use crate::store::StoreError;
use crate::telemetry::metrics::Words;

/// Refusal or failure of a use-case, in words to act on.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Some input breaks a rule.
    #[error("invalid input")]
    Invalid(Vec<Invalid>),
    /// The address belongs to an account.
    #[error("the address is taken")]
    EmailTaken,
    /// The operator has closed registration.
    #[error("registration is closed")]
    RegistrationClosed,
    /// The operator has turned the password grant off.
    #[error("the password grant is off")]
    PasswordGrantOff,
    /// Unknown address, wrong password or disabled account. Only the record and the operator
    /// learn which.
    #[error("bad credentials")]
    BadCredentials(LoginRefusal),
    /// The current password, asked for again before a change, is wrong.
    #[error("wrong current password")]
    WrongPassword,
    /// The refresh token is unknown, expired, reused, or its session has ended. Only the
    /// operator learns which.
    #[error("invalid grant")]
    InvalidGrant(RefreshRefusal),
    /// The password is a one-time password: another must be set before anything else.
    #[error("the password must be changed first")]
    PasswordChangeRequired,
    /// The thing is in another version than the caller has seen.
    #[error("changed by someone else meanwhile")]
    Outdated,
    /// The thing is there, and the caller does not say which version they have seen.
    #[error("the caller does not say which version they have seen")]
    VersionRequired,
    /// No active admin would remain.
    #[error("refused: it is the last active admin; make another admin first")]
    LastAdmin,
    /// The act is for others' accounts: one's own asks for the current password.
    #[error("an administrator's own account")]
    OwnAccount,
    /// A built-in role stays and keeps what it has.
    #[error("the role is built in")]
    RoleBuiltIn,
    /// Accounts have the role.
    #[error("accounts have the role")]
    RoleInUse,
    /// There is no such thing, or it is not the caller's.
    #[error("not found")]
    NotFound,
    /// The caller is known and not permitted.
    #[error("not permitted")]
    NotPermitted,
    /// The access token is bad, expired, or its session has ended.
    #[error("invalid access token")]
    InvalidToken,
    /// The password was not proved in the session within the last minutes.
    #[error("the proof of the password is too old")]
    StaleProof,
    /// Too many attempts: the next one is allowed after `retry_after`.
    #[error("too many attempts")]
    Throttled {
        /// Seconds, at least one.
        retry_after: u64,
    },
    /// Every hashing thread is busy and the queue is full, or there is no memory for a hash.
    #[error("the password hashing queue is full, or there is no memory for a hash")]
    Busy,
    /// The database is away.
    #[error(transparent)]
    Unavailable(StoreError),
    /// A defect of ours, or of the machine; the text goes to the log only.
    #[error("internal error: {0}")]
    Internal(String),
}

impl Failure {
    /// The stable word of the case, as callers see it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid_input",
            Self::EmailTaken => "email_taken",
            Self::RegistrationClosed => "registration_closed",
            Self::PasswordGrantOff => "password_grant_off",
            Self::BadCredentials(_) => "bad_credentials",
            Self::WrongPassword => "wrong_password",
            Self::InvalidGrant(_) => "invalid_grant",
            Self::PasswordChangeRequired => "password_change_required",
            Self::Outdated => "outdated",
            Self::VersionRequired => "version_required",
            Self::LastAdmin => "last_admin",
            Self::OwnAccount => "own_account",
            Self::RoleBuiltIn => "role_built_in",
            Self::RoleInUse => "role_in_use",
            Self::NotFound => "not_found",
            Self::NotPermitted => "insufficient_scope",
            Self::InvalidToken => "invalid_token",
            Self::StaleProof => "insufficient_user_authentication",
            Self::Throttled { .. } => "throttled",
            Self::Busy => "busy",
            Self::Unavailable(_) => "unavailable",
            Self::Internal(_) => "internal",
        }
    }

    /// Word of the case for the operator, who learns more than the caller.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::BadCredentials(refusal) => refusal.word(),
            Self::InvalidGrant(refusal) => refusal.word(),
            _ => self.code(),
        }
    }
}

/// Counts an outcome. A success brings its own word; a failure's word is its reason.
fn counted<T>(counters: &Words, outcome: Result<(T, &'static str), Failure>) -> Result<T, Failure> {
    let word = outcome.as_ref().map_or_else(Failure::reason, |(_, word)| word);
    counters.count(word);
    outcome.map(|(value, _)| value)
}

/// Cuts a page to its size; it was asked for with one row more, which only tells that there is a
/// next one. Gives the last row that is left then.
fn cut_page<T>(rows: &mut Vec<T>, size: usize) -> Option<&T> {
    let more = rows.len() > size;
    rows.truncate(size);
    if more { rows.last() } else { None }
}

/// Number of rows to ask for, for [`cut_page`].
fn rows_of_page(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX - 1) + 1
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::KeysReplaced => Self::Unavailable(error),
            StoreError::Refused(_) => Self::Internal(error.to_string()),
        }
    }
}

impl From<HashError> for Failure {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::Busy,
            HashError::CryptoError(_) => Self::Internal(error.to_string()),
        }
    }
}

impl From<CryptoError> for Failure {
    fn from(error: CryptoError) -> Self {
        Self::Internal(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use strum::VariantNames as _;

    use super::*;
    use crate::model::clock::Timestamp;
    use crate::telemetry::metrics::{Metrics, Reading};

    #[test]
    fn every_outcome_that_is_counted_from_zero_is_the_word_of_a_success_or_a_failure() {
        let away = StoreError::from(sqlx::Error::PoolTimedOut);
        let failures = [
            Failure::Invalid(Vec::new()),
            Failure::EmailTaken,
            Failure::RegistrationClosed,
            Failure::PasswordGrantOff,
            Failure::PasswordChangeRequired,
            Failure::Throttled { retry_after: 1 },
            Failure::Busy,
            Failure::from(away),
            Failure::Internal(String::new()),
        ];
        let mut words = vec!["ok", "repeated"];
        words.extend(failures.iter().map(Failure::reason));
        words.extend(LoginRefusal::VARIANTS);
        words.extend(RefreshRefusal::VARIANTS);
        let text = Metrics::new(Timestamp::from_secs(0))
            .unwrap()
            .text(Reading::default())
            .unwrap();
        let counted: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split_once("{outcome=\""))
            .filter_map(|(_, rest)| rest.split_once('"'))
            .map(|(word, _)| word)
            .collect();
        assert!(counted.len() > 20, "{counted:?}");
        for word in words.iter().chain(&counted) {
            assert!(
                words.contains(word) && counted.contains(word),
                "{word} is only a word of one: {counted:?}"
            );
        }
    }
}
