//! Reasons for which a login or a refresh is refused: words for the record, the metrics and the
//! operator. The caller learns none of them.

use strum::{IntoStaticStr, VariantNames};

/// Reason for a refused login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum LoginRefusal {
    /// No account has the address.
    UnknownAccount,
    /// The password is not the account's.
    WrongPassword,
    /// The account is disabled.
    DisabledAccount,
    /// The password is a one-time password, and its time is over.
    OneTimePasswordExpired,
    /// No account can have such a password.
    ImpossiblePassword,
    /// The account or its password changed between the proof and the session.
    ChangedMeanwhile,
    /// The outcome was not stored: the client had left, or the database failed.
    Abandoned,
}

impl LoginRefusal {
    /// Word of the reason.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }
}

/// Reason for a refused refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum RefreshRefusal {
    /// The token was exchanged before; its session has ended with this use.
    Reused,
    /// The token is from before a change of the password; its session goes on without it.
    Superseded,
    /// The session has ended or run out.
    Ended,
    /// The text is no refresh token of this service.
    NotOurs,
}

impl RefreshRefusal {
    /// Word of the reason.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }
}
