//! CSV with a header line (RFC 4180), as databases and spreadsheets write it.
//!
//! A quote that is never closed takes in all that follows, until the allowance of a record ends it.

use std::io::BufRead;

use serde_json::Value;

use super::metered::{Meter, Metered};
use crate::formats::record::{Each, MAX_RECORD_BYTES, ReadError, Record, RecordError};

/// Hands over every row below the header.
pub(super) fn rows(reader: impl BufRead, each: &mut Each<'_>) -> Result<(), ReadError> {
    /// The parser reads so far ahead of the record that it is at.
    const AHEAD: usize = 64 * 1024;
    let meter = Meter::unlimited();
    let mut table = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(AHEAD)
        .from_reader(Metered {
            inner: reader,
            meter: &meter,
        });
    let mut row = csv::ByteRecord::new();
    let mut columns: Option<Vec<String>> = None;
    let mut number = 0;
    loop {
        meter.allow(MAX_RECORD_BYTES + AHEAD);
        match table.read_byte_record(&mut row) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(_) if meter.is_spent() => return Err(ReadError::TooLong { records: number }),
            Err(broken) => return Err(ReadError::Io(broken.into())),
        }
        let Some(columns) = &columns else {
            columns = Some(header(&row)?);
            continue;
        };
        number += 1;
        if each(number, parse_row(columns, &row)).is_break() {
            return Ok(());
        }
    }
}

fn header(row: &csv::ByteRecord) -> Result<Vec<String>, ReadError> {
    let mut columns: Vec<String> = Vec::with_capacity(row.len());
    for cell in row {
        let name = std::str::from_utf8(cell)
            .map_err(|_| ReadError::HeaderNotUtf8)?
            .trim();
        if !name.is_empty() && columns.iter().any(|column| column == name) {
            return Err(ReadError::HeaderRepeats {
                column: columns.len() + 1,
            });
        }
        columns.push(name.to_owned());
    }
    Ok(columns)
}

fn parse_row(columns: &[String], row: &csv::ByteRecord) -> Result<Record, RecordError> {
    if row.len() != columns.len() {
        return Err(RecordError::Cells {
            cells: row.len(),
            columns: columns.len(),
        });
    }
    let filled = columns
        .iter()
        .zip(row)
        .filter(|(column, cell)| !column.is_empty() && !cell.is_empty());
    filled
        .map(|(column, cell)| {
            let text = std::str::from_utf8(cell).map_err(|_| RecordError::NotUtf8)?;
            Ok((column.clone(), Value::from(text)))
        })
        .collect()
}
