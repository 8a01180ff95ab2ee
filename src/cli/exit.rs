//! The failed end of a command: lines for standard error and an exit status.

use std::fmt::Display;

use crate::config::BadSetting;
use crate::service::Failure;

/// Exit status of a bad setting or a bad command line.
const USAGE: u8 = 2;
/// Exit status of every other failure.
const FAILED: u8 = 1;

/// Exit status of an import that took a part of its records.
const PARTLY: u8 = 3;

/// Lines to print and the exit status.
#[derive(Debug)]
pub struct Exit {
    /// Lines for standard error, one for each fault.
    pub lines: Vec<String>,
    /// Exit status of the process.
    pub status: u8,
}

impl Exit {
    /// A failure described in one line.
    pub(super) fn failed(why: impl ToString) -> Self {
        Self {
            lines: vec![why.to_string()],
            status: FAILED,
        }
    }

    /// A failure that concerns a file.
    pub(super) fn of_file(file: &str, cause: impl Display) -> Self {
        Self::failed(format!("{file}: {cause}"))
    }

    /// A failure of a part of the records.
    pub(super) fn partly(why: impl ToString) -> Self {
        Self {
            status: PARTLY,
            ..Self::failed(why)
        }
    }

    /// A silent, successful end: the reader of the output closed the pipe.
    pub(super) const fn closed_pipe() -> Self {
        Self {
            lines: vec![],
            status: 0,
        }
    }
}

impl From<Failure> for Exit {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Invalid(list) => Self {
                lines: list
                    .iter()
                    .map(|one| {
                        // Callers over HTTP get pydantic's words.
                        let message = one.message.strip_prefix("Value error, ");
                        let message = message.unwrap_or(&one.message);
                        format!("{}: {message}", one.field.unwrap_or(one.part))
                    })
                    .collect(),
                status: FAILED,
            },
            other => Self::failed(other),
        }
    }
}

impl From<Vec<BadSetting>> for Exit {
    fn from(bad: Vec<BadSetting>) -> Self {
        Self {
            lines: bad.iter().map(ToString::to_string).collect(),
            status: USAGE,
        }
    }
}

impl From<clap::Error> for Exit {
    fn from(error: clap::Error) -> Self {
        let text = error.render().to_string();
        Self {
            lines: vec![text.trim_end().trim_start_matches("error: ").to_owned()],
            status: USAGE,
        }
    }
}
