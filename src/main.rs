//! The program: hands the command line to [`doorward::cli`] and turns an error into lines and an
//! exit status.

use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    match doorward::cli::run(std::env::args_os().collect(), &environment) {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => {
            for line in exit.lines {
                // `eprintln!` panics if standard error is closed.
                let _ignored = writeln!(std::io::stderr(), "doorward: {line}");
            }
            ExitCode::from(exit.status)
        }
    }
}
