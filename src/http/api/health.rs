//! `GET /health` and `GET /ready`: whether the process lives, and whether it can work.

use std::collections::BTreeMap;

use actix_web::http::header;
use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::service::readiness;

/// Liveness of the process.
#[derive(Serialize, ToSchema)]
struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

/// Readiness of the process, with every check.
#[derive(Serialize, ToSchema)]
struct Readiness {
    /// `ok`, or `unavailable` if a check fails.
    #[schema(example = "ok")]
    status: &'static str,
    /// Result of each check: `ok` or `unavailable`.
    #[schema(value_type = BTreeMap<String, String>, example = json!({"database": "ok", "feed": "ok", "keys": "ok", "migrations": "ok", "serving": "ok"}))]
    checks: BTreeMap<&'static str, &'static str>,
}

const fn word(ok: bool) -> &'static str {
    if ok { "ok" } else { "unavailable" }
}

/// Liveness check
///
/// Answers while the process runs. For supervisors that restart it.
#[utoipa::path(operation_id = "health", tag = "health", responses((status = 200, description = "The process runs", body = Health)))]
#[get("/health")]
pub async fn health() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: word(true) })
}

/// Readiness check
///
/// Runs every check. For load balancers that send requests to this process.
#[utoipa::path(
    operation_id = "ready", tag = "health",
    responses(
        (status = 200, description = "Ready", body = Readiness),
        (status = 503, description = "Not ready; the checks say why", body = Readiness, headers(("Retry-After" = u32, description = "Seconds to wait")))
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
