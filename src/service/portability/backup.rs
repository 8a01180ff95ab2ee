//! A copy of the SQLite file, made while servers run on it.

use std::path::Path;

use crate::app::App;
use crate::model::event::{Context, EventType};
use crate::service::{Failure, audit};
use crate::store::portability::BackupError;

/// Why there is no copy of the file.
#[derive(Debug, thiserror::Error)]
pub enum BackupFailure {
    /// The copy itself.
    #[error(transparent)]
    Copy(#[from] BackupError),
    /// The event of it could not be stored.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Copies the SQLite file as it is at this moment into a new one that only its owner may read.
///
/// # Errors
/// [`BackupFailure`]; an unfinished file is removed.
pub async fn back_up(app: &App, to: &Path, context: &Context) -> Result<(), BackupFailure> {
    audit::record(app, EventType::Copied, context).await?;
    Ok(app.store.back_up(to).await?)
}
