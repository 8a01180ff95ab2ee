//! `doorward audit`: verifies the chain of audit events and exports the events.

use clap::{Args, Subcommand};

use super::exit::Exit;
use super::output::{print, print_json};
use crate::app::App;
use crate::http::api::audit::EventBody;
use crate::model::clock::Timestamp;
use crate::service::audit::{self, AuditVerdict};

/// Commands of `doorward audit`.
#[derive(Debug, Subcommand)]
pub enum AuditAction {
    /// Verify that no event was changed, removed or added; exit status 0 if so, else 1
    Verify {
        /// Newest event of an earlier verification; it must still exist unchanged
        #[arg(long, value_name = "ID:LINK")]
        since: Option<String>,
    },
    /// Print events, oldest first, one JSON object per line
    Export(Period),
}

/// Options of `doorward audit export`.
#[derive(Debug, Args)]
pub struct Period {
    /// Only events at or after this time, such as 2026-11-22T16:07:31Z
    #[arg(long, value_name = "TIME")]
    after: Option<String>,
    /// Only events before this time
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
}

/// Runs one of the commands.
///
/// # Errors
/// [`Exit`] with the reason, or with the broken event.
pub async fn run(app: &App, action: AuditAction) -> Result<(), Exit> {
    match action {
        AuditAction::Verify { since } => verify(app, since.as_deref()).await,
        AuditAction::Export(period) => export(app, &period).await,
    }
}

async fn verify(app: &App, since: Option<&str>) -> Result<(), Exit> {
    let noted = since
        .map(|text| {
            audit::parse_place(text).ok_or_else(|| Exit::failed("--since: must have the form ID:LINK"))
        })
        .transpose()?;
    match audit::verify(app, noted.as_ref()).await? {
        AuditVerdict::Whole(events, newest) => print(&format!(
            "{events} events verified: none is missing or changed; the newest is {newest}\n"
        )),
        AuditVerdict::Unlike(event) => Err(Exit::failed(format!(
            "event {event} is not the event of the earlier verification: an older database was restored"
        ))),
        AuditVerdict::Altered(event) => Err(Exit::failed(format!("event {event} was changed or removed"))),
        AuditVerdict::EndsBroken => Err(Exit::failed(
            "the first or the last events were removed, or the MAC of both ends was changed",
        )),
    }
}

fn time(text: Option<&str>, flag: &str) -> Result<Option<Timestamp>, Exit> {
    let wrong = || Exit::failed(format!("{flag}: must be a time such as 2026-11-22T16:07:31Z"));
    text.map(|text| Timestamp::parse_rfc3339(text).ok_or_else(wrong))
        .transpose()
}

async fn export(app: &App, period: &Period) -> Result<(), Exit> {
    let after = time(period.after.as_deref(), "--after")?;
    let before = time(period.before.as_deref(), "--before")?;
    let mut next = 0;
    loop {
        let page = audit::page_from(app, next).await?;
        let Some(last) = page.last() else { return Ok(()) };
        next = last.id + 1;
        for row in page {
            if after.is_none_or(|after| row.created_at >= after)
                && before.is_none_or(|before| row.created_at < before)
            {
                print_json(&EventBody::from(row))?;
            }
        }
    }
}
