//! The command line. Each setting is a flag too, made from the same table; each command but `serve`
//! ends when its work is done.

mod audit;
mod keys;
mod portability;
mod progress;
mod serve;
mod users;

use std::ffi::OsString;
use std::io::Write as _;

use actix_web::rt::System;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::Serialize;

use crate::app::App;
use crate::config::{BadSetting, Config, SettingSource, settings};
use crate::http::openapi;
use crate::model::clock::Clock;
use crate::model::event::{Actor, Context};
use crate::service::Failure;
use crate::telemetry;

/// Exit status of a bad setting or a bad command line.
const USAGE: u8 = 2;
/// Exit status of anything else that failed.
const FAILED: u8 = 1;
/// Who acts when the program is run on the database.
static CLI: Context = Context::own(Actor::Cli);

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
        Self {
            lines: vec![why.to_string()],
            status: FAILED,
        }
    }
}

impl From<Failure> for Exit {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Invalid(list) => Self {
                lines: list
                    .iter()
                    .map(|one| format!("{}: {}", one.field.unwrap_or(one.part), one.message))
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

fn command() -> Command {
    let flags = settings().filter_map(|setting| {
        let flag = Arg::new(setting.name)
            .long(setting.flag()?)
            .value_name("VALUE")
            .global(true);
        let (name, help, default) = (setting.name, setting.help, setting.default);
        Some(flag.help(format!("{help} [{name}, default: {default}]")))
    });
    Command::new("doorward")
        .version(env!("CARGO_PKG_VERSION"))
        .about("The auth service a team runs beside its app: accounts, sessions and JWTs that can be ended at once.")
        .args(flags)
        .subcommands([
            Command::new("serve").about("Serve (the default)"),
            // What `--version` would be otherwise, the whole program says.
            Command::new("openapi").about("Print the OpenAPI document").disable_version_flag(true).arg(
                Arg::new("version").long("version").value_parser(["3.1", "3.0"]).default_value("3.1").help("The OpenAPI version to print it in"),
            ),
            Command::new("config").about("Print the settings in force, secrets masked"),
            users::command(),
            keys::command(),
            audit::command(),
            Command::new("health").about("Ask a running server's /ready; exit status 0 or 1"),
        ])
        .subcommands(portability::commands())
}

/// Runs the program with the given arguments (the program's name first) and environment.
///
/// # Errors
/// [`Exit`] with what to print and the status to end with.
pub fn run(arguments: Vec<OsString>, environment: &[(String, String)]) -> Result<(), Exit> {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(help) if !help.use_stderr() => {
            return print(&help.render().to_string());
        }
        Err(error) => {
            let text = error.render().to_string();
            return Err(Exit {
                lines: vec![text.trim_end().trim_start_matches("error: ").to_owned()],
                status: USAGE,
            });
        }
    };
    let (name, matches) = matches
        .subcommand()
        .map_or(("serve", &matches), |(name, matches)| (name, matches));
    if name == "openapi" {
        return print(&if argument(matches, "version") == "3.0" {
            openapi::text_3_0()
        } else {
            openapi::text()
        });
    }
    let config = load(matches, environment)?;
    match name {
        "config" => print(&config.to_string())?,
        "health" => serve::health(&config)?,
        "serve" => {
            let log = telemetry::log::start(config.telemetry.log_format).map_err(Exit::failed)?;
            System::new().block_on(serve::serve(config, environment, &log))?;
        }
        _ => System::new().block_on(on_database(config, name, matches))?,
    }
    Ok(())
}

/// Works on the database directly; running servers follow within a second.
async fn on_database(config: Config, name: &str, matches: &ArgMatches) -> Result<(), Exit> {
    let app = App::open(config, Clock::System).await.map_err(Exit::failed)?;
    let done = match name {
        "user" => users::run(&app, matches).await,
        "keys" => keys::run(&app, matches).await,
        "audit" => audit::run(&app, matches).await,
        _ => portability::run(&app, name, matches).await,
    };
    app.store.close().await;
    done
}

/// The switch for output that scripts read: one JSON object a line.
fn json_switch() -> Arg {
    Arg::new("json")
        .long("json")
        .action(ArgAction::SetTrue)
        .help("Print one JSON object a line")
}

fn argument<'a>(matches: &'a ArgMatches, name: &str) -> &'a str {
    optional(matches, name).unwrap_or_default()
}

fn optional<'a>(matches: &'a ArgMatches, name: &str) -> Option<&'a str> {
    matches.get_one::<String>(name).map(String::as_str)
}

/// Something to standard output as one line of JSON.
fn print_json(value: &impl Serialize) -> Result<(), Exit> {
    print(&(serde_json::to_string(value).map_err(Exit::failed)? + "\n"))
}

/// To standard output. A reader that has gone away (`| head`) ends the work, and is no failure of
/// ours.
fn print(text: &str) -> Result<(), Exit> {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|cause| match cause.kind() {
            std::io::ErrorKind::BrokenPipe => Exit {
                lines: vec![],
                status: 0,
            },
            _ => Exit::failed(format!("standard output: {cause}")),
        })
}

fn load(matches: &ArgMatches, environment: &[(String, String)]) -> Result<Config, Exit> {
    let flags = |name: &str| matches.try_get_one::<String>(name).ok().flatten().cloned();
    Ok(Config::load(&SettingSource {
        flags: &flags,
        environment,
    })?)
}
