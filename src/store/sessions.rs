//! Sessions: how they start, go on and end. Whatever ends one appends to the feed in the same
//! transaction.

use serde_json::json;

use super::attempts::{AttemptOutcome, settle};
use super::events::append_event;
use super::feed::append_change;
use super::refresh::Rotation;
use super::{Store, StoreError, in_transaction, on_reader, on_writer};
use crate::model::clock::Timestamp;
use crate::model::event::Event;
use crate::model::ids::{SessionId, UserId};
use crate::model::session::{
    EndReason, NewSession, RefreshState, SessionInfo, SessionOwner, SessionState, Which,
};
use crate::model::throttle::Counters;

/// Ends a user's sessions within a transaction that goes on to append the change; gives their
/// number.
macro_rules! end_sessions_of {
    ($tx:expr, $user:expr, $which:expr, $reason:expr, $now:expr) => {
        sqlx::query(
            "UPDATE sessions
             SET ended_at = $2, end_reason = $3
             WHERE user_id = $1 AND ended_at IS NULL AND ($4 IS NULL OR id <> $4)",
        )
        .bind($user)
        .bind($now)
        .bind($reason.word())
        .bind($which.spared())
        .execute(&mut *$tx)
        .await?
        .rows_affected()
    };
}

pub(crate) use end_sessions_of;

/// What a password was verified against, and where the attempt was counted.
#[derive(Debug, Clone, Copy)]
pub struct SessionGuard {
    /// The version of the password.
    pub password_version: i64,
    /// The counters to clear.
    pub counters: Option<Counters>,
}

impl Store {
    /// Starts a session if its user is still active and the password still the one that was
    /// verified; none if not. The first statement locks the user's row until the commit, so no
    /// login outruns a disabling, a deletion or a change of password on any engine. Beyond `cap`
    /// live sessions of the user those used longest ago end; they are given back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn start_session(
        &self,
        session: &NewSession<'_>,
        verified: SessionGuard,
        cap: i64,
        event: &Event<'_>,
    ) -> Result<Option<Vec<SessionId>>, StoreError> {
        in_transaction!(self, |tx| {
            let rows = sqlx::query(
                "UPDATE users
                 SET last_login_at = $3
                 WHERE id = $1 AND is_active AND password_version = $2",
            )
            .bind(session.user_id)
            .bind(verified.password_version)
            .bind(event.at)
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if rows == 0 {
                None
            } else {
                let (others,): (i64,) = sqlx::query_as(
                    "INSERT INTO sessions (id, user_id, created_at, last_used_at, idle_expires_at, expires_at, ip, user_agent)
                     VALUES ($1, $2, $3, $3, $4, $5, $6, $7)
                     RETURNING (
                         SELECT COUNT(*)
                         FROM sessions AS others
                         WHERE others.user_id = $2 AND others.ended_at IS NULL AND others.id <> $1
                     )",
                )
                .bind(session.id)
                .bind(session.user_id)
                .bind(session.created_at)
                .bind(session.idle_expires_at)
                .bind(session.expires_at)
                .bind(session.ip)
                .bind(session.user_agent)
                .fetch_one(&mut *tx)
                .await?;
                let over: Vec<(SessionId,)> = if others < cap {
                    Vec::new()
                } else {
                    sqlx::query_as(
                        "UPDATE sessions
                         SET ended_at = $2, end_reason = 'session_cap'
                         WHERE id IN (
                             SELECT id
                             FROM sessions
                             WHERE user_id = $1 AND ended_at IS NULL AND id <> $4
                             ORDER BY last_used_at DESC, id
                             LIMIT 1000 OFFSET $3
                         ) AND ended_at IS NULL
                         RETURNING id",
                    )
                    .bind(session.user_id)
                    .bind(session.created_at)
                    .bind(cap - 1)
                    .bind(session.id)
                    .fetch_all(&mut *tx)
                    .await?
                };
                if let Some(counters) = &verified.counters {
                    let _failures: (i64, i64) = settle!(tx, counters, AttemptOutcome::Right, event.at);
                }
                for (ended,) in &over {
                    append_change!(tx, Some(*ended), None::<UserId>, None::<&str>, session.created_at);
                }
                append_event!(
                    tx,
                    event
                        .clone()
                        .of_user(session.user_id)
                        .of_session(session.id)
                        .with(json!({"over_the_cap": over.len()}))
                );
                Some(over.into_iter().map(|(ended,)| ended).collect())
            }
        })
    }

    /// The standing of a session that has not been ended, of a user who is active; the caller
    /// checks the session's time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn standing(&self, session: SessionId) -> Result<Option<SessionState>, StoreError> {
        Ok(self.lineage(session).await?.map(|lineage| lineage.standing))
    }

    /// Advances a live session's counter from exactly the one presented, and says for whom; none if
    /// it did not. The one compare-and-swap of a refresh: of any number of callers with the same
    /// token, on any node, one gets the holder.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rotate(&self, rotation: Rotation) -> Result<Option<SessionOwner>, StoreError> {
        self.rotations.ask(rotation).await
    }

    /// Where the refresh tokens of a session stand; none if it or its user has ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lineage(&self, session: SessionId) -> Result<Option<RefreshState>, StoreError> {
        on_reader!(self, |db| {
            Ok(sqlx::query_as(
                "SELECT users.id, users.email, users.is_active, users.role, users.subject, roles.permissions,
                 sessions.idle_expires_at, sessions.expires_at, sessions.counter, sessions.rotated_at
             FROM sessions
             JOIN users ON users.id = sessions.user_id
             JOIN roles ON roles.name = users.role
             WHERE sessions.id = $1 AND sessions.ended_at IS NULL AND users.is_active",
            )
            .bind(session)
            .fetch_optional(db)
            .await?)
        })
    }

    /// Ends one session; says whether it was live.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_session(
        &self,
        session: SessionId,
        reason: EndReason,
        event: &Event<'_>,
    ) -> Result<bool, StoreError> {
        in_transaction!(self, |tx| {
            let ended: Option<(UserId,)> = sqlx::query_as(
                "UPDATE sessions
                 SET ended_at = $2, end_reason = $3
                 WHERE id = $1 AND ended_at IS NULL
                 RETURNING user_id",
            )
            .bind(session)
            .bind(event.at)
            .bind(reason.word())
            .fetch_optional(&mut *tx)
            .await?;
            if let Some((user,)) = ended {
                append_change!(tx, Some(session), None::<UserId>, None::<&str>, event.at);
                append_event!(tx, event.clone().of_user(user).of_session(session));
            }
            ended.is_some()
        })
    }

    /// Ends one session if it is this user's; says whether it was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_own_session(
        &self,
        user: UserId,
        session: SessionId,
        event: &Event<'_>,
    ) -> Result<bool, StoreError> {
        in_transaction!(self, |tx| {
            let rows = sqlx::query(
                "UPDATE sessions
                 SET ended_at = $3, end_reason = 'logout'
                 WHERE id = $1 AND user_id = $2 AND ended_at IS NULL AND idle_expires_at > $3 AND expires_at > $3",
            )
            .bind(session)
            .bind(user)
            .bind(event.at)
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if rows > 0 {
                append_change!(tx, Some(session), None::<UserId>, None::<&str>, event.at);
                append_event!(tx, event.clone().of_user(user).of_session(session));
            }
            rows > 0
        })
    }

    /// Ends a user's sessions, all or all but one; says whether any was live.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_sessions(
        &self,
        user: UserId,
        which: Which,
        reason: EndReason,
        event: &Event<'_>,
    ) -> Result<bool, StoreError> {
        in_transaction!(self, |tx| {
            let rows = end_sessions_of!(tx, user, which, reason, event.at);
            if rows > 0 {
                append_change!(tx, None::<SessionId>, Some(user), None::<&str>, event.at);
                append_event!(tx, event.clone().of_user(user).with(json!({"sessions": rows})));
            }
            rows > 0
        })
    }

    /// A user's live sessions, the last used first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sessions_of(&self, user: UserId, now: Timestamp) -> Result<Vec<SessionInfo>, StoreError> {
        on_reader!(self, |db| Ok(sqlx::query_as(
            "SELECT id, created_at, last_used_at, ip, user_agent
             FROM sessions
             WHERE user_id = $1 AND ended_at IS NULL AND idle_expires_at > $2 AND expires_at > $2
             ORDER BY last_used_at DESC, id",
        )
        .bind(user)
        .bind(now)
        .fetch_all(db)
        .await?))
    }

    /// How many sessions of all users have not ended. It looks at every row: not to be asked often.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_live_sessions(&self, now: Timestamp) -> Result<i64, StoreError> {
        let (live,): (i64,) = on_reader!(self, |db| sqlx::query_as(
            "SELECT COUNT(*)
             FROM sessions
             WHERE ended_at IS NULL AND idle_expires_at > $1 AND expires_at > $1",
        )
        .bind(now)
        .fetch_one(db)
        .await?);
        Ok(live)
    }

    /// The session so many places after another, in the order of ids; none if there are not so
    /// many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn session_at(&self, after: SessionId, places: i64) -> Result<Option<SessionId>, StoreError> {
        let there: Option<(SessionId,)> = on_reader!(self, |db| sqlx::query_as(
            "SELECT id
             FROM sessions
             WHERE id > $1
             ORDER BY id
             LIMIT 1 OFFSET $2",
        )
        .bind(after)
        .bind(places - 1)
        .fetch_optional(db)
        .await?);
        Ok(there.map(|(id,)| id))
    }

    /// Deletes what ended or ran out before `before` of the next `batch` sessions after a place, in
    /// the order of their ids; says how many it deleted and where to go on, if there is more. A
    /// walk needs no index on the times, which every refresh would have to move.
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
        let purged = on_writer!(self, |db| sqlx::query(
            "DELETE FROM sessions
             WHERE id > $1 AND id <= $2 AND (ended_at < $3 OR idle_expires_at < $3 OR expires_at < $3)",
        )
        .bind(after)
        .bind(next.unwrap_or(SessionId::LAST))
        .bind(before)
        .execute(db)
        .await?
        .rows_affected());
        Ok((purged, next))
    }
}
