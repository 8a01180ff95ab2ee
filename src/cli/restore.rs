//! `doorward restore`: puts a backup in the place of the database, with nothing in it that has ended
//! since.

use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::Exit;
use super::operator::CLI;
use super::output::print;
use crate::app::App;
use crate::config::Config;
use crate::model::clock::{Clock, Timestamp};
use crate::service::portability::{Restored, void_restored};
use crate::store::IfAbsent;
use crate::store::portability::{RestoreError, StagedFile};
use crate::store::url::DatabaseUrl;

/// Options of the command.
#[derive(Debug, Args)]
pub struct RestoreOptions {
    /// Backup of a SQLite database, made by `doorward backup`
    #[arg(required_unless_present = "in_place", conflicts_with = "in_place")]
    file: Option<PathBuf>,
    /// For PostgreSQL, after its own tools restored the database: end all sessions, device tickets,
    /// one-time passwords, secrets of clients and signing keys
    #[arg(long)]
    in_place: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Exit`] with the reason.
pub async fn run(config: Config, options: &RestoreOptions) -> Result<(), Exit> {
    if let Some(file) = &options.file {
        from_file(config, file).await
    } else {
        let app = App::open(config, Clock::System, IfAbsent::Refuse)
            .await
            .map_err(Exit::failed)?;
        let voided = void_restored(&app, &CLI).await;
        let now = app.clock.now();
        app.store.close().await;
        report(&voided.map_err(Exit::failed)?, now)
    }
}

async fn from_file(config: Config, file: &Path) -> Result<(), Exit> {
    let DatabaseUrl::SqliteFile(database) = config.server.database.clone() else {
        return Err(Exit::failed(RestoreError::NotSqlite));
    };
    let staged = StagedFile::copy(file, &database).await.map_err(Exit::failed)?;
    let (restored, aside, now) = match Box::pin(exchange(config, &staged)).await {
        Ok(done) => done,
        Err(exit) => {
            staged.remove().map_err(Exit::failed)?;
            return Err(exit);
        }
    };
    report(&restored, now)?;
    match aside {
        Some(aside) => print(&format!("the database before it is now {}\n", aside.display())),
        None => Ok(()),
    }
}

/// Voids what the copy would revive, closes it, and puts it in the place of the database. Gives also
/// where the database before it is, if there was one, and the time.
async fn exchange(
    config: Config,
    staged: &StagedFile,
) -> Result<(Restored, Option<PathBuf>, Timestamp), Exit> {
    let copy = DatabaseUrl::SqliteFile(staged.path().to_owned());
    let app = App::open_copy(config, copy, Clock::System)
        .await
        .map_err(Exit::failed)?;
    let voided = void_restored(&app, &CLI).await;
    let now = app.clock.now();
    app.store.close().await;
    let restored = voided.map_err(Exit::failed)?;
    let stamp = now.rfc3339().replace(['-', ':'], "");
    let aside = staged.move_in(&stamp).await.map_err(Exit::failed)?;
    Ok((restored, aside, now))
}

fn report(restored: &Restored, now: Timestamp) -> Result<(), Exit> {
    let age = restored.newest.map_or_else(
        || "its audit record is empty".to_owned(),
        |newest| {
            let seconds = now.secs().saturating_sub(newest.secs()).max(0);
            let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
            format!(
                "its newest event is of {}, {days} days, {hours} h and {minutes} min ago",
                newest.rfc3339()
            )
        },
    );
    let voided = restored.voided;
    print(&format!(
        "restored; {age}\nended: {} sessions, {} one-time passwords, {} signing keys, and all device tickets\n{}",
        voided.sessions,
        voided.one_time_passwords,
        voided.keys,
        secrets_of(voided.clients)
    ))
}

/// The line that says that the secrets of clients have ended, if there are any.
fn secrets_of(clients: u64) -> String {
    if clients == 0 {
        return String::new();
    }
    format!("the secrets of {clients} clients have ended; give each another: doorward client rotate NAME\n")
}
