//! A question on a terminal before what cannot be undone.

use std::io::{IsTerminal as _, Write as _, stderr, stdin};

use clap::Args;

use super::exit::Exit;

/// Consent to a command that cannot be undone.
#[derive(Debug, Clone, Copy, Args)]
pub struct Consent {
    /// Do not ask on a terminal
    #[arg(long)]
    yes: bool,
}

impl Consent {
    /// Asks on a terminal only. A script does not get the question.
    ///
    /// # Errors
    /// The answer is not yes.
    pub fn ask(self, question: &str) -> Result<(), Exit> {
        if self.yes || !stdin().is_terminal() {
            return Ok(());
        }
        let mut errors = stderr();
        write!(errors, "{question} [y/N] ")
            .and_then(|()| errors.flush())
            .map_err(Exit::failed)?;
        let mut answer = String::new();
        stdin().read_line(&mut answer).map_err(Exit::failed)?;
        if ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) {
            Ok(())
        } else {
            Err(Exit::failed("nothing was changed"))
        }
    }
}
