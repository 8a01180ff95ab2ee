//! The path of a SQLite database: looked at before anything is made or changed, so that a file that is
//! named by mistake stays as it is.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, accessat, open};
use rustix::io::Errno;
use rustix::process::geteuid;
use sqlx::{ConnectOptions as _, Connection as _};
use sqlx_sqlite::{SqliteConnectOptions, SqliteConnection};

use super::{IfAbsent, OpenError};
use crate::store::folder::folder_of;
use crate::store::migrations::SQLITE;

/// Bytes of the smallest page; SQLite takes a shorter file for an empty one.
const LEAST_BYTES: u64 = 512;
/// SQLite's code of a file that does not begin as a database does (`SQLITE_NOTADB`).
const NOT_A_DATABASE: &str = "26";

/// Refuses a path that cannot be Doorward's database. Changes neither the file nor its mode.
///
/// # Errors
/// [`OpenError::Path`] with the cure, or [`OpenError::Absent`] if there is no file and none may be
/// made.
pub(super) async fn check(path: &Path, if_absent: IfAbsent) -> Result<(), OpenError> {
    let refused = |why: String| OpenError::Path {
        path: path.display().to_string(),
        why,
    };
    check_folder(folder_of(path)).map_err(refused)?;
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(cause) if cause.kind() == ErrorKind::NotFound => {
            return match if_absent {
                IfAbsent::Create => check_writable(folder_of(path)).map_err(refused),
                IfAbsent::Refuse => Err(OpenError::Absent(format!("sqlite://{}", path.display()))),
            };
        }
        Err(cause) => return Err(refused(cause.to_string())),
    };
    let kind = found.file_type();
    if kind.is_dir() {
        let example = path.join("doorward.db");
        return Err(refused(format!(
            "is a directory: name a file, such as sqlite://{}",
            example.display()
        )));
    }
    if kind.is_symlink() {
        let target = fs::read_link(path).map_err(|cause| refused(cause.to_string()))?;
        return Err(refused(format!(
            "is a symbolic link to {}: name the file itself",
            target.display()
        )));
    }
    if !kind.is_file() {
        return Err(refused("is not a regular file".to_owned()));
    }
    check_writable(path).map_err(refused)?;
    check_writable(folder_of(path)).map_err(refused)?;
    if (1..LEAST_BYTES).contains(&found.len()) {
        return Err(refused(NO_DATABASE.to_owned()));
    }
    check_content(path).await.map_err(refused)
}

const NO_DATABASE: &str = "is not a SQLite database and was not changed: name a new file";
const FOREIGN: &str = "is the database of another program, nothing in it was changed: name a new file";

/// Takes the permissions of others from the file; SQLite gives its `-wal` and `-shm` files the same
/// mode. The file is not opened for it: closing it would drop SQLite's own locks (POSIX).
///
/// # Errors
/// The system's; a link that has come into the file's place is one.
pub(super) fn make_private(path: &Path) -> io::Result<()> {
    let held = File::from(open(
        path,
        OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )?);
    let found = held.metadata()?;
    if found.is_file() && found.permissions().mode() & 0o077 != 0 {
        let same_file = format!("/proc/self/fd/{}", held.as_raw_fd());
        fs::set_permissions(same_file, Permissions::from_mode(0o600))?;
    }
    Ok(())
}

fn check_folder(folder: &Path) -> Result<(), String> {
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(format!("{} is not a directory", folder.display())),
        Err(cause) if cause.kind() == ErrorKind::NotFound => Err(format!(
            "the folder {} does not exist: make it, or name another file",
            folder.display()
        )),
        Err(cause) => Err(format!("the folder {}: {cause}", folder.display())),
    }
}

/// Refuses a file or folder that this process may not write, with its owner and the cure.
fn check_writable(path: &Path) -> Result<(), String> {
    let denied = match accessat(CWD, path, Access::READ_OK | Access::WRITE_OK, AtFlags::EACCESS) {
        Ok(()) => return Ok(()),
        Err(denied) => denied,
    };
    let shown = path.display();
    match (denied, fs::metadata(path)) {
        (Errno::ROFS, _) => Err(format!("{shown} is on a read-only disk")),
        (Errno::ACCESS | Errno::PERM, Ok(found)) => Err(format!(
            "{shown} belongs to user id {owner} with mode {mode:04o}, so that user id {own} may not write it: \
             run doorward as user id {owner}, or: chown {own} {shown}",
            owner = found.uid(),
            mode = found.mode() & 0o7777,
            own = geteuid().as_raw(),
        )),
        (other, _) => Err(format!("{shown}: {other}")),
    }
}

/// Reads the file as it is, without its `-wal`: nothing is made beside it. Where there is a `-wal`,
/// whose tables the file may lack, SQLite reads both.
async fn check_content(path: &Path) -> Result<(), String> {
    let options = SqliteConnectOptions::new().filename(path);
    check_tables(options.clone().read_only(true).immutable(true)).await?;
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    if Path::new(&wal).exists() {
        check_tables(options.read_only(true)).await?;
    }
    Ok(())
}

async fn check_tables(options: SqliteConnectOptions) -> Result<(), String> {
    let looked = async {
        let mut connection = options.connect().await?;
        let ours = is_ours(&mut connection).await;
        connection.close().await?;
        ours
    };
    match looked.await {
        Ok(false) => Err(FOREIGN.to_owned()),
        Err(sqlx::Error::Database(refusal)) if refusal.code().as_deref() == Some(NOT_A_DATABASE) => {
            Err(NO_DATABASE.to_owned())
        }
        // An error is damage, or pages that a server writes at this moment: opening it will tell.
        Ok(true) | Err(_) => Ok(()),
    }
}

/// Whether the database has no tables yet, or begins with Doorward's first migration.
async fn is_ours(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let tables: Vec<(String,)> = sqlx::query_as(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )
    .fetch_all(&mut *connection)
    .await?;
    let others = tables.iter().filter(|(name,)| name != "_sqlx_migrations").count();
    if tables.len() == others {
        return Ok(others == 0);
    }
    let first: Option<(Vec<u8>,)> =
        sqlx::query_as("SELECT checksum FROM _sqlx_migrations ORDER BY version LIMIT 1")
            .fetch_optional(connection)
            .await?;
    let known = SQLITE.iter().next().map(|migration| &*migration.checksum);
    Ok(match first {
        Some((first,)) => known == Some(first.as_slice()),
        None => others == 0,
    })
}
