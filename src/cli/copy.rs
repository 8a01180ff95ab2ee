//! `doorward copy`: everything, into an empty database of either engine.

use clap::Args;

use super::output::print;
use super::progress::Progress;
use super::{CLI, Exit};
use crate::app::App;
use crate::model::event::EventType;
use crate::service::audit;
use crate::store::Store;
use crate::store::url::DatabaseUrl;

/// Options of the command.
#[derive(Debug, Args)]
pub struct Options {
    #[arg(
        long,
        value_name = "URL",
        help = "As DATABASE_URL; a password is better left to PGPASSWORD or ~/.pgpass"
    )]
    to: String,
}

/// Runs the command.
///
/// # Errors
/// [`Exit`] with the reason.
pub async fn run(app: &App, options: &Options) -> Result<(), Exit> {
    let url = DatabaseUrl::parse(&options.to).map_err(|why| Exit::failed(format!("--to: {why}")))?;
    let other = Store::open(&url).await.map_err(Exit::failed)?;
    audit::record(app, EventType::Copied, &CLI).await?;
    let (mut before, mut table, mut rows) = (0, String::new(), 0);
    let mut progress = Progress::new("rows", None);
    let mut tell = |name: &str, so_far| {
        if name != table {
            before += rows;
            name.clone_into(&mut table);
        }
        rows = so_far;
        progress.at(before + rows);
    };
    let copied = app.store.copy_into(&other, &mut tell).await;
    other.close().await;
    let copied = copied.map_err(Exit::failed)?;
    let secret = url.secret_file().map_or_else(String::new, |file| {
        format!(", or with a copy of its secret file as {}", file.display())
    });
    print(&format!(
        "{copied} rows copied, {}\nstart servers on it with this one's DOORWARD_SECRET{secret}\n",
        progress.end(copied),
    ))
}
