//! The program: hands the command line to [`doorward::cli`] and turns an error into lines and an
//! exit status.

use std::io::Write as _;
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, setrlimit};

fn main() -> ExitCode {
    // A core file would hold keys and passwords. A system that refuses the limit still starts.
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ignored = setrlimit(Resource::Core, none);
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
