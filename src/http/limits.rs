//! Budget of requests of each address, and its headers (draft-ietf-httpapi-ratelimit-headers): the
//! client can see what is left before the budget is used up.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpMessage as _, HttpRequest};

use super::extract::client::client_address;
use super::problem::Problem;
use crate::app::App;
use crate::model::throttle::Budget;
use crate::service::Failure;
use crate::telemetry::metrics::RequestLimit;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Takes one try from the login budget of the caller's address: each request that verifies a password,
/// before it is hashed, and each wrong secret of a client.
///
/// # Errors
/// [`Failure::Throttled`].
pub fn login(app: &App, request: &HttpRequest) -> Result<(), Problem> {
    take(
        app,
        request,
        RequestLimit::LoginAddress,
        app.memory.logins.take(client_address(request), app.clock.now()),
    )
}

/// Takes one from the registration budget of the caller's IP address: for a registration, and for
/// every other answer that reveals whether an e-mail address is taken.
///
/// # Errors
/// [`Failure::Throttled`].
pub fn registration(app: &App, request: &HttpRequest) -> Result<(), Problem> {
    take(
        app,
        request,
        RequestLimit::RegisterAddress,
        app.memory
            .registrations
            .take(client_address(request), app.clock.now()),
    )
}

fn take(
    app: &App,
    request: &HttpRequest,
    limit: RequestLimit,
    taken: Option<(Budget, bool)>,
) -> Result<(), Problem> {
    let Some((budget, admitted)) = taken else {
        return Ok(());
    };
    let tighter = |before: Budget| before.left < budget.left;
    if !taken_from(request).is_some_and(tighter) {
        request.extensions_mut().insert(budget);
    }
    if admitted {
        return Ok(());
    }
    app.telemetry.metrics.outcomes.throttled(limit);
    Err(Failure::Throttled {
        retry_after: seconds(&budget).max(1),
    }
    .into())
}

fn seconds(budget: &Budget) -> u64 {
    budget.wait.as_secs() + u64::from(budget.wait.subsec_nanos() > 0)
}

/// The budget that a request took from, if it did; of several the one with least left.
#[must_use]
pub fn taken_from(request: &HttpRequest) -> Option<Budget> {
    request.extensions().get().copied()
}

/// Tells what is left of it.
pub fn tell(budget: &Budget, headers: &mut HeaderMap) {
    let left = format!("\"default\";r={};t={}", budget.left, seconds(budget));
    let policy = format!(
        "\"default\";q={};w={}",
        budget.rate.quota,
        budget.rate.window.as_secs()
    );
    for (name, text) in [(RATE_LIMIT, left), (RATE_LIMIT_POLICY, policy)] {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
}
