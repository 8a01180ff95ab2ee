//! The file under an open SQLite database: whether what is written to it can be found again, and
//! whether it was opened to be written at all.
//!
//! SQLite checks neither. It goes on writing to a deleted file, whose changes are gone with the
//! process. A connection that was opened on a read-only file system stays read-only.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};

use super::StoreError;
use super::time_limits::in_time;

/// Where the database is, and the file that was there when it was opened; none if it is in memory.
pub(super) struct DatabaseFile {
    opened: Option<(PathBuf, FileIdentity)>,
    /// Whether the connection that writes is to be replaced before its next use.
    stale: AtomicBool,
}

type FileIdentity = (u64, u64);

impl DatabaseFile {
    pub(super) fn in_memory() -> Self {
        Self {
            opened: None,
            stale: AtomicBool::new(false),
        }
    }

    pub(super) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self {
            opened: Some((path.to_owned(), identity(path)?)),
            stale: AtomicBool::new(false),
        })
    }

    /// Runs a change if the file is in its place, and reports success only if the file is still
    /// there: a change to a removed file is lost.
    pub(super) async fn write<T>(
        &self,
        span: &'static str,
        work: Pin<&mut impl Future<Output = Result<T, StoreError>>>,
    ) -> Result<T, StoreError> {
        self.check()?;
        let done = in_time(span, work).await;
        if done.as_ref().is_err_and(StoreError::is_read_only) {
            self.stale.store(true, Ordering::SeqCst);
        }
        let done = done?;
        self.check()?;
        Ok(done)
    }

    /// Whether the file is still where it was.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let Some((path, opened)) = &self.opened else {
            return Ok(());
        };
        match identity(path) {
            Ok(found) if found == *opened => Ok(()),
            _ => {
                let gone = format!(
                    "{} was moved, replaced or deleted; put it back, or restart on what is there",
                    path.display()
                );
                Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::NotFound, gone)).into())
            }
        }
    }

    /// Whether the connection that writes should be replaced; asks once.
    pub(super) fn take_stale(&self) -> bool {
        self.stale.swap(false, Ordering::SeqCst)
    }
}

fn identity(path: &Path) -> io::Result<FileIdentity> {
    fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

/// Runs a call that changes something, within the time limit of [`in_time`]. On SQLite the file must
/// be in its place before and after.
pub(super) async fn changing<T>(
    file: Option<&DatabaseFile>,
    span: &'static str,
    work: Pin<&mut impl Future<Output = Result<T, StoreError>>>,
) -> Result<T, StoreError> {
    match file {
        Some(file) => file.write(span, work).await,
        None => in_time(span, work).await,
    }
}
