//! Acts of administrators on accounts: change, reset, delete. The last active admin stays.

use serde_json::json;

use super::account_columns;
use crate::model::authority::Authority;
use crate::model::event::Event;
use crate::model::ids::{SessionId, UserId};
use crate::model::permission::{ADMIN_ROLE, Permissions};
use crate::model::session::{EndReason, Which};
use crate::model::user::{Account, AccountChange, OneTimeCredential};
use crate::store::authority::{no_admin_remains, permissions_of};
use crate::store::events::append_event;
use crate::store::feed::append_change;
use crate::store::sessions::end_sessions_of;
use crate::store::{Store, StoreError, in_transaction};

/// Sessions of one transaction.
const BATCH: i64 = 500;

/// What became of an administrator's act.
#[derive(Debug)]
pub enum Administered<T> {
    /// It is done.
    Done(T),
    /// There is no such account.
    Unknown,
    /// The account is in another version than the caller has seen.
    Outdated,
    /// The account, or the role that it was to have, may more than the caller.
    NotCovered,
    /// The caller's own session has ended meanwhile.
    Unauthenticated,
    /// No active admin would remain.
    LastAdmin,
    /// There is no such role.
    UnknownRole,
}

/// Locks an account with its authority checked, and shows it as it was; gives the refusal back from
/// the transaction, which then leaves no trace.
macro_rules! hold_account {
    ($tx:expr, $user:expr, $authority:expr) => {{
        let caller = $crate::store::authority::caller!($tx, $authority, Administered);
        let before: Option<Account> = sqlx::query_as(concat!(
            "UPDATE users
             SET version = version
             WHERE id = $1
             RETURNING ",
            account_columns!()
        ))
        .bind($user)
        .fetch_optional(&mut *$tx)
        .await?;
        let Some(before) = before else {
            return Ok(Administered::Unknown);
        };
        if !$authority.known.is(before.version) {
            return Ok(Administered::Outdated);
        }
        let held = permissions_of!($tx, &before.me.role).unwrap_or_default();
        if !caller.covers(&held) {
            return Ok(Administered::NotCovered);
        }
        (before, caller)
    }};
}

impl Store {
    /// Changes an account's role and whether it is active. A disabled account's sessions end;
    /// enabling it does not bring them back.
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
        in_transaction!(self, |tx| {
            let (before, caller) = hold_account!(tx, user, authority);
            let role = change.role.unwrap_or(&before.me.role);
            let is_active = change.is_active.unwrap_or(before.me.is_active);
            if role == before.me.role && is_active == before.me.is_active {
                return Ok(Administered::Done(before));
            }
            let Some(permitted) = permissions_of!(tx, role) else {
                return Ok(Administered::UnknownRole);
            };
            if !caller.covers(&permitted) {
                return Ok(Administered::NotCovered);
            }
            let after: Account = sqlx::query_as(concat!(
                "UPDATE users
                 SET role = $2, is_active = $3, version = version + 1
                 WHERE id = $1
                 RETURNING ",
                account_columns!()
            ))
            .bind(user)
            .bind(role)
            .bind(is_active)
            .fetch_one(&mut *tx)
            .await?;
            if before.is_active_admin() && !after.is_active_admin() && no_admin_remains!(tx) {
                return Ok(Administered::LastAdmin);
            }
            if !is_active {
                end_sessions_of!(tx, user, Which::All, EndReason::Disabled, event.at);
            }
            append_change!(tx, None::<SessionId>, Some(user), None::<&str>, event.at);
            let fields =
                |account: &Account| json!({"role": account.me.role, "is_active": account.me.is_active});
            append_event!(
                tx,
                event
                    .clone()
                    .of_user(user)
                    .with(json!({"before": fields(&before), "after": fields(&after)}))
            );
            Administered::Done(after)
        })
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
        in_transaction!(self, |tx| {
            let _held = hold_account!(tx, user, authority);
            sqlx::query(
                "UPDATE users
                 SET password_hash = $2, password_expires_at = $3, password_version = password_version + 1, version = version + 1
                 WHERE id = $1",
            )
            .bind(user)
            .bind(password.hash)
            .bind(password.expires_at)
            .execute(&mut *tx)
            .await?;
            end_sessions_of!(tx, user, Which::All, EndReason::PasswordReset, event.at);
            append_change!(tx, None::<SessionId>, Some(user), None::<&str>, event.at);
            append_event!(tx, event.clone().of_user(user));
            Administered::Done(())
        })
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
        in_transaction!(self, |tx| {
            let (before, _) = hold_account!(tx, user, authority);
            sqlx::query(
                "DELETE FROM users
                 WHERE id = $1",
            )
            .bind(user)
            .execute(&mut *tx)
            .await?;
            if before.is_active_admin() && no_admin_remains!(tx) {
                return Ok(Administered::LastAdmin);
            }
            append_change!(tx, None::<SessionId>, Some(user), None::<&str>, event.at);
            append_event!(
                tx,
                event
                    .clone()
                    .of_user(user)
                    .with(json!({"before": {"role": before.me.role, "is_active": before.me.is_active}}))
            );
            Administered::Done(())
        })
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
        in_transaction!(self, |tx| {
            let _held = hold_account!(tx, user, authority);
            let ended = end_sessions_of!(tx, user, Which::All, EndReason::Admin, event.at);
            if ended > 0 {
                append_change!(tx, None::<SessionId>, Some(user), None::<&str>, event.at);
                append_event!(tx, event.clone().of_user(user).with(json!({"sessions": ended})));
            }
            Administered::Done(ended)
        })
    }
}

impl Store {
    /// Ends every session there is, batch by batch in the order of ids, so that no writer waits
    /// long; says how many. Each batch tells the feed itself.
    ///
    /// # Errors
    /// [`StoreError`]; what was ended before stays so, and every node knows.
    pub async fn end_every_session(&self, event: &Event<'_>) -> Result<u64, StoreError> {
        self.append_event(event).await?;
        let (mut total, mut place) = (0, Some(SessionId::FIRST));
        while let Some(after) = place {
            let next = self.session_at(after, BATCH).await?;
            total += in_transaction!(self, |tx| {
                let ended = sqlx::query(
                    "UPDATE sessions
                     SET ended_at = $3, end_reason = $4
                     WHERE id > $1 AND id <= $2 AND ended_at IS NULL",
                )
                .bind(after)
                .bind(next.unwrap_or(SessionId::LAST))
                .bind(event.at)
                .bind(EndReason::Admin.word())
                .execute(&mut *tx)
                .await?
                .rows_affected();
                if ended > 0 {
                    append_change!(tx, None::<SessionId>, None::<UserId>, None::<&str>, event.at);
                }
                ended
            })?;
            place = next;
        }
        Ok(total)
    }
}

impl Account {
    /// Whether it counts among those of whom one must remain.
    #[must_use]
    pub fn is_active_admin(&self) -> bool {
        self.me.is_active && self.me.role == ADMIN_ROLE
    }
}
