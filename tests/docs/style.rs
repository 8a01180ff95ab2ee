//! The house style of texts, as far as a machine can tell.

use super::{pages, root};

/// Longest line of prose, in characters.
const LONGEST: usize = 120;
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
