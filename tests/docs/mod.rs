//! The README and `docs/` keep their word: their shell lines give the answers that they print,
//! what is generated is current, and the text keeps to the house style.

mod http;
mod settings;
mod shell;
mod style;

use std::path::{Path, PathBuf};

/// A Markdown file: its path below the checkout, and its text.
struct Page {
    name: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compares a generated page with the one kept. `make docs` sets `WRITE_DOCS`; the page is then
/// written first.
fn compare(name: &str, page: &str) {
    let file = root().join(name);
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(&file, page).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = kept.lines().zip(page.lines()).find(|(kept, made)| kept != made);
    assert!(
        kept == page,
        "{name} is not current, run `make docs`; first: {differs:?}"
    );
}

/// The README and every page of `docs/`.
fn pages() -> Vec<Page> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .collect();
    files.sort();
    assert!(files.len() >= 8, "only {} pages", files.len());
    files.extend(["README.md", "CONTRIBUTING.md"].map(|name| root().join(name)));
    let page = |path: PathBuf| Page {
        name: path.strip_prefix(root()).unwrap().display().to_string(),
        text: std::fs::read_to_string(&path).unwrap(),
    };
    files.into_iter().map(page).collect()
}
