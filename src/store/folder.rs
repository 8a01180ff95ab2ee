//! The folder of a file: its path, and the lock on the folder of a SQLite database.

use std::fs::File;
use std::io;
use std::path::Path;

/// The folder that a file is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Keeps two processes from making the same new database and secret at once. The folder is locked,
/// not the file: closing a second handle of the file itself would drop SQLite's own locks on it
/// (POSIX).
pub(super) async fn lock_folder(path: &Path) -> io::Result<File> {
    let folder = File::open(folder_of(path))?;
    let lock = move || folder.lock().map(|()| folder);
    tokio::task::spawn_blocking(lock)
        .await
        .map_err(io::Error::other)?
}
