//! Roles.

use serde_json::json;

use super::authority::{Administered, Refusal, caller, permissions_of};
use super::feed::Change;
use super::tx::End::{Commit, Rollback};
use super::tx::{End, Tx};
use super::{Store, StoreError, events, feed};
use crate::model::authority::{Authority, ExpectedVersion};
use crate::model::event::Event;
use crate::model::permission::{DEFAULT_ROLE, Permissions, Role};

/// A role that was written.
#[derive(Debug)]
pub enum SavedRole {
    /// It was made.
    Made(Role),
    /// It was changed, or stayed as it was.
    Changed(Role),
}

impl Store {
    /// Every role, in the order of names.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn roles(&self) -> Result<Vec<Role>, StoreError> {
        self.read(
            "store roles",
            "SELECT name AS role, permissions, version
             FROM roles
             ORDER BY name",
        )
        .all()
        .await
    }

    /// Finds a role by its name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn role(&self, name: &str) -> Result<Option<Role>, StoreError> {
        self.read(
            "store role",
            "SELECT name AS role, permissions, version
             FROM roles
             WHERE name = $1",
        )
        .bind(name)
        .optional()
        .await
    }

    /// Makes a role, or, if it is in the version that the caller knows, sets its permissions. The
    /// default role is what everybody holds, so only a caller with every permission of this server
    /// changes it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_role(
        &self,
        name: &str,
        permissions: &Permissions,
        authority: Authority,
        event: &Event<'_>,
    ) -> Result<Administered<SavedRole>, StoreError> {
        self.transaction("store put_role", async |tx| {
            let Some(caller) = caller(tx, authority).await? else {
                return Ok(Rollback(Err(Refusal::Unauthenticated)));
            };
            let over_all = name != DEFAULT_ROLE || caller.covers(&Permissions::built_in());
            if !over_all || !caller.covers(permissions) {
                return Ok(Rollback(Err(Refusal::NotCovered)));
            }
            if authority.known == ExpectedVersion::Unstated {
                return make_role(tx, name, permissions, event).await;
            }
            // Locks the row, and shows it as it was.
            let before: Option<Role> = tx
                .query(
                    "UPDATE roles
                     SET version = version
                     WHERE name = $1
                     RETURNING name AS role, permissions, version",
                )
                .bind(name)
                .optional()
                .await?;
            let Some(before) = before.filter(|before| authority.known.is(before.version)) else {
                return Ok(Rollback(Err(Refusal::Outdated)));
            };
            if !caller.covers(&before.permissions) {
                return Ok(Rollback(Err(Refusal::NotCovered)));
            }
            if before.permissions == *permissions {
                return Ok(Rollback(Ok(SavedRole::Changed(before))));
            }
            let after: Role = tx
                .query(
                    "UPDATE roles
                     SET permissions = $2, version = version + 1
                     WHERE name = $1
                     RETURNING name AS role, permissions, version",
                )
                .bind(name)
                .bind(permissions.as_str())
                .one()
                .await?;
            feed::append(tx, Change::Role(name)).await?;
            let details =
                json!({"role": name, "before": before.permissions.as_str(), "after": permissions.as_str()});
            events::append(tx, &event.clone().with(details)).await?;
            Ok(Commit(Ok(SavedRole::Changed(after))))
        })
        .await
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
    ) -> Result<Administered<()>, StoreError> {
        match self.delete_unused_role(name, authority, event).await {
            // PostgreSQL's foreign key: an account took the role in the same moment.
            Err(error) if error.is_in_use() => Ok(Err(Refusal::InUse)),
            other => other,
        }
    }

    async fn delete_unused_role(
        &self,
        name: &str,
        authority: Authority,
        event: &Event<'_>,
    ) -> Result<Administered<()>, StoreError> {
        self.transaction("store delete_unused_role", async |tx| {
            let Some(caller) = caller(tx, authority).await? else {
                return Ok(Rollback(Err(Refusal::Unauthenticated)));
            };
            let Some(held) = permissions_of(tx, name).await? else {
                return Ok(Rollback(Err(Refusal::Unknown)));
            };
            if !caller.covers(&held) {
                return Ok(Rollback(Err(Refusal::NotCovered)));
            }
            let gone: Option<Role> = tx
                .query(
                    "DELETE FROM roles
                     WHERE name = $1 AND NOT EXISTS (SELECT 1 FROM users WHERE role = $1)
                     RETURNING name AS role, permissions, version",
                )
                .bind(name)
                .optional()
                .await?;
            let Some(role) = gone else {
                return Ok(Rollback(Err(Refusal::InUse)));
            };
            let details = json!({"role": name, "before": role.permissions.as_str()});
            events::append(tx, &event.clone().with(details)).await?;
            Ok(Commit(Ok(())))
        })
        .await
    }
}

async fn make_role(
    tx: &mut Tx,
    name: &str,
    permissions: &Permissions,
    event: &Event<'_>,
) -> Result<End<Administered<SavedRole>>, StoreError> {
    let made: Option<Role> = tx
        .query(
            "INSERT INTO roles (name, permissions)
             VALUES ($1, $2)
             ON CONFLICT (name) DO NOTHING
             RETURNING name AS role, permissions, version",
        )
        .bind(name)
        .bind(permissions.as_str())
        .optional()
        .await?;
    let Some(role) = made else {
        return Ok(Rollback(Err(Refusal::Unseen)));
    };
    let details = json!({"role": name, "after": permissions.as_str()});
    events::append(tx, &event.clone().with(details)).await?;
    Ok(Commit(Ok(SavedRole::Made(role))))
}
