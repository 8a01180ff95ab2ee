//! Our half of `shim.c`: makes it, and tells it by a file in shared memory which call is to fail.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::support::child::run;

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults");

/// Kinds of calls, as bits.
pub const WRITE: i64 = 1;
pub const SYNC: i64 = 2;
pub const OPEN: i64 = 4;
pub const TRUNCATE: i64 = 8;
pub const READ: i64 = 16;
pub const NAME: i64 = 32;
pub const MAP: i64 = 64;
pub const OPEN_TO_WRITE: i64 = 128;

/// What a call does instead: an errno of Linux, or half of the write.
pub const EINTR: i64 = 4;
pub const EIO: i64 = 5;
pub const ENOMEM: i64 = 12;
pub const EMFILE: i64 = 24;
pub const ENOSPC: i64 = 28;
pub const EROFS: i64 = 30;
/// Half is written, and that is said.
pub const SHORT: i64 = 1000;
/// Half is written, and EIO is said.
pub const TORN: i64 = 1001;
/// Nothing is written, and that all is is said: a disk that lies.
pub const LOST: i64 = 1002;

const KINDS: u64 = 0;
const FIRST: u64 = 1;
const LAST: u64 = 2;
const SEEN: u64 = 3;
const ACTION: u64 = 4;
const FIRED: u64 = 5;
const WORDS: u64 = 8;

/// Compiles the shim, once a run.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| compiled("shim"))
}

/// Compiles a file of C beside this one to a library that can be put beneath the program.
pub fn compiled(name: &str) -> PathBuf {
    let source = Path::new(SOURCES).join(name).with_extension("c");
    let library = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(name)
        .with_extension("so");
    let made = library.with_extension(std::process::id().to_string());
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"]);
    run(compiler.arg(&made).arg(source)).expect(0);
    // Whole at once: another run may be using it.
    std::fs::rename(&made, &library).unwrap();
    library
}

/// A shim for the programs that are started with its settings; nothing fails until it is told so.
pub struct Shim {
    control: File,
    settings: [(&'static str, String); 3],
}

impl Shim {
    /// For calls on files below the folder. The control file lies beside it, where none of them
    /// are.
    pub fn over(folder: &Path) -> Self {
        let path = folder.with_extension("control");
        let control = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .unwrap();
        control.set_len(8 * WORDS).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let settings = [
            ("LD_PRELOAD", text(library())),
            ("FAULT_CONTROL", text(&path)),
            ("FAULT_FOLDER", text(folder)),
        ];
        Self { control, settings }
    }

    /// The program's settings and those that put the shim beneath it.
    pub fn with<'a>(&'a self, settings: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        settings
            .iter()
            .copied()
            .chain(self.settings.iter().map(|(name, value)| (*name, value.as_str())))
            .collect()
    }

    /// Lets the Nth call of these kinds fail, and no other.
    pub fn fail(&self, kinds: i64, number: i64, action: i64) {
        self.arm(kinds, number, number, action);
    }

    /// Lets the Nth call of these kinds fail, and every one after it.
    pub fn fail_from(&self, kinds: i64, number: i64, action: i64) {
        self.arm(kinds, number, i64::MAX, action);
    }

    /// Ends the fault; says how many calls it failed.
    pub fn end(&self) -> i64 {
        self.set(FIRST, 0);
        self.get(FIRED)
    }

    fn arm(&self, kinds: i64, first: i64, last: i64, action: i64) {
        self.set(FIRST, 0);
        for (word, value) in [
            (KINDS, kinds),
            (LAST, last),
            (SEEN, 0),
            (ACTION, action),
            (FIRED, 0),
            (FIRST, first),
        ] {
            self.set(word, value);
        }
    }

    fn set(&self, word: u64, value: i64) {
        self.control.write_all_at(&value.to_ne_bytes(), 8 * word).unwrap();
    }

    fn get(&self, word: u64) -> i64 {
        let mut bytes = [0; 8];
        self.control.read_exact_at(&mut bytes, 8 * word).unwrap();
        i64::from_ne_bytes(bytes)
    }
}

impl Drop for Shim {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_file(&self.settings[1].1);
    }
}
