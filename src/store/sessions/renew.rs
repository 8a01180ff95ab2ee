//! The session that a change of the password spares: it goes on with a new pair of tokens alone.

use sqlx::AssertSqlSafe;

use crate::model::clock::Timestamp;
use crate::model::ids::SessionId;
use crate::model::session::{SeenClient, SessionOwner};
use crate::store::StoreError;
use crate::store::refresh::OWNER;
use crate::store::tx::Tx;

/// A session that goes on while the others of its user end.
#[derive(Debug, Clone)]
pub struct SparedSession {
    /// The session.
    pub id: SessionId,
    /// The generation of the access token that asks.
    pub generation: i64,
    /// When the session ends from now on, unless it is refreshed.
    pub idle_expires_at: Timestamp,
    /// The client that asks.
    pub client: SeenClient,
}

/// The generation that a spared session has now, and whose it is.
#[derive(Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RenewedSession {
    /// The only generation whose tokens are valid.
    #[sqlx(rename = "counter")]
    pub generation: i64,
    /// Its owner.
    #[sqlx(flatten)]
    pub owner: SessionOwner,
}

/// Rotates a session without grace: no older token of it is valid. None if it has ended, or if the
/// token that asks is no longer valid. It is called after the account's row is locked, which is the
/// order of other transactions.
pub(in crate::store) async fn renew(
    tx: &mut Tx,
    spared: &SparedSession,
    now: Timestamp,
) -> Result<Option<RenewedSession>, StoreError> {
    let statement = format!(
        "UPDATE sessions
         SET counter = counter + 1, least_generation = counter + 1, rotated_at = $2, last_used_at = $2, idle_expires_at = $3,
             last_ip = $4, last_user_agent = $5
         WHERE id = $1 AND ended_at IS NULL AND least_generation <= $6
         RETURNING counter, {OWNER}"
    );
    tx.query(AssertSqlSafe(statement))
        .bind(spared.id)
        .bind(now)
        .bind(spared.idle_expires_at)
        .bind(&spared.client.ip)
        .bind(&spared.client.user_agent)
        .bind(spared.generation)
        .optional()
        .await
}
