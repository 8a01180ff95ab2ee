//! `doorward backup`: a copy of the SQLite file while servers run on it.

use std::path::Path;

use clap::Args;

use super::output::print;
use super::{CLI, Exit};
use crate::app::App;
use crate::model::event::EventType;
use crate::service::audit;

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
    audit::record(app, EventType::Copied, &CLI).await?;
    app.store
        .back_up(Path::new(file))
        .await
        .map_err(|cause| Exit::of_file(file, cause))?;
    print(&format!(
        "{file} is a copy of the database; keep DOORWARD_SECRET, or its file, with it\n"
    ))
}
