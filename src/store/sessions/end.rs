//! The end of sessions: one, a user's, all. Each end appends to the feed in the same transaction.

use serde_json::json;

use crate::model::clock::Timestamp;
use crate::model::event::Event;
use crate::model::ids::{SessionId, UserId};
use crate::model::session::{EndReason, Which};
use crate::store::feed::Change;
use crate::store::tx::End::{Commit, Rollback};
use crate::store::tx::Tx;
use crate::store::{Store, StoreError, events, feed};

/// Sessions of one transaction.
const BATCH: i64 = 500;

/// Ends a user's sessions within a transaction that goes on to append the change; gives their
/// number.
pub(in crate::store) async fn end_sessions_of(
    tx: &mut Tx,
    user: UserId,
    which: Which,
    reason: EndReason,
    now: Timestamp,
) -> Result<u64, StoreError> {
    tx.query(
        "UPDATE sessions
         SET ended_at = $2, end_reason = $3
         WHERE user_id = $1 AND ended_at IS NULL AND ($4 IS NULL OR id <> $4)",
    )
    .bind(user)
    .bind(now)
    .bind(reason.word())
    .bind(which.spared())
    .execute()
    .await
}

/// Ends every session in one statement, within a transaction that goes on to append the change; gives
/// their number.
pub(in crate::store) async fn end_all_sessions(
    tx: &mut Tx,
    reason: EndReason,
    now: Timestamp,
) -> Result<u64, StoreError> {
    tx.query(
        "UPDATE sessions
         SET ended_at = $1, end_reason = $2
         WHERE ended_at IS NULL",
    )
    .bind(now)
    .bind(reason.word())
    .execute()
    .await
}

/// Locks a session until the end of the transaction; says whether it is live still. Where it can be,
/// it is called after the account's row is locked, which is the order of other transactions.
pub(in crate::store) async fn hold_live(tx: &mut Tx, session: SessionId) -> Result<bool, StoreError> {
    let held = tx
        .query(
            "UPDATE sessions
             SET ended_at = NULL
             WHERE id = $1 AND ended_at IS NULL",
        )
        .bind(session)
        .execute()
        .await?;
    Ok(held > 0)
}

/// Voids an account's device tickets, by a new version of its password. A login that is in flight
/// has to be made again.
pub(in crate::store) async fn void_tickets(tx: &mut Tx, user: UserId) -> Result<(), StoreError> {
    tx.query(
        "UPDATE users
         SET password_version = password_version + 1
         WHERE id = $1",
    )
    .bind(user)
    .execute()
    .await
    .map(drop)
}

impl Store {
    /// Ends one session for the holder of a token of this generation; says whether it was live. It
    /// does not end if a change of the password has made the token void.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_session(
        &self,
        session: SessionId,
        generation: i64,
        reason: EndReason,
        event: &Event<'_>,
    ) -> Result<bool, StoreError> {
        self.transaction("store end_session", async |tx| {
            let ended: Option<(UserId,)> = tx
                .query(
                    "UPDATE sessions
                     SET ended_at = $2, end_reason = $3
                     WHERE id = $1 AND ended_at IS NULL AND least_generation <= $4
                     RETURNING user_id",
                )
                .bind(session)
                .bind(event.at)
                .bind(reason.word())
                .bind(generation)
                .optional()
                .await?;
            let Some((user,)) = ended else {
                return Ok(Rollback(false));
            };
            feed::append(tx, Change::Session(session)).await?;
            events::append(tx, &event.clone().of_user(user).of_session(session)).await?;
            Ok(Commit(true))
        })
        .await
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
        self.transaction("store end_own_session", async |tx| {
            let ended = tx
                .query(
                    "UPDATE sessions
                     SET ended_at = $3, end_reason = $4
                     WHERE id = $1 AND user_id = $2 AND ended_at IS NULL AND idle_expires_at > $3 AND expires_at > $3",
                )
                .bind(session)
                .bind(user)
                .bind(event.at)
                .bind(EndReason::Logout.word())
                .execute()
                .await?;
            if ended == 0 {
                return Ok(Rollback(false));
            }
            feed::append(tx, Change::Session(session)).await?;
            events::append(tx, &event.clone().of_user(user).of_session(session)).await?;
            Ok(Commit(true))
        })
        .await
    }

    /// Ends a user's sessions, all or all but one; says whether any was live. With all of them the
    /// device tickets end, also if no session is live any more.
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
        self.transaction("store end_sessions", async |tx| {
            if which == Which::All {
                void_tickets(tx, user).await?;
            }
            let ended = end_sessions_of(tx, user, which, reason, event.at).await?;
            if ended == 0 {
                return Ok(Commit(false));
            }
            feed::append(tx, Change::User(user)).await?;
            events::append(tx, &event.clone().of_user(user).with(json!({"sessions": ended}))).await?;
            Ok(Commit(true))
        })
        .await
    }

    /// Ends every session and voids every device ticket, batch by batch in the order of ids, so that
    /// no writer waits long; returns the number of sessions. The event is stored first. Each batch is
    /// a transaction of its own, with its row in the feed.
    ///
    /// # Errors
    /// [`StoreError`]; sessions that were ended before stay so, and every node knows.
    pub async fn end_every_session(&self, event: &Event<'_>) -> Result<u64, StoreError> {
        self.append_event(event).await?;
        let (mut total, mut place) = (0, Some(SessionId::FIRST));
        while let Some(after) = place {
            let next = self.session_at(after, BATCH).await?;
            total += self
                .transaction("store end_every_session", async |tx| {
                    let ended = tx
                        .query(
                            "UPDATE sessions
                             SET ended_at = $3, end_reason = $4
                             WHERE id > $1 AND id <= $2 AND ended_at IS NULL",
                        )
                        .bind(after)
                        .bind(next.unwrap_or(SessionId::LAST))
                        .bind(event.at)
                        .bind(EndReason::Admin.word())
                        .execute()
                        .await?;
                    if ended > 0 {
                        feed::append(tx, Change::Everything).await?;
                    }
                    Ok(Commit(ended))
                })
                .await?;
            place = next;
        }
        self.void_every_ticket().await?;
        Ok(total)
    }

    /// Voids the device tickets of every account, also of accounts whose sessions are purged already.
    async fn void_every_ticket(&self) -> Result<(), StoreError> {
        let (mut place, last) = (Some(0), i64::MAX);
        while let Some(after) = place {
            let next: Option<(i64,)> = self
                .read(
                    "store user_at",
                    "SELECT id
                     FROM users
                     WHERE id > $1
                     ORDER BY id
                     LIMIT 1 OFFSET $2",
                )
                .bind(after)
                .bind(BATCH - 1)
                .optional()
                .await?;
            place = next.map(|(id,)| id);
            self.write(
                "store void_every_ticket",
                "UPDATE users
                 SET password_version = password_version + 1
                 WHERE id > $1 AND id <= $2",
            )
            .bind(after)
            .bind(place.unwrap_or(last))
            .execute()
            .await?;
        }
        Ok(())
    }
}
