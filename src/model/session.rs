//! A session: one login, from its start until it is ended or runs out. Tokens name it; standing comes from it.

use super::clock::Timestamp;
use super::ids::{SessionId, Subject, UserId};
use super::user::Me;

/// A session about to be stored.
#[derive(Debug, Clone, Copy)]
pub struct NewSession {
    /// The `sid` of its tokens.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// When the login happened.
    pub created_at: Timestamp,
    /// When it ends if it is not refreshed (ASVS 7.3.1).
    pub idle_expires_at: Timestamp,
    /// When it ends in any case (ASVS 7.3.2).
    pub expires_at: Timestamp,
}

/// What a live session entitles its bearer to. Always read from the store, never from a claim (ASVS 8.3.2).
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Standing {
    /// The account's public fields, role included.
    #[sqlx(flatten)]
    pub me: Me,
    /// The `sub` that a token of this session must carry.
    pub subject: Subject,
    /// When the session ends unless it is refreshed.
    pub idle_expires_at: Timestamp,
    /// When the session ends in any case.
    pub expires_at: Timestamp,
}

impl Standing {
    /// Whether the session still runs at `now`.
    #[must_use]
    pub fn live(&self, now: Timestamp) -> bool {
        now < self.idle_expires_at && now < self.expires_at
    }
}
