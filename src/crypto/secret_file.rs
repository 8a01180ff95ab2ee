//! The file of the root secret: private to its owner, written once and whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::CryptoError;
use super::private_file::{self, Readers, UnreadFile};
use super::root_secret::{MIN_SECRET_BYTES, RootSecret};

impl RootSecret {
    /// Reads the secret's file; none if there is no such file.
    ///
    /// # Errors
    /// The file can be read by others than its owner (ASVS 13.3.1), cannot be read by us, or holds
    /// no usable secret.
    pub fn read(path: &Path) -> Result<Option<Self>, CryptoError> {
        let refuse = |why: String| CryptoError::File {
            path: path.display().to_string(),
            why,
        };
        let content = match private_file::read(path, Readers::Owner) {
            Ok(content) => content,
            Err(UnreadFile::Failed(cause)) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(refuse(why.to_string())),
        };
        let text = str::from_utf8(&content).unwrap_or_default();
        Self::parse(text.trim()).map(Some).ok_or_else(|| {
            refuse(format!(
                "does not hold a secret of at least {MIN_SECRET_BYTES} bytes"
            ))
        })
    }

    /// Writes the secret to a new file that only its owner may read; whole and on disk, or not at
    /// all. A file that is there already stays as it is. An unfinished one of a process that was
    /// killed is begun anew under the same name, so that no copy stays behind.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), CryptoError> {
        let write = || -> io::Result<()> {
            let folder = File::open(
                path.parent()
                    .filter(|folder| !folder.as_os_str().is_empty())
                    .unwrap_or(Path::new(".")),
            )?;
            // Only one of the processes that start at the same time passes the lock.
            folder.lock()?;
            if path.try_exists()? {
                return Ok(());
            }
            let unfinished = path.with_extension("secret.new");
            match fs::remove_file(&unfinished) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
                _ => {}
            }
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&unfinished)?;
            file.write_all(self.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::rename(&unfinished, path)?;
            folder.sync_all()
        };
        write().map_err(|cause| CryptoError::File {
            path: path.display().to_string(),
            why: cause.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_file_is_private_and_a_public_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("doorward.secret");
        assert!(RootSecret::read(&path).unwrap().is_none());
        let secret = RootSecret::generate().unwrap();
        secret.write(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        RootSecret::generate().unwrap().write(&path).unwrap();
        assert_eq!(
            RootSecret::read(&path).unwrap().unwrap().as_bytes(),
            secret.as_bytes(),
            "the first one stays"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::remove_file(&path).unwrap();
        fs::write(
            folder.path().join("doorward.secret.new"),
            "of a process that was killed",
        )
        .unwrap();
        secret.write(&path).unwrap();
        assert_eq!(
            RootSecret::read(&path).unwrap().unwrap().as_bytes(),
            secret.as_bytes()
        );
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing unfinished stays"
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(
            RootSecret::read(&path)
                .unwrap_err()
                .to_string()
                .contains("chmod 600")
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "short").unwrap();
        assert!(RootSecret::read(&path).is_err());
    }
}
