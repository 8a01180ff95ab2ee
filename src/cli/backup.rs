//! `doorward backup`: a copy of the SQLite file while servers run on it.

use std::path::Path;

use clap::Args;

use super::output::print;
use super::{CLI, Exit};
use crate::app::App;
use crate::service::portability::{self, BackupFailure};

/// Options of the command.
#[derive(Debug, Args)]
pub struct Options {
    /// A new file, which only its owner may read
    file: String,
}

/// Runs the command.
///
/// # Errors
/// [`Exit`] with the reason.
pub async fn run(app: &App, options: &Options) -> Result<(), Exit> {
    let file = &options.file;
    portability::back_up(app, Path::new(file), &CLI)
        .await
        .map_err(|failure| match failure {
            BackupFailure::Copy(cause) => Exit::of_file(file, cause),
            BackupFailure::Failed(failure) => failure.into(),
        })?;
    print(&format!(
        "{file} is a copy of the database; keep DOORWARD_SECRET, or its file, with it\n"
    ))
}
