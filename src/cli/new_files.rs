//! The files that begin an installation: the command that makes them says so.

use std::io::{self, Write as _};
use std::path::PathBuf;

use crate::config::Config;
use crate::store::url::DatabaseUrl;

/// Database and secret that were not there before a command.
pub struct NewFiles(Vec<PathBuf>);

impl NewFiles {
    /// Looks before the command begins.
    pub fn before(config: &Config) -> Self {
        let database = match &config.server.database {
            DatabaseUrl::SqliteFile(path) => Some(path.clone()),
            DatabaseUrl::SqliteMemory | DatabaseUrl::Postgres(_) => None,
        };
        let secret = match &config.server.secret {
            Some(_) => None,
            None => config.secret_file(),
        };
        let files = database.into_iter().chain(secret);
        Self(files.filter(|file| !file.exists()).collect())
    }

    /// Names of the files that the command created; none if it created no file.
    pub fn made(&self) -> Option<String> {
        let made: Vec<_> = self
            .0
            .iter()
            .filter(|file| file.exists())
            .map(|file| file.display().to_string())
            .collect();
        (!made.is_empty()).then(|| made.join(" and "))
    }

    /// Says on standard error which files were made, if any.
    pub fn say(&self) {
        if let Some(made) = self.made() {
            // `eprintln!` panics if standard error is closed.
            let _ignored = writeln!(io::stderr(), "created {made}");
        }
    }
}
