//! Standard output, for people or for scripts.

use std::io::{ErrorKind, IsTerminal as _, Write as _};

use clap::Args;
use serde::Serialize;

use super::exit::Exit;

/// Form of the output.
#[derive(Debug, Clone, Copy, Args)]
pub struct Format {
    /// Print JSON, one object per line
    #[arg(long)]
    pub json: bool,
}

/// Prints a line with the names of columns, on a terminal only: scripts read rows.
pub fn header(format: Format, columns: &str) -> Result<(), Exit> {
    if format.json || !std::io::stdout().is_terminal() {
        return Ok(());
    }
    print(&format!("{columns}\n"))
}

/// Says on standard error that a list is empty.
pub fn none(format: Format, what: &str) {
    if !format.json {
        // `eprintln!` panics if standard error is closed.
        let _ignored = writeln!(std::io::stderr(), "no {what}");
    }
}

/// Prints a value as one line of JSON.
pub fn print_json(value: &impl Serialize) -> Result<(), Exit> {
    print(&(serde_json::to_string(value).map_err(Exit::failed)? + "\n"))
}

/// Prints a text. A closed pipe (`| head`) ends the command successfully.
pub fn print(text: &str) -> Result<(), Exit> {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|cause| match cause.kind() {
            ErrorKind::BrokenPipe => Exit::closed_pipe(),
            _ => Exit::failed(format!("standard output: {cause}")),
        })
}
