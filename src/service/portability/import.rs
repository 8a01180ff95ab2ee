//! Moving in: accounts from the exports of other services and our own, with their password hashes.

use std::collections::HashSet;
use std::io::BufRead;
use std::ops::ControlFlow;

use tokio::sync::mpsc;
use uuid::Uuid;

use crate::app::App;
use crate::crypto::password_hash::check_verifiable;
use crate::formats::account::ImportedAccount;
use crate::formats::readers;
use crate::formats::record::ReadError;
use crate::formats::sources::{Parameters, Source};
use crate::model::event::{Context, EventType};
use crate::model::ids::Subject;
use crate::model::permission::{ADMIN_ROLE, DEFAULT_ROLE};
use crate::service::Failure;
use crate::store::portability::TransferredUser;

/// Accounts of one transaction.
const BATCH: usize = 500;

/// An import: its source, and how to read it.
pub struct Import {
    /// The service whose export it is.
    pub source: Source,
    /// Facts that the export does not tell itself.
    pub parameters: Parameters,
    /// Whether nothing is to be stored, only counted.
    pub rehearsal: bool,
    /// Whether admins of the other service become admins here; else they come as plain users.
    pub admins: bool,
}

/// Counts of an import so far.
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
    /// Accounts without a password among the records read. An admin must give them a one-time
    /// password.
    pub without_password: u64,
    /// Admins of the other service among the records read.
    pub admins: u64,
}

/// Listener to the course of an import.
pub trait Listener {
    /// Hears of a record that is not taken, and why.
    fn refused(&mut self, record: u64, why: &str);
    /// Hears of the counts after each batch.
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

/// Imports accounts from a file. An account that is there already stays as it is, so a second run
/// changes nothing.
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
                report.without_password += u64::from(account.password_hash.is_none());
                batch.push(TransferredUser {
                    subject: account.subject.unwrap_or_else(|| Subject::from(Uuid::new_v4())),
                    email: account.email,
                    password_hash: account.password_hash,
                    password_expires_at: account.password_expires_at,
                    role,
                    is_active: account.is_active,
                    created_at: account.created_at.unwrap_or(now),
                    last_login_at: account.last_login_at,
                });
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

/// Reads and maps records, on a thread of its own; waits where the database is slower.
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

/// Records that are read to tell whose export a file is.
const LOOK: u64 = 20;

/// The service whose export a file looks like, by its first records.
#[must_use]
pub fn guess_source(reader: impl BufRead) -> Option<Source> {
    let mut guessed = None;
    let read = readers::for_each(reader, &mut |number, record| {
        guessed = record.ok().and_then(|record| Source::guess(&record));
        if guessed.is_none() && number < LOOK {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    read.ok().and(guessed)
}

/// Takes an account if its role exists and its password can be verified.
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
