//! Moving in, moving out, moving house: import, export, backup, restore, and a copy into another database.

mod backup;
mod copy;
mod export;
mod import;
mod restore;

pub use backup::{BackupFailure, back_up};
pub use copy::{CopyFailure, copy};
pub use export::{ExportError, count, export};
pub use import::{Import, ImportError, Imported, Listener, guess_source, import};
pub use restore::{RestoreFailure, Restored, void_restored};
