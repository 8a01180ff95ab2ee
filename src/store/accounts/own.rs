//! Changes of an account by its owner: registration, password, address, deletion.

use sqlx::AssertSqlSafe;

use super::{COLUMNS, insert};
use crate::model::email::Email;
use crate::model::event::Event;
use crate::model::ids::{SessionId, UserId};
use crate::model::session::{EndReason, Which};
use crate::model::user::{Account, NewUser, PublicAccount};
use crate::store::authority::{lock_admins, no_admin_remains};
use crate::store::feed::Change;
use crate::store::sessions::{RenewedSession, SparedSession, end_sessions_of, hold_live, renew};
use crate::store::tx::End::{Commit, Rollback};
use crate::store::tx::Tx;
use crate::store::{Store, StoreError, events, feed};

/// Outcome of deleting one's own account.
#[derive(Debug, PartialEq, Eq)]
pub enum DeletionOutcome {
    /// It is gone.
    Done,
    /// The account or its password changed meanwhile.
    Outdated,
    /// No active admin would remain.
    LastAdmin,
}

/// Outcome of changing one's own address.
#[derive(Debug)]
pub enum EmailChangeOutcome {
    /// It is the account's.
    Done(PublicAccount),
    /// It is another account's.
    Taken,
    /// The account or its password changed meanwhile.
    Outdated,
}

impl Store {
    /// Stores a new account; none if its address is taken or there is no such role.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn insert_user(
        &self,
        user: &NewUser<'_>,
        event: &Event<'_>,
    ) -> Result<Option<Account>, StoreError> {
        self.transaction("store insert_user", async |tx| {
            Ok(Commit(insert(tx, user, event).await?))
        })
        .await
    }

    /// Replaces a password hash by a better one of the same password, unless another request has
    /// meanwhile. The version stays: the password is the same.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn upgrade_password_hash(&self, user: UserId, old: &str, new: &str) -> Result<(), StoreError> {
        self.write(
            "store upgrade_password_hash",
            "UPDATE users
             SET password_hash = $1
             WHERE id = $2 AND password_hash = $3",
        )
        .bind(new)
        .bind(user)
        .bind(old)
        .execute()
        .await
        .map(drop)
    }

    /// Sets a lasting password hash if the version is still the one that was verified, and ends
    /// every session; says whether it did.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn replace_password(
        &self,
        user: UserId,
        version: i64,
        new: &str,
        event: &Event<'_>,
    ) -> Result<bool, StoreError> {
        self.transaction("store replace_password", async |tx| {
            if !set_password(tx, user, version, new).await? {
                return Ok(Rollback(false));
            }
            end_with_password(tx, user, Which::All, event).await?;
            Ok(Commit(true))
        })
        .await
    }

    /// Sets a lasting password hash if the version is still the one that was verified and the session
    /// that asks is live still. Ends every other session, and every older token of this one; none if
    /// it did not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn change_password(
        &self,
        user: UserId,
        version: i64,
        new: &str,
        asking: &SparedSession,
        event: &Event<'_>,
    ) -> Result<Option<RenewedSession>, StoreError> {
        self.transaction("store change_password", async |tx| {
            if !set_password(tx, user, version, new).await? {
                return Ok(Rollback(None));
            }
            let Some(renewed) = renew(tx, asking, event.at).await? else {
                return Ok(Rollback(None));
            };
            end_with_password(tx, user, Which::AllBut(asking.id), event).await?;
            Ok(Commit(Some(renewed)))
        })
        .await
    }

    /// Gives an account another address if the version of its password is still the one that was
    /// verified and the session that asks is live still.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn change_email(
        &self,
        user: UserId,
        version: i64,
        asking: SessionId,
        email: &Email,
        event: &Event<'_>,
    ) -> Result<EmailChangeOutcome, StoreError> {
        match self.set_email(user, version, asking, email, event).await {
            Ok(row) => Ok(row.map_or(EmailChangeOutcome::Outdated, EmailChangeOutcome::Done)),
            Err(error) if error.is_taken() => Ok(EmailChangeOutcome::Taken),
            Err(error) => Err(error),
        }
    }

    async fn set_email(
        &self,
        user: UserId,
        version: i64,
        asking: SessionId,
        email: &Email,
        event: &Event<'_>,
    ) -> Result<Option<PublicAccount>, StoreError> {
        self.transaction("store set_email", async |tx| {
            let changed: Option<PublicAccount> = tx
                .query(
                    "UPDATE users
                     SET email = $3, email_key = $4, version = version + 1
                     WHERE id = $1 AND password_version = $2 AND is_active
                     RETURNING id, email, is_active, role",
                )
                .bind(user)
                .bind(version)
                .bind(email.as_str())
                .bind(email.key())
                .optional()
                .await?;
            if changed.is_none() || !hold_live(tx, asking).await? {
                return Ok(Rollback(None));
            }
            feed::append(tx, Change::User(user)).await?;
            events::append(tx, &event.clone().of_user(user)).await?;
            Ok(Commit(changed))
        })
        .await
    }

    /// Deletes an account with its sessions if the version of its password is still the one that
    /// was verified and the session that asks is live still.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_user(
        &self,
        user: UserId,
        version: i64,
        asking: SessionId,
        event: &Event<'_>,
    ) -> Result<DeletionOutcome, StoreError> {
        self.transaction("store delete_user", async |tx| {
            lock_admins(tx).await?;
            if !hold_live(tx, asking).await? {
                return Ok(Rollback(DeletionOutcome::Outdated));
            }
            let statement = format!(
                "DELETE FROM users
                 WHERE id = $1 AND password_version = $2 AND is_active
                 RETURNING {COLUMNS}"
            );
            let gone: Option<Account> = tx
                .query(AssertSqlSafe(statement))
                .bind(user)
                .bind(version)
                .optional()
                .await?;
            let Some(gone) = gone else {
                return Ok(Rollback(DeletionOutcome::Outdated));
            };
            if gone.is_active_admin() && no_admin_remains(tx).await? {
                return Ok(Rollback(DeletionOutcome::LastAdmin));
            }
            feed::append(tx, Change::User(user)).await?;
            events::append(tx, &event.clone().of_user(user)).await?;
            Ok(Commit(DeletionOutcome::Done))
        })
        .await
    }
}

/// Sets a lasting password hash if the version is still the one that was verified; says whether it
/// did.
async fn set_password(tx: &mut Tx, user: UserId, version: i64, new: &str) -> Result<bool, StoreError> {
    let changed = tx
        .query(
            "UPDATE users
             SET password_hash = $3, password_version = password_version + 1, password_expires_at = NULL, version = version + 1
             WHERE id = $1 AND password_version = $2 AND is_active",
        )
        .bind(user)
        .bind(version)
        .bind(new)
        .execute()
        .await?;
    Ok(changed > 0)
}

/// Ends sessions because the password is another now.
async fn end_with_password(
    tx: &mut Tx,
    user: UserId,
    which: Which,
    event: &Event<'_>,
) -> Result<(), StoreError> {
    end_sessions_of(tx, user, which, EndReason::PasswordChange, event.at).await?;
    feed::append(tx, Change::User(user)).await?;
    events::append(tx, &event.clone().of_user(user)).await
}
