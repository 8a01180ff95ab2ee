//! The time of the last proof of the password in a session.

use crate::model::clock::Timestamp;
use crate::model::ids::SessionId;
use crate::store::feed::Change;
use crate::store::tx::End::{Commit, Rollback};
use crate::store::{Store, StoreError, feed};

impl Store {
    /// Notes that the password was proved again in a session, if it is live and the password is still
    /// the one that was verified; says whether it did.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_proof(
        &self,
        session: SessionId,
        password_version: i64,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.transaction("store note_proof", async |tx| {
            let noted = tx
                .query(
                    "UPDATE sessions
                     SET authenticated_at = $2
                     WHERE id = $1 AND ended_at IS NULL AND EXISTS (
                         SELECT 1
                         FROM users
                         WHERE users.id = sessions.user_id AND users.password_version = $3
                     )",
                )
                .bind(session)
                .bind(at)
                .bind(password_version)
                .execute()
                .await?;
            if noted == 0 {
                return Ok(Rollback(false));
            }
            feed::append(tx, Change::Session(session)).await?;
            Ok(Commit(true))
        })
        .await
    }
}
