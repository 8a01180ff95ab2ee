//! Files that hold a secret: they are read only if their mode keeps others out (ASVS 13.3.1).
//!
//! The mode is asked of the open file, so that a link is followed once and the file that is checked
//! is the file that is read.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use zeroize::Zeroizing;

/// Those who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Its owner.
    Owner,
    /// Its owner and its group, which is how tools that renew certificates and mounts of secrets
    /// share a file.
    OwnerAndGroup,
}

impl Readers {
    /// The most that the mode of the file may allow.
    const fn mode(self) -> u32 {
        match self {
            Self::Owner => 0o600,
            Self::OwnerAndGroup => 0o640,
        }
    }
}

/// Reason why a file is not read, worded to follow its path.
#[derive(Debug, thiserror::Error)]
pub enum UnreadFile {
    /// The system refuses it.
    #[error("cannot be read: {0}")]
    Failed(#[from] io::Error),
    /// Its mode allows more than it may.
    #[error("is open to others (mode {mode:03o}); run: chmod {allowed:o} {path}")]
    Open {
        /// The mode of the file.
        mode: u32,
        /// The most that it may be.
        allowed: u32,
        /// The file.
        path: String,
    },
}

/// The content of a file that nobody but `readers` may read or write.
///
/// # Errors
/// [`UnreadFile`].
pub fn read(path: &Path, readers: Readers) -> Result<Zeroizing<Vec<u8>>, UnreadFile> {
    let mut file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    let allowed = readers.mode();
    if mode & !allowed & 0o077 != 0 {
        let path = path.display().to_string();
        return Err(UnreadFile::Open { mode, allowed, path });
    }
    let mut content = Zeroizing::new(Vec::new());
    file.read_to_end(&mut content)?;
    Ok(content)
}
