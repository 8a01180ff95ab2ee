//! An account as it is stored, and the part of it that anyone signed in may see.

use super::clock::Timestamp;
use super::email::{Email, EmailKey};
use super::ids::{Subject, UserId};
use super::permission::Permissions;

/// The fields of an account that its owner may see.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct PublicAccount {
    /// Number of the account; it never changes.
    pub id: UserId,
    /// E-mail address as it was entered, with the domain in lower case.
    pub email: String,
    /// Whether the account is active. A disabled account cannot log in.
    pub is_active: bool,
    /// Name of the account's role.
    pub role: String,
}

/// An account as the login sees it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct LoginAccount {
    /// The public fields.
    #[sqlx(flatten)]
    pub me: PublicAccount,
    /// The `sub` of its tokens.
    pub subject: Subject,
    /// PHC string of the password.
    pub password_hash: String,
    /// Counts changes of the password, not of its hash, and logouts of all sessions: with each, the
    /// device tickets and the logins in flight are void.
    pub password_version: i64,
    /// End of the password, if it is a one-time password.
    pub password_expires_at: Option<Timestamp>,
    /// Permissions of the role.
    #[sqlx(flatten)]
    pub permissions: Permissions,
}

/// Stored password that is verified before a change.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Credential {
    /// PHC string of the password.
    pub password_hash: String,
    /// Counts changes of the password, not of its hash, and logouts of all sessions: with each, the
    /// device tickets and the logins in flight are void.
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
    /// Its role.
    pub role: &'a str,
    /// End of the password, if it is a one-time password.
    pub password_expires_at: Option<Timestamp>,
}

/// An account as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Account {
    /// The public fields.
    #[sqlx(flatten)]
    pub me: PublicAccount,
    /// The `sub` of its tokens.
    pub subject: Subject,
    /// Time of its making.
    pub created_at: Timestamp,
    /// Beginning of its last session.
    pub last_login_at: Option<Timestamp>,
    /// End of the password, if it is a one-time password.
    pub password_expires_at: Option<Timestamp>,
    /// Counts changes of the account, its logins apart.
    pub version: i64,
}

/// A password that is good only to set another.
#[derive(Debug, Clone, Copy)]
pub struct OneTimeCredential<'a> {
    /// PHC string of it.
    pub hash: &'a str,
    /// Its end.
    pub expires_at: Timestamp,
}

/// Conditions that accounts must meet to be found; an absent one does not narrow.
#[derive(Debug, Clone, Default)]
pub struct AccountFilter {
    /// Exactly this address.
    pub email: Option<EmailKey>,
    /// The account with this subject.
    pub subject: Option<Subject>,
    /// Beginning of the canonical address.
    pub prefix: Option<String>,
    /// Name of the role.
    pub role: Option<String>,
    /// Active, or disabled.
    pub is_active: Option<bool>,
}

/// Place in a list of accounts after which the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountCursor {
    /// After this account, in the order of row numbers.
    AfterId(UserId),
    /// After this address, in the order of canonical addresses.
    AfterEmail(String),
}

/// Changes to an account; an absent one leaves the value as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct AccountChange<'a> {
    /// Another address.
    pub email: Option<&'a Email>,
    /// Another role.
    pub role: Option<&'a str>,
    /// Enabled or disabled.
    pub is_active: Option<bool>,
}
