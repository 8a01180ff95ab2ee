//! The end of sessions that have run out, stored with the reason that they did.

use crate::model::clock::Timestamp;
use crate::model::ids::SessionId;
use crate::model::session::EndReason;
use crate::store::tx::End::{Commit, Rollback};
use crate::store::{Store, StoreError, feed};

impl Store {
    /// Ends those of the sessions from `first` to `last`, in the order of ids, that have run out by
    /// `now`; says how many. A refresh may have moved the end of one meanwhile: it goes on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_expired_sessions(
        &self,
        first: SessionId,
        last: SessionId,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.transaction("store end_expired_sessions", async |tx| {
            let ended = tx
                .query(
                    "UPDATE sessions
                     SET ended_at = $3, end_reason = $4
                     WHERE id >= $1 AND id <= $2 AND ended_at IS NULL AND (idle_expires_at <= $3 OR expires_at <= $3)",
                )
                .bind(first)
                .bind(last)
                .bind(now)
                .bind(EndReason::Expired.word())
                .execute()
                .await?;
            if ended == 0 {
                return Ok(Rollback(0));
            }
            // A node whose clock is behind may hold it as live.
            feed::append_expired(tx, first, last, now).await?;
            Ok(Commit(ended))
        })
        .await
    }
}
