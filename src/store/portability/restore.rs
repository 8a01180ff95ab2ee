//! Puts a SQLite file in the place of the database: first a copy beside it, which is checked and
//! changed, then the exchange.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;
use sqlx::{ConnectOptions as _, Connection as _};
use sqlx_sqlite::{SqliteConnectOptions, SqliteJournalMode};

use crate::store::folder::lock_folder;

/// The first bytes of every SQLite database.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Endings of the files that SQLite keeps beside a database.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Why a file was not restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// PostgreSQL has tools of its own.
    #[error(
        "only a SQLite database is restored from a file; for PostgreSQL use pg_restore, then: doorward restore --in-place"
    )]
    NotSqlite,
    /// Something else.
    #[error("{0}: not a SQLite database")]
    NoDatabase(PathBuf),
    /// Another program's database.
    #[error("{0}: not a database of Doorward")]
    NotOurs(PathBuf),
    /// A database that is or was in use.
    #[error(
        "{0} has a -wal file beside it, so it is no backup and may lack changes; make one by: doorward backup"
    )]
    InUse(PathBuf),
    /// Bits that are not as SQLite wrote them.
    #[error("{0}: damaged: {1}")]
    Damaged(PathBuf, String),
    /// What an interrupted restore left.
    #[error("{0} is what an interrupted restore left; restore the backup itself")]
    Leftover(PathBuf),
    /// A server or a command uses the database.
    #[error("{0}: a server or another command uses the database; stop it first")]
    Held(PathBuf),
    /// A file.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// SQLite.
    #[error("{0}: {1}")]
    Database(PathBuf, sqlx::Error),
}

/// A copy of a backup, beside the database that it is for.
#[derive(Debug)]
pub struct StagedFile {
    database: PathBuf,
    staged: PathBuf,
}

impl StagedFile {
    /// Copies a backup beside the database, readable by its owner only, and checks that it is a whole
    /// database of Doorward. A copy that an interrupted restore left is replaced.
    ///
    /// # Errors
    /// [`RestoreError`]; the copy is removed.
    pub async fn copy(backup: &Path, database: &Path) -> Result<Self, RestoreError> {
        check_file(backup)?;
        if database.exists() {
            // Asked again before the exchange; here it spares the operator the wait.
            refuse_holders(database)?;
        }
        let this = Self {
            database: database.to_owned(),
            staged: beside(database, ".restoring"),
        };
        if is_same_file(backup, &this.staged) {
            return Err(RestoreError::Leftover(backup.to_owned()));
        }
        this.remove()?;
        let staged = &this.staged;
        let failed = |cause| RestoreError::File(staged.clone(), cause);
        let copied = async {
            let mut from =
                File::open(backup).map_err(|cause| RestoreError::File(backup.to_owned(), cause))?;
            let mut to = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(staged)
                .map_err(failed)?;
            io::copy(&mut from, &mut to).map_err(failed)?;
            to.sync_all().map_err(failed)?;
            check_content(staged, backup).await
        };
        match copied.await {
            Ok(()) => Ok(this),
            Err(error) => {
                this.remove()?;
                Err(error)
            }
        }
    }

    /// The copy.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.staged
    }

    /// Removes the copy.
    ///
    /// # Errors
    /// [`RestoreError::File`].
    pub fn remove(&self) -> Result<(), RestoreError> {
        remove_with(&self.staged)
    }

    /// Puts the copy, which must not be open, in the place of the database. The database that was there
    /// goes to a name of its own with the ending `.before-restore-` and `stamp`; gives that name.
    ///
    /// # Errors
    /// [`RestoreError::Held`] while another process uses the database; then nothing has changed.
    pub async fn move_in(&self, stamp: &str) -> Result<Option<PathBuf>, RestoreError> {
        let database = &self.database;
        let failed = |cause| RestoreError::File(database.clone(), cause);
        empty_wal(&self.staged)
            .await
            .map_err(|cause| RestoreError::Database(self.staged.clone(), cause))?;
        File::open(&self.staged)
            .and_then(|file| file.sync_all())
            .map_err(failed)?;
        // No Doorward opens a database in this folder meanwhile.
        let folder = lock_folder(database).await.map_err(failed)?;
        let aside = beside(database, &format!(".before-restore-{stamp}"));
        let replaced = database.exists();
        if replaced {
            refuse_holders(database)?;
            // A damaged database keeps its -wal, which goes aside with it.
            let _damaged = empty_wal(database).await.is_err();
            fs::hard_link(database, &aside).map_err(failed)?;
        }
        for ending in BESIDE {
            let file = beside(database, ending);
            if file.exists() {
                // A stale -wal beside the new file would be replayed into it.
                fs::rename(&file, beside(&aside, ending)).map_err(failed)?;
            }
        }
        folder.sync_all().map_err(failed)?;
        fs::rename(&self.staged, database).map_err(failed)?;
        folder.sync_all().map_err(failed)?;
        Ok(replaced.then_some(aside))
    }
}

/// Whether two paths lead to one file that exists.
fn is_same_file(one: &Path, other: &Path) -> bool {
    matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(one), Ok(other)) if one == other)
}

/// A path with more at its end.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// Removes a database and the files beside it, as far as they exist.
fn remove_with(database: &Path) -> Result<(), RestoreError> {
    for file in ["", BESIDE[0], BESIDE[1]].map(|ending| beside(database, ending)) {
        match fs::remove_file(&file) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                return Err(RestoreError::File(file, cause));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether the file is a SQLite database that is not in use.
fn check_file(backup: &Path) -> Result<(), RestoreError> {
    let failed = |cause| RestoreError::File(backup.to_owned(), cause);
    let file = File::open(backup).map_err(failed)?;
    let mut start = Vec::new();
    if file.metadata().map_err(failed)?.is_file() {
        file.take(MAGIC.len() as u64)
            .read_to_end(&mut start)
            .map_err(failed)?;
    }
    if start != MAGIC {
        return Err(RestoreError::NoDatabase(backup.to_owned()));
    }
    match fs::metadata(beside(backup, BESIDE[0])) {
        Ok(wal) if wal.len() > 0 => Err(RestoreError::InUse(backup.to_owned())),
        _ => Ok(()),
    }
}

/// Whether SQLite finds the copy whole and our tables in it. Faults are told of `backup`.
async fn check_content(staged: &Path, backup: &Path) -> Result<(), RestoreError> {
    let failed = |cause| RestoreError::Database(backup.to_owned(), cause);
    let options = SqliteConnectOptions::new()
        .filename(staged)
        .journal_mode(SqliteJournalMode::Delete);
    let mut connection = options.connect().await.map_err(failed)?;
    let checked = async {
        let (whole,): (String,) = sqlx::query_as("PRAGMA integrity_check(1)")
            .fetch_one(&mut connection)
            .await
            .map_err(failed)?;
        if whole != "ok" {
            return Err(RestoreError::Damaged(backup.to_owned(), whole));
        }
        let (ours,): (i64,) = sqlx::query_as(
            "SELECT COUNT(*)
             FROM sqlite_schema
             WHERE type = 'table' AND name IN ('_sqlx_migrations', 'users', 'sessions', 'signing_keys')",
        )
        .fetch_one(&mut connection)
        .await
        .map_err(failed)?;
        if ours == 4 {
            Ok(())
        } else {
            Err(RestoreError::NotOurs(backup.to_owned()))
        }
    };
    let checked = checked.await;
    connection.close().await.map_err(failed)?;
    checked
}

/// Refuses while another process has the database open. Each connection in WAL mode holds a shared
/// lock on the file; it stands against an exclusive one, even if the file is damaged.
fn refuse_holders(database: &Path) -> Result<(), RestoreError> {
    let failed = |cause| RestoreError::File(database.to_owned(), cause);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(database)
        .map_err(failed)?;
    match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(Errno::AGAIN | Errno::ACCESS) => Err(RestoreError::Held(database.to_owned())),
        Err(cause) => Err(failed(cause.into())),
    }
}

/// Writes what the database's `-wal` has into the database, and removes the `-wal`.
async fn empty_wal(database: &Path) -> Result<(), sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(database)
        .journal_mode(SqliteJournalMode::Delete);
    options.connect().await?.close().await
}
