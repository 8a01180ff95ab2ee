//! Schemathesis makes requests from the document, and every check of its own judges the answers of
//! the program: as an admin and as a user.

use std::path::Path;

use super::{openapi, python};
use crate::support::child;
use crate::support::document::document;
use crate::support::process::{Server, output};

/// Requests of one run of the tests; `make fuzz` asks for more.
const REQUESTS: usize = 2000;
/// One example of each operation makes so many of them, with what Schemathesis makes of its own
/// accord.
const REQUESTS_PER_EXAMPLE: usize = 110;

/// One run; how many requests it made.
fn run(server: &Server, folder: &Path, role: &str, examples: usize, seed: usize) -> usize {
    let mut schemathesis = python("schemathesis.cli");
    schemathesis
        .current_dir(folder)
        .arg("--config-file")
        .arg(openapi("schemathesis.toml"))
        .arg("run")
        .arg(openapi("openapi.json"));
    schemathesis.args([
        "--checks",
        "all",
        "--no-color",
        "--generation-database",
        "none",
        "--url",
        &server.url(""),
    ]);
    schemathesis.args([
        "--max-examples",
        &examples.to_string(),
        "--seed",
        &seed.to_string(),
    ]);
    schemathesis
        .env("DOORWARD_CASES_ROLE", role)
        .env("DOORWARD_CASES_PROGRAM", env!("CARGO_BIN_EXE_doorward"));
    schemathesis
        .env("DOORWARD_CASES_FOLDER", folder)
        .env("DOORWARD_CASES_URL", server.url(""));
    let said = child::run(&mut schemathesis).expect(0).stdout;
    let operations = document()["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|item| item.as_object().unwrap().len())
        .sum::<usize>();
    assert!(said.contains(&format!("Tested: {operations}\n")), "{said}");
    let generated = said.lines().find_map(|line| {
        line.trim()
            .split_once(" generated")
            .and_then(|(count, _)| count.parse().ok())
    });
    generated.unwrap_or_else(|| panic!("no number of cases in: {said}"))
}

#[test]
fn whatever_the_document_allows_or_forbids_is_answered_as_it_says() {
    let wanted = std::env::var("DOORWARD_REQUESTS").map_or(REQUESTS, |count| count.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[("RUST_LOG", "info")]);
    let mut made = 0;
    for seed in 1.. {
        let examples = (wanted / REQUESTS_PER_EXAMPLE).clamp(10, 100);
        let run = |role| run(&server, folder.path(), role, examples, seed);
        made += std::thread::scope(|both| {
            let user = both.spawn(|| run("user"));
            run("admin") + user.join().unwrap()
        });
        if made >= wanted {
            break;
        }
    }
    println!("{made} requests kept to the document");
    assert_eq!(server.said("request failed"), 0, "an answer was 5xx");
    // It is still the same database that it was.
    output(folder.path(), &[], &["audit", "verify"]).expect(0);
}
