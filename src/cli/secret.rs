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
    Rotate {
        /// For a secret that others may have read: replace every key as well. Every session, device
        /// ticket and client secret ends, and locks begin anew
        #[arg(long)]
        leaked: bool,
    },
}

/// Steps that the command cannot take.
const LEFT_TO_DO: &str = "\
left to do:
- restart each server without DOORWARD_SECRET_PREVIOUS: until then the leaked secret still opens keys
- run doorward audit verify: the events before now verify with the earlier key
- restart services that verify tokens by JWKS: they may keep the revoked keys for five minutes
- delete backups that the leaked secret opens, or run this command again after restoring one
";

/// The step that is added if the signing key is not in the database.
const SHARED_KEY: &str = "\
- DOORWARD_JWT_SECRET was not replaced: set another one if it was read too
";

/// The step that is added if there are clients.
const CLIENTS: &str = "\
- give each client another secret, theirs have ended: doorward client rotate NAME
";

/// Runs the command.
///
/// # Errors
/// [`Exit`] with the reason.
pub async fn run(app: &App, action: SecretAction) -> Result<(), Exit> {
    let SecretAction::Rotate { leaked } = action;
    if leaked {
        return replace(app).await;
    }
    let rotated = secret::rotate(app, &CLI).await.map_err(Exit::failed)?;
    print(&format!(
        "sealed under DOORWARD_SECRET: {} signing keys, {} inner keys; the others were sealed under it already\n",
        rotated.signing_keys, rotated.inner_keys
    ))
}

async fn replace(app: &App) -> Result<(), Exit> {
    let ended = secret::replace_leaked(app, &CLI).await.map_err(Exit::failed)?;
    let shared = if app.config.tokens.shares_its_key() {
        SHARED_KEY
    } else {
        ""
    };
    let clients = if ended.clients > 0 { CLIENTS } else { "" };
    print(&format!(
        "replaced: the keys of refresh tokens, device tickets, counters and audit record\n\
         ended: {} sessions, {} signing keys, and all device tickets; locks of accounts begin anew\n\
         {LEFT_TO_DO}{clients}{shared}",
        ended.sessions, ended.signing_keys
    ))
}
