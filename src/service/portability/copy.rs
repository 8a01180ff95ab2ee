//! Moving house: the whole of the database into an empty one of either engine.

use crate::app::App;
use crate::model::event::{Context, EventType};
use crate::service::{Failure, audit};
use crate::store::portability::CopyError;
use crate::store::url::DatabaseUrl;
use crate::store::{IfAbsent, OpenError, Store};

/// Why the database was not copied into another.
#[derive(Debug, thiserror::Error)]
pub enum CopyFailure {
    /// The other cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The copy itself.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The event of it could not be stored.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Copies the database into another, which must be empty; all of it arrives, or nothing. Gives the
/// number of rows; `progress` hears of the number so far.
///
/// # Errors
/// [`CopyFailure`].
pub async fn copy(
    app: &App,
    to: &DatabaseUrl,
    context: &Context,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, CopyFailure> {
    let other = Store::open(to, IfAbsent::Create).await?;
    audit::record(app, EventType::Copied, context).await?;
    let copied = app.store.copy_into(&other, progress).await;
    other.close().await;
    Ok(copied?)
}
