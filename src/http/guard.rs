//! The bearer check in front of guarded routes: no handler behind it runs without a live session,
//! except where clients may come instead.

use std::future::ready;

use actix_web::dev::ServiceRequest;
use actix_web::{Error, HttpMessage as _, web};
use actix_web_httpauth::middleware::HttpAuthentication;
use futures_util::future::LocalBoxFuture;

use super::extract::bearer::{BearerToken, CurrentUser, Needed, OptionalBearer, ProofAge, check_need};
use super::problem::Problem;
use crate::app::App;
use crate::model::permission::Permission;
use crate::service::Failure;
use crate::service::sessions;
use crate::telemetry::request_context;

type Checked = Result<ServiceRequest, (Error, ServiceRequest)>;
type BearerCheck = LocalBoxFuture<'static, Checked>;
type Guard<F> = HttpAuthentication<BearerToken, F>;
type ClientGuard<F> = HttpAuthentication<OptionalBearer, F>;

/// The middleware for a scope of guarded routes: nothing behind it runs without a live session.
#[must_use]
pub fn bearer() -> Guard<impl Fn(ServiceRequest, BearerToken) -> BearerCheck + Clone + use<>> {
    guarded(Needed::Nothing)
}

/// The middleware for a scope of administrative routes: `read` is the permission for requests that
/// read, `write` the one for changes.
#[must_use]
pub fn permitted(
    read: Permission,
    write: Permission,
) -> Guard<impl Fn(ServiceRequest, BearerToken) -> BearerCheck + Clone + use<>> {
    guarded(Needed::Permission {
        read,
        write,
        proof: ProofAge::Any,
    })
}

/// As [`permitted`], for a scope whose changes take over or narrow accounts: they need a fresh proof
/// of the password too.
#[must_use]
pub fn permitted_with_proof(
    read: Permission,
    write: Permission,
) -> Guard<impl Fn(ServiceRequest, BearerToken) -> BearerCheck + Clone + use<>> {
    guarded(Needed::Permission {
        read,
        write,
        proof: ProofAge::Fresh,
    })
}

/// The middleware for routes that clients may use too: a bearer needs the permission, as with
/// [`permitted`]. A request without a bearer token is let through, and its handler asks
/// [`client::permitted`](super::oauth::client::permitted), because a client's secret may be in the
/// body.
#[must_use]
pub fn permitted_or_client(
    permission: Permission,
) -> ClientGuard<impl Fn(ServiceRequest, OptionalBearer) -> BearerCheck + Clone + use<>> {
    let needed = Needed::Permission {
        read: permission,
        write: permission,
        proof: ProofAge::Any,
    };
    HttpAuthentication::with_fn(move |request, OptionalBearer(token)| -> BearerCheck {
        match token {
            Some(token) => Box::pin(check(request, token, needed)),
            None => Box::pin(ready(Ok(request))),
        }
    })
}

fn guarded(needed: Needed) -> Guard<impl Fn(ServiceRequest, BearerToken) -> BearerCheck + Clone + use<>> {
    HttpAuthentication::with_fn(move |request, token| -> BearerCheck {
        Box::pin(check(request, token, needed))
    })
}

async fn check(request: ServiceRequest, token: BearerToken, needed: Needed) -> Checked {
    let Some(app) = request.app_data::<web::Data<App>>() else {
        return Err((
            Problem::from(Failure::Internal("no app behind the guard".to_owned())).into(),
            request,
        ));
    };
    let token = match token.text() {
        Ok(token) => token,
        Err(problem) => return Err((problem.into(), request)),
    };
    let bearer = match sessions::authenticate(app, token).await {
        Ok(bearer) => bearer,
        Err(failure) => return Err((Problem::from(failure).into(), request)),
    };
    if let Err(failure) = check_need(app, &bearer, needed, request.method()) {
        if matches!(failure, Failure::NotPermitted) {
            log::warn!(user = bearer.state.me.id.get(); "permission denied");
        }
        return Err((Problem::from(failure).into(), request));
    }
    request_context::authenticated(bearer.state.me.id, bearer.session);
    request.extensions_mut().insert(CurrentUser(bearer, needed));
    Ok(request)
}
