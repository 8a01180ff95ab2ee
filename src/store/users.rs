//! Accounts.

use super::{Store, StoreError, on_reader, on_writer};
use crate::model::email::EmailKey;
use crate::model::ids::UserId;
use crate::model::user::{DEFAULT_ROLE, Me, NewUser, User};

impl Store {
    /// Stores a new account; none if its address is taken. Uniqueness is the index's, so it holds for any number of callers.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn insert_user(&self, user: &NewUser<'_>) -> Result<Option<Me>, StoreError> {
        on_writer!(self, |db| Ok(sqlx::query_as(
            "INSERT INTO users (subject, email, email_key, password_hash, role, created_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (email_key) DO NOTHING
             RETURNING id, email, is_active, role",
        )
        .bind(user.subject)
        .bind(user.email.as_str())
        .bind(user.email_key)
        .bind(user.password_hash)
        .bind(DEFAULT_ROLE)
        .bind(user.created_at)
        .fetch_optional(db)
        .await?))
    }

    /// Finds an account by its canonical address.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn user_by_email(&self, key: &EmailKey) -> Result<Option<User>, StoreError> {
        on_reader!(self, |db| Ok(sqlx::query_as(
            "SELECT id, email, is_active, role, subject, password_hash, password_version
             FROM users
             WHERE email_key = $1",
        )
        .bind(key)
        .fetch_optional(db)
        .await?))
    }

    /// Replaces a password hash by a better one of the same password, unless another request has meanwhile. The version stays: the password is the same.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn upgrade_password_hash(&self, user: UserId, old: &str, new: &str) -> Result<(), StoreError> {
        on_writer!(self, |db| sqlx::query(
            "UPDATE users
             SET password_hash = $1
             WHERE id = $2 AND password_hash = $3",
        )
        .bind(new)
        .bind(user)
        .bind(old)
        .execute(db)
        .await
        .map(drop)?);
        Ok(())
    }
}
