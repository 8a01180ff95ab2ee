//! Files that are whole or absent, also after a power cut.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::store::folder::folder_of;

/// A new file, under its name with the ending `.unfinished` until it is whole and on disk; only its
/// owner can read it.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    unfinished: PathBuf,
    file: File,
}

impl NewFile {
    /// Begins a file that is not there yet.
    ///
    /// # Errors
    /// The file is there, or an unfinished one of its name, or it cannot be created.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let mut name = OsString::from(path);
        name.push(".unfinished");
        let unfinished = PathBuf::from(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)
            .map_err(|cause| match cause.kind() {
                ErrorKind::AlreadyExists => io::Error::new(
                    ErrorKind::AlreadyExists,
                    format!(
                        "{} is there: another command writes it, or one was interrupted; then remove it",
                        unfinished.display()
                    ),
                ),
                _ => cause,
            })?;
        let path = path.to_owned();
        let this = Self {
            path,
            unfinished,
            file,
        };
        // Another command can finish a file of this name only if it has the unfinished one, which is
        // now ours.
        let there = fs::symlink_metadata(&this.path);
        match there {
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(this),
            other => {
                this.abandon()?;
                other.and(Err(io::Error::new(ErrorKind::AlreadyExists, "File exists")))
            }
        }
    }

    /// Where it is until it is finished.
    #[must_use]
    pub fn unfinished(&self) -> &Path {
        &self.unfinished
    }

    /// Writes to it.
    #[must_use]
    pub fn writer(&self) -> impl Write {
        &self.file
    }

    /// Gives it its name once its content is on disk, and returns when the name is, too.
    ///
    /// # Errors
    /// The system refuses it; what is unfinished is removed.
    pub fn finish(self) -> io::Result<()> {
        let named = self
            .file
            .sync_all()
            .and_then(|()| fs::rename(&self.unfinished, &self.path));
        if named.is_err() {
            self.abandon()?;
            return named;
        }
        match File::open(folder_of(&self.path))?.sync_all() {
            // A file system that cannot be asked for it.
            Err(cause) if cause.kind() == ErrorKind::InvalidInput => Ok(()),
            flushed => flushed,
        }
    }

    /// Removes it unfinished.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn abandon(&self) -> io::Result<()> {
        fs::remove_file(&self.unfinished)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_new_file_has_its_name_when_it_is_whole_and_replaces_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("export.jsonl");
        let names = || {
            fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect::<Vec<_>>()
        };
        NewFile::begin(&path).unwrap().abandon().unwrap();
        assert!(names().is_empty(), "nothing stays");
        let new = NewFile::begin(&path).unwrap();
        new.writer().write_all(b"whole").unwrap();
        assert_eq!(names(), ["export.jsonl.unfinished"]);
        let second = NewFile::begin(&path).unwrap_err().to_string();
        assert!(second.contains("another command writes it"), "{second}");
        new.finish().unwrap();
        assert_eq!(names(), ["export.jsonl"]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            NewFile::begin(&path).unwrap_err().kind(),
            ErrorKind::AlreadyExists
        );
        assert_eq!(names(), ["export.jsonl"]);
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }
}
