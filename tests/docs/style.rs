//! The house style of texts, as far as a machine can tell.

use super::pages;

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
