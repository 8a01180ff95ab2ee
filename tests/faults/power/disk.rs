//! What a disk holds after a power cut.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::chance::Chance;

/// A disk writes so much of a write or nothing.
const SECTOR: usize = 512;

/// What a program did to the files of a folder. Files go by the number of their inode.
#[derive(Debug, Clone)]
pub enum Deed {
    Write { file: u64, at: usize, bytes: Vec<u8> },
    Truncate { file: u64, length: usize },
    Sync { file: u64 },
    SyncFolder,
    Create { file: u64, name: String },
    Name(NameChange),
}

#[derive(Debug, Clone)]
pub enum NameChange {
    New { name: String, file: usize },
    Unlink { name: String },
    Rename { old: String, new: String },
    Link { old: String, new: String },
}

/// From where on the disk forgets what it was told to flush; it also keeps nothing else then.
#[derive(Debug, Clone, Copy)]
pub enum Lies {
    None,
    Files { from: usize },
    Folder { from: usize },
}

impl Lies {
    /// What becomes of a flush of a file and of one of the folder at this place of the journal.
    pub fn at(self, number: usize) -> (bool, bool) {
        match self {
            Self::None => (true, true),
            Self::Files { from } => (number < from, true),
            Self::Folder { from } => (true, number < from),
        }
    }
}

/// What has been flushed, and what has not.
#[derive(Default)]
pub struct Disk {
    files: Vec<OneFile>,
    /// An inode's number is used again when its file has gone.
    by_inode: HashMap<u64, usize>,
    names: BTreeMap<String, usize>,
    changes: Vec<NameChange>,
}

#[derive(Default)]
struct OneFile {
    content: Vec<u8>,
    waiting: Vec<Change>,
}

enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate { length: usize },
}

impl Disk {
    pub fn take(&mut self, deed: &Deed, (syncs_file, syncs_folder): (bool, bool)) {
        match deed {
            Deed::Write { file, at, bytes } => {
                let (at, bytes) = (*at, bytes.clone());
                self.file(*file).waiting.push(Change::Write { at, bytes });
            }
            Deed::Truncate { file, length } => {
                let length = *length;
                self.file(*file).waiting.push(Change::Truncate { length });
            }
            Deed::Sync { file } if syncs_file => self.file(*file).flush(),
            Deed::SyncFolder if syncs_folder => {
                for change in std::mem::take(&mut self.changes) {
                    apply(&mut self.names, change);
                }
            }
            Deed::Sync { .. } | Deed::SyncFolder => {}
            Deed::Create { file, name } => {
                let number = self.files.len();
                self.files.push(OneFile::default());
                self.by_inode.insert(*file, number);
                self.changes.push(NameChange::New {
                    name: name.clone(),
                    file: number,
                });
            }
            Deed::Name(change) => self.changes.push(change.clone()),
        }
    }

    fn file(&mut self, inode: u64) -> &mut OneFile {
        &mut self.files[self.by_inode[&inode]]
    }

    /// All that was done, flushed or not: what the program itself saw.
    pub fn without_a_cut(mut self) -> Content {
        for change in std::mem::take(&mut self.changes) {
            apply(&mut self.names, change);
        }
        self.files.iter_mut().for_each(OneFile::flush);
        self.content()
    }

    /// Some of what was not flushed has reached the disk all the same.
    pub fn after_the_cut(mut self, chance: &mut Chance, lies: Lies) -> Content {
        // In a third of the cuts nothing of it, in a third half of it, in a third all of it.
        let often = if matches!(lies, Lies::None) {
            chance.below(3)
        } else {
            0
        };
        let some = |chance: &mut Chance| chance.below(2) < often;
        // What changes a folder is done in order, whoever keeps it: up to some point.
        let changes = std::mem::take(&mut self.changes);
        let kept = match often {
            0 => 0,
            1 => chance.below(changes.len() + 1),
            _ => changes.len(),
        };
        for change in changes.into_iter().take(kept) {
            apply(&mut self.names, change);
        }
        for file in &mut self.files {
            let mut together = Vec::new();
            for change in std::mem::take(&mut file.waiting) {
                match change {
                    Change::Write { at, bytes } => together.push((at, bytes)),
                    // A length changes after what was written before it, or not at all; then
                    // nothing that came later is there either.
                    Change::Truncate { length } => {
                        file.reorder(std::mem::take(&mut together), chance, some);
                        if !some(chance) {
                            break;
                        }
                        file.content.resize(length, 0);
                    }
                }
            }
            file.reorder(together, chance, some);
        }
        self.content()
    }

    fn content(self) -> Content {
        let names = self.names.into_iter();
        // Two names may be one file.
        Content(
            names
                .map(|(name, file)| (name, self.files[file].content.clone()))
                .collect(),
        )
    }
}

impl OneFile {
    fn flush(&mut self) {
        for change in std::mem::take(&mut self.waiting) {
            match change {
                Change::Write { at, bytes } => self.write(at, &bytes),
                Change::Truncate { length } => self.content.resize(length, 0),
            }
        }
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        if self.content.len() < end {
            self.content.resize(end, 0);
        }
        self.content[at..end].copy_from_slice(bytes);
    }

    /// Writes some of these, in any order, one in eight only up to some sector.
    fn reorder(
        &mut self,
        mut writes: Vec<(usize, Vec<u8>)>,
        chance: &mut Chance,
        some: impl Fn(&mut Chance) -> bool,
    ) {
        for last in (1..writes.len()).rev() {
            writes.swap(last, chance.below(last + 1));
        }
        for (at, bytes) in writes {
            let torn = chance.below(8) == 0;
            if !some(chance) {
                continue;
            }
            let kept = if torn {
                // Sectors are those of the file, not of the write.
                let sectors = chance.below(bytes.len() / SECTOR + 1) * SECTOR;
                sectors.saturating_sub(at % SECTOR)
            } else {
                bytes.len()
            };
            self.write(at, &bytes[..kept]);
        }
    }
}

fn apply(names: &mut BTreeMap<String, usize>, change: NameChange) {
    match change {
        NameChange::New { name, file } => {
            names.insert(name, file);
        }
        NameChange::Unlink { name } => {
            names.remove(&name);
        }
        NameChange::Rename { old, new } => {
            let file = names.remove(&old).unwrap();
            names.insert(new, file);
        }
        NameChange::Link { old, new } => {
            let file = names[&old];
            names.insert(new, file);
        }
    }
}

/// Files by name.
#[derive(Debug, PartialEq)]
pub struct Content(pub HashMap<String, Vec<u8>>);

impl Content {
    pub fn write_to(&self, folder: &Path) {
        for (name, bytes) in &self.0 {
            let path = folder.join(name);
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        }
    }
}
