//! `doorward audit`: verifies the chain of audit events, lists and exports the events.

use clap::{Args, Subcommand};

use super::exit::Exit;
use super::output::{self, Format, print, print_json};
use super::user;
use crate::app::App;
use crate::http::api::audit::EventBody;
use crate::model::clock::Timestamp;
use crate::model::event::{EventFilter, EventRow};
use crate::model::ids::UserId;
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
    /// List events, newest first
    #[command(
        after_help = "Example: doorward audit list --user alice@example.com --type login_fail --after 2026-11-22"
    )]
    List(EventListing),
    /// Print events, oldest first, one JSON object per line
    Export(Period),
}

/// Options of `doorward audit list`.
#[derive(Debug, Args)]
pub struct EventListing {
    /// Only events that this account caused or that concern it: an email address or id
    #[arg(long, value_name = "WHO")]
    user: Option<String>,
    /// Only events of this type
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    #[command(flatten)]
    period: Period,
    /// The most events to print
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    format: Format,
}

/// A span of time.
#[derive(Debug, Args)]
pub struct Period {
    /// Only events at or after this time: a date (UTC), or an instant such as 2026-11-22T16:07:31Z
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
        AuditAction::List(options) => list(app, options).await,
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
    let wrong = || {
        Exit::failed(format!(
            "{flag}: must be a date such as 2026-11-22 or an instant such as 2026-11-22T16:07:31Z"
        ))
    };
    let parse = |text: &str| {
        Timestamp::parse_rfc3339(text).or_else(|| Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")))
    };
    text.map(|text| parse(text).ok_or_else(wrong)).transpose()
}

/// Events read at a time.
const PAGE: usize = 200;

async fn list(app: &App, options: EventListing) -> Result<(), Exit> {
    let EventListing {
        user,
        kind,
        period,
        limit,
        format,
    } = options;
    let unknown = |kind: &str| Exit::failed(format!("--type: {kind} is not a type of event"));
    let kind = kind
        .map(|kind| kind.parse().map_err(|_| unknown(&kind)))
        .transpose()?;
    let user = match user {
        // The events of an account stay when it is deleted.
        Some(who) => Some(match who.parse::<i64>() {
            Ok(id) => UserId::from(id),
            Err(_) => user::find(app, &who).await?.me.id,
        }),
        None => None,
    };
    let mut filter = EventFilter {
        kind,
        user,
        from: time(period.after.as_deref(), "--after")?,
        until: time(period.before.as_deref(), "--before")?,
        below: None,
    };
    let mut rest = limit;
    while rest > 0 {
        let (events, next) = audit::find(app, &filter, rest.min(PAGE)).await?;
        if filter.below.is_none() {
            if events.is_empty() {
                output::none(format, "events");
                return Ok(());
            }
            output::header(format, EVENT_COLUMNS)?;
        }
        rest -= events.len();
        for event in events {
            show(event, format)?;
        }
        if next.is_none() {
            return Ok(());
        }
        filter.below = next;
    }
    Ok(())
}

const EVENT_COLUMNS: &str = "    ID  TIME                         TYPE                   ACTOR      ACCOUNT  ADDRESS          DETAILS";

fn show(event: EventRow, format: Format) -> Result<(), Exit> {
    if format.json {
        return print_json(&EventBody::from(event));
    }
    let actor = event
        .actor_id
        .map_or_else(|| event.actor.clone(), |id| format!("user {}", id.get()));
    let account = event.user_id.map_or_else(String::new, |id| id.get().to_string());
    print(&format!(
        "{:6}  {:27}  {:21}  {actor:9}  {account:>7}  {:15}  {}\n",
        event.id,
        event.created_at.rfc3339(),
        event.kind,
        event.ip,
        event.details
    ))
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
