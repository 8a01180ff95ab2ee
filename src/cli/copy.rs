//! `doorward copy`: copies everything into an empty database of either engine.

use clap::Args;

use super::exit::Exit;
use super::operator::CLI;
use super::output::print;
use super::progress::Progress;
use crate::app::App;
use crate::service::portability::{self, CopyFailure};
use crate::store::url::DatabaseUrl;

/// Options of the command.
#[derive(Debug, Args)]
pub struct CopyOptions {
    #[arg(
        long,
        value_name = "URL",
        help = "As DATABASE_URL, but without a password: that is read from PGPASSWORD or ~/.pgpass"
    )]
    to: String,
}

/// Runs the command.
///
/// # Errors
/// [`Exit`] with the reason.
pub async fn run(app: &App, options: &CopyOptions) -> Result<(), Exit> {
    let url = DatabaseUrl::parse(&options.to).map_err(|why| Exit::failed(format!("--to: {why}")))?;
    if url.has_password() {
        return Err(Exit::failed(
            "--to: other users of this machine can read a password on the command line; \
             leave it out and set PGPASSWORD, or write it to ~/.pgpass",
        ));
    }
    let mut progress = Progress::new("rows", None);
    let copied = portability::copy(app, &url, &CLI, &mut |rows| progress.at(rows))
        .await
        .map_err(|failure| match failure {
            CopyFailure::Open(cause) => Exit::failed(cause),
            CopyFailure::Copy(cause) => Exit::failed(cause),
            CopyFailure::Failed(failure) => failure.into(),
        })?;
    let secret = url.secret_file().map_or_else(String::new, |file| {
        format!(", or the same secret file as {}", file.display())
    });
    print(&format!(
        "{copied} rows copied, {}\nthe servers on the copy need the same DOORWARD_SECRET{secret}\n",
        progress.end(copied),
    ))
}
