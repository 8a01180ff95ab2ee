//! The authority of an administrator, read inside the transaction of the act itself.
//!
//! An act that could cost an admin locks the row of the role `admin` first: if two admins demote
//! each other at the same time, the second transaction is refused.

use sqlx::AssertSqlSafe;

use super::StoreError;
use super::accounts::COLUMNS;
use super::portability::NO_PASSWORD;
use super::tx::Tx;
use crate::model::authority::Authority;
use crate::model::ids::UserId;
use crate::model::permission::{ADMIN_ROLE, Permissions};
use crate::model::user::Account;

/// An administrator's act: done, or refused.
pub type Administered<T> = Result<T, Refusal>;

/// Why an administrator's act is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such account or role.
    Unknown,
    /// The account or role is in another version than the caller has seen, or gone.
    Outdated,
    /// The role is there, and the caller does not say which version they have seen.
    Unseen,
    /// The account or role has, or would have, permissions that the caller has not.
    NotCovered,
    /// The caller's own session has ended meanwhile.
    Unauthenticated,
    /// No active admin would remain.
    LastAdmin,
    /// There is no such role as the account was to have.
    UnknownRole,
    /// Accounts have the role.
    InUse,
    /// Another account has the address.
    Taken,
}

/// An account that is locked until the transaction ends, as it was, and its caller's permissions.
pub(super) struct HeldAccount {
    pub(super) before: Account,
    pub(super) caller: Permissions,
}

/// Locks an account with its caller's authority checked.
pub(super) async fn hold_account(
    tx: &mut Tx,
    user: UserId,
    authority: Authority,
) -> Result<Administered<HeldAccount>, StoreError> {
    let Some(caller) = caller(tx, authority).await? else {
        return Ok(Err(Refusal::Unauthenticated));
    };
    let statement = format!(
        "UPDATE users
         SET version = version
         WHERE id = $1
         RETURNING {COLUMNS}"
    );
    let before: Option<Account> = tx.query(AssertSqlSafe(statement)).bind(user).optional().await?;
    let Some(before) = before else {
        return Ok(Err(Refusal::Unknown));
    };
    if !authority.known.is(before.version) {
        return Ok(Err(Refusal::Outdated));
    }
    let held = permissions_of(tx, &before.me.role).await?.unwrap_or_default();
    if !caller.covers(&held) {
        return Ok(Err(Refusal::NotCovered));
    }
    Ok(Ok(HeldAccount { before, caller }))
}

/// The caller's permissions at this moment, under the lock that every demotion takes; none if their
/// session or their token has ended.
pub(super) async fn caller(tx: &mut Tx, authority: Authority) -> Result<Option<Permissions>, StoreError> {
    lock_admins(tx).await?;
    let Some(session) = authority.session else {
        return Ok(Some(Permissions::built_in()));
    };
    tx.query(
        "SELECT users.role, roles.permissions
         FROM sessions
         JOIN users ON users.id = sessions.user_id
         JOIN roles ON roles.name = users.role
         WHERE sessions.id = $1 AND sessions.ended_at IS NULL AND sessions.least_generation <= $2 AND users.is_active",
    )
    .bind(session)
    .bind(authority.generation)
    .optional()
    .await
}

/// The permissions of a role; none if there is no such role.
pub(super) async fn permissions_of(tx: &mut Tx, role: &str) -> Result<Option<Permissions>, StoreError> {
    tx.query(
        "SELECT name AS role, permissions
         FROM roles
         WHERE name = $1",
    )
    .bind(role)
    .optional()
    .await
}

/// Lets one transaction at a time, of all nodes, do what could cost an admin.
pub(super) async fn lock_admins(tx: &mut Tx) -> Result<(), StoreError> {
    tx.query(
        "UPDATE roles
         SET version = version
         WHERE name = $1",
    )
    .bind(ADMIN_ROLE)
    .execute()
    .await
    .map(drop)
}

/// Whether no active admin is left, asked under [`lock_admins`]. An admin who was invited and has
/// never come does not count.
pub(super) async fn no_admin_remains(tx: &mut Tx) -> Result<bool, StoreError> {
    let (admins,): (i64,) = tx
        .query(
            "SELECT COUNT(*)
             FROM (
                 SELECT id
                 FROM users
                 WHERE role = $1 AND is_active AND password_expires_at IS NULL AND password_hash <> $2
                 LIMIT 1
             ) AS admins",
        )
        .bind(ADMIN_ROLE)
        .bind(NO_PASSWORD)
        .one()
        .await?;
    Ok(admins == 0)
}
