//! JSON lines: an object on each line.

use std::io::{self, BufRead, Read as _};

use serde_json::Value;

use crate::formats::record::{Each, MAX_RECORD_BYTES, ReadError, Record, RecordError, parser_words};

/// Hands over every line, numbered from behind `number`; blank ones are passed over.
pub(super) fn records(
    mut reader: impl BufRead,
    mut number: u64,
    each: &mut Each<'_>,
) -> Result<(), ReadError> {
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
pub(super) fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    let most = MAX_RECORD_BYTES as u64 + 1;
    reader.by_ref().take(most).read_until(b'\n', line)?;
    Ok(line.ends_with(b"\n") || line.len() <= MAX_RECORD_BYTES)
}

/// Passes over the rest of a line.
pub(super) fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
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
            what: parser_words(&broken),
            column: broken.column(),
        }),
    }
}
