//! The command line: `serve`, `openapi`, `config`, `health`, `keys`. Each setting is a flag too, made from the same table.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use actix_web::rt::System;
use actix_web::web::Data;
use clap::{Arg, ArgAction, ArgMatches, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::api::document;
use crate::app::App;
use crate::config::{Bad, Config, SETTINGS, Source};
use crate::model::clock::Clock;
use crate::server::{self, HttpPolicy};
use crate::service::keys;
use crate::store::url::DatabaseUrl;
use crate::telemetry;

/// Exit status of a bad setting or a bad command line.
const USAGE: u8 = 2;
/// Exit status of anything else that failed.
const FAILED: u8 = 1;
/// How long `doorward health` waits for the server.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

/// An end that is not success: the lines to print and the exit status.
#[derive(Debug)]
pub struct Exit {
    /// For standard error, one line a fault.
    pub lines: Vec<String>,
    /// The process's exit status.
    pub status: u8,
}

impl Exit {
    fn failed(why: impl ToString) -> Self {
        Self { lines: vec![why.to_string()], status: FAILED }
    }
}

impl From<Vec<Bad>> for Exit {
    fn from(bad: Vec<Bad>) -> Self {
        Self { lines: bad.iter().map(ToString::to_string).collect(), status: USAGE }
    }
}

fn flag(name: &str) -> String {
    name.trim_start_matches("DOORWARD_").to_ascii_lowercase().replace('_', "-")
}

fn command() -> Command {
    let flags = SETTINGS.iter().filter(|setting| !setting.secret).map(|setting| {
        Arg::new(setting.name)
            .long(flag(setting.name))
            .value_name("VALUE")
            .global(true)
            .help(format!("{} [{}, default: {}]", setting.help, setting.name, setting.default))
    });
    Command::new("doorward")
        .version(env!("CARGO_PKG_VERSION"))
        .about("The auth service a team runs beside its app: accounts, sessions and JWTs that can be ended at once.")
        .args(flags)
        .subcommands([
            Command::new("serve").about("Serve (the default)"),
            Command::new("openapi").about("Print the OpenAPI document"),
            Command::new("config").about("Print the settings in force, secrets masked"),
            Command::new("keys").about("The signing keys").subcommand_required(true).subcommands([
                Command::new("list").about("List every key and where it stands"),
                Command::new("rotate").about("Publish a new key, which signs ten minutes later").arg(
                    Arg::new("now")
                        .long("now")
                        .action(ArgAction::SetTrue)
                        .help("Let it sign at once; verifiers that keep an old JWKS may refuse it for five minutes"),
                ),
                Command::new("revoke").about("Refuse every token of a key from now on").arg(Arg::new("kid").value_name("KID").required(true)),
            ]),
            Command::new("health").about("Ask a running server's /ready; exit status 0 or 1"),
        ])
}

/// Runs the program with the given arguments (the program's name first) and environment.
///
/// # Errors
/// [`Exit`] with what to print and the status to end with.
pub fn run(arguments: Vec<OsString>, environment: &[(String, String)]) -> Result<(), Exit> {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(help) if !help.use_stderr() => {
            print(&help.render().to_string());
            return Ok(());
        }
        Err(error) => {
            let text = error.render().to_string();
            return Err(Exit { lines: vec![text.trim_end().trim_start_matches("error: ").to_owned()], status: USAGE });
        }
    };
    let (name, matches) = matches.subcommand().map_or(("serve", &matches), |(name, matches)| (name, matches));
    if name == "openapi" {
        print(&document::text());
        return Ok(());
    }
    let config = load(matches, environment)?;
    match name {
        "config" => print(&config.to_string()),
        "health" => health(config.listen)?,
        "keys" => System::new().block_on(manage_keys(config, matches))?,
        _ => {
            telemetry::start(config.log_format);
            System::new().block_on(serve(config))?;
        }
    }
    Ok(())
}

/// To standard output; a reader that has gone away (`| head`) is no failure of ours.
fn print(text: &str) {
    let _closed = std::io::stdout().write_all(text.as_bytes());
}

fn load(matches: &ArgMatches, environment: &[(String, String)]) -> Result<Config, Exit> {
    let flags = |name: &str| matches.try_get_one::<String>(name).ok().flatten().cloned();
    Ok(Config::load(&Source { flags: &flags, environment })?)
}

async fn serve(config: Config) -> Result<(), Exit> {
    let listen = config.listen;
    let policy = HttpPolicy { cors_origins: config.cors_origins.clone(), docs: config.docs, https: config.issuer.starts_with("https://") };
    let forgetful = config.database == DatabaseUrl::SqliteMemory;
    // The address first: it fails at once if another server has it, before anything is made on disk.
    let listener = TcpListener::bind(listen).map_err(|cause| Exit::failed(format!("cannot listen on {listen}: {cause}")))?;
    let address = listener.local_addr().map_err(Exit::failed)?;
    let stop = stop_signal().map_err(Exit::failed)?;
    let app = App::build(config, Clock::System).await.map_err(Exit::failed)?;
    if forgetful {
        log::warn!("the database is in memory: every account is forgotten when this process ends");
    }
    let docs = if policy.docs { format!(", try it at http://{address}/docs/") } else { String::new() };
    log::info!("Doorward {} keeps the door at http://{address}{docs}", env!("CARGO_PKG_VERSION"));
    server::run(listener, Data::new(app), policy, stop).await.map_err(Exit::failed)?;
    log::info!("stopped");
    Ok(())
}

/// Works on the database directly; running servers follow within a second.
async fn manage_keys(config: Config, matches: &ArgMatches) -> Result<(), Exit> {
    if config.jwt_secret.is_some() {
        return Err(Exit::failed("DOORWARD_JWT_SECRET is the one signing key; there is none to manage"));
    }
    let app = App::open(config, Clock::System).await.map_err(Exit::failed)?;
    let now = app.clock.now();
    match matches.subcommand() {
        Some(("rotate", options)) => {
            let activates_at = if options.get_flag("now") { now } else { now.plus(keys::PUBLISHED_AHEAD) };
            match keys::rotate(&app, activates_at).await.map_err(Exit::failed)? {
                Some(kid) => print(&format!("{kid} signs from {}\n", activates_at.rfc3339())),
                None => return Err(Exit::failed("another rotation was first; see: doorward keys list")),
            }
        }
        Some(("revoke", options)) => {
            let kid = options.get_one::<String>("kid").map(String::as_str).unwrap_or_default();
            if !keys::revoke(&app, kid).await.map_err(Exit::failed)? {
                return Err(Exit::failed("there is no such key that is not revoked already; see: doorward keys list"));
            }
            print(&format!("{kid} is revoked\n"));
        }
        _ => {
            for key in keys::list(&app).await.map_err(Exit::failed)? {
                let state = match key.retires_at {
                    _ if key.revoked_at.is_some() => "revoked".to_owned(),
                    _ if key.activates_at > now => format!("signs from {}", key.activates_at.rfc3339()),
                    Some(at) if at <= now => "retired".to_owned(),
                    Some(at) => format!("verifies until {}", at.rfc3339()),
                    None => "signs".to_owned(),
                };
                print(&format!("{}  {:5}  made {}  {state}\n", key.kid, key.algorithm, key.created_at.rfc3339()));
            }
        }
    }
    app.store.close().await;
    Ok(())
}

/// Resolves at the first SIGTERM or SIGINT.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// One HTTP/1.0 request to the server of this machine, which is what a container's health check needs.
fn health(listen: SocketAddr) -> Result<(), Exit> {
    let host = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let address = SocketAddr::new(host, listen.port());
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, HEALTH_TIMEOUT)?;
        stream.set_read_timeout(Some(HEALTH_TIMEOUT))?;
        stream.write_all(format!("GET /ready HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(|cause| Exit::failed(format!("no answer from {address}: {cause}")))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head.split(' ').nth(1) == Some("200") {
        print(&format!("{body}\n"));
        Ok(())
    } else {
        Err(Exit::failed(format!("not ready: {body}")))
    }
}
