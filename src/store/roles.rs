//! Roles.

use serde_json::json;

use super::authority::{caller, permissions_of};
use super::events::append_event;
use super::feed::append_change;
use super::{Store, StoreError, in_transaction, on_reader};
use crate::model::authority::{Authority, ExpectedVersion};
use crate::model::event::Event;
use crate::model::ids::{SessionId, UserId};
use crate::model::permission::{Permissions, Role};

/// What became of a role that was to be made or changed.
#[derive(Debug)]
pub enum RoleChange {
    /// It was made.
    Made(Role),
    /// It was changed, or stayed as it was.
    Changed(Role),
    /// It is in another version than the caller has seen, or gone.
    Outdated,
    /// It is there, and the caller does not say which version they have seen.
    Unseen,
    /// It permits, or would permit, more than the caller may.
    NotCovered,
    /// The caller's own session has ended meanwhile.
    Unauthenticated,
}

/// What became of a role that was to go.
#[derive(Debug, PartialEq, Eq)]
pub enum RoleEnd {
    /// It is gone.
    Deleted,
    /// There is none.
    Unknown,
    /// Accounts have it.
    InUse,
    /// It permits more than the caller may.
    NotCovered,
    /// The caller's own session has ended meanwhile.
    Unauthenticated,
}

impl Store {
    /// Every role, in the order of names.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn roles(&self) -> Result<Vec<Role>, StoreError> {
        on_reader!(self, |db| Ok(sqlx::query_as(
            "SELECT name, permissions, version
             FROM roles
             ORDER BY name"
        )
        .fetch_all(db)
        .await?))
    }

    /// Finds a role by its name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn role(&self, name: &str) -> Result<Option<Role>, StoreError> {
        on_reader!(self, |db| Ok(sqlx::query_as(
            "SELECT name, permissions, version
             FROM roles
             WHERE name = $1"
        )
        .bind(name)
        .fetch_optional(db)
        .await?))
    }

    /// Makes a role, or, if it is in the version that the caller knows, sets its permissions.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_role(
        &self,
        name: &str,
        permissions: &Permissions,
        authority: Authority,
        event: &Event<'_>,
    ) -> Result<RoleChange, StoreError> {
        in_transaction!(self, |tx| {
            let caller = caller!(tx, authority, RoleChange);
            if !caller.covers(permissions) {
                return Ok(RoleChange::NotCovered);
            }
            if authority.known == ExpectedVersion::Unstated {
                let made: Option<Role> = sqlx::query_as(
                    "INSERT INTO roles (name, permissions)
                     VALUES ($1, $2)
                     ON CONFLICT (name) DO NOTHING
                     RETURNING name, permissions, version",
                )
                .bind(name)
                .bind(permissions)
                .fetch_optional(&mut *tx)
                .await?;
                let Some(role) = made else {
                    return Ok(RoleChange::Unseen);
                };
                append_event!(
                    tx,
                    event
                        .clone()
                        .with(json!({"role": name, "after": permissions.as_str()}))
                );
                RoleChange::Made(role)
            } else {
                // Locks the row, and shows it as it was.
                let before: Option<Role> = sqlx::query_as(
                    "UPDATE roles
                     SET version = version
                     WHERE name = $1
                     RETURNING name, permissions, version",
                )
                .bind(name)
                .fetch_optional(&mut *tx)
                .await?;
                let Some(before) = before.filter(|before| authority.known.is(before.version)) else {
                    return Ok(RoleChange::Outdated);
                };
                if !caller.covers(&before.permissions) {
                    return Ok(RoleChange::NotCovered);
                }
                if before.permissions == *permissions {
                    return Ok(RoleChange::Changed(before));
                }
                let after: Role = sqlx::query_as(
                    "UPDATE roles
                     SET permissions = $2, version = version + 1
                     WHERE name = $1
                     RETURNING name, permissions, version",
                )
                .bind(name)
                .bind(permissions)
                .fetch_one(&mut *tx)
                .await?;
                append_change!(tx, None::<SessionId>, None::<UserId>, Some(name), event.at);
                let details = json!({"role": name, "before": before.permissions.as_str(), "after": permissions.as_str()});
                append_event!(tx, event.clone().with(details));
                RoleChange::Changed(after)
            }
        })
    }

    /// Deletes a role that no account has.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_role(
        &self,
        name: &str,
        authority: Authority,
        event: &Event<'_>,
    ) -> Result<RoleEnd, StoreError> {
        match self.delete_unused_role(name, authority, event).await {
            // PostgreSQL's foreign key: an account took the role in the same moment.
            Err(error) if error.is_in_use() => Ok(RoleEnd::InUse),
            other => other,
        }
    }

    async fn delete_unused_role(
        &self,
        name: &str,
        authority: Authority,
        event: &Event<'_>,
    ) -> Result<RoleEnd, StoreError> {
        in_transaction!(self, |tx| {
            let caller = caller!(tx, authority, RoleEnd);
            let held = permissions_of!(tx, name);
            if held.is_some_and(|held| !caller.covers(&held)) {
                return Ok(RoleEnd::NotCovered);
            }
            let gone: Option<Role> = sqlx::query_as(
                "DELETE FROM roles
                 WHERE name = $1 AND NOT EXISTS (SELECT 1 FROM users WHERE role = $1)
                 RETURNING name, permissions, version",
            )
            .bind(name)
            .fetch_optional(&mut *tx)
            .await?;
            if let Some(role) = gone {
                append_event!(
                    tx,
                    event
                        .clone()
                        .with(json!({"role": name, "before": role.permissions.as_str()}))
                );
                RoleEnd::Deleted
            } else {
                let there: Option<(i64,)> = sqlx::query_as(
                    "SELECT version
                     FROM roles
                     WHERE name = $1",
                )
                .bind(name)
                .fetch_optional(&mut *tx)
                .await?;
                there.map_or(RoleEnd::Unknown, |_| RoleEnd::InUse)
            }
        })
    }
}
