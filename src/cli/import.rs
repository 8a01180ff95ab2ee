//! `doorward import`: imports accounts from another service's export or from our own.

use std::fs::File;
use std::io::{BufReader, Read, stdin};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;

use super::exit::Exit;
use super::operator::CLI;
use super::output::{Format, print, print_json};
use super::progress::Progress;
use crate::app::App;
use crate::formats::sources::{FirebaseParameters, Parameters, Source};
use crate::service::portability::{self, Import, Imported, Listener};
use crate::store::IfAbsent;

/// Options of the command.
#[derive(Debug, Args)]
pub struct ImportOptions {
    /// File with JSON lines, a JSON array or document, or CSV with a header; - is standard input
    file: String,
    /// Service that the file was exported from
    #[arg(long, value_name = "SOURCE", default_value = "doorward", value_parser = source_parser())]
    from: Source,
    #[arg(
        long,
        value_name = "FILE",
        help = "File with the hash_config of the Firebase project, copied from its console"
    )]
    firebase_parameters: Option<String>,
    /// Import the other service's admins as admins; without this option they become plain users
    #[arg(long)]
    with_admins: bool,
    /// Report the result without changing anything
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: Format,
}

impl ImportOptions {
    /// An import can begin an installation; a rehearsal changes nothing.
    pub const fn if_absent(&self) -> IfAbsent {
        if self.dry_run {
            IfAbsent::Refuse
        } else {
            IfAbsent::Create
        }
    }
}

fn source_parser() -> impl TypedValueParser<Value = Source> {
    PossibleValuesParser::new(Source::ALL.map(Source::name))
        .try_map(|name| Source::parse(&name).ok_or("is not a known source"))
}

struct Reporter {
    progress: Progress,
    format: Format,
}

impl Listener for Reporter {
    fn refused(&mut self, record: u64, why: &str) {
        self.progress.say(&if self.format.json {
            json!({"record": record, "refused": why}).to_string()
        } else {
            format!("record {record}: {why}")
        });
    }

    fn progress(&mut self, so_far: &Imported) {
        self.progress.at(so_far.read);
    }
}

/// Runs the command.
///
/// # Errors
/// [`Exit`] with the reason.
pub async fn run(app: &App, options: ImportOptions) -> Result<(), Exit> {
    let ImportOptions {
        file,
        from,
        firebase_parameters,
        with_admins,
        dry_run,
        format,
    } = options;
    let reader: Box<dyn Read + Send> = if file == "-" {
        Box::new(stdin())
    } else {
        Box::new(File::open(&file).map_err(|cause| Exit::of_file(&file, cause))?)
    };
    let firebase = firebase_parameters.map(|path| firebase(&path)).transpose()?;
    let import = Import {
        source: from,
        parameters: Parameters {
            now: app.clock.now(),
            firebase,
        },
        rehearsal: dry_run,
        admins: with_admins,
    };
    let mut reporter = Reporter {
        progress: Progress::new("records", None),
        format,
    };
    let outcome = portability::import(app, BufReader::new(reader), import, &CLI, &mut reporter).await;
    let report = outcome.map_err(|cause| Exit::of_file(&file, cause))?;
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
    if format.json {
        print_json(&json!({
            "dry_run": dry_run, "read": read, "imported": imported, "already_there": there,
            "skipped": skipped, "refused": refused, "without_password": without_password, "admins": admins,
        }))?;
    } else {
        let verb = if dry_run { "would be imported" } else { "imported" };
        print(&format!(
            "{read} records read: {imported} {verb}, {there} already exist, {skipped} are not accounts, \
             {refused} refused; {without_password} have no password, {admins} are admins of the other service\n{end}\n"
        ))?;
    }
    match (refused, imported + there) {
        (0, _) => Ok(()),
        (_, 0) => Err(Exit::failed(format!(
            "no account was taken{}",
            guess(&file, from)?
        ))),
        _ => Err(Exit::partly(format!("{refused} of {read} records were refused"))),
    }
}

/// Advice, if the file looks like the export of another service.
fn guess(file: &str, tried: Source) -> Result<String, Exit> {
    if file == "-" {
        return Ok(String::new());
    }
    let reader = File::open(file).map_err(|cause| Exit::of_file(file, cause))?;
    let other = portability::guess_source(BufReader::new(reader)).filter(|source| *source != tried);
    Ok(other.map_or_else(String::new, |source| {
        format!("; the file looks like one of {0}: --from {0}", source.name())
    }))
}

fn firebase(path: &str) -> Result<FirebaseParameters, Exit> {
    let text = std::fs::read_to_string(path).map_err(|cause| Exit::of_file(path, cause))?;
    FirebaseParameters::parse(&text).map_err(|why| Exit::of_file(path, why))
}
