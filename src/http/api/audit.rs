//! `/audit`: what happened.

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::http::extract::page;
use crate::http::extract::query::{FromQuery, Query, QueryFields};
use crate::http::problem::Problem;
use crate::http::problem::shared::{AdminReadRefusals, GuardRefusals, ServerRefusals};
use crate::model::clock::Timestamp;
use crate::model::event::{EventFilter, EventRow, EventType};
use crate::model::ids::UserId;
use crate::model::invalid::Invalid;
use crate::service::audit;

/// Event of the audit record.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventBody {
    /// Place in the chain of events.
    #[schema(example = 42)]
    id: i64,
    #[schema(format = "date-time", example = "2026-11-22T16:07:31.232440Z")]
    at: String,
    /// Stable word for the event; new words may be added.
    #[serde(rename = "type")]
    #[schema(example = "login_fail")]
    kind: String,
    /// `anonymous`, `user`, `cli` or `server`.
    #[schema(example = "anonymous")]
    actor: String,
    /// Account that acted, if a user acted.
    #[schema(example = 1)]
    actor_id: Option<i64>,
    /// Account that the event concerns.
    #[schema(example = 7)]
    user_id: Option<i64>,
    /// Session that the event concerns.
    #[schema(format = "uuid", example = "9fa25cc3-e57e-4ce0-b722-bffc581f15fe")]
    session_id: Option<String>,
    /// Network address of the request.
    #[schema(example = "192.0.2.7")]
    ip: String,
    /// Id of the request.
    #[schema(example = "6f1c2a9b7d3e4f50")]
    request_id: String,
    /// Details: state before and after, or the reason.
    #[schema(value_type = BTreeMap<String, serde_json::Value>, example = json!({"reason": "wrong_password"}))]
    details: serde_json::Value,
}

impl From<EventRow> for EventBody {
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
    events: Vec<EventBody>,
    /// Cursor of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "17")]
    next_cursor: Option<String>,
}

/// The events that a list is asked for.
#[derive(utoipa::IntoParams)]
struct EventQuery {
    /// Events of this type
    #[param(rename = "type", value_type = Option<String>)]
    kind: Option<EventType>,
    /// Events that this account caused or that concern it
    #[param(value_type = Option<i64>)]
    user: Option<UserId>,
    /// Events at or after this instant (RFC 3339)
    #[param(value_type = Option<String>, format = "date-time")]
    after: Option<Timestamp>,
    /// Events before this instant (RFC 3339)
    #[param(value_type = Option<String>, format = "date-time")]
    before: Option<Timestamp>,
    /// Page size, 1 to 200; 50 if absent
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: usize,
    /// `next_cursor` of the previous page; use it with the same filters
    #[param(value_type = Option<String>)]
    cursor: Option<i64>,
}

impl FromQuery for EventQuery {
    fn from_query(query: &QueryFields, faults: &mut Vec<Invalid>) -> Self {
        Self {
            kind: query.parsed("type", faults, NO_TYPE, |text| text.parse().ok()),
            user: query.parsed("user", faults, NO_NUMBER, |text| {
                text.parse().ok().map(|id: i64| UserId::from(id))
            }),
            after: query.parsed("after", faults, NO_INSTANT, Timestamp::parse_rfc3339),
            before: query.parsed("before", faults, NO_INSTANT, Timestamp::parse_rfc3339),
            cursor: query.parsed("cursor", faults, page::NO_CURSOR, |text| text.parse().ok()),
            limit: query.limit(faults),
        }
    }
}

const NO_TYPE: (&str, &str) = ("enum", "Input should be a type of event");
const NO_NUMBER: (&str, &str) = ("int_parsing", "Input should be a valid integer");
const NO_INSTANT: (&str, &str) = (
    "datetime_parsing",
    "Input should be an instant such as 2026-11-22T16:07:31Z",
);

/// List events
///
/// Returns events, newest first.
#[utoipa::path(
    operation_id = "listEvents", tag = "audit", security(("password" = ["audit:read"])),
    params(EventQuery),
    responses(
        (status = 200, description = "One page", body = EventPage),
        AdminReadRefusals, GuardRefusals, ServerRefusals,
    )
)]
#[get("")]
pub async fn list(app: web::Data<App>, Query(query): Query<EventQuery>) -> Result<HttpResponse, Problem> {
    let filter = EventFilter {
        kind: query.kind,
        user: query.user,
        from: query.after,
        until: query.before,
        below: query.cursor,
    };
    let (events, next) = audit::find(&app, &filter, query.limit).await?;
    Ok(HttpResponse::Ok().json(EventPage {
        events: events.into_iter().map(EventBody::from).collect(),
        next_cursor: next.map(|id| id.to_string()),
    }))
}
