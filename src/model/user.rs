//! An account as it is stored, and the part of it that anyone signed in may see.

use serde::Serialize;
use utoipa::ToSchema;

use super::clock::Timestamp;
use super::email::{Email, EmailKey};
use super::ids::{Subject, UserId};

/// The role of every new account; the other built-in role is `admin`.
pub const DEFAULT_ROLE: &str = "user";

/// What an account shows of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, sqlx::FromRow)]
pub struct Me {
    /// Row number, stable for the life of the account.
    #[schema(value_type = i64, example = 1, minimum = 1)]
    pub id: UserId,
    /// The address as it was typed, its domain in lower case.
    #[schema(example = "alice@example.com", format = "email")]
    pub email: String,
    /// Whether the account may log in. A disabled one never gets this far.
    #[schema(example = true)]
    pub is_active: bool,
    /// The name of the account's one role.
    #[schema(example = "user")]
    pub role: String,
}

/// An account as the login sees it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct User {
    /// The public fields.
    #[sqlx(flatten)]
    pub me: Me,
    /// The `sub` of its tokens.
    pub subject: Subject,
    /// PHC string of the password.
    pub password_hash: String,
    /// Counts changes of the password, not of its hash.
    pub password_version: i64,
}

/// What a password is verified against before a change.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Credential {
    /// PHC string of the password.
    pub password_hash: String,
    /// Counts changes of the password, not of its hash.
    pub password_version: i64,
}

/// An account about to be stored.
#[derive(Debug)]
pub struct NewUser<'a> {
    /// The `sub` of its tokens.
    pub subject: Subject,
    /// The address to show.
    pub email: &'a Email,
    /// The address to be unique by.
    pub email_key: &'a EmailKey,
    /// PHC string of the password.
    pub password_hash: &'a str,
    /// When it was made.
    pub created_at: Timestamp,
}
