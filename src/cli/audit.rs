//! `doorward audit`: the events, and the proof that they are whole.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Arg, ArgMatches, Command};

use super::{Exit, optional, print, print_json};
use crate::app::App;
use crate::http::api::audit::Event;
use crate::model::clock::Timestamp;
use crate::service::audit::{self, AuditVerdict};

/// Its commands.
pub fn command() -> Command {
    let instant =
        |name: &'static str, help: &'static str| Arg::new(name).long(name).value_name("INSTANT").help(help);
    Command::new("audit")
        .about("What happened")
        .subcommand_required(true)
        .subcommands([
            Command::new("verify")
                .about("Check that no event was changed or removed; exit status 0 or 1")
                .arg(
                    Arg::new("since").long("since").value_name("ID:LINK").help(
                        "The newest event that an earlier verification named, which must be there still",
                    ),
                ),
            Command::new("export")
                .about("Print events, the oldest first, one JSON object a line")
                .arg(instant(
                    "after",
                    "At this instant or later, such as 2026-11-22T16:07:31Z",
                ))
                .arg(instant("before", "Earlier than this instant")),
        ])
}

/// Runs one of them.
///
/// # Errors
/// [`Exit`] with why not, or with what is broken.
pub async fn run(app: &App, matches: &ArgMatches) -> Result<(), Exit> {
    if let Some(("export", options)) = matches.subcommand() {
        return export(app, instant(options, "after")?, instant(options, "before")?).await;
    }
    let since = matches
        .subcommand()
        .and_then(|(_, options)| optional(options, "since"));
    let known = since
        .map(|text| noted(text).ok_or_else(|| Exit::failed("--since: not of the form ID:LINK")))
        .transpose()?;
    match audit::verify(app, known.as_ref()).await? {
        AuditVerdict::Whole(events, newest) => print(&format!(
            "{events} events, each in its place and as it was written; the newest is {newest}\n"
        )),
        AuditVerdict::Unlike(event) => Err(Exit::failed(format!(
            "event {event} is not the one that was noted: an older state was put back"
        ))),
        AuditVerdict::CryptoError(event) => {
            Err(Exit::failed(format!("event {event} was changed or removed")))
        }
        AuditVerdict::EndsBroken => Err(Exit::failed(
            "the record of the first and the last event was changed, or events were removed at an end",
        )),
    }
}

fn noted(text: &str) -> Option<(i64, Vec<u8>)> {
    let (id, link) = text.split_once(':')?;
    Some((id.parse().ok()?, URL_SAFE_NO_PAD.decode(link).ok()?))
}

fn instant(options: &ArgMatches, name: &str) -> Result<Option<Timestamp>, Exit> {
    let Some(text) = optional(options, name) else {
        return Ok(None);
    };
    Timestamp::parse_rfc3339(text)
        .map(Some)
        .ok_or_else(|| Exit::failed(format!("--{name}: not an instant such as 2026-11-22T16:07:31Z")))
}

async fn export(app: &App, after: Option<Timestamp>, before: Option<Timestamp>) -> Result<(), Exit> {
    let mut place = 0;
    loop {
        let page = audit::page_from(app, place).await?;
        let Some(last) = page.last() else { return Ok(()) };
        place = last.id + 1;
        for row in page {
            if after.is_none_or(|after| row.created_at >= after)
                && before.is_none_or(|before| row.created_at < before)
            {
                print_json(&Event::from(row))?;
            }
        }
    }
}
