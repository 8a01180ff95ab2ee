//! The reading of records, apart from it so that its file stays what it is about.

mod fuzz;

use std::cell::Cell;
use std::io::{BufReader, Read};
use std::ops::ControlFlow;

use serde_json::json;

use super::for_each;
use crate::formats::record::{MAX_RECORD_BYTES, ReadError, Record, RecordError};

type Seen = Vec<(u64, Result<Record, RecordError>)>;

fn read(bytes: &[u8]) -> (Seen, Result<(), ReadError>) {
    read_by(7, bytes)
}

/// Reads through a buffer of so many bytes.
fn read_by(capacity: usize, bytes: &[u8]) -> (Seen, Result<(), ReadError>) {
    let mut seen = Vec::new();
    let end = for_each(
        BufReader::with_capacity(capacity, bytes),
        &mut |number, record| {
            seen.push((number, record));
            ControlFlow::Continue(())
        },
    );
    (seen, end)
}

/// The `n` of every record, or the words of its error.
fn told(bytes: impl AsRef<[u8]>) -> Vec<String> {
    let (seen, end) = read(bytes.as_ref());
    let numbers: Vec<u64> = seen.iter().map(|(number, _)| *number).collect();
    assert_eq!(
        numbers,
        (1..=seen.len() as u64).collect::<Vec<_>>(),
        "records are counted from 1"
    );
    let records = seen
        .into_iter()
        .map(|(_, record)| record.map_or_else(|bad| bad.to_string(), |record| record["n"].to_string()));
    records
        .chain(end.err().map(|bad| format!("end: {bad}")))
        .collect()
}

fn record(n: u32) -> String {
    json!({"n": n, "text": "ä\"}],{[\n", "deep": {"users": [1]}}).to_string()
}

#[test]
fn every_shape_gives_the_same_records() {
    let (a, b) = (record(1), record(2));
    let deep: serde_json::Value = serde_json::from_str(&a).unwrap();
    for text in [
        format!("{a}\n{b}\n"),
        format!("{a}\r\n{b}"),
        format!("\u{feff}\n \t\r\n{a}\n\n   \n{b}\n\n"),
        format!("[{a},{b}]"),
        format!(" \n[\n  {a},\n  {b}\n]\n"),
        format!(r#"{{"users":[{a},{b}]}}"#),
        format!("{{\"users\": [\n{a},\n{b}\n]}}\n"),
        format!(
            "\u{feff}\n{{\n  \"realm\": \"x\",\n  \"roles\": {{\"users\": [{a}]}},\n  \"users\": [\n{a},\n{b}\n],\n  \"clients\": [1, {{}}]\n}}"
        ),
        format!("{{\"realm\":\n \"x\", \"users\": [{a},{b}]}}"),
        format!("[{},{b}]", serde_json::to_string_pretty(&deep).unwrap()),
    ] {
        assert_eq!(told(&text), ["1", "2"], "{text}");
    }
    assert_eq!(told("n,text\n1,\"a\n\"\"b\"\"\"\n2,\n"), [r#""1""#, r#""2""#]);
}

#[test]
fn a_table_gives_text_and_leaves_empty_cells_out() {
    let (seen, end) =
        read("\u{feff}id,\"e,mail\",,x\r\n1,\"say \"\"hi\"\"\",lost,\"\"\r\n\r\n2,ä,,y\r\n".as_bytes());
    assert!(end.is_ok());
    let rows: Vec<Record> = seen.into_iter().map(|(_, row)| row.unwrap()).collect();
    assert_eq!(
        json!(rows),
        json!([{"id": "1", "e,mail": "say \"hi\""}, {"id": "2", "e,mail": "ä", "x": "y"}])
    );
}

#[test]
fn nothing_at_all_is_no_record() {
    for empty in [
        "",
        "\u{feff}",
        " \n\t\r\n",
        "[]",
        "[\n]",
        "{\"users\":[]}",
        "{\n\"users\": [\n]\n}\n",
        "email,hash\n",
    ] {
        assert_eq!(told(empty), [""; 0], "{empty:?}");
    }
}

#[test]
fn a_broken_line_is_told_and_the_next_one_is_read() {
    let bad = [
        "{\"n\":1,}",
        "{\"n\" 1}",
        "{\"secret\":\"cut o",
        "{\"n\":1",
        "{\"n\":1} {\"n\":1}",
        "{'n':1}",
        "{\"n\":\"\\x\"}",
        "{\"n\":01}",
        "{n:1}",
    ];
    for bad in bad {
        for text in [
            format!("{bad}\n{{\"n\":2}}\n"),
            format!("{{\"n\":1}}\n{bad}\n{{\"n\":2}}"),
        ] {
            let told = told(&text);
            let broken = &told[told.len() - 2];
            assert!(
                broken.starts_with("is not JSON: ")
                    && broken.contains(" in column ")
                    && !broken.contains("secret"),
                "{text}: {told:?}"
            );
            assert_eq!(told.last().unwrap(), "2", "{text}");
        }
    }
    assert_eq!(
        told("{\"n\":1}\n\"a hash\"\n[1]\nnull\n{\"n\":2}"),
        [
            "1",
            "is not a JSON object",
            "is not a JSON object",
            "is not a JSON object",
            "2"
        ]
    );
    assert_eq!(told(b"{\"n\":1}\n{\"n\":\"\xff\"}\n{\"n\":2}").len(), 3);
}

#[test]
fn a_list_that_breaks_ends_with_its_place() {
    assert_eq!(
        told("\n[\n{\"n\":1},\n{\"n\":2,}]"),
        [
            "1",
            "end: is not JSON: trailing comma at line 4 column 8, after 1 records"
        ]
    );
    assert_eq!(
        told("[{\"n\":1}"),
        [
            "1",
            "end: is not JSON: EOF while parsing a list at line 1 column 8, after 1 records"
        ]
    );
    assert_eq!(
        told("[{\"n\":1}] x"),
        [
            "1",
            "end: is not JSON: trailing characters at line 1 column 11, after 1 records"
        ]
    );
    assert_eq!(
        told("[{\"n\":1}, 5, \"hash\", {\"n\":2}]"),
        ["1", "is not a JSON object", "is not a JSON object", "2"]
    );
    let cut = told("{\"users\":[\n{\"n\":1}],\n");
    assert!(
        cut[0] == "1" && cut[1].starts_with("end: is not JSON: EOF while parsing"),
        "{cut:?}"
    );
}

#[test]
fn an_object_over_several_lines_is_a_document_of_users_or_nothing() {
    for text in [
        "{\n \"n\": 1\n}\n",
        "{\n \"users\": {\"a\": 1}\n}",
        "{\n \"users\": null,\n \"n\": 2\n}",
        "{\n\"users\": \"x\"}",
        "{\n\"users\": -1.5}",
        "{\n\"users\": true}",
    ] {
        let told = told(text);
        assert!(
            told.len() == 1 && told[0].starts_with("end: is one JSON object without a list"),
            "{text}: {told:?}"
        );
    }
    assert_eq!(
        told("{\"users\":5,\"n\":1}\n{\"n\":2}"),
        ["1", "2"],
        "on one line it is a record"
    );
}

#[test]
fn depth_is_bounded() {
    let deep = |levels: usize| format!("{{\"n\":1,\"d\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(told(deep(100)), ["1"]);
    let text = format!("{}\n{{\"n\":2}}", deep(100_000));
    assert!(told(&text)[0].contains("recursion limit") && told(&text)[1] == "2");
    assert!(told(format!("[{}]", deep(100_000)))[0].contains("recursion limit"));
    assert!(told(format!("{{\n\"users\":{}", "[".repeat(100_000)))[0].contains("recursion limit"));
}

#[test]
fn a_long_line_is_told_wherever_it_is() {
    let line = |length: usize| format!("{{\"n\":1,\"pad\":\"{}\"}}", "x".repeat(length - 16));
    assert_eq!(told(line(MAX_RECORD_BYTES)), ["1"]);
    assert_eq!(
        told(format!("{}\n{{\"n\":2}}", line(MAX_RECORD_BYTES))),
        ["1", "2"]
    );
    let over = line(MAX_RECORD_BYTES + 1);
    for (text, expected) in [
        (format!("{over}\n{{\"n\":2}}\n"), ["is longer than 1 MiB", "2"]),
        (format!("{{\"n\":2}}\n{over}\n"), ["2", "is longer than 1 MiB"]),
        (format!("{{\"n\":2}}\n{over}"), ["2", "is longer than 1 MiB"]),
    ] {
        assert_eq!(told(text), expected);
    }
    assert_eq!(
        told(format!("[{{\"n\":1}},{over}]")),
        ["1", "end: has a record longer than 1 MiB after 1 records"]
    );
    assert_eq!(
        told(format!("n,text\n1,\"{}", "x\n".repeat(MAX_RECORD_BYTES))),
        ["end: has a record longer than 1 MiB after 0 records"]
    );
}

#[test]
fn what_a_document_has_beside_its_users_may_be_of_any_length() {
    let much = format!("[{}1]", "{\"a\":\"xxxxxxxxxxxxxxxx\"},".repeat(100_000));
    for text in [
        format!("{{\"clients\":{much},\"users\":[{{\"n\":1}}],\"more\":{much}}}"),
        format!("{{\n\"clients\":{much},\n\"users\":[{{\"n\":1}}],\n\"more\":{much}}}"),
    ] {
        assert_eq!(told(text), ["1"]);
    }
}

#[test]
fn a_row_that_does_not_fit_the_header_is_told() {
    assert_eq!(
        told("n,m\n1,2\n3\n4,5,6\n7,8\n"),
        [
            "\"1\"",
            "has 1 cells where the header has 2",
            "has 3 cells where the header has 2",
            "\"7\""
        ]
    );
    assert_eq!(told(b"n\n1\n\xff\n2\n"), ["\"1\"", "is not UTF-8", "\"2\""]);
    assert_eq!(
        told("n,m,n\n1,2,3\n"),
        ["end: has two columns of one name in its header: column 3 repeats an earlier one"]
    );
    assert_eq!(told(b"\xff\xfee\0m\0"), ["end: has a header that is not UTF-8"]);
}

#[test]
fn the_caller_may_end_the_reading() {
    for text in [
        "{\"n\":1}\n{\"n\":2}\n",
        "[{\"n\":1},{\"n\":2}]",
        "{\n\"users\":[{\"n\":1},{\"n\":2}]}",
        "n\n1\n2\n",
        "{\"n\":1}\n{broken",
    ] {
        let mut calls = 0;
        for_each(text.as_bytes(), &mut |_, _| {
            calls += 1;
            ControlFlow::Break(())
        })
        .unwrap();
        assert_eq!(calls, 1, "{text}");
    }
}

/// Gives `head`, then `record` over and over, then `tail`, and counts what it gave.
struct Endless<'a> {
    pieces: Box<dyn Iterator<Item = u8> + 'a>,
    given: &'a Cell<u64>,
}

impl Read for Endless<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let mut count = 0;
        for (slot, byte) in into.iter_mut().zip(&mut self.pieces) {
            *slot = byte;
            count += 1;
        }
        self.given.set(self.given.get() + count as u64);
        Ok(count)
    }
}

#[test]
fn no_more_of_the_file_is_read_than_the_record_at_hand() {
    const RECORDS: usize = 20_000;
    for (head, each, tail) in [
        ("", "{\"n\":123456,\"email\":\"someone@example.com\"}\n", ""),
        ("[{}", ",{\"n\":123456,\"email\":\"someone@example.com\"}", "]"),
        (
            "{\n\"a\":[1],\"users\":[{}",
            ",\n{\"n\":123456,\"email\":\"someone@example.com\"}",
            "],\"b\":{}}",
        ),
        ("n,email\n", "123456,someone@example.com\n", ""),
    ] {
        let given = Cell::new(0);
        let pieces = head
            .bytes()
            .chain(std::iter::repeat_n(each, RECORDS).flat_map(str::bytes))
            .chain(tail.bytes());
        let reader = BufReader::with_capacity(
            512,
            Endless {
                pieces: Box::new(pieces),
                given: &given,
            },
        );
        let mut records = 0;
        for_each(reader, &mut |number, record| {
            assert!(record.is_ok());
            records = number;
            assert!(
                given.get() <= number * each.len() as u64 + 70 * 1024,
                "{} bytes for {number} records",
                given.get()
            );
            ControlFlow::Continue(())
        })
        .unwrap();
        assert!(records >= RECORDS as u64, "{head}");
    }
}

#[test]
fn a_file_that_cannot_be_read_on_ends_with_that() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is gone"))
        }
    }
    for head in [
        "",
        "{\"n\":1}\n",
        "[{\"n\":1},",
        "[{\"n\":1}]",
        "{\n\"users\":[",
        "n\n1\n2,\"",
        "{\"n\"",
    ] {
        let end = for_each(BufReader::new(head.as_bytes().chain(Broken)), &mut |_, _| {
            ControlFlow::Continue(())
        });
        assert_eq!(
            end.unwrap_err().to_string(),
            "cannot be read: the disk is gone",
            "{head}"
        );
    }
}
