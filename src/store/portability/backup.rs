//! A copy of the SQLite file, made while servers run on it.

use std::io;
use std::path::Path;

use super::new_file::NewFile;
use crate::store::Store;
use crate::store::pool::Pool;

/// Why there is no copy of the file.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// PostgreSQL has tools of its own.
    #[error("only a SQLite database is a file; for PostgreSQL use pg_dump")]
    NotSqlite,
    /// The path is no UTF-8.
    #[error("the file's name is not UTF-8")]
    Unreadable,
    /// The file.
    #[error("the file: {0}")]
    File(#[from] io::Error),
    /// The database.
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
}

impl Store {
    /// Copies the SQLite file as it is at this moment into a new one that only its owner may read,
    /// while others read and write. Whenever the power fails, the new file is whole or absent.
    ///
    /// # Errors
    /// [`BackupError`]; an unfinished file is removed.
    pub async fn back_up(&self, to: &Path) -> Result<(), BackupError> {
        let Pool::Sqlite { write, .. } = &self.pool else {
            return Err(BackupError::NotSqlite);
        };
        let new = NewFile::begin(to)?;
        let copied = async {
            let path = new.unfinished().to_str().ok_or(BackupError::Unreadable)?;
            // A connection of its own: the writers go on meanwhile.
            let mut connection = sqlx::ConnectOptions::connect(&*write.connect_options()).await?;
            sqlx::query("VACUUM INTO $1")
                .bind(path)
                .execute(&mut connection)
                .await?;
            sqlx::Connection::close(connection).await?;
            Ok(())
        };
        match copied.await {
            Ok(()) => Ok(new.finish()?),
            Err(error) => {
                new.abandon()?;
                Err(error)
            }
        }
    }
}
