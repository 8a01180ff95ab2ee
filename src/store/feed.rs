//! The feed of changes: each node reads it, so that its registry removes changed sessions in time.
//! The database itself numbers the rows in the order of commits.

use std::time::Duration;

use sqlx::AssertSqlSafe;
use sqlx_postgres::PgListener;
use uuid::Uuid;

use super::pool::Pool;
use super::tx::Tx;
use super::{Store, StoreError};
use crate::model::clock::Timestamp;
use crate::model::ids::{SessionId, UserId};
use crate::model::session::EndReason;

/// A change of something that registries hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// Change of one session.
    Session(SessionId),
    /// Change of all sessions of one user.
    User(UserId),
    /// Change of all sessions of all users with the role.
    Role(&'a str),
    /// Change of everything, the signing keys included.
    Everything,
}

/// A row of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedRow {
    /// Its place in the feed.
    pub id: i64,
    /// The session, if one changed.
    pub session_id: Option<SessionId>,
    /// The user, if all of their sessions changed.
    pub user_id: Option<UserId>,
    /// The role, if all sessions of all who have it changed.
    pub role: Option<String>,
}

/// A place in the feed of one database, up to which it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPlace {
    /// The number of the change that was read last.
    pub change: i64,
    /// PostgreSQL's timeline, which a promotion changes; empty on SQLite.
    timeline: String,
    /// The name of the feed, which a restored database has anew.
    epoch: Option<Uuid>,
}

impl FeedPlace {
    /// The place of a later change of the same feed.
    #[must_use]
    pub fn moved_to(self, change: i64) -> Self {
        Self { change, ..self }
    }
}

/// One row of a reading: the newest place and, if there is one, a change that the reader has not seen.
#[derive(sqlx::FromRow)]
struct FeedReading {
    newest: i64,
    timeline: String,
    epoch: Option<Uuid>,
    id: Option<i64>,
    session_id: Option<SessionId>,
    user_id: Option<UserId>,
    role: Option<String>,
}

impl FeedRow {
    /// The change that the row tells of.
    #[must_use]
    pub fn change(&self) -> Change<'_> {
        match (self.session_id, self.user_id, &self.role) {
            (Some(session), ..) => Change::Session(session),
            (None, Some(user), _) => Change::User(user),
            (None, None, Some(role)) => Change::Role(role),
            (None, None, None) => Change::Everything,
        }
    }
}

/// Appends a change of each session of this range that was ended as expired at this time, within
/// the transaction that ends them.
pub(super) async fn append_expired(
    tx: &mut Tx,
    first: SessionId,
    last: SessionId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let text = format!(
        "INSERT INTO changes (session_id, created_at)
         SELECT id, {}
         FROM sessions
         WHERE id >= $1 AND id <= $2 AND ended_at = $3 AND end_reason = $4",
        time_of(tx)
    );
    tx.query(AssertSqlSafe(text))
        .bind(first)
        .bind(last)
        .bind(at)
        .bind(EndReason::Expired.word())
        .execute()
        .await
        .map(drop)
}

/// Appends a change within the transaction that makes it.
pub(super) async fn append(tx: &mut Tx, change: Change<'_>) -> Result<(), StoreError> {
    let (session, user, role) = match change {
        Change::Session(session) => (Some(session), None, None),
        Change::User(user) => (None, Some(user), None),
        Change::Role(role) => (None, None, Some(role)),
        Change::Everything => (None, None, None),
    };
    let text = format!(
        "INSERT INTO changes (session_id, user_id, role, created_at)
         VALUES ($1, $2, $3, {})",
        time_of(tx)
    );
    tx.query(AssertSqlSafe(text))
        .bind(session)
        .bind(user)
        .bind(role)
        .execute()
        .await
        .map(drop)
}

/// The expressions for the database's own time. Rows of the feed have it because all nodes share it:
/// a node whose clock is ahead must not purge what others have yet to read.
const SQLITE_TIME: &str = "CAST(unixepoch('subsec') * 1000000 AS BIGINT)";
const POSTGRES_TIME: &str = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)";

const fn time_of(tx: &Tx) -> &'static str {
    match tx {
        Tx::Sqlite(_) => SQLITE_TIME,
        Tx::Postgres(_) => POSTGRES_TIME,
    }
}

impl Store {
    /// The newest place in the feed; change 0 in an empty one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn newest_place(&self) -> Result<FeedPlace, StoreError> {
        let text = format!(
            "SELECT COALESCE(MAX(id), 0), {}, (SELECT value FROM feed_epoch)
             FROM changes",
            self.timeline()
        );
        let (change, timeline, epoch) = self.read("store newest_place", AssertSqlSafe(text)).one().await?;
        Ok(FeedPlace {
            change,
            timeline,
            epoch,
        })
    }

    /// At most `limit` changes after a place, in order. None if the place is not of this database as
    /// it is now: it was replaced by a copy that lost the last commits, or restored. Whatever was
    /// read before may be wrong then.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn changes_after(
        &self,
        place: &FeedPlace,
        limit: usize,
    ) -> Result<Option<Vec<FeedRow>>, StoreError> {
        let text = format!(
            "SELECT feed.newest, feed.timeline, feed.epoch, changes.id, changes.session_id, changes.user_id, changes.role
             FROM (
                 SELECT COALESCE(MAX(id), 0) AS newest, {} AS timeline, (SELECT value FROM feed_epoch) AS epoch
                 FROM changes
             ) AS feed
             LEFT JOIN changes ON changes.id > $1
             ORDER BY changes.id
             LIMIT $2",
            self.timeline()
        );
        let rows: Vec<FeedReading> = self
            .read("store changes_after", AssertSqlSafe(text))
            .bind(place.change)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .all()
            .await?;
        let goes_on = |row: &FeedReading| {
            row.newest >= place.change && row.timeline == place.timeline && row.epoch == place.epoch
        };
        if !rows.iter().all(goes_on) {
            return Ok(None);
        }
        let changes = rows.into_iter().filter_map(|row| {
            Some(FeedRow {
                id: row.id?,
                session_id: row.session_id,
                user_id: row.user_id,
                role: row.role,
            })
        });
        Ok(Some(changes.collect()))
    }

    /// The expression for the timeline: the first part of the name of the file that PostgreSQL writes
    /// its log to. `pg_control_checkpoint()` tells the old one for a while after a promotion.
    const fn timeline(&self) -> &'static str {
        match &self.pool {
            Pool::Sqlite { .. } => "''",
            Pool::Postgres(_) => "substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)",
        }
    }

    /// Deletes changes that are older than `age` by the database's time, except the newest row,
    /// because its id marks the feed's current place; says how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn purge_changes(&self, age: Duration, limit: i64) -> Result<u64, StoreError> {
        let time = match &self.pool {
            Pool::Sqlite { .. } => SQLITE_TIME,
            Pool::Postgres(_) => POSTGRES_TIME,
        };
        let text = format!(
            "DELETE FROM changes
             WHERE id IN (
                 SELECT id
                 FROM changes
                 WHERE created_at < {time} - $1 AND id < (SELECT MAX(id) FROM changes)
                 ORDER BY id
                 LIMIT $2
             )"
        );
        self.write("store purge_changes", AssertSqlSafe(text))
            .bind(i64::try_from(age.as_micros()).unwrap_or(i64::MAX))
            .bind(limit)
            .execute()
            .await
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

/// Waits for changes: woken by NOTIFY on PostgreSQL; on SQLite it only waits for the time. On both
/// engines this is only a hint: the reader reads the feed after each wait.
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
            let Some(listener) = &mut self.listener else {
                let mut listener = PgListener::connect_with(pool).await?;
                listener.eager_reconnect(false);
                listener.listen("doorward_changes").await?;
                // A change before LISTEN is not announced: read at once.
                self.listener = Some(listener);
                return Ok(());
            };
            // None: the connection was lost, and with it what was announced meanwhile.
            let told = listener.try_recv().await?;
            told.map(drop).ok_or(sqlx::Error::WorkerCrashed)
        };
        let outcome: Result<Result<(), sqlx::Error>, _> = tokio::time::timeout(at_most, woken).await;
        let lost = matches!(outcome, Ok(Err(_)));
        if lost {
            self.listener = None;
        }
        !lost
    }
}
