//! `doorward backup`: copies the SQLite database to a file while servers use it.

use std::path::Path;

use clap::Args;

use super::exit::Exit;
use super::operator::CLI;
use super::output::print;
use crate::app::App;
use crate::service::portability::{self, BackupFailure};

/// Options of the command.
#[derive(Debug, Args)]
pub struct BackupOptions {
    /// File to create; only its owner can read it
    file: String,
}

/// Runs the command.
///
/// # Errors
/// [`Exit`] with the reason.
pub async fn run(app: &App, options: &BackupOptions) -> Result<(), Exit> {
    let file = &options.file;
    portability::back_up(app, Path::new(file), &CLI)
        .await
        .map_err(|failure| match failure {
            BackupFailure::Copy(cause) => Exit::of_file(file, cause),
            BackupFailure::Failed(failure) => failure.into(),
        })?;
    print(&format!(
        "{file} is a copy of the database; keep a copy of DOORWARD_SECRET or the secret file too, in another place\n"
    ))
}
