//! Accounts.

use super::changes::append_change;
use super::sessions::end_sessions_of;
use super::{Store, StoreError, in_transaction, on_reader, on_writer};
use crate::model::clock::Timestamp;
use crate::model::email::{Email, EmailKey};
use crate::model::ids::{SessionId, UserId};
use crate::model::session::{EndReason, Which};
use crate::model::user::{Credential, DEFAULT_ROLE, Me, NewUser, User};

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

    /// The stored hash and version of a user's password, to verify it before a change.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn credential(&self, user: UserId) -> Result<Option<Credential>, StoreError> {
        on_reader!(self, |db| Ok(sqlx::query_as(
            "SELECT password_hash, password_version
             FROM users
             WHERE id = $1 AND is_active",
        )
        .bind(user)
        .fetch_optional(db)
        .await?))
    }

    /// Sets a new password hash if the version is still the one that was verified, and ends every session but one; says whether it did.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn change_password(&self, user: UserId, version: i64, new: &str, spared: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        in_transaction!(self, |tx| {
            let rows = sqlx::query(
                "UPDATE users
                 SET password_hash = $3, password_version = password_version + 1
                 WHERE id = $1 AND password_version = $2 AND is_active",
            )
            .bind(user)
            .bind(version)
            .bind(new)
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if rows > 0 {
                end_sessions_of!(tx, user, Which::AllBut(spared), EndReason::PasswordChange, now);
                append_change!(tx, None::<SessionId>, Some(user), now);
            }
            rows > 0
        })
    }

    /// Gives an account another address if the version of its password is still the one that was verified.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn change_email(&self, user: UserId, version: i64, email: &Email, now: Timestamp) -> Result<EmailChange, StoreError> {
        match self.set_email(user, version, email, now).await {
            Ok(row) => Ok(row.map_or(EmailChange::Outdated, EmailChange::Done)),
            Err(error) if error.is_taken() => Ok(EmailChange::Taken),
            Err(error) => Err(error),
        }
    }

    async fn set_email(&self, user: UserId, version: i64, email: &Email, now: Timestamp) -> Result<Option<Me>, StoreError> {
        in_transaction!(self, |tx| {
            let row: Option<Me> = sqlx::query_as(
                "UPDATE users
                 SET email = $3, email_key = $4
                 WHERE id = $1 AND password_version = $2 AND is_active
                 RETURNING id, email, is_active, role",
            )
            .bind(user)
            .bind(version)
            .bind(email.as_str())
            .bind(email.key())
            .fetch_optional(&mut *tx)
            .await?;
            if row.is_some() {
                append_change!(tx, None::<SessionId>, Some(user), now);
            }
            row
        })
    }

    /// Deletes an account with its sessions if the version of its password is still the one that was verified; says whether it did.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_user(&self, user: UserId, version: i64, now: Timestamp) -> Result<bool, StoreError> {
        in_transaction!(self, |tx| {
            let rows = sqlx::query(
                "DELETE FROM users
                 WHERE id = $1 AND password_version = $2 AND is_active",
            )
            .bind(user)
            .bind(version)
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if rows > 0 {
                append_change!(tx, None::<SessionId>, Some(user), now);
            }
            rows > 0
        })
    }
}

/// What became of a new address.
#[derive(Debug)]
pub enum EmailChange {
    /// It is the account's.
    Done(Me),
    /// It is another account's.
    Taken,
    /// The account or its password changed meanwhile.
    Outdated,
}
