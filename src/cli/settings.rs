//! `doorward settings` and `doorward help settings`: print every setting with its default and
//! meaning.

use std::fmt::Write as _;

use super::exit::Exit;
use super::output::print;
use crate::config::{AREAS, Setting};

/// Runs the command.
///
/// # Errors
/// [`Exit`] if standard output fails.
pub fn run() -> Result<(), Exit> {
    print(&list())
}

/// The list of settings by area.
pub fn list() -> String {
    let mut text =
        "A setting comes from its flag, else from its environment variable. A secret has no flag.\n"
            .to_owned();
    for (title, settings) in AREAS {
        let rows: String = settings.iter().map(row).collect();
        // Writing to a String cannot fail.
        let _ignored = write!(text, "\n{title}:\n{rows}");
    }
    text
}

fn row(setting: &Setting) -> String {
    let Setting {
        name,
        default,
        help,
        sources,
    } = setting;
    let flag = setting.flag().map(|flag| format!(", --{flag}"));
    let file = sources.has_file().then(|| format!(", {name}_FILE"));
    let (flag, file) = (flag.unwrap_or_default(), file.unwrap_or_default());
    format!("  {name}{flag}{file} [default: {default}]\n      {help}\n")
}
