//! `/audit`: what happened.

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::http::extract::page;
use crate::http::extract::query::QueryFields;
use crate::http::problem::Problem;
use crate::http::problem::shared::{AdminRefusals, GuardRefusals, ServerRefusals};
use crate::model::clock::Timestamp;
use crate::model::event::{EventFilter, EventRow};
use crate::model::ids::UserId;
use crate::service::audit;

/// Something that happened.
#[derive(Serialize, ToSchema)]
pub struct Event {
    /// Its place in the chain.
    #[schema(example = 42)]
    id: i64,
    #[schema(format = "date-time", example = "2026-11-22T16:07:31.232440Z")]
    at: String,
    /// Stable word for what happened; new ones may come.
    #[serde(rename = "type")]
    #[schema(example = "login_fail")]
    kind: String,
    /// `anonymous`, `user`, `cli` or `server`.
    #[schema(example = "anonymous")]
    actor: String,
    /// Who did it, if a user.
    #[schema(example = 1)]
    actor_id: Option<i64>,
    /// To whom it happened.
    #[schema(example = 7)]
    user_id: Option<i64>,
    /// Of which session.
    #[schema(format = "uuid", example = "9fa25cc3-e57e-4ce0-b722-bffc581f15fe")]
    session_id: Option<String>,
    /// From where.
    #[schema(example = "192.0.2.7")]
    ip: String,
    /// In which request.
    #[schema(example = "6f1c2a9b7d3e4f50")]
    request_id: String,
    /// The particulars: before and after, or the reason.
    #[schema(value_type = BTreeMap<String, serde_json::Value>, example = json!({"reason": "wrong_password"}))]
    details: serde_json::Value,
}

impl From<EventRow> for Event {
    fn from(row: EventRow) -> Self {
        Self {
            id: row.id,
            at: row.created_at.rfc3339(),
            kind: row.kind,
            actor: row.actor,
            actor_id: row.actor_id.map(UserId::get),
            user_id: row.user_id.map(UserId::get),
            session_id: row.session_id.map(|id| id.to_string()),
            ip: row.ip,
            request_id: row.request_id,
            // A row that someone has tampered with is shown, and `doorward audit verify` names it.
            details: serde_json::from_str(&row.details)
                .ok()
                .filter(serde_json::Value::is_object)
                .unwrap_or_else(|| serde_json::json!({})),
        }
    }
}

/// A page of events.
#[derive(Serialize, ToSchema)]
struct EventPage {
    events: Vec<Event>,
    /// Gets the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "17")]
    next_cursor: Option<String>,
}

/// List events
///
/// The newest first.
#[utoipa::path(
    operation_id = "listEvents",
    tag = "audit",
    security(("password" = ["audit:read"])),
    params(
        ("type" = Option<String>, Query, description = "Of this type"),
        ("user" = Option<i64>, Query, description = "By or to this account"),
        ("after" = Option<String>, Query, description = "At this instant or later (RFC 3339)", format = "date-time"),
        ("before" = Option<String>, Query, description = "Earlier than this instant (RFC 3339)", format = "date-time"),
        ("limit" = Option<u32>, Query, description = "1 to 200, 50 if absent", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before, with the same filters"),
    ),
    responses((status = 200, description = "A page of them", body = EventPage), AdminRefusals, GuardRefusals, ServerRefusals)
)]
#[get("")]
pub async fn list(app: web::Data<App>, query: QueryFields) -> Result<HttpResponse, Problem> {
    let mut invalid = Vec::new();
    let instant = (
        "datetime_parsing",
        "Input should be an instant such as 2026-11-22T16:07:31Z",
    );
    let number = ("int_parsing", "Input should be a valid integer");
    let filter = EventFilter {
        kind: query.parsed(
            "type",
            &mut invalid,
            ("enum", "Input should be a type of event"),
            |text| text.parse().ok(),
        ),
        user: query.parsed("user", &mut invalid, number, |text| {
            text.parse().ok().map(|id: i64| UserId::from(id))
        }),
        from: query.parsed("after", &mut invalid, instant, Timestamp::parse_rfc3339),
        until: query.parsed("before", &mut invalid, instant, Timestamp::parse_rfc3339),
        below: query.parsed("cursor", &mut invalid, page::NO_CURSOR, |text| text.parse().ok()),
    };
    let limit = query.limit(&mut invalid);
    if !invalid.is_empty() {
        return Err(invalid.into());
    }
    let (events, next) = audit::find(&app, &filter, limit).await?;
    Ok(HttpResponse::Ok().json(EventPage {
        events: events.into_iter().map(Event::from).collect(),
        next_cursor: next.map(|id| id.to_string()),
    }))
}
