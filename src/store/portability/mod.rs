//! Moving in bulk: accounts in and out, a copy of the SQLite file and back, the whole of one database into
//! another.

mod backup;
mod copy;
mod new_file;
mod placeholders;
mod restore;
mod transfer;
mod void;

pub use backup::BackupError;
pub use copy::CopyError;
pub use new_file::NewFile;
pub use restore::{RestoreError, StagedFile};
pub(super) use transfer::NO_PASSWORD;
pub use transfer::{ExportedRow, TransferredUser};
pub use void::Voided;
