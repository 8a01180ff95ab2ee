//! `doorward keys`: the signing keys.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{CLI, Exit, argument, json_switch, print, print_json};
use crate::app::App;
use crate::model::clock::Timestamp;
use crate::service::keys;

/// Its commands.
pub fn command() -> Command {
    Command::new("keys").about("The signing keys").subcommand_required(true).subcommands([
        Command::new("list").about("List every key and where it stands").arg(json_switch()),
        Command::new("rotate").about("Publish a new key, which signs ten minutes later").arg(
            Arg::new("now")
                .long("now")
                .action(ArgAction::SetTrue)
                .help("Let it sign in five seconds, when every node knows it; verifiers that keep an old JWKS may refuse it for five minutes"),
        ),
        Command::new("revoke").about("Refuse every token of a key from now on").arg(Arg::new("kid").value_name("KID").required(true)),
    ])
}

/// Runs one of them.
///
/// # Errors
/// [`Exit`] with why not.
pub async fn run(app: &App, matches: &ArgMatches) -> Result<(), Exit> {
    if app.config.tokens.shares_its_key() {
        return Err(Exit::failed(
            "DOORWARD_JWT_SECRET is the one signing key; there is none to manage",
        ));
    }
    let now = app.clock.now();
    match matches.subcommand() {
        Some(("rotate", options)) => {
            let activates_at = now.plus(if options.get_flag("now") {
                keys::KNOWN_EVERYWHERE
            } else {
                keys::PUBLISHED_AHEAD
            });
            match keys::rotate(app, activates_at, &CLI).await? {
                Some(kid) => print(&format!("{kid} signs from {}\n", activates_at.rfc3339()))?,
                None => {
                    return Err(Exit::failed(
                        "another rotation was first; see: doorward keys list",
                    ));
                }
            }
        }
        Some(("revoke", options)) => {
            let kid = argument(options, "kid");
            if !keys::revoke(app, kid, &CLI).await? {
                return Err(Exit::failed(
                    "there is no such key that is not revoked already; see: doorward keys list",
                ));
            }
            print(&format!("{kid} is revoked\n"))?;
        }
        listing => {
            let json = listing.is_some_and(|(_, options)| options.get_flag("json"));
            for key in keys::list(app).await? {
                if json {
                    print_json(&serde_json::json!({
                        "kid": key.kid, "algorithm": key.algorithm, "created_at": key.created_at.rfc3339(), "activates_at": key.activates_at.rfc3339(),
                        "retires_at": key.retires_at.map(Timestamp::rfc3339), "revoked_at": key.revoked_at.map(Timestamp::rfc3339),
                    }))?;
                    continue;
                }
                let state = match key.retires_at {
                    _ if key.revoked_at.is_some() => "revoked".to_owned(),
                    _ if key.activates_at > now => format!("signs from {}", key.activates_at.rfc3339()),
                    Some(at) if at <= now => "retired".to_owned(),
                    Some(at) => format!("verifies until {}", at.rfc3339()),
                    None => "signs".to_owned(),
                };
                print(&format!(
                    "{}  {:5}  made {}  {state}\n",
                    key.kid,
                    key.algorithm,
                    key.created_at.rfc3339()
                ))?;
            }
        }
    }
    Ok(())
}
