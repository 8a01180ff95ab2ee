//! Accounts.

use serde_json::json;

use super::account_columns;
use super::admin::Administered;
use crate::model::authority::Authority;
use crate::model::email::{Email, EmailKey};
use crate::model::event::Event;
use crate::model::ids::{SessionId, UserId};
use crate::model::permission::Permissions;
use crate::model::session::{EndReason, Which};
use crate::model::user::{Account, Credential, LoginAccount, NewUser, PublicAccount};
use crate::store::authority::{caller, lock_admins, no_admin_remains, permissions_of};
use crate::store::events::append_event;
use crate::store::feed::append_change;
use crate::store::sessions::end_sessions_of;
use crate::store::{Store, StoreError, in_transaction, on_reader, on_writer};

/// Inserts an account within a transaction, with its event.
macro_rules! insert_account {
    ($tx:expr, $user:expr, $event:expr) => {{
        let account: Option<Account> = sqlx::query_as(concat!(
            "INSERT INTO users (subject, email, email_key, password_hash, password_expires_at, created_at, role)
             SELECT $1, $2, $3, $4, $5, $6, name
             FROM roles
             WHERE name = $7
             ON CONFLICT (email_key) DO NOTHING
             RETURNING ",
            account_columns!()
        ))
        .bind($user.subject)
        .bind($user.email.as_str())
        .bind($user.email_key)
        .bind($user.password_hash)
        .bind($user.password_expires_at)
        .bind($event.at)
        .bind($user.role)
        .fetch_optional(&mut *$tx)
        .await?;
        if let Some(account) = &account {
            append_event!($tx, $event.clone().of_user(account.me.id).with(json!({"role": account.me.role})));
        }
        account
    }};
}

impl Store {
    /// Stores a new account that an administrator makes; none in place of it if its address is
    /// taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create_account(
        &self,
        user: &NewUser<'_>,
        authority: Authority,
        event: &Event<'_>,
    ) -> Result<Administered<Option<Account>>, StoreError> {
        in_transaction!(self, |tx| {
            let caller = caller!(tx, authority, Administered);
            let Some(permitted) = permissions_of!(tx, user.role) else {
                return Ok(Administered::UnknownRole);
            };
            if !caller.covers(&permitted) {
                return Ok(Administered::NotCovered);
            }
            Administered::Done(insert_account!(tx, user, event))
        })
    }

    /// Stores a new account; none if its address is taken or there is no such role. Uniqueness is
    /// the index's, so it holds for any number of callers.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn insert_user(
        &self,
        user: &NewUser<'_>,
        event: &Event<'_>,
    ) -> Result<Option<Account>, StoreError> {
        in_transaction!(self, |tx| { insert_account!(tx, user, event) })
    }

    /// Finds an account by its canonical address.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn user_by_email(&self, key: &EmailKey) -> Result<Option<LoginAccount>, StoreError> {
        on_reader!(self, |db| {
            Ok(sqlx::query_as(
            "SELECT id, email, is_active, role, subject, password_hash, password_version, password_expires_at, permissions
             FROM users
             JOIN roles ON roles.name = users.role
             WHERE email_key = $1",
        )
        .bind(key)
        .fetch_optional(db)
        .await?)
        })
    }

    /// Replaces a password hash by a better one of the same password, unless another request has
    /// meanwhile. The version stays: the password is the same.
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

    /// Sets a lasting password hash if the version is still the one that was verified, and ends
    /// every session but the one spared; says whether it did.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn change_password(
        &self,
        user: UserId,
        version: i64,
        new: &str,
        spared: Option<SessionId>,
        event: &Event<'_>,
    ) -> Result<bool, StoreError> {
        in_transaction!(self, |tx| {
            let rows = sqlx::query(
                "UPDATE users
                 SET password_hash = $3, password_version = password_version + 1, password_expires_at = NULL, version = version + 1
                 WHERE id = $1 AND password_version = $2 AND is_active",
            )
            .bind(user)
            .bind(version)
            .bind(new)
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if rows > 0 {
                let which = spared.map_or(Which::All, Which::AllBut);
                end_sessions_of!(tx, user, which, EndReason::PasswordChange, event.at);
                append_change!(tx, None::<SessionId>, Some(user), None::<&str>, event.at);
                append_event!(tx, event.clone().of_user(user));
            }
            rows > 0
        })
    }

    /// Gives an account another address if the version of its password is still the one that was
    /// verified.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn change_email(
        &self,
        user: UserId,
        version: i64,
        email: &Email,
        event: &Event<'_>,
    ) -> Result<EmailChangeOutcome, StoreError> {
        match self.set_email(user, version, email, event).await {
            Ok(row) => Ok(row.map_or(EmailChangeOutcome::Outdated, EmailChangeOutcome::Done)),
            Err(error) if error.is_taken() => Ok(EmailChangeOutcome::Taken),
            Err(error) => Err(error),
        }
    }

    async fn set_email(
        &self,
        user: UserId,
        version: i64,
        email: &Email,
        event: &Event<'_>,
    ) -> Result<Option<PublicAccount>, StoreError> {
        in_transaction!(self, |tx| {
            let row: Option<PublicAccount> = sqlx::query_as(
                "UPDATE users
                 SET email = $3, email_key = $4, version = version + 1
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
                append_change!(tx, None::<SessionId>, Some(user), None::<&str>, event.at);
                append_event!(tx, event.clone().of_user(user));
            }
            row
        })
    }

    /// Deletes an account with its sessions if the version of its password is still the one that
    /// was verified.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_user(
        &self,
        user: UserId,
        version: i64,
        event: &Event<'_>,
    ) -> Result<DeletionOutcome, StoreError> {
        in_transaction!(self, |tx| {
            lock_admins!(tx);
            let gone: Option<Account> = sqlx::query_as(concat!(
                "DELETE FROM users
                 WHERE id = $1 AND password_version = $2 AND is_active
                 RETURNING ",
                account_columns!()
            ))
            .bind(user)
            .bind(version)
            .fetch_optional(&mut *tx)
            .await?;
            let Some(gone) = gone else {
                return Ok(DeletionOutcome::Outdated);
            };
            if gone.is_active_admin() && no_admin_remains!(tx) {
                return Ok(DeletionOutcome::LastAdmin);
            }
            append_change!(tx, None::<SessionId>, Some(user), None::<&str>, event.at);
            append_event!(tx, event.clone().of_user(user));
            DeletionOutcome::Done
        })
    }
}

/// What became of an account that was to go.
#[derive(Debug, PartialEq, Eq)]
pub enum DeletionOutcome {
    /// It is gone.
    Done,
    /// The account or its password changed meanwhile.
    Outdated,
    /// No active admin would remain.
    LastAdmin,
}

/// What became of a new address.
#[derive(Debug)]
pub enum EmailChangeOutcome {
    /// It is the account's.
    Done(PublicAccount),
    /// It is another account's.
    Taken,
    /// The account or its password changed meanwhile.
    Outdated,
}
