//! Records out of a file of any of four shapes: JSON lines, a JSON list, a JSON document with a
//! member `users`, CSV with a header.
//!
//! The shape is found from the content, never from a name. A record that is broken is reported in
//! its place; reading goes on where the shape says for certain where the next one begins: after a
//! line of JSON, after a row of CSV. The surprise: one object alone in a file is a record if it is
//! on one line, and taken for a document if it is spread over several.

use std::io::{self, BufRead, Cursor, Read};
use std::ops::ControlFlow;

use serde_json::{Map, Value};

use super::document::{self, Document};
use super::table;

/// One user as the file has it. CSV gives text only, and leaves empty cells out.
pub type Record = Map<String, Value>;

/// The longest record in bytes of the file.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// What is called with the number of each record, from 1, and the record; it may end the reading.
pub type Each<'a> = dyn FnMut(u64, Result<Record, RecordError>) -> ControlFlow<()> + 'a;

/// Why one record cannot be used; the others can.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A line that is not JSON.
    #[error("is not JSON: {what} in column {column}")]
    Json {
        /// In the words of the parser, which never repeat the input.
        what: String,
        /// In bytes, from 1.
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
        /// In this row.
        cells: usize,
        /// In the header.
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
        /// In the words of the parser, which never repeat the input.
        what: String,
        /// From 1.
        line: usize,
        /// In bytes, from 1.
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

/// Calls `each` with every record of `reader`, in order.
///
/// # Errors
/// [`ReadError`] where no more records can be told apart; those before it were handed over.
pub fn for_each(mut reader: impl BufRead, each: &mut Each<'_>) -> Result<(), ReadError> {
    let mut head = Vec::with_capacity(3);
    reader.by_ref().take(3).read_to_end(&mut head)?;
    if head == "\u{feff}".as_bytes() {
        head.clear();
    }
    let mut reader = Cursor::new(head).chain(reader);
    let (first, lines_before) = skip_blank(&mut reader)?;
    match first {
        None => Ok(()),
        Some(b'[') => document::list(&mut reader, lines_before, each),
        Some(b'{') => objects(reader, lines_before, each),
        Some(_) => table::rows(reader, each),
    }
}

/// The first byte that is not blank, left in place, and how many lines end before it.
fn skip_blank(reader: &mut impl BufRead) -> io::Result<(Option<u8>, usize)> {
    let mut lines = 0;
    loop {
        match reader.fill_buf()?.first() {
            Some(b'\n') => lines += 1,
            Some(b' ' | b'\t' | b'\r') => {}
            other => return Ok((other.copied(), lines)),
        }
        reader.consume(1);
    }
}

/// Lines or a document: the first line tells, unless it is too long to hold.
fn objects(mut reader: impl BufRead, lines_before: usize, each: &mut Each<'_>) -> Result<(), ReadError> {
    let mut first = Vec::new();
    let whole = read_line(&mut reader, &mut first)?;
    let is_document = !whole || opens_document(&first);
    let mut reader = Cursor::new(first).chain(reader);
    if !is_document {
        return lines(reader, 0, each);
    }
    match document::users(&mut reader, lines_before, each)? {
        Document::OfUsers => Ok(()),
        Document::Other if whole => Err(ReadError::NoUsers),
        Document::Other => {
            skip_line(&mut reader)?;
            match each(1, Err(RecordError::TooLong)) {
                ControlFlow::Continue(()) => lines(reader, 1, each),
                ControlFlow::Break(()) => Ok(()),
            }
        }
    }
}

/// Whether a first line is a whole document, or the beginning of one over several lines.
fn opens_document(line: &[u8]) -> bool {
    match serde_json::from_slice::<Value>(line) {
        Ok(value) => value.get("users").is_some_and(Value::is_array),
        // A text cannot go on over the end of a line, so a line that was cut off in one is a syntax
        // error instead.
        Err(broken) => {
            broken.is_eof() && matches!(line.trim_ascii_end().last(), Some(b'{' | b'[' | b',' | b':'))
        }
    }
}

fn lines(mut reader: impl BufRead, mut number: u64, each: &mut Each<'_>) -> Result<(), ReadError> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let whole = read_line(&mut reader, &mut line)?;
        let record = if !whole {
            skip_line(&mut reader)?;
            Err(RecordError::TooLong)
        } else if line.is_empty() {
            return Ok(());
        } else if line.trim_ascii().is_empty() {
            continue;
        } else {
            parse_line(&line)
        };
        number += 1;
        if each(number, record).is_break() {
            return Ok(());
        }
    }
}

/// Reads a line with its end; false if it is longer than a record may be, and then only its
/// beginning was read.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    let most = MAX_RECORD_BYTES as u64 + 1;
    reader.by_ref().take(most).read_until(b'\n', line)?;
    Ok(line.ends_with(b"\n") || line.len() <= MAX_RECORD_BYTES)
}

fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let count = end.map_or(buffer.len(), |at| at + 1);
        reader.consume(count);
        if end.is_some() {
            return Ok(());
        }
    }
}

fn parse_line(line: &[u8]) -> Result<Record, RecordError> {
    match serde_json::from_slice(line) {
        Ok(Value::Object(record)) => Ok(record),
        Ok(_) => Err(RecordError::NotAnObject),
        Err(broken) => Err(RecordError::Json {
            what: document::words(&broken),
            column: broken.column(),
        }),
    }
}
