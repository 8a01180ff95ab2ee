//! Who asks: the bearer check in front of guarded routes, and [`CurrentUser`] for the handlers
//! behind it.

use std::future::{Ready, ready};

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{Error, FromRequest, HttpMessage as _, HttpRequest, web};
use actix_web_httpauth::middleware::HttpAuthentication;

use super::extract::Origin;
use super::problem::Problem;
use crate::app::App;
use crate::model::event::{Actor, Context};
use crate::model::permission::Permission;
use crate::service::Failure;
use crate::service::sessions::{self, Bearer};
use crate::telemetry::request_context;

type Checked = Result<ServiceRequest, (Error, ServiceRequest)>;

/// What a scope of routes asks of its callers beside a live session.
#[derive(Debug, Clone, Copy)]
enum Needed {
    Nothing,
    Permission { read: Permission, write: Permission },
}

type Guard<F> = HttpAuthentication<BearerToken, F>;

/// The middleware for a scope of guarded routes: nothing behind it runs without a live session.
#[must_use]
pub fn bearer() -> Guard<impl Fn(ServiceRequest, BearerToken) -> BearerCheck + Clone + use<>> {
    guarded(Needed::Nothing)
}

/// The middleware for a scope of administrative routes: `read` lets a live session's bearer ask,
/// `write` change.
#[must_use]
pub fn permitted(
    read: Permission,
    write: Permission,
) -> Guard<impl Fn(ServiceRequest, BearerToken) -> BearerCheck + Clone + use<>> {
    guarded(Needed::Permission { read, write })
}

fn guarded(needed: Needed) -> Guard<impl Fn(ServiceRequest, BearerToken) -> BearerCheck + Clone + use<>> {
    HttpAuthentication::with_fn(move |request, token| -> BearerCheck {
        Box::pin(check(request, token, needed))
    })
}

type BearerCheck = futures_util::future::LocalBoxFuture<'static, Checked>;

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
    match sessions::authenticate(app, token).await {
        Ok(bearer) if !is_permitted(&bearer, needed, request.method()) => {
            log::warn!(user = bearer.standing.me.id.get(); "someone signed in is refused what they may not");
            Err((Problem::from(Failure::NotPermitted).into(), request))
        }
        Ok(bearer) => {
            request_context::authenticated(bearer.standing.me.id, bearer.session);
            request.extensions_mut().insert(CurrentUser(bearer, needed));
            Ok(request)
        }
        Err(failure) => Err((Problem::from(failure).into(), request)),
    }
}

/// Checks again after a body was read: whoever holds back the body of a request holds back no right
/// that ends meanwhile. Nothing on unguarded routes.
///
/// # Errors
/// As the guard.
pub async fn check_again(request: &HttpRequest) -> Result<(), Problem> {
    let Some(CurrentUser(before, needed)) = request.extensions().get::<CurrentUser>().cloned() else {
        return Ok(());
    };
    let Some(app) = request.app_data::<web::Data<App>>() else {
        return Ok(());
    };
    let standing = sessions::session_state(app, before.session).await?;
    let bearer = Bearer { standing, ..before };
    if is_permitted(&bearer, needed, request.method()) {
        Ok(())
    } else {
        Err(Failure::NotPermitted.into())
    }
}

/// By the standing of this moment, never by a claim (ASVS 8.3.2).
fn is_permitted(bearer: &Bearer, needed: Needed, method: &Method) -> bool {
    match needed {
        Needed::Nothing => true,
        Needed::Permission { read, write } => {
            bearer
                .standing
                .permissions
                .holds(if method.is_safe() { read } else { write })
        }
    }
}

/// The one `Authorization` header, whose token never comes from a query, cookie or body (RFC 6750
/// section 2.3).
pub struct BearerToken(HeaderValue);

impl BearerToken {
    /// The token, where it stands: every request has one, and it is long.
    fn text(&self) -> Result<&str, Problem> {
        const SCHEME: &[u8] = b"Bearer ";
        // RFC 9110 section 11.1: the scheme is compared without regard to case.
        match self.0.as_bytes().split_at_checked(SCHEME.len()) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case(SCHEME) => str::from_utf8(token)
                .map(|token| token.trim_start_matches(' '))
                .map_err(|_| Failure::InvalidToken.into()),
            _ if self.0.to_str().is_err() => Err(Failure::InvalidToken.into()),
            _ => Err(Problem::NotAuthenticated),
        }
    }
}

impl FromRequest for BearerToken {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut headers = request.headers().get_all(header::AUTHORIZATION);
        let found = match (headers.next(), headers.next()) {
            (None, _) => Err(Problem::NotAuthenticated),
            (Some(_), Some(_)) => Err(Problem::AmbiguousCredentials),
            (Some(value), None) => Ok(Self(value.clone())),
        };
        ready(found)
    }
}

/// Whom the guard let in, and what it asked of them.
#[derive(Clone)]
pub struct CurrentUser(pub Bearer, Needed);

impl FromRequest for CurrentUser {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = request.extensions().get::<Self>().cloned();
        ready(found.ok_or_else(|| {
            Failure::Internal("a handler asks for the current user outside the guard".to_owned()).into()
        }))
    }
}

/// Whom the guard let in, with what the record says of the request; for handlers that change
/// something.
pub struct Acting {
    /// Who, by which session.
    pub bearer: Bearer,
    /// Who, from where, in which request.
    pub context: Context,
}

impl FromRequest for Acting {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let user = CurrentUser::from_request(request, payload).into_inner();
        ready(user.map(|CurrentUser(bearer, _)| Self {
            context: Origin::of(request).context(Actor::User(bearer.standing.me.id)),
            bearer,
        }))
    }
}
