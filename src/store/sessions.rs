//! Sessions.

use super::{Store, StoreError, on_reader, on_writer};
use crate::model::ids::SessionId;
use crate::model::session::{NewSession, Standing};

impl Store {
    /// Starts a session if its user is still active and the password still the one that was verified; says whether it did. One statement, so
    /// no login outruns a disabling or a change of password that was acknowledged while it hashed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn start_session(&self, session: &NewSession, password_version: i64) -> Result<bool, StoreError> {
        let rows = on_writer!(self, |db| sqlx::query(
            "INSERT INTO sessions (id, user_id, created_at, idle_expires_at, expires_at)
             SELECT $1, id, $2, $3, $4
             FROM users
             WHERE id = $5 AND is_active AND password_version = $6",
        )
        .bind(session.id)
        .bind(session.created_at)
        .bind(session.idle_expires_at)
        .bind(session.expires_at)
        .bind(session.user_id)
        .bind(password_version)
        .execute(db)
        .await?
        .rows_affected());
        Ok(rows == 1)
    }

    /// The standing of a session that has not been ended, of a user who is active; the caller checks the session's time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn standing(&self, session: SessionId) -> Result<Option<Standing>, StoreError> {
        on_reader!(self, |db| Ok(sqlx::query_as(
            "SELECT users.id, users.email, users.is_active, users.role, users.subject, sessions.idle_expires_at, sessions.expires_at
             FROM sessions
             JOIN users ON users.id = sessions.user_id
             WHERE sessions.id = $1 AND sessions.ended_at IS NULL AND users.is_active",
        )
        .bind(session)
        .fetch_optional(db)
        .await?))
    }
}
