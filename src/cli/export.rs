//! `doorward export`: writes every account to a file, for another service or another database.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write, stdout};
use std::os::unix::fs::OpenOptionsExt as _;

use clap::Args;

use super::exit::Exit;
use super::operator::CLI;
use super::progress::Progress;
use crate::app::App;
use crate::service::portability;

/// Options of the command.
#[derive(Debug, Args)]
pub struct ExportOptions {
    /// File to create; only its owner can read it; - is standard output
    file: String,
}

/// Runs the command.
///
/// # Errors
/// [`Exit`] with the reason.
pub async fn run(app: &App, options: &ExportOptions) -> Result<(), Exit> {
    let file = &options.file;
    let count = portability::count(app).await?;
    let mut progress = Progress::new("accounts", u64::try_from(count).ok());
    let to: Box<dyn Write> = match file.as_str() {
        "-" => Box::new(stdout()),
        _ => Box::new(
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(file)
                .map_err(|cause| Exit::of_file(file, cause))?,
        ),
    };
    let mut writer = BufWriter::new(to);
    let exported = portability::export(app, &mut writer, &CLI, &mut |rows| progress.at(rows)).await;
    let exported = exported.map_err(|cause| Exit::of_file(file, cause))?;
    eprintln!("{exported} accounts exported, {}", progress.end(exported));
    Ok(())
}
