//! `doorward client`: services that authenticate themselves by an id and a secret.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;

use super::confirm::Consent;
use super::exit::Exit;
use super::operator::CLI;
use super::output::{self, Format, print, print_json};
use crate::app::App;
use crate::config::parse_duration;
use crate::model::client::RegisteredClient;
use crate::model::clock::Timestamp;
use crate::service::clients::{self, IssuedClientSecret};

/// Commands of `doorward client`.
#[derive(Debug, Subcommand)]
pub enum ClientAction {
    /// Create a client and print its secret, which is not shown again
    Create {
        /// Name of the client, which is its `client_id`
        name: String,
        /// Permission of the client, such as tokens:introspect; may be given more than once
        #[arg(long = "permission", value_name = "PERMISSION", required = true)]
        permissions: Vec<String>,
        #[command(flatten)]
        format: Format,
    },
    /// List every client
    List(Format),
    /// Print a new secret of a client; the previous one is accepted for a day
    Rotate(ClientRotation),
    /// Delete a client; its secrets are refused from now on
    Delete {
        /// Name of the client
        name: String,
        #[command(flatten)]
        consent: Consent,
    },
}

/// Options of `doorward client rotate`.
#[derive(Debug, Args)]
pub struct ClientRotation {
    /// Name of the client
    name: String,
    /// Time for which the previous secret is still accepted
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = parse_duration)]
    overlap: Duration,
    /// Stop accepting the previous secret immediately
    #[arg(long, conflicts_with = "overlap")]
    now: bool,
    #[command(flatten)]
    format: Format,
}

/// Runs one of the commands.
///
/// # Errors
/// [`Exit`] with the reason.
pub async fn run(app: &App, action: ClientAction) -> Result<(), Exit> {
    match action {
        ClientAction::Create {
            name,
            permissions,
            format,
        } => match clients::create(app, &name, &permissions, &CLI).await? {
            Some(issued) => show_secret(&issued, format),
            None => Err(Exit::failed(format!("there is a client {name} already"))),
        },
        ClientAction::List(format) => {
            let (now, clients) = (app.clock.now(), clients::list(app).await?);
            if clients.is_empty() {
                output::none(format, "clients");
                return Ok(());
            }
            output::header(format, COLUMNS)?;
            for client in clients {
                show(&client, now, format)?;
            }
            Ok(())
        }
        ClientAction::Rotate(options) => {
            let overlap = if options.now {
                Duration::ZERO
            } else {
                options.overlap
            };
            match clients::rotate(app, &options.name, overlap, &CLI).await? {
                Some(issued) => show_secret(&issued, options.format),
                None => Err(not_found(&options.name)),
            }
        }
        ClientAction::Delete { name, consent } => {
            consent.ask(&format!("Delete the client {name}?"))?;
            if !clients::delete(app, &name, &CLI).await? {
                return Err(not_found(&name));
            }
            print(&format!("{name} is deleted\n"))
        }
    }
}

fn not_found(name: &str) -> Exit {
    Exit::failed(format!("there is no client {name}; see: doorward client list"))
}

fn show_secret(issued: &IssuedClientSecret, format: Format) -> Result<(), Exit> {
    let IssuedClientSecret {
        client_id,
        client_secret,
    } = issued;
    if format.json {
        return print_json(&json!({"client_id": client_id, "client_secret": client_secret}));
    }
    print(&format!(
        "client_id      {client_id}\nclient_secret  {client_secret}\n"
    ))
}

const COLUMNS: &str = "CLIENT        CREATED                              PERMISSIONS";

fn show(client: &RegisteredClient, now: Timestamp, format: Format) -> Result<(), Exit> {
    let RegisteredClient {
        name,
        permissions,
        created_at,
        rotated_at,
        ..
    } = client;
    let earlier_until = client.earlier_until.filter(|until| *until > now);
    if format.json {
        let names: Vec<&str> = permissions.names().collect();
        return print_json(&json!({
            "client_id": name, "permissions": names, "created_at": created_at.rfc3339(),
            "rotated_at": rotated_at.map(Timestamp::rfc3339),
            "earlier_secret_until": earlier_until.map(Timestamp::rfc3339),
        }));
    }
    let earlier = earlier_until.map_or_else(String::new, |until| {
        format!("  previous secret accepted until {}", until.rfc3339())
    });
    print(&format!(
        "{name:12}  created {}  {permissions}{earlier}\n",
        created_at.rfc3339()
    ))
}
