//! `doorward audit`: the events, and the proof that they are whole.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};

use super::Exit;
use super::output::{print, print_json};
use crate::app::App;
use crate::http::api::audit::Event;
use crate::model::clock::Timestamp;
use crate::service::audit::{self, AuditVerdict};

/// Commands of `doorward audit`.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Check that no event was changed or removed; exit status 0 or 1
    Verify {
        /// The newest event that an earlier verification named, which must be there still
        #[arg(long, value_name = "ID:LINK")]
        since: Option<String>,
    },
    /// Print events, the oldest first, one JSON object a line
    Export(Period),
}

/// Options of `doorward audit export`.
#[derive(Debug, Args)]
pub struct Period {
    /// At this instant or later, such as 2026-11-22T16:07:31Z
    #[arg(long, value_name = "INSTANT")]
    after: Option<String>,
    /// Earlier than this instant
    #[arg(long, value_name = "INSTANT")]
    before: Option<String>,
}

/// Runs one of the commands.
///
/// # Errors
/// [`Exit`] with the reason, or with what is broken.
pub async fn run(app: &App, action: Action) -> Result<(), Exit> {
    match action {
        Action::Verify { since } => verify(app, since.as_deref()).await,
        Action::Export(period) => export(app, &period).await,
    }
}

async fn verify(app: &App, since: Option<&str>) -> Result<(), Exit> {
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
        AuditVerdict::Altered(event) => Err(Exit::failed(format!("event {event} was changed or removed"))),
        AuditVerdict::EndsBroken => Err(Exit::failed(
            "the record of the first and the last event was changed, or events were removed at an end",
        )),
    }
}

fn noted(text: &str) -> Option<(i64, Vec<u8>)> {
    let (id, link) = text.split_once(':')?;
    Some((id.parse().ok()?, URL_SAFE_NO_PAD.decode(link).ok()?))
}

fn instant(text: Option<&str>, flag: &str) -> Result<Option<Timestamp>, Exit> {
    let wrong = || Exit::failed(format!("{flag}: not an instant such as 2026-11-22T16:07:31Z"));
    text.map(|text| Timestamp::parse_rfc3339(text).ok_or_else(wrong))
        .transpose()
}

async fn export(app: &App, period: &Period) -> Result<(), Exit> {
    let after = instant(period.after.as_deref(), "--after")?;
    let before = instant(period.before.as_deref(), "--before")?;
    let mut next = 0;
    loop {
        let page = audit::page_from(app, next).await?;
        let Some(last) = page.last() else { return Ok(()) };
        next = last.id + 1;
        for row in page {
            if after.is_none_or(|after| row.created_at >= after)
                && before.is_none_or(|before| row.created_at < before)
            {
                print_json(&Event::from(row))?;
            }
        }
    }
}
