//! Authenticated account: the result of a login's steps, and the only way to open a session.

use super::attempt::Attempt;
use crate::model::user::LoginAccount;
use crate::store::sessions::SessionGuard;

/// Account whose factors are proved. Only the login makes one;
/// [`open`](crate::service::sessions::open) consumes it.
#[must_use]
pub struct Authenticated<'a> {
    account: LoginAccount,
    guard: SessionGuard,
    attempt: Attempt<'a>,
}

impl<'a> Authenticated<'a> {
    /// Takes an account as authenticated, by the attempt at which its factor was proved.
    pub(super) fn new(account: LoginAccount, attempt: Attempt<'a>) -> Self {
        Self {
            guard: SessionGuard {
                password_version: account.password_version,
                counters: Some(attempt.counters()),
            },
            account,
            attempt,
        }
    }

    /// The account as it was read before the proof.
    #[must_use]
    pub const fn account(&self) -> &LoginAccount {
        &self.account
    }

    /// Conditions that must still hold when the session is inserted.
    #[must_use]
    pub const fn guard(&self) -> SessionGuard {
        self.guard
    }

    /// Notes that the session is stored, and the attempt's outcome with it; gives the account back.
    pub(in crate::service) fn into_opened(self) -> LoginAccount {
        self.attempt.settled();
        self.account
    }
}
