//! The command line: one enum of commands, a file a command. Each setting is a flag of every
//! command. A command that works on the database does so directly, and running servers follow
//! within a second; each command but `serve` ends when its work is done.

mod audit;
mod backup;
mod config;
mod copy;
mod exit;
mod export;
mod flags;
mod health;
mod import;
mod keys;
mod openapi;
mod output;
mod password;
mod progress;
mod serve;
mod settings;
mod user;

use std::ffi::OsString;

use actix_web::rt::System;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::app::App;
use crate::config::{Config, SettingSource};
use crate::model::clock::Clock;
use crate::model::event::{Actor, Context};
pub use exit::Exit;
use flags::SettingFlags;

/// Actor of the events that a command writes.
static CLI: Context = Context::own(Actor::Cli);

const SETTINGS_NOTE: &str =
    "Settings of the server are flags or environment variables here too: doorward help settings";

/// The auth service a team runs beside its app: accounts, sessions and JWTs that can be ended at once.
#[derive(Debug, Parser)]
#[command(name = "doorward", version)]
struct CommandLine {
    #[command(flatten)]
    flags: SettingFlags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve (the default)
    Serve,
    /// Print the OpenAPI document
    Openapi(openapi::Options),
    /// Print the settings in force, secrets masked
    Config,
    /// Print every setting with its default and meaning
    #[command(help_template = "{about}{after-help}", after_help = settings::list())]
    Settings,
    /// Accounts and their sessions
    #[command(subcommand, arg_required_else_help = false)]
    User(user::Action),
    /// The signing keys
    #[command(subcommand, arg_required_else_help = false)]
    Keys(keys::Action),
    /// What happened
    #[command(subcommand, arg_required_else_help = false)]
    Audit(audit::Action),
    /// Ask a running server's /ready; exit status 0 or 1
    Health,
    /// Take in accounts with their password hashes; who is there already stays as they are
    Import(import::Options),
    /// Write every account with its password hash, one JSON object a line
    Export(export::Options),
    /// Copy the SQLite file while servers run on it
    Backup(backup::Options),
    /// Copy everything into an empty database of either engine, sessions and keys included
    Copy(copy::Options),
}

/// Runs the program with the given arguments (the program's name first) and environment.
///
/// # Errors
/// [`Exit`] with the lines to print and the status to end with.
pub fn run(arguments: Vec<OsString>, environment: &[(String, String)]) -> Result<(), Exit> {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(help) if !help.use_stderr() => return output::print(&help.render().to_string()),
        Err(error) => return Err(error.into()),
    };
    let CommandLine { flags, command } = CommandLine::from_arg_matches(&matches)?;
    let load = || {
        Config::load(&SettingSource {
            flags: &|name| flags.value(name),
            environment,
        })
    };
    match command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(load()?, environment),
        Command::Openapi(options) => openapi::run(&options),
        Command::Config => config::run(&load()?),
        Command::Settings => settings::run(),
        Command::User(action) => on_database(load()?, async |app| user::run(app, action).await),
        Command::Keys(action) => on_database(load()?, async |app| keys::run(app, action).await),
        Command::Audit(action) => on_database(load()?, async |app| audit::run(app, action).await),
        Command::Health => health::run(&load()?),
        Command::Import(options) => on_database(load()?, async |app| import::run(app, options).await),
        Command::Export(options) => on_database(load()?, async |app| export::run(app, &options).await),
        Command::Backup(options) => on_database(load()?, async |app| backup::run(app, &options).await),
        Command::Copy(options) => on_database(load()?, async |app| copy::run(app, &options).await),
    }
}

/// The command line with a note on the settings below the help of each command.
fn command() -> clap::Command {
    fn noted(command: clap::Command) -> clap::Command {
        let command = match command.get_after_help() {
            Some(_) => command,
            None => command.after_help(SETTINGS_NOTE),
        };
        command.mut_subcommands(noted)
    }
    noted(CommandLine::command())
}

/// Runs a command that works on the database.
fn on_database(config: Config, work: impl AsyncFnOnce(&App) -> Result<(), Exit>) -> Result<(), Exit> {
    System::new().block_on(async {
        let app = App::open(config, Clock::System).await.map_err(Exit::failed)?;
        let done = work(&app).await;
        app.store.close().await;
        done
    })
}
