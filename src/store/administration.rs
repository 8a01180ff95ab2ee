//! What administrators do to accounts: find, change, reset, delete. The last active admin stays.
//!
//! Whatever could cost an admin locks the row of the role `admin` first, so that of two admins who
//! demote each other one comes second and is refused.

use serde_json::json;
use sqlx::AssertSqlSafe;

use super::changes::append_change;
use super::events::append_event;
use super::sessions::end_sessions_of;
use super::users::account_columns;
use super::{Store, StoreError, in_transaction, on_reader, part};
use crate::model::authority::Authority;
use crate::model::event::Event;
use crate::model::ids::{SessionId, UserId};
use crate::model::permission::{ADMIN_ROLE, Permissions};
use crate::model::session::{EndReason, Which};
use crate::model::user::{Account, AccountChange, AccountCursor, AccountFilter, OneTimeCredential};

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
        let caller = $crate::store::administration::caller!($tx, $authority, Administered);
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

/// What the caller may at this moment, under the lock that every demotion takes; gives the refusal
/// back if their session has ended.
macro_rules! caller {
    ($tx:expr, $authority:expr, $refusal:ident) => {{
        $crate::store::administration::lock_admins!($tx);
        match $authority.session {
            None => Permissions::built_in(),
            Some(session) => {
                let caller: Option<(Permissions,)> = sqlx::query_as(
                    "SELECT roles.permissions
                     FROM sessions
                     JOIN users ON users.id = sessions.user_id
                     JOIN roles ON roles.name = users.role
                     WHERE sessions.id = $1 AND sessions.ended_at IS NULL AND users.is_active",
                )
                .bind(session)
                .fetch_optional(&mut *$tx)
                .await?;
                let Some((caller,)) = caller else {
                    return Ok($refusal::Unauthenticated);
                };
                caller
            }
        }
    }};
}

macro_rules! permissions_of {
    ($tx:expr, $role:expr) => {
        sqlx::query_as::<_, (Permissions,)>(
            "SELECT permissions
             FROM roles
             WHERE name = $1",
        )
        .bind($role)
        .fetch_optional(&mut *$tx)
        .await?
        .map(|(permissions,)| permissions)
    };
}

/// One at a time, on every node: whatever could cost an admin.
macro_rules! lock_admins {
    ($tx:expr) => {
        sqlx::query(
            "UPDATE roles
             SET version = version
             WHERE name = 'admin'",
        )
        .execute(&mut *$tx)
        .await
        .map(drop)?
    };
}

/// Whether no active admin is left, asked under [`lock_admins`]. One who was invited and has never
/// come does not count.
macro_rules! no_admin_remains {
    ($tx:expr) => {
        sqlx::query_as::<_, (i64,)>(
            "SELECT COUNT(*)
             FROM (
                 SELECT id
                 FROM users
                 WHERE role = 'admin' AND is_active AND password_expires_at IS NULL AND password_hash <> '!'
                 LIMIT 1
             ) AS admins",
        )
        .fetch_one(&mut *$tx)
        .await?
        .0 == 0
    };
}

pub(crate) use {caller, lock_admins, no_admin_remains, permissions_of};

impl Store {
    /// Finds accounts, in the order of numbers, or, where a prefix is asked for, of canonical
    /// addresses.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_accounts(
        &self,
        filter: &AccountFilter,
        after: Option<&AccountCursor>,
        limit: i64,
    ) -> Result<Vec<Account>, StoreError> {
        if let Some(prefix) = &filter.prefix {
            let after = match after {
                Some(AccountCursor::AfterEmail(email)) => email.as_str(),
                _ => "",
            };
            // The last code point sorts after every address, in both engines' order of bytes.
            let end = format!("{prefix}\u{10FFFF}");
            return Ok(on_reader!(self, |db| {
                sqlx::query_as(concat!(
                "SELECT ",
                account_columns!(),
                "
                 FROM users
                 WHERE email_key >= $1 AND email_key < $2 AND email_key > $3 AND ($4 IS NULL OR role = $4) AND ($5 IS NULL OR is_active = $5)
                 ORDER BY email_key
                 LIMIT $6"
            ))
            .bind(prefix)
            .bind(&end)
            .bind(after)
            .bind(&filter.role)
            .bind(filter.is_active)
            .bind(limit)
            .fetch_all(db)
            .await?
            }));
        }
        let after = match after {
            Some(AccountCursor::AfterId(id)) => id.get(),
            _ => 0,
        };
        let statement = format!(
            "SELECT {}
             FROM users
             WHERE id > $1 {}{}{}
             ORDER BY id
             LIMIT $5",
            account_columns!(),
            part(filter.email.is_some(), "AND email_key = $2 "),
            part(filter.role.is_some(), "AND role = $3 "),
            part(filter.is_active.is_some(), "AND is_active = $4 "),
        );
        Ok(on_reader!(self, |db| sqlx::query_as(AssertSqlSafe(
            statement.as_str()
        ))
        .bind(after)
        .bind(&filter.email)
        .bind(&filter.role)
        .bind(filter.is_active)
        .bind(limit)
        .fetch_all(db)
        .await?))
    }

    /// Finds an account by its number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn account(&self, user: UserId) -> Result<Option<Account>, StoreError> {
        on_reader!(self, |db| Ok(sqlx::query_as(concat!(
            "SELECT ",
            account_columns!(),
            "
             FROM users
             WHERE id = $1"
        ))
        .bind(user)
        .fetch_optional(db)
        .await?))
    }

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
