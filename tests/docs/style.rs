//! The house style of texts, as far as a machine can tell.

use std::path::Path;

use super::{pages, root};
use crate::architecture::rust_files;
use crate::architecture::tokens::without_texts;

/// Longest line of prose or code, in characters.
const LONGEST: usize = 120;
/// Comments with one of [`TURNS`] that may remain.
const MOST_TURNS: usize = 10;
/// Turns of phrase that a reader has to decode.
const TURNS: &[&str] = &[
    "whoever",
    "whomever",
    "whatever",
    "nobody",
    "passing failure",
    "is told",
    "come through",
    "they who",
    "those who",
    "as it stands",
    "and no more",
];
/// Beginning of the line that `make bench` writes.
const MADE: &str = "`make bench` of Doorward";

#[test]
fn the_readme_fits_on_its_screen() {
    let lines = include_str!("../../README.md").lines().count();
    assert!(
        lines <= 150,
        "{lines} lines; 150 are allowed, details belong in docs/"
    );
}

/// Tables, links, literals of code blocks and the line that `make bench` writes cannot be broken.
#[test]
fn no_line_of_a_page_is_too_long() {
    for page in pages() {
        let mut literal = false;
        for (number, line) in page.text.lines().enumerate() {
            literal ^= line.starts_with("```");
            let fits = line.chars().count() <= LONGEST
                || literal
                || line.starts_with(['|', '!', '['])
                || line.starts_with(MADE);
            assert!(
                fits,
                "{}:{}: {} characters",
                page.name,
                number + 1,
                line.chars().count()
            );
        }
    }
}

/// A text can make a line longer, for it cannot always be broken; the code around it cannot.
#[test]
fn no_line_of_code_is_too_long() {
    let mut long = Vec::new();
    for file in rust_files(&root().join("src")) {
        let source = std::fs::read_to_string(&file).unwrap();
        let code = without_texts(&source);
        assert_eq!(code.lines().count(), source.lines().count(), "{}", file.display());
        for (number, line) in code.lines().enumerate() {
            let length = line.chars().count();
            if length > LONGEST {
                long.push(format!("{}:{}: {length}", file.display(), number + 1));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// Folders and files of the checkout that a page names in backticks.
#[test]
fn every_path_that_a_page_names_exists() {
    let mut paths = 0;
    for page in pages() {
        for word in page.text.split('`').skip(1).step_by(2) {
            let is_path = ["src/", "tests/", "docs/", "benches/", "openapi/", "ops/"]
                .iter()
                .any(|folder| word.starts_with(folder))
                && !word.contains(['<', ' ', '*']);
            assert!(!is_path || root().join(word).exists(), "{}: {word}", page.name);
            paths += usize::from(is_path);
        }
    }
    assert!(paths > 20, "only {paths} paths");
}

/// The comments of a file, each line with its number.
fn comments(file: &Path) -> Vec<(usize, String)> {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines()
        .enumerate()
        .filter_map(|(number, line)| {
            let comment = line.trim_start().strip_prefix("//")?;
            Some((
                number + 1,
                comment.trim_start_matches(['/', '!']).trim().to_owned(),
            ))
        })
        .collect()
}

/// A doc comment begins with a noun or a verb, so that it is understood at the first reading.
#[test]
fn comments_are_read_once() {
    const BEGINNINGS: &[&str] = &["What ", "Who ", "Whose ", "Whoever ", "Of ", "They "];
    let mut found = Vec::new();
    for file in rust_files(&root().join("src")) {
        let mut last = 0;
        for (number, comment) in comments(&file) {
            let lower = comment.to_lowercase();
            let begins = number != last + 1 && BEGINNINGS.iter().any(|word| comment.starts_with(word));
            last = number;
            if begins || TURNS.iter().any(|turn| lower.contains(turn)) {
                found.push(format!("{}:{number}: {comment}", file.display()));
            }
        }
    }
    assert!(
        found.len() <= MOST_TURNS,
        "{} comments:\n{}",
        found.len(),
        found.join("\n")
    );
}
