//! Acts of administrators on accounts: make, change, reset, delete. The last active admin stays.

use serde_json::json;
use sqlx::AssertSqlSafe;

use super::{COLUMNS, insert};
use crate::model::authority::Authority;
use crate::model::email::Email;
use crate::model::event::Event;
use crate::model::ids::UserId;
use crate::model::permission::ADMIN_ROLE;
use crate::model::session::{EndReason, Which};
use crate::model::user::{Account, AccountChange, NewUser, OneTimeCredential};
use crate::store::authority::{
    Administered, HeldAccount, Refusal, caller, hold_account, no_admin_remains, permissions_of,
};
use crate::store::feed::Change;
use crate::store::sessions::{end_sessions_of, void_tickets};
use crate::store::tx::End::{Commit, Rollback};
use crate::store::{Store, StoreError, events, feed};

impl Store {
    /// Stores a new account that an administrator makes; nothing if its e-mail address is
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
        self.transaction("store create_account", async |tx| {
            let Some(caller) = caller(tx, authority).await? else {
                return Ok(Rollback(Err(Refusal::Unauthenticated)));
            };
            let Some(permitted) = permissions_of(tx, user.role).await? else {
                return Ok(Rollback(Err(Refusal::UnknownRole)));
            };
            if !caller.covers(&permitted) {
                return Ok(Rollback(Err(Refusal::NotCovered)));
            }
            Ok(Commit(Ok(insert(tx, user, event).await?)))
        })
        .await
    }

    /// Changes an account's address, its role and whether it is active. A disabled account's sessions
    /// end; enabling it does not bring them back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn update_account(
        &self,
        user: UserId,
        change: AccountChange<'_>,
        authority: Authority,
        event: &Event<'_>,
    ) -> Result<Administered<Account>, StoreError> {
        let outcome = self.change_account(user, change, authority, event).await;
        match outcome {
            Err(error) if error.is_taken() => Ok(Err(Refusal::Taken)),
            other => other,
        }
    }

    async fn change_account(
        &self,
        user: UserId,
        change: AccountChange<'_>,
        authority: Authority,
        event: &Event<'_>,
    ) -> Result<Administered<Account>, StoreError> {
        self.transaction("store update_account", async |tx| {
            let HeldAccount { before, caller } = match hold_account(tx, user, authority).await? {
                Ok(held) => held,
                Err(refusal) => return Ok(Rollback(Err(refusal))),
            };
            let role = change.role.unwrap_or(&before.me.role);
            let is_active = change.is_active.unwrap_or(before.me.is_active);
            let email = change.email.filter(|email| email.as_str() != before.me.email);
            if role == before.me.role && is_active == before.me.is_active && email.is_none() {
                return Ok(Rollback(Ok(before)));
            }
            let Some(permitted) = permissions_of(tx, role).await? else {
                return Ok(Rollback(Err(Refusal::UnknownRole)));
            };
            if !caller.covers(&permitted) {
                return Ok(Rollback(Err(Refusal::NotCovered)));
            }
            let statement = format!(
                "UPDATE users
                 SET role = $2, is_active = $3, email = COALESCE($4, email), email_key = COALESCE($5, email_key),
                     version = version + 1
                 WHERE id = $1
                 RETURNING {COLUMNS}"
            );
            let after: Account = tx
                .query(AssertSqlSafe(statement))
                .bind(user)
                .bind(role)
                .bind(is_active)
                .bind(email.map(Email::as_str))
                .bind(email.map(Email::key))
                .one()
                .await?;
            if before.is_active_admin() && !after.is_active_admin() && no_admin_remains(tx).await? {
                return Ok(Rollback(Err(Refusal::LastAdmin)));
            }
            if !is_active {
                void_tickets(tx, user).await?;
                end_sessions_of(tx, user, Which::All, EndReason::Disabled, event.at).await?;
            }
            feed::append(tx, Change::User(user)).await?;
            let fields =
                |account: &Account| json!({"role": account.me.role, "is_active": account.me.is_active});
            // The record holds no addresses.
            let mut details = json!({"before": fields(&before), "after": fields(&after)});
            if email.is_some() {
                details["email"] = json!("changed");
            }
            events::append(tx, &event.clone().of_user(user).with(details)).await?;
            Ok(Commit(Ok(after)))
        })
        .await
    }

    /// Replaces an account's password by one that is good only to set another, and ends its
    /// sessions.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reset_password(
        &self,
        user: UserId,
        password: OneTimeCredential<'_>,
        authority: Authority,
        event: &Event<'_>,
    ) -> Result<Administered<()>, StoreError> {
        self.transaction("store reset_password", async |tx| {
            if let Err(refusal) = hold_account(tx, user, authority).await? {
                return Ok(Rollback(Err(refusal)));
            }
            tx.query(
                "UPDATE users
                 SET password_hash = $2, password_expires_at = $3, password_version = password_version + 1, version = version + 1
                 WHERE id = $1",
            )
            .bind(user)
            .bind(password.hash)
            .bind(password.expires_at)
            .execute()
            .await?;
            end_sessions_of(tx, user, Which::All, EndReason::PasswordReset, event.at).await?;
            feed::append(tx, Change::User(user)).await?;
            events::append(tx, &event.clone().of_user(user)).await?;
            Ok(Commit(Ok(())))
        })
        .await
    }

    /// Deletes an account with its sessions.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_account(
        &self,
        user: UserId,
        authority: Authority,
        event: &Event<'_>,
    ) -> Result<Administered<()>, StoreError> {
        self.transaction("store delete_account", async |tx| {
            let before = match hold_account(tx, user, authority).await? {
                Ok(held) => held.before,
                Err(refusal) => return Ok(Rollback(Err(refusal))),
            };
            tx.query(
                "DELETE FROM users
                 WHERE id = $1",
            )
            .bind(user)
            .execute()
            .await?;
            if before.is_active_admin() && no_admin_remains(tx).await? {
                return Ok(Rollback(Err(Refusal::LastAdmin)));
            }
            feed::append(tx, Change::User(user)).await?;
            let details = json!({"before": {"role": before.me.role, "is_active": before.me.is_active}});
            events::append(tx, &event.clone().of_user(user).with(details)).await?;
            Ok(Commit(Ok(())))
        })
        .await
    }

    /// Ends every session of an account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_sessions_by_admin(
        &self,
        user: UserId,
        authority: Authority,
        event: &Event<'_>,
    ) -> Result<Administered<u64>, StoreError> {
        self.transaction("store end_sessions_by_admin", async |tx| {
            if let Err(refusal) = hold_account(tx, user, authority).await? {
                return Ok(Rollback(Err(refusal)));
            }
            void_tickets(tx, user).await?;
            let ended = end_sessions_of(tx, user, Which::All, EndReason::Admin, event.at).await?;
            if ended > 0 {
                feed::append(tx, Change::User(user)).await?;
                events::append(tx, &event.clone().of_user(user).with(json!({"sessions": ended}))).await?;
            }
            Ok(Commit(Ok(ended)))
        })
        .await
    }
}

impl Account {
    /// Whether it counts among the admins of whom one must remain.
    #[must_use]
    pub fn is_active_admin(&self) -> bool {
        self.me.is_active && self.me.role == ADMIN_ROLE
    }
}
