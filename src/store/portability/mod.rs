//! Moving in bulk: accounts in and out, a copy of the SQLite file, the whole of one database into
//! another.

mod backup;
mod copy;
mod placeholders;
mod transfer;

pub use backup::BackupError;
pub use copy::CopyError;
pub(super) use transfer::NO_PASSWORD;
pub use transfer::{ExportedRow, TransferredUser};
