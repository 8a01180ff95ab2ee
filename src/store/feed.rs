//! The feed of changes: what the registry of every node reads to forget in time. Numbered in the
//! order of commits by the database itself.

use std::time::Duration;

use sqlx_postgres::PgListener;

use super::{Pool, Store, StoreError, on_reader, on_writer};
use crate::model::clock::Timestamp;
use crate::model::ids::{SessionId, UserId};

/// What changed: one session, all of a user's, all of a role's, or, if none is named, everything,
/// the signing keys included.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Change {
    /// Its place in the feed.
    pub id: i64,
    /// The one session, if only one.
    pub session_id: Option<SessionId>,
    /// The user, if all of their sessions.
    pub user_id: Option<UserId>,
    /// The role, if all sessions of all who have it.
    pub role: Option<String>,
}

/// Appends a change within the transaction that makes it.
macro_rules! append_change {
    ($tx:expr, $session:expr, $user:expr, $role:expr, $now:expr) => {
        sqlx::query(
            "INSERT INTO changes (session_id, user_id, role, created_at)
             VALUES ($1, $2, $3, $4)",
        )
        .bind($session)
        .bind($user)
        .bind($role)
        .bind($now)
        .execute(&mut *$tx)
        .await
        .map(drop)?
    };
}

pub(crate) use append_change;

impl Store {
    /// The newest place in the feed; 0 in an empty one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn newest_change(&self) -> Result<i64, StoreError> {
        let (newest,): (i64,) = on_reader!(self, |db| sqlx::query_as(
            "SELECT COALESCE(MAX(id), 0) FROM changes"
        )
        .fetch_one(db)
        .await?);
        Ok(newest)
    }

    /// At most `limit` changes after a place, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn changes_after(&self, place: i64, limit: usize) -> Result<Vec<Change>, StoreError> {
        on_reader!(self, |db| Ok(sqlx::query_as(
            "SELECT id, session_id, user_id, role
             FROM changes
             WHERE id > $1
             ORDER BY id
             LIMIT $2",
        )
        .bind(place)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await?))
    }

    /// Deletes changes older than `before`, except the newest, which keeps the place; says how
    /// many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn purge_changes(&self, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
        let purged = on_writer!(self, |db| sqlx::query(
            "DELETE FROM changes
             WHERE id IN (
                 SELECT id
                 FROM changes
                 WHERE created_at < $1 AND id < (SELECT MAX(id) FROM changes)
                 ORDER BY id
                 LIMIT $2
             )",
        )
        .bind(before)
        .bind(limit)
        .execute(db)
        .await?
        .rows_affected());
        Ok(purged)
    }

    /// A way to wait for the next change.
    #[must_use]
    pub fn watch(&self) -> Watch<'_> {
        Watch {
            store: self,
            listener: None,
        }
    }
}

/// Waits for changes: woken by NOTIFY on PostgreSQL, by time alone on SQLite. Only a hint either
/// way: the reader reads the feed after each wait.
pub struct Watch<'a> {
    store: &'a Store,
    listener: Option<PgListener>,
}

impl Watch<'_> {
    /// Returns at the next change or after `at_most`, whichever is first; false if the connection
    /// that would have told is lost.
    pub async fn wait(&mut self, at_most: Duration) -> bool {
        let Pool::Postgres(pool) = &self.store.pool else {
            tokio::time::sleep(at_most).await;
            return true;
        };
        let woken = async {
            if self.listener.is_none() {
                let mut listener = PgListener::connect_with(pool).await?;
                listener.eager_reconnect(false);
                listener.listen("doorward_changes").await?;
                // What came before LISTEN is not announced: read at once.
                self.listener = Some(listener);
                return Ok(());
            }
            match &mut self.listener {
                // None: the connection was lost, and with it whatever was announced meanwhile.
                Some(listener) => listener
                    .try_recv()
                    .await?
                    .map(drop)
                    .ok_or(sqlx::Error::WorkerCrashed),
                None => Ok(()),
            }
        };
        let outcome: Result<Result<(), sqlx::Error>, _> = tokio::time::timeout(at_most, woken).await;
        let lost = matches!(outcome, Ok(Err(_)));
        if lost {
            self.listener = None;
        }
        !lost
    }
}
