//! Moving in bulk: accounts in and out, a copy of the SQLite file, the whole of one database into
//! another.

mod backup;
mod copy;
mod transfer;

pub use backup::BackupError;
pub use copy::CopyError;
pub(super) use transfer::NO_PASSWORD;
pub use transfer::{ExportedRow, TransferredUser};

/// Rows of one statement: SQLite looks each parameter up by its name, so the cost of a statement
/// grows with the square of their number.
const ROWS: usize = 32;

/// `($1, $2), ($3, $4)` for two rows of two.
fn placeholders(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let numbers: Vec<String> = (1..=columns)
            .map(|column| format!("${}", row * columns + column))
            .collect();
        format!("({})", numbers.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}
