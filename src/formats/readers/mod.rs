//! Records out of a file of any of four shapes: JSON lines, a JSON list, a JSON document with a
//! member `users`, CSV with a header.
//!
//! The shape is found from the content, never from a name. A record that is broken is reported in
//! its place; reading goes on where the shape says for certain where the next one begins: after a
//! line of JSON, after a row of CSV. The surprise: one object alone in a file is a record if it is
//! on one line, and taken for a document if it is spread over several.

mod document;
mod lines;
mod metered;
mod table;

#[cfg(test)]
mod tests;

use std::io::{self, BufRead, Cursor, Read};
use std::ops::ControlFlow;

use serde_json::Value;

use self::document::Document;
use super::record::{Each, ReadError, RecordError};

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
    let whole = lines::read_line(&mut reader, &mut first)?;
    let is_document = !whole || opens_document(&first);
    let mut reader = Cursor::new(first).chain(reader);
    if !is_document {
        return lines::records(reader, 0, each);
    }
    match document::users(&mut reader, lines_before, each)? {
        Document::OfUsers => Ok(()),
        Document::Other if whole => Err(ReadError::NoUsers),
        Document::Other => {
            lines::skip_line(&mut reader)?;
            match each(1, Err(RecordError::TooLong)) {
                ControlFlow::Continue(()) => lines::records(reader, 1, each),
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
