//! `doorward config`: prints the settings in use.

use super::exit::Exit;
use super::output::print;
use crate::config::Config;

/// Runs the command.
///
/// # Errors
/// [`Exit`] if standard output fails.
pub fn run(config: &Config) -> Result<(), Exit> {
    print(&config.to_string())
}
