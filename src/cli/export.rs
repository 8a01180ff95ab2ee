//! `doorward export`: writes every account to a file, for another service or another database.

use std::io::{BufWriter, Write, stdout};
use std::path::Path;

use clap::Args;

use super::exit::Exit;
use super::operator::CLI;
use super::progress::Progress;
use crate::app::App;
use crate::service::portability;
use crate::store::portability::NewFile;

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
    let new = match file.as_str() {
        "-" => None,
        _ => Some(NewFile::begin(Path::new(file)).map_err(|cause| Exit::of_file(file, cause))?),
    };
    let to: Box<dyn Write + '_> = match &new {
        None => Box::new(stdout()),
        Some(new) => Box::new(new.writer()),
    };
    let mut writer = BufWriter::new(to);
    let exported = portability::export(app, &mut writer, &CLI, &mut |rows| progress.at(rows)).await;
    drop(writer);
    let ended = match (new, &exported) {
        (None, _) => Ok(()),
        (Some(new), Ok(_)) => new.finish(),
        (Some(new), Err(_)) => new.abandon(),
    };
    let exported = exported.map_err(|cause| Exit::of_file(file, cause))?;
    ended.map_err(|cause| Exit::of_file(file, cause))?;
    eprintln!("{exported} accounts exported, {}", progress.end(exported));
    Ok(())
}
