//! The last step of a restore: what a backup would revive is voided.

use uuid::Uuid;

use crate::app::App;
use crate::crypto::{CryptoError, random};
use crate::model::clock::Timestamp;
use crate::model::event::{Context, EventFilter, EventType};
use crate::service::audit::{self, AuditVerdict};
use crate::service::{Failure, keys};
use crate::store::portability::Voided;

/// Why a restored database was not taken into use.
#[derive(Debug, thiserror::Error)]
pub enum RestoreFailure {
    /// The audit record of the database does not verify.
    #[error(
        "its audit record is damaged, or DOORWARD_SECRET is not the one of this database; doorward audit verify says where"
    )]
    RecordBroken,
    /// The database failed.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// No entropy.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// Result of a restore.
#[derive(Debug)]
pub struct Restored {
    /// Time of the newest event before the restore; none in an empty record.
    pub newest: Option<Timestamp>,
    /// Numbers of what was voided.
    pub voided: Voided,
}

/// Ends in a restored database everything that may have ended since the backup: sessions, tickets,
/// one-time passwords, signing keys. Makes a new signing key. The audit record must verify first.
///
/// # Errors
/// [`RestoreFailure`]; the database is then as before.
pub async fn void_restored(app: &App, context: &Context) -> Result<Restored, RestoreFailure> {
    if !matches!(audit::verify(app, None).await?, AuditVerdict::Whole(..)) {
        return Err(RestoreFailure::RecordBroken);
    }
    let (events, _) = audit::find(app, &EventFilter::default(), 1).await?;
    let key = keys::only_key(app).await?;
    let epoch = Uuid::from_bytes(random::<16>()?);
    let event = app.event(EventType::Restored, context);
    let voided = app
        .store
        .void_restored(key.as_ref(), epoch, &event)
        .await
        .map_err(Failure::from)?;
    Ok(Restored {
        newest: events.first().map(|event| event.created_at),
        voided,
    })
}
