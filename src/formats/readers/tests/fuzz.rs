//! Property tests of the reading of records: any bytes in any pieces, and records that come back.

use proptest::prelude::*;
use serde_json::json;

use super::{Record, read, read_by};

/// Whether the records, their errors and the end are the same however the bytes are cut, and counted
/// from 1.
fn in_any_pieces_the_same(bytes: &[u8]) -> bool {
    let outcome = |capacity| {
        let (seen, end) = read_by(capacity, bytes);
        (seen, end.map_err(|bad| bad.to_string()))
    };
    let (seen, end) = outcome(4096);
    let counted = (1..).zip(&seen).all(|(count, (number, _))| count == *number);
    counted
        && [1, 7]
            .into_iter()
            .all(|capacity| outcome(capacity) == (seen.clone(), end.clone()))
}

proptest! {
    #[test]
    fn any_bytes_give_the_same_records_whatever_pieces_they_come_in(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        head in "(\u{feff})?[ \n]{0,2}[\\[{a]?(\"users\":)?\\[?",
    ) {
        prop_assert!(in_any_pieces_the_same(&[head.as_bytes(), &bytes].concat()));
    }

    #[test]
    fn any_json_gives_the_same_records_whatever_pieces_it_comes_in(
        mark in "\u{feff}?",
        pieces in proptest::collection::vec("[\\[\\]{}:,\n\r \"\\\\]|\"users\"|\"n\"|1|null|-|\"", 0..60),
    ) {
        // The reader of CSV skips a second byte order mark if it comes in one piece.
        let text = mark + &pieces.concat();
        prop_assert!(in_any_pieces_the_same(text.as_bytes()));
    }

    #[test]
    fn lines_come_back_as_they_were(values in proptest::collection::vec("\\PC{0,20}", 0..8)) {
        let record = |value| Record::from_iter([("n".to_owned(), json!(value))]);
        let records: Vec<Record> = values.iter().map(record).collect();
        let lines: Vec<String> = records.iter().map(|record| json!(record).to_string()).collect();
        let document = serde_json::to_string_pretty(&json!({"x": 1, "users": records})).unwrap();
        for text in [lines.join("\n"), json!(records).to_string(), document] {
            let back: Vec<Record> = read(text.as_bytes()).0.into_iter().map(|(_, record)| record.unwrap()).collect();
            prop_assert_eq!(&back, &records);
        }
    }
}
