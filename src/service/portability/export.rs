//! Moving out: every account with its password hash, in our own format.

use std::io::Write;

use crate::app::App;
use crate::formats::account::ImportedAccount;
use crate::formats::sources;
use crate::model::event::{Context, EventType};
use crate::model::ids::UserId;
use crate::service::Failure;
use crate::store::portability::TransferredUser;

/// Accounts read at once.
const PAGE: i64 = 1000;

/// Why an export ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file.
    #[error("the file: {0}")]
    Write(#[from] std::io::Error),
    /// The database, or a defect.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// How many accounts there are to export.
///
/// # Errors
/// An infrastructure failure (`Busy`, `Unavailable`).
pub async fn count(app: &App) -> Result<i64, Failure> {
    Ok(app.store.count_users().await?)
}

/// Writes every account with its password hash, one JSON object a line, in the order of ids; says
/// how many. `progress` hears of the number so far after each page.
///
/// # Errors
/// [`ExportError`].
pub async fn export(
    app: &App,
    to: &mut impl Write,
    context: &Context,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, ExportError> {
    // On the record before the first hash leaves, and whether or not the reader stays to the end.
    app.store
        .append_event(&app.event(EventType::UsersExported, context))
        .await
        .map_err(Failure::from)?;
    let (mut place, mut total) = (UserId::from(0), 0);
    loop {
        let page = app.store.export_users(place, PAGE).await.map_err(Failure::from)?;
        let Some(last) = page.last() else { break };
        place = last.id;
        total += page.len() as u64;
        for row in page {
            sources::write(&exported(row.account), to)?;
        }
        progress(total);
    }
    to.flush()?;
    Ok(total)
}

fn exported(account: TransferredUser) -> ImportedAccount {
    ImportedAccount {
        email: account.email,
        password_hash: account.password_hash,
        role: Some(account.role),
        is_active: account.is_active,
        subject: Some(account.subject),
        created_at: Some(account.created_at),
        password_expires_at: account.password_expires_at,
        last_login_at: account.last_login_at,
    }
}
