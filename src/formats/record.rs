//! A record as a file has it, and why one, or the rest of the file, cannot be read.

use std::io;
use std::ops::ControlFlow;

use serde_json::{Map, Value};

/// One user as the file has it. CSV gives text only, and leaves empty cells out.
pub type Record = Map<String, Value>;

/// The longest record in bytes of the file.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// A function that is called with the number of each record, from 1, and the record; it may end the
/// reading.
pub type Each<'a> = dyn FnMut(u64, Result<Record, RecordError>) -> ControlFlow<()> + 'a;

/// Why one record cannot be used; the others can.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A line that is not JSON.
    #[error("is not JSON: {what} in column {column}")]
    Json {
        /// Words of the parser, which never repeat the input.
        what: String,
        /// Its position in the line, in bytes from 1.
        column: usize,
    },
    /// JSON of another kind.
    #[error("is not a JSON object")]
    NotAnObject,
    /// Over [`MAX_RECORD_BYTES`].
    #[error("is longer than 1 MiB")]
    TooLong,
    /// A row that is shorter or longer than the header.
    #[error("has {cells} cells where the header has {columns}")]
    Cells {
        /// Cells of the row.
        cells: usize,
        /// Columns of the header.
        columns: usize,
    },
    /// A row in another encoding.
    #[error("is not UTF-8")]
    NotUtf8,
}

/// Why the rest of the file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file itself.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A list or document that is not JSON, or ends early.
    #[error("is not JSON: {what} at line {line} column {column}, after {records} records")]
    Json {
        /// Words of the parser, which never repeat the input.
        what: String,
        /// The line, from 1.
        line: usize,
        /// Its position in the line, in bytes from 1.
        column: usize,
        /// How many records came before.
        records: u64,
    },
    /// Something in a list, document or table is over [`MAX_RECORD_BYTES`], such as all that
    /// follows a quote left open.
    #[error("has a record longer than 1 MiB after {records} records")]
    TooLong {
        /// How many records came before.
        records: u64,
    },
    /// An object over several lines that is no document of users.
    #[error("is one JSON object without a list `users`; records of their own are written one to a line")]
    NoUsers,
    /// Neither JSON nor a table.
    #[error("has a header that is not UTF-8")]
    HeaderNotUtf8,
    /// Two columns of one name.
    #[error("has two columns of one name in its header: column {column} repeats an earlier one")]
    HeaderRepeats {
        /// The later of the two, from 1.
        column: usize,
    },
}

/// The words of the parser, without the position, which it counts from where it began.
pub(super) fn parser_words(broken: &serde_json::Error) -> String {
    let place = format!(" at line {} column {}", broken.line(), broken.column());
    let text = broken.to_string();
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}
