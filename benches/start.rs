//! The first minutes of an installation: the start of the process, and the import of those who come
//! along.

use std::io::Write as _;

use crate::load::median;
use crate::report::Report;
use crate::service::{self, Service};

const MILLION: usize = 1_000_000;

/// From the start of the process to the first 200, with nothing on disk and with a database that is
/// there; and what starts.
#[expect(clippy::cast_precision_loss, reason = "a size far below 2^52")]
pub fn to_first_answer(report: &mut Report) {
    let binary = std::fs::metadata(service::PROGRAM).expect("the program").len() as f64 / f64::from(1 << 20);
    report.row(
        "the program's file",
        &format!("{binary:.1} MiB"),
        "",
        "",
        "at most 16 MiB",
    );
    let folder = tempfile::tempdir().expect("a folder");
    let mut fresh = Vec::new();
    let mut again = Vec::new();
    for _ in 0..10 {
        let empty = tempfile::tempdir().expect("a folder");
        fresh.push(Service::time_to_first_answer(empty.path(), &[]));
        again.push(Service::time_to_first_answer(folder.path(), &[]));
    }
    report.row(
        "start to first 200, new database",
        &format!("{:.0} ms", median(fresh.into_iter())),
        "",
        "",
        "at most 30 ms",
    );
    report.row(
        "start to first 200, existing database",
        &format!("{:.0} ms", median(again.into_iter().skip(1))),
        "",
        "",
        "at most 30 ms",
    );
}

/// A million accounts, each with a bcrypt hash, from a file of our own form; and the same again.
pub fn import(report: &mut Report) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = std::fs::File::create(folder.path().join("users.jsonl")).expect("a file");
    let mut lines = std::io::BufWriter::new(file);
    for number in 0..MILLION {
        let hash = "$2b$10$QaHPfOg3E9GIUyHywwFi7O9uI3lE3atIkqB5qa0qn8g4yT77ELC8S";
        writeln!(lines, r#"{{"email":"user{number}@example.com","password_hash":"{hash}","is_active":true,"created_at":"2024-01-02T03:04:05Z"}}"#)
            .expect("a line");
    }
    lines.flush().expect("a file");
    for figure in [
        "`doorward import` of a million accounts, SQLite",
        "the same again",
    ] {
        let output = service::command(folder.path(), &["import", "users.jsonl"])
            .output()
            .expect("the program runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let said = String::from_utf8(output.stdout).expect("UTF-8");
        let mut lines = said.lines();
        report.row(
            figure,
            lines.next().unwrap_or_default(),
            lines.next().unwrap_or_default(),
            "",
            "",
        );
    }
}
