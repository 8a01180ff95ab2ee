//! The command line: one enum of commands, one file for each command.
//!
//! Every command takes every setting but secrets as a flag. A command that works on the database opens it
//! itself and needs no running server; running servers see the change within a second. Every
//! command except `serve` ends when its work is done. Only `serve` and the commands that can begin
//! an installation make a database.

mod audit;
mod backup;
mod client;
mod config;
mod confirm;
mod copy;
mod exit;
mod export;
mod flags;
mod health;
mod import;
mod keys;
mod new_files;
mod openapi;
mod operator;
mod output;
mod password;
mod progress;
mod restore;
mod role;
mod secret;
mod serve;
mod settings;
mod user;

use std::ffi::OsString;

use actix_web::rt::System;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::app::App;
use crate::config::{Config, SettingSource};
use crate::model::clock::Clock;
use crate::store::IfAbsent;
pub use exit::Exit;
use flags::SettingFlags;
use new_files::NewFiles;

const SETTINGS_NOTE: &str =
    "Every command takes the settings, as flags or environment variables: doorward help settings";

/// JWT auth service that a team runs beside its app: accounts, and sessions that can be ended immediately
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
    /// Run the server (the default command)
    Serve,
    /// Print the OpenAPI document
    Openapi(openapi::OpenapiOptions),
    /// Print the settings in use, with secrets masked
    Config,
    /// Print every setting with its default and meaning
    #[command(help_template = "{about}{after-help}", after_help = settings::list())]
    Settings,
    /// Manage accounts and their sessions
    #[command(subcommand, arg_required_else_help = false)]
    User(user::UserAction),
    /// Manage roles and their permissions
    #[command(subcommand, arg_required_else_help = false)]
    Role(role::RoleAction),
    /// Manage the services that authenticate themselves by an id and a secret
    #[command(subcommand, arg_required_else_help = false)]
    Client(client::ClientAction),
    /// Manage the signing keys
    #[command(subcommand, arg_required_else_help = false)]
    Keys(keys::KeysAction),
    /// Replace the root secret
    #[command(subcommand, arg_required_else_help = false)]
    Secret(secret::SecretAction),
    /// Verify, list or export the audit events
    #[command(subcommand, arg_required_else_help = false)]
    Audit(audit::AuditAction),
    /// Ask the running server whether it is ready; exit status 0 if it is, else 1
    Health,
    /// Import accounts with their password hashes; existing accounts stay unchanged
    Import(import::ImportOptions),
    /// Export every account with its password hash, one JSON object per line
    Export(export::ExportOptions),
    /// Copy the SQLite database to a file while servers use it
    Backup(backup::BackupOptions),
    /// Put a backup in the place of the database; everything that was issued before ends
    Restore(restore::RestoreOptions),
    /// Copy everything, sessions and keys included, into an empty SQLite or PostgreSQL database
    Copy(copy::CopyOptions),
}

/// Runs the program with the given arguments (the program's name first) and environment.
///
/// # Errors
/// [`Exit`] with the lines to print and the exit status.
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
        Command::User(action) => on_database(load()?, action.if_absent(), async |app| {
            user::run(app, action).await
        }),
        Command::Role(action) => on_existing(load()?, async |app| role::run(app, action).await),
        Command::Client(action) => on_existing(load()?, async |app| client::run(app, action).await),
        Command::Keys(action) => on_existing(load()?, async |app| keys::run(app, action).await),
        Command::Secret(action) => on_existing(load()?, async |app| secret::run(app, action).await),
        Command::Audit(action) => on_existing(load()?, async |app| audit::run(app, action).await),
        Command::Health => health::run(&load()?),
        Command::Import(options) => on_database(load()?, options.if_absent(), async |app| {
            import::run(app, options).await
        }),
        Command::Export(options) => on_existing(load()?, async |app| export::run(app, &options).await),
        Command::Backup(options) => on_existing(load()?, async |app| backup::run(app, &options).await),
        Command::Restore(options) => System::new().block_on(restore::run(load()?, &options)),
        Command::Copy(options) => on_existing(load()?, async |app| copy::run(app, &options).await),
    }
}

/// The command line, with a note on the settings below the help of every command.
fn command() -> clap::Command {
    fn with_note(command: clap::Command) -> clap::Command {
        let command = match command.get_after_help() {
            Some(_) => command,
            None => command.after_help(SETTINGS_NOTE),
        };
        command.mut_subcommands(with_note)
    }
    with_note(CommandLine::command())
}

/// Runs a command on a database that exists.
fn on_existing(config: Config, work: impl AsyncFnOnce(&App) -> Result<(), Exit>) -> Result<(), Exit> {
    on_database(config, IfAbsent::Refuse, work)
}

/// Opens the database, runs a command on it, and closes it.
fn on_database(
    config: Config,
    if_absent: IfAbsent,
    work: impl AsyncFnOnce(&App) -> Result<(), Exit>,
) -> Result<(), Exit> {
    System::new().block_on(async {
        let new_files = NewFiles::before(&config);
        let app = App::open(config, Clock::System, if_absent)
            .await
            .map_err(Exit::failed)?;
        new_files.say();
        let done = work(&app).await;
        app.store.close().await;
        done
    })
}
