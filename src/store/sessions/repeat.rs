//! Repeat of a refresh: the newest pair of tokens is given a second time.

use serde_json::json;

use crate::model::event::Event;
use crate::model::generation::RepeatGround;
use crate::model::ids::{SessionId, UserId};
use crate::store::tx::End::{Commit, Rollback};
use crate::store::{Store, StoreError, events};

impl Store {
    /// Records that a session's newest generation is given again; says whether it may be. It may
    /// not if the session has ended, or if the ground holds no more: the generation was used, given
    /// again or exchanged meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record_repeat(
        &self,
        session: SessionId,
        generation: i64,
        ground: RepeatGround,
        event: &Event<'_>,
    ) -> Result<bool, StoreError> {
        self.transaction("store record_repeat", async |tx| {
            let statement = match ground {
                // Nothing is used up. The row is locked, so that the session cannot end meanwhile.
                RepeatGround::SameClient => tx.query(
                    "UPDATE sessions
                     SET ended_at = NULL
                     WHERE id = $1 AND ended_at IS NULL AND least_generation <= $2
                     RETURNING user_id",
                ),
                RepeatGround::Unused => tx.query(
                    "UPDATE sessions
                     SET repeated_generation = $2
                     WHERE id = $1 AND ended_at IS NULL AND counter = $2 AND repeated_generation < $2 AND used_generation < $2
                     RETURNING user_id",
                ),
            };
            let held: Option<(UserId,)> = statement.bind(session).bind(generation).optional().await?;
            let Some((user,)) = held else {
                return Ok(Rollback(false));
            };
            let event = event.clone().of_user(user).of_session(session);
            events::append(tx, &event.with(json!({"ground": ground.word()}))).await?;
            Ok(Commit(true))
        })
        .await
    }
}
