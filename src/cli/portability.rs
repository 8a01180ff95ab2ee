//! `doorward import`, `export`, `backup` and `copy`: moving in, moving out, and moving house.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Write, stdin, stdout};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;

use super::progress::Progress;
use super::{CLI, Exit, argument, json_switch, optional, print, print_json};
use crate::app::App;
use crate::formats::sources::{FirebaseParameters, Parameters, Source};
use crate::model::event::EventType;
use crate::service::audit;
use crate::service::portability::{self, Import, Imported, Listener};
use crate::store::Store;
use crate::store::url::DatabaseUrl;

/// Its commands.
pub fn commands() -> [Command; 4] {
    let file = |help: &'static str| Arg::new("file").value_name("FILE").required(true).help(help);
    let sources: Vec<&'static str> = Source::ALL.iter().map(|source| source.name()).collect();
    [
        Command::new("import")
            .about("Take in accounts with their password hashes; who is there already stays as they are")
            .arg(file(
                "JSON lines, a JSON array or document, or CSV with a header; - is standard input",
            ))
            .arg(
                Arg::new("from")
                    .long("from")
                    .value_name("SOURCE")
                    .default_value("doorward")
                    .value_parser(PossibleValuesParser::new(sources)),
            )
            .arg(
                Arg::new("firebase")
                    .long("firebase-parameters")
                    .value_name("FILE")
                    .help("The hash_config of the Firebase project, as its console shows it"),
            )
            .arg(
                Arg::new("admins")
                    .long("with-admins")
                    .action(ArgAction::SetTrue)
                    .help("Make admins of the other service's admins; else they come as plain users"),
            )
            .arg(
                Arg::new("dry-run")
                    .long("dry-run")
                    .action(ArgAction::SetTrue)
                    .help("Find out only what would happen"),
            )
            .arg(json_switch()),
        Command::new("export")
            .about("Write every account with its password hash, one JSON object a line")
            .arg(file(
                "A new file, which only its owner may read; - is standard output",
            )),
        Command::new("backup")
            .about("Copy the SQLite file while servers run on it")
            .arg(file("A new file, which only its owner may read")),
        Command::new("copy")
            .about("Copy everything into an empty database of either engine, sessions and keys included")
            .arg(
                Arg::new("to")
                    .long("to")
                    .value_name("URL")
                    .required(true)
                    .help("As DATABASE_URL; a password is better left to PGPASSWORD or ~/.pgpass"),
            ),
    ]
}

/// Runs one of them.
///
/// # Errors
/// [`Exit`] with why not.
pub async fn run(app: &App, name: &str, options: &ArgMatches) -> Result<(), Exit> {
    match name {
        "import" => import(app, options).await,
        "export" => export(app, options).await,
        "backup" => {
            let file = argument(options, "file");
            audit::record(app, EventType::Copied, &CLI).await?;
            app.store
                .back_up(Path::new(file))
                .await
                .map_err(|cause| Exit::failed(format!("{file}: {cause}")))?;
            print(&format!(
                "{file} is a copy of the database; keep DOORWARD_SECRET, or its file, with it\n"
            ))
        }
        _ => copy(app, argument(options, "to")).await,
    }
}

struct Reporter {
    progress: Progress,
    json: bool,
}

impl Listener for Reporter {
    fn refused(&mut self, record: u64, why: &str) {
        self.progress.say(&if self.json {
            json!({"record": record, "refused": why}).to_string()
        } else {
            format!("record {record}: {why}")
        });
    }

    fn progress(&mut self, so_far: &Imported) {
        self.progress.at(so_far.read);
    }
}

async fn import(app: &App, options: &ArgMatches) -> Result<(), Exit> {
    let file = argument(options, "file");
    let unreadable = |cause: std::io::Error| Exit::failed(format!("{file}: {cause}"));
    let reader: Box<dyn Read + Send> = if file == "-" {
        Box::new(stdin())
    } else {
        Box::new(File::open(file).map_err(unreadable)?)
    };
    let firebase = match optional(options, "firebase") {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).map_err(|cause| Exit::failed(format!("{path}: {cause}")))?;
            Some(FirebaseParameters::parse(&text).map_err(|why| Exit::failed(format!("{path}: {why}")))?)
        }
        None => None,
    };
    let source = Source::parse(argument(options, "from")).ok_or_else(|| Exit::failed("no such source"))?;
    let (rehearsal, json) = (options.get_flag("dry-run"), options.get_flag("json"));
    let import = Import {
        source,
        parameters: Parameters {
            now: app.clock.now(),
            firebase,
        },
        rehearsal,
        admins: options.get_flag("admins"),
    };
    let mut reporter = Reporter {
        progress: Progress::new("records", None),
        json,
    };
    let outcome = portability::import(app, BufReader::new(reader), import, &CLI, &mut reporter).await;
    let report = outcome.map_err(|cause| Exit::failed(format!("{file}: {cause}")))?;
    let end = reporter.progress.end(report.read);
    let Imported {
        read,
        imported,
        there,
        skipped,
        refused,
        without_password,
        admins,
    } = report;
    if json {
        return print_json(&json!({
            "dry_run": rehearsal, "read": read, "imported": imported, "already_there": there, "skipped": skipped, "refused": refused,
            "without_password": without_password, "admins": admins,
        }));
    }
    let verb = if rehearsal {
        "would be imported"
    } else {
        "imported"
    };
    print(&format!(
        "{read} records read: {imported} {verb}, {there} already there, {skipped} no accounts, {refused} refused; {without_password} have no password, {admins} are admins there\n{end}\n"
    ))
}

async fn export(app: &App, options: &ArgMatches) -> Result<(), Exit> {
    let file = argument(options, "file");
    let unwritable = |cause: std::io::Error| Exit::failed(format!("{file}: {cause}"));
    let count = app.store.count_users().await.map_err(Exit::failed)?;
    let mut progress = Progress::new("accounts", u64::try_from(count).ok());
    let to: Box<dyn Write> = match file {
        "-" => Box::new(stdout()),
        _ => Box::new(
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(file)
                .map_err(unwritable)?,
        ),
    };
    let mut writer = BufWriter::new(to);
    let exported = portability::export(app, &mut writer, &CLI, &mut |rows| progress.at(rows)).await;
    let exported = exported.map_err(|cause| Exit::failed(format!("{file}: {cause}")))?;
    eprintln!("{exported} accounts exported, {}", progress.end(exported));
    Ok(())
}

async fn copy(app: &App, to: &str) -> Result<(), Exit> {
    let url = DatabaseUrl::parse(to).map_err(|why| Exit::failed(format!("--to: {why}")))?;
    let other = Store::open(&url).await.map_err(Exit::failed)?;
    audit::record(app, EventType::Copied, &CLI).await?;
    let (mut before, mut table, mut rows) = (0, String::new(), 0);
    let mut progress = Progress::new("rows", None);
    let mut tell = |name: &str, so_far| {
        if name != table {
            before += rows;
            name.clone_into(&mut table);
        }
        rows = so_far;
        progress.at(before + rows);
    };
    let copied = app.store.copy_into(&other, &mut tell).await;
    other.close().await;
    let copied = copied.map_err(Exit::failed)?;
    print(&format!(
        "{copied} rows copied, {}\nstart servers on it with this one's DOORWARD_SECRET{}\n",
        progress.end(copied),
        url.secret_file()
            .map(|file| format!(", or with a copy of its secret file as {}", file.display()))
            .unwrap_or_default()
    ))
}
