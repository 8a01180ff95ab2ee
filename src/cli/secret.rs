//! `doorward secret`: the change of the root secret.

use clap::Subcommand;

use super::exit::Exit;
use super::operator::CLI;
use super::output::print;
use crate::app::App;
use crate::service::secret;

/// Commands of `doorward secret`.
#[derive(Debug, Subcommand)]
pub enum SecretAction {
    /// Seal every key in the database under `DOORWARD_SECRET`; `DOORWARD_SECRET_PREVIOUS` opens those
    /// that are sealed under another. Tokens, sessions and locks stay
    Rotate,
}

/// Runs the command.
///
/// # Errors
/// [`Exit`] with the reason.
pub async fn run(app: &App, action: SecretAction) -> Result<(), Exit> {
    let SecretAction::Rotate = action;
    let rotated = secret::rotate(app, &CLI).await.map_err(Exit::failed)?;
    print(&format!(
        "sealed under DOORWARD_SECRET: {} signing keys, {} inner keys; all others were already\n",
        rotated.signing_keys, rotated.inner_keys
    ))
}
