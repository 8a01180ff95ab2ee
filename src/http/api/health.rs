//! `GET /health` and `GET /ready`: whether the process lives, and whether it can work.

use std::collections::BTreeMap;

use actix_web::http::header;
use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::service::readiness;

/// A sign of life.
#[derive(Serialize, ToSchema)]
struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

/// What the process needs to work, a line each.
#[derive(Serialize, ToSchema)]
struct Readiness {
    /// `ok`, or `unavailable` if any check is.
    #[schema(example = "ok")]
    status: &'static str,
    /// `ok` or `unavailable` by check.
    #[schema(value_type = BTreeMap<String, String>, example = json!({"database": "ok", "feed": "ok", "hash_queue": "ok", "keys": "ok", "migrations": "ok", "serving": "ok"}))]
    checks: BTreeMap<&'static str, &'static str>,
}

const fn word(ok: bool) -> &'static str {
    if ok { "ok" } else { "unavailable" }
}

/// Whether the process lives
///
/// Asks nothing else: for who restarts it.
#[utoipa::path(operation_id = "health", tag = "health", responses((status = 200, description = "It lives", body = Health)))]
#[get("/health")]
pub async fn health() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: word(true) })
}

/// Whether the process can work
///
/// For who sends it requests: with a line a check.
#[utoipa::path(
    operation_id = "ready", tag = "health",
    responses(
        (status = 200, description = "It can", body = Readiness),
        (status = 503, description = "It cannot; the checks say why", body = Readiness, headers(("Retry-After" = u32, description = "Seconds to wait")))
    )
)]
#[get("/ready")]
pub async fn ready(app: web::Data<App>) -> HttpResponse {
    let checks = readiness::checks(&app).await;
    let ok = checks.iter().all(|(_, ok)| *ok);
    let body = Readiness {
        status: word(ok),
        checks: checks.into_iter().map(|(name, ok)| (name, word(ok))).collect(),
    };
    if ok {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::ServiceUnavailable()
            .insert_header((header::RETRY_AFTER, "2"))
            .json(body)
    }
}
