//! Clients: services that authenticate themselves.

use serde_json::json;

use super::tx::End::{Commit, Rollback};
use super::tx::Tx;
use super::{Store, StoreError, events};
use crate::model::client::RegisteredClient;
use crate::model::clock::Timestamp;
use crate::model::event::Event;
use crate::model::ids::Subject;
use crate::model::permission::Permissions;

/// Ends every secret of every client, within a transaction that goes on; gives the number of clients.
/// Each generation becomes higher than every one that was issued before `now`.
pub(super) async fn void_secrets(tx: &mut Tx, now: Timestamp) -> Result<u64, StoreError> {
    tx.query(
        "UPDATE clients
         SET generation = CASE WHEN generation < $1 THEN $1 ELSE generation + 1 END,
             earlier_generation = NULL, earlier_until = NULL",
    )
    .bind(now)
    .execute()
    .await
}

impl Store {
    /// Every client, in the order of names.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clients(&self) -> Result<Vec<RegisteredClient>, StoreError> {
        self.read(
            "store clients",
            "SELECT name, subject, '' AS role, permissions, generation, earlier_generation, earlier_until,
                    created_at, rotated_at
             FROM clients
             ORDER BY name",
        )
        .all()
        .await
    }

    /// Finds a client by its subject.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn client(&self, subject: Subject) -> Result<Option<RegisteredClient>, StoreError> {
        self.read(
            "store client",
            "SELECT name, subject, '' AS role, permissions, generation, earlier_generation, earlier_until,
                    created_at, rotated_at
             FROM clients
             WHERE subject = $1",
        )
        .bind(subject)
        .optional()
        .await
    }

    /// Adds a client, whose first generation is the time of the event; gives that generation. None if
    /// the name is taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_client(
        &self,
        name: &str,
        subject: Subject,
        permissions: &Permissions,
        event: &Event<'_>,
    ) -> Result<Option<i64>, StoreError> {
        self.transaction("store add_client", async |tx| {
            let added: Option<(i64,)> = tx
                .query(
                    "INSERT INTO clients (name, subject, permissions, generation, created_at)
                     VALUES ($1, $2, $3, $4, $4)
                     ON CONFLICT (name) DO NOTHING
                     RETURNING generation",
                )
                .bind(name)
                .bind(subject)
                .bind(permissions.as_str())
                .bind(event.at)
                .optional()
                .await?;
            let Some((generation,)) = added else {
                return Ok(Rollback(None));
            };
            let details = json!({"client": name, "permissions": permissions.as_str()});
            events::append(tx, &event.clone().with(details)).await?;
            Ok(Commit(Some(generation)))
        })
        .await
    }

    /// Gives a client its next generation. The one before is accepted until `earlier_until`, and none
    /// of earlier ones. Gives the subject and the generation; none if there is no such client.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rotate_client(
        &self,
        name: &str,
        earlier_until: Timestamp,
        event: &Event<'_>,
    ) -> Result<Option<(Subject, i64)>, StoreError> {
        self.transaction("store rotate_client", async |tx| {
            let rotated: Option<(Subject, i64)> = tx
                .query(
                    "UPDATE clients
                     SET generation = CASE WHEN generation < $2 THEN $2 ELSE generation + 1 END,
                         earlier_generation = generation, earlier_until = $3, rotated_at = $2
                     WHERE name = $1
                     RETURNING subject, generation",
                )
                .bind(name)
                .bind(event.at)
                .bind(earlier_until)
                .optional()
                .await?;
            if rotated.is_some() {
                let details = json!({"client": name, "earlier_until": earlier_until.rfc3339()});
                events::append(tx, &event.clone().with(details)).await?;
            }
            Ok(Commit(rotated))
        })
        .await
    }

    /// Deletes a client. Says whether there was one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_client(&self, name: &str, event: &Event<'_>) -> Result<bool, StoreError> {
        self.transaction("store delete_client", async |tx| {
            let deleted = tx
                .query("DELETE FROM clients WHERE name = $1")
                .bind(name)
                .execute()
                .await?;
            if deleted > 0 {
                events::append(tx, &event.clone().with(json!({"client": name}))).await?;
            }
            Ok(Commit(deleted > 0))
        })
        .await
    }
}
