//! Sessions: their state, their refreshes, the lists and the purge of them.

mod end;
mod expiry;
mod proof;
mod renew;
mod repeat;
mod start;

pub(super) use end::{end_all_sessions, end_sessions_of, hold_live, void_tickets};
pub(super) use renew::renew;
pub use renew::{RenewedSession, SparedSession};

use super::refresh::Rotation;
use super::{Store, StoreError};
use crate::model::clock::Timestamp;
use crate::model::ids::{SessionId, UserId};
use crate::model::session::{RefreshState, SessionInfo, SessionOwner, SessionState};
use crate::model::throttle::Counters;

/// A session that has not been ended, and whether it still runs.
#[derive(Debug, sqlx::FromRow)]
pub struct ListedSession {
    /// The session.
    #[sqlx(flatten)]
    pub info: SessionInfo,
    /// Whether it has not run out.
    pub runs: bool,
}

/// Conditions that must still hold when a session starts, and the counters of the attempt.
#[derive(Debug, Clone, Copy)]
pub struct SessionGuard {
    /// The version of the password that was verified.
    pub password_version: i64,
    /// The counters to clear.
    pub counters: Option<Counters>,
}

impl Store {
    /// The state of a session that has not been ended, of a user who is active; the caller checks
    /// the session's time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn session_state(&self, session: SessionId) -> Result<Option<SessionState>, StoreError> {
        Ok(self.refresh_state(session).await?.map(|state| state.session))
    }

    /// Advances the counter of a live session if it equals the presented one. Returns the owner, else
    /// none. Of several callers with the same token, on any node, one succeeds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rotate(&self, rotation: Rotation) -> Result<Option<SessionOwner>, StoreError> {
        self.rotations.ask(rotation).await
    }

    /// The state of a session's refresh tokens; none if it or its user has ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refresh_state(&self, session: SessionId) -> Result<Option<RefreshState>, StoreError> {
        self.read(
            "store lineage",
            "SELECT users.id, users.email, users.is_active, users.role, users.subject, roles.permissions,
                 sessions.authenticated_at, sessions.idle_expires_at, sessions.expires_at, sessions.least_generation,
                 sessions.used_generation, sessions.counter, sessions.rotated_at, sessions.repeated_generation,
                 sessions.last_ip, sessions.last_user_agent
             FROM sessions
             JOIN users ON users.id = sessions.user_id
             JOIN roles ON roles.name = users.role
             WHERE sessions.id = $1 AND sessions.ended_at IS NULL AND users.is_active",
        )
        .bind(session)
        .optional()
        .await
    }

    /// A user's sessions that have not been ended, the last used first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sessions_of(&self, user: UserId, now: Timestamp) -> Result<Vec<ListedSession>, StoreError> {
        self.read(
            "store sessions_of",
            "SELECT id, created_at, last_used_at, ip, user_agent, last_ip, last_user_agent,
                 (idle_expires_at > $2 AND expires_at > $2) AS runs
             FROM sessions
             WHERE user_id = $1 AND ended_at IS NULL
             ORDER BY last_used_at DESC, id",
        )
        .bind(user)
        .bind(now)
        .all()
        .await
    }

    /// How many sessions of all users have not ended. It looks at every row: not to be asked often.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_live_sessions(&self, now: Timestamp) -> Result<i64, StoreError> {
        let (live,) = self
            .read(
                "store count_live_sessions",
                "SELECT COUNT(*)
                 FROM sessions
                 WHERE ended_at IS NULL AND idle_expires_at > $1 AND expires_at > $1",
            )
            .bind(now)
            .one()
            .await?;
        Ok(live)
    }

    /// The session so many places after another, in the order of ids; none if there are not so
    /// many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn session_at(&self, after: SessionId, places: i64) -> Result<Option<SessionId>, StoreError> {
        let there: Option<(SessionId,)> = self
            .read(
                "store session_at",
                "SELECT id
                 FROM sessions
                 WHERE id > $1
                 ORDER BY id
                 LIMIT 1 OFFSET $2",
            )
            .bind(after)
            .bind(places - 1)
            .optional()
            .await?;
        Ok(there.map(|(id,)| id))
    }

    /// Deletes the sessions that ended or expired before `before`, of the next `batch` after a
    /// position, in the order of their ids; says how many it deleted and where to go on, if there is
    /// more. A walk needs no index on the times, which every refresh would have to move.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn purge_sessions(
        &self,
        after: SessionId,
        before: Timestamp,
        batch: i64,
    ) -> Result<(u64, Option<SessionId>), StoreError> {
        let next = self.session_at(after, batch).await?;
        let purged = self
            .write(
                "store purge_sessions",
                "DELETE FROM sessions
                 WHERE id > $1 AND id <= $2 AND (ended_at < $3 OR idle_expires_at < $3 OR expires_at < $3)",
            )
            .bind(after)
            .bind(next.unwrap_or(SessionId::LAST))
            .bind(before)
            .execute()
            .await?;
        Ok((purged, next))
    }
}
