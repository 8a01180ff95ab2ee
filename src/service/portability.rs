//! Moving in and out: accounts from the exports of other services and our own, with their password
//! hashes.

use std::collections::HashSet;
use std::io::{BufRead, Write};
use std::ops::ControlFlow;

use tokio::sync::mpsc;
use uuid::Uuid;

use super::Failure;
use crate::app::App;
use crate::crypto::password_hash::check_verifiable;
use crate::formats::account::ImportedAccount;
use crate::formats::readers;
use crate::formats::record::ReadError;
use crate::formats::sources::{self, Parameters, Source};
use crate::model::email::Email;
use crate::model::event::{Context, EventType};
use crate::model::ids::{Subject, UserId};
use crate::model::permission::{ADMIN_ROLE, DEFAULT_ROLE};
use crate::store::portability::{ExportedUser, NO_PASSWORD, TransferredUser};

/// Accounts of one transaction.
const BATCH: usize = 500;

/// Where accounts come from, and how to read them.
pub struct Import {
    /// Whose export it is.
    pub source: Source,
    /// What the export does not say itself.
    pub parameters: Parameters,
    /// Whether to find out only what would happen.
    pub rehearsal: bool,
    /// Whether who administers the other service is an admin here; else they come as plain users.
    pub admins: bool,
}

/// What became of an import so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// Records that were read.
    pub read: u64,
    /// Accounts that were stored, or would be.
    pub imported: u64,
    /// Accounts that are there already, by address or subject; they stay as they are.
    pub there: u64,
    /// Records that are no accounts.
    pub skipped: u64,
    /// Records that cannot be taken.
    pub refused: u64,
    /// Of those read, accounts without a password: they get in once an admin gives them a one-time
    /// password.
    pub without_password: u64,
    /// Of those read, who administers the other service.
    pub admins: u64,
}

/// Hears how an import goes.
pub trait Listener {
    /// A record that is not taken, and why.
    fn refused(&mut self, record: u64, why: &str);
    /// How far it is, after each batch.
    fn progress(&mut self, so_far: &Imported);
}

/// Why an import ended before its end; what was stored before stays.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file.
    #[error("the file {0}")]
    Read(#[from] ReadError),
    /// The database, or a defect.
    #[error(transparent)]
    Failed(#[from] Failure),
}

enum Message {
    Account(u64, Box<ImportedAccount>),
    Skipped,
    Refused(u64, String),
}

/// Imports accounts from a file. Who is there already stays as they are, so a second run changes
/// nothing.
///
/// # Errors
/// [`ImportError`].
pub async fn import(
    app: &App,
    reader: impl BufRead + Send + 'static,
    import: Import,
    context: &Context,
    listener: &mut dyn Listener,
) -> Result<Imported, ImportError> {
    let Import {
        source,
        parameters,
        rehearsal,
        admins,
    } = import;
    let roles: HashSet<String> = app
        .store
        .roles()
        .await
        .map_err(Failure::from)?
        .into_iter()
        .map(|role| role.name)
        .collect();
    let now = app.clock.now();
    let (sender, mut messages) = mpsc::channel(2 * BATCH);
    let reading = tokio::task::spawn_blocking(move || read(reader, source, &parameters, &sender));
    let (mut report, mut batch) = (Imported::default(), Vec::with_capacity(BATCH));
    while let Some(message) = messages.recv().await {
        report.read += 1;
        match message {
            Message::Skipped => report.skipped += 1,
            Message::Refused(record, why) => {
                report.refused += 1;
                listener.refused(record, &why);
            }
            Message::Account(record, mut account) => {
                let foreign_admin = source != Source::Doorward && account.role.as_deref() == Some(ADMIN_ROLE);
                report.admins += u64::from(foreign_admin);
                account.role = account.role.filter(|_| admins || !foreign_admin);
                let (account, role) = match admit(*account, &roles) {
                    Ok(admitted) => admitted,
                    Err(why) => {
                        report.refused += 1;
                        listener.refused(record, why);
                        continue;
                    }
                };
                {
                    report.without_password += u64::from(account.password_hash.is_none());
                    batch.push(TransferredUser {
                        subject: account.subject.unwrap_or_else(|| Subject::from(Uuid::new_v4())),
                        email: account.email,
                        password_hash: account.password_hash.unwrap_or_else(|| NO_PASSWORD.to_owned()),
                        password_expires_at: account.password_expires_at,
                        role,
                        is_active: account.is_active,
                        created_at: account.created_at.unwrap_or(now),
                        last_login_at: account.last_login_at,
                    });
                }
            }
        }
        if batch.len() == BATCH {
            store(app, &mut batch, rehearsal, context, &mut report).await?;
            listener.progress(&report);
        }
    }
    store(app, &mut batch, rehearsal, context, &mut report).await?;
    listener.progress(&report);
    reading
        .await
        .map_err(|cause| Failure::Internal(cause.to_string()))??;
    Ok(report)
}

/// On a thread of its own: reads and maps, and waits where the database is slower.
fn read(
    reader: impl BufRead,
    source: Source,
    parameters: &Parameters,
    sender: &mpsc::Sender<Message>,
) -> Result<(), ReadError> {
    readers::for_each(reader, &mut |number, record| {
        let message = match record
            .map_err(|why| why.to_string())
            .and_then(|record| source.account(record, parameters).map_err(|why| why.to_string()))
        {
            Ok(Some(account)) => Message::Account(number, Box::new(account)),
            Ok(None) => Message::Skipped,
            Err(why) => Message::Refused(number, why),
        };
        if sender.blocking_send(message).is_ok() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })
}

/// An account whose role there is and whose password can be verified.
fn admit(
    mut account: ImportedAccount,
    roles: &HashSet<String>,
) -> Result<(ImportedAccount, String), &'static str> {
    let role = account.role.take().unwrap_or_else(|| DEFAULT_ROLE.to_owned());
    if !roles.contains(&role) {
        return Err("role: there is no such role; make it first");
    }
    account
        .password_hash
        .as_deref()
        .map_or(Ok(()), check_verifiable)?;
    Ok((account, role))
}

async fn store(
    app: &App,
    batch: &mut Vec<TransferredUser>,
    rehearsal: bool,
    context: &Context,
    report: &mut Imported,
) -> Result<(), Failure> {
    if batch.is_empty() {
        return Ok(());
    }
    let imported = app
        .store
        .import_users(batch, rehearsal, &app.event(EventType::UsersImported, context))
        .await?;
    report.imported += imported;
    report.there += batch.len() as u64 - imported;
    batch.clear();
    Ok(())
}

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

/// Writes every account with its password hash, one JSON object a line, in the order of ids; says
/// how many.
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
        let page = app.store.export_users(place, 1000).await.map_err(Failure::from)?;
        let Some(last) = page.last() else { break };
        place = last.id;
        total += page.len() as u64;
        for user in page {
            sources::write(&exported(user)?, to)?;
        }
        progress(total);
    }
    to.flush()?;
    Ok(total)
}

fn exported(user: ExportedUser) -> Result<ImportedAccount, Failure> {
    let email = Email::parse("email", &user.email)
        .map_err(|_| Failure::Internal(format!("account {} has no address", user.id.get())))?;
    Ok(ImportedAccount {
        email,
        password_hash: (user.password_hash != NO_PASSWORD).then_some(user.password_hash),
        role: Some(user.role),
        is_active: user.is_active,
        subject: Some(user.subject),
        created_at: Some(user.created_at),
        password_expires_at: user.password_expires_at,
        last_login_at: user.last_login_at,
    })
}
