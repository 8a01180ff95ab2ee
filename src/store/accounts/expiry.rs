//! The removal of one-time passwords that have run out.

use crate::model::clock::Timestamp;
use crate::model::ids::UserId;
use crate::store::portability::NO_PASSWORD;
use crate::store::{Store, StoreError};

impl Store {
    /// Removes an account's one-time password if it has run out by `now` and the version is still the
    /// one that was verified. The account then has no password; its time of expiry is kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_expired_password(
        &self,
        user: UserId,
        version: i64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(
            "store remove_expired_password",
            "UPDATE users
             SET password_hash = $4, password_version = password_version + 1
             WHERE id = $1 AND password_version = $2 AND password_expires_at <= $3",
        )
        .bind(user)
        .bind(version)
        .bind(now)
        .bind(NO_PASSWORD)
        .execute()
        .await
        .map(drop)
    }
}
