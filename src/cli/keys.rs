//! `doorward keys`: lists, rotates and revokes the signing keys.

use clap::Subcommand;
use serde_json::json;

use super::exit::Exit;
use super::operator::CLI;
use super::output::{self, Format, print, print_json};
use crate::app::App;
use crate::model::clock::Timestamp;
use crate::model::signing_key::SealedKey;
use crate::service::keys;

/// Commands of `doorward keys`.
#[derive(Debug, Subcommand)]
pub enum KeysAction {
    /// List every key with its state
    List(Format),
    /// Publish a new key; it starts to sign ten minutes later
    Rotate {
        /// Sign with the new key after five seconds, when every node has it; a service that caches the
        /// JWKS may refuse new tokens for five minutes
        #[arg(long)]
        now: bool,
    },
    /// Refuse every token that the key signed, from now on
    Revoke {
        /// Key id, as `doorward keys list` shows it; it may begin with a hyphen
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
}

/// Runs one of the commands.
///
/// # Errors
/// [`Exit`] with the reason.
pub async fn run(app: &App, action: KeysAction) -> Result<(), Exit> {
    if app.config.tokens.shares_its_key() {
        return Err(Exit::failed(
            "DOORWARD_JWT_SECRET is the only signing key: there are no keys in the database to manage",
        ));
    }
    let now = app.clock.now();
    match action {
        KeysAction::List(format) => {
            output::header(format, COLUMNS)?;
            for key in keys::list(app).await? {
                show(&key, now, format)?;
            }
            Ok(())
        }
        KeysAction::Rotate { now: true } => rotate(app, now.plus(keys::KNOWN_EVERYWHERE)).await,
        KeysAction::Rotate { now: false } => rotate(app, now.plus(keys::PUBLISHED_AHEAD)).await,
        KeysAction::Revoke { kid } => {
            if !keys::revoke(app, &kid, &CLI).await? {
                return Err(Exit::failed(
                    "the key does not exist or is already revoked; see: doorward keys list",
                ));
            }
            print(&format!("{kid} is revoked\n"))
        }
    }
}

async fn rotate(app: &App, activates_at: Timestamp) -> Result<(), Exit> {
    let Some(kid) = keys::rotate(app, activates_at, &CLI).await? else {
        return Err(Exit::failed(
            "another rotation finished first; see: doorward keys list",
        ));
    };
    print(&format!("{kid} signs from {}\n", activates_at.rfc3339()))
}

const COLUMNS: &str =
    "KEY                                          ALG    CREATED                              STATE";

fn show(key: &SealedKey, now: Timestamp, format: Format) -> Result<(), Exit> {
    let SealedKey {
        kid,
        algorithm,
        created_at,
        activates_at,
        retires_at,
        revoked_at,
        ..
    } = key;
    if format.json {
        return print_json(&json!({
            "kid": kid, "algorithm": algorithm, "created_at": created_at.rfc3339(),
            "activates_at": activates_at.rfc3339(), "retires_at": retires_at.map(Timestamp::rfc3339),
            "revoked_at": revoked_at.map(Timestamp::rfc3339),
        }));
    }
    let state = match retires_at {
        _ if revoked_at.is_some() => "revoked".to_owned(),
        _ if *activates_at > now => format!("signs from {}", activates_at.rfc3339()),
        Some(at) if *at <= now => "retired".to_owned(),
        Some(at) => format!("verifies until {}", at.rfc3339()),
        None => "signs".to_owned(),
    };
    print(&format!(
        "{kid}  {algorithm:5}  created {}  {state}\n",
        created_at.rfc3339()
    ))
}
