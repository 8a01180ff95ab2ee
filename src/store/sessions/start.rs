//! The start of a session: one transaction with the login that it comes from.

use serde_json::json;

use super::SessionGuard;
use crate::model::event::Event;
use crate::model::ids::SessionId;
use crate::model::session::{EndReason, NewSession};
use crate::store::attempts::{AttemptOutcome, settle};
use crate::store::feed::Change;
use crate::store::tx::End::{Commit, Rollback};
use crate::store::tx::Tx;
use crate::store::{Store, StoreError, events, feed};

impl Store {
    /// Starts a session if its user is still active and the password still the one that was
    /// verified; none if not. The first statement locks the user's row until the commit, so on both
    /// engines a login cannot finish after the account was disabled, deleted or given a new
    /// password. Beyond `cap` live sessions of the user those used longest ago end; they are given
    /// back.
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
        self.transaction("store start_session", async |tx| {
            let holds = tx
                .query(
                    "UPDATE users
                     SET last_login_at = $3
                     WHERE id = $1 AND is_active AND password_version = $2",
                )
                .bind(session.user_id)
                .bind(verified.password_version)
                .bind(event.at)
                .execute()
                .await?;
            if holds == 0 {
                return Ok(Rollback(None));
            }
            let others = insert_session(tx, session).await?;
            let over = if others < cap {
                Vec::new()
            } else {
                end_beyond(tx, session, cap).await?
            };
            if let Some(counters) = &verified.counters {
                settle(tx, counters, AttemptOutcome::Right, event.at).await?;
            }
            for ended in &over {
                feed::append(tx, Change::Session(*ended)).await?;
            }
            let event = event
                .clone()
                .of_user(session.user_id)
                .of_session(session.id)
                .with(json!({"over_the_cap": over.len()}));
            events::append(tx, &event).await?;
            Ok(Commit(Some(over)))
        })
        .await
    }
}

/// Inserts the row; gives the number of the user's other live sessions.
async fn insert_session(tx: &mut Tx, session: &NewSession<'_>) -> Result<i64, StoreError> {
    let (others,) = tx
        .query(
            "INSERT INTO sessions
                 (id, user_id, created_at, last_used_at, authenticated_at, idle_expires_at, expires_at, ip, user_agent, last_ip, last_user_agent)
             VALUES ($1, $2, $3, $3, $3, $4, $5, $6, $7, $6, $7)
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
        .bind(&session.client.ip)
        .bind(&session.client.user_agent)
        .one()
        .await?;
    Ok(others)
}

/// Ends the sessions of the user beyond the cap, those used longest ago first, never the new one.
async fn end_beyond(tx: &mut Tx, session: &NewSession<'_>, cap: i64) -> Result<Vec<SessionId>, StoreError> {
    let ended: Vec<(SessionId,)> = tx
        .query(
            "UPDATE sessions
             SET ended_at = $2, end_reason = $5
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
        .bind(EndReason::SessionCap.word())
        .all()
        .await?;
    Ok(ended.into_iter().map(|(id,)| id).collect())
}
