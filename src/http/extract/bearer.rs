//! The caller of a guarded route: the bearer token, the account that it speaks for, and the check
//! that is made again once a body is read.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};

use super::client::Origin;
use crate::app::App;
use crate::http::problem::Problem;
use crate::model::event::{Actor, Context};
use crate::model::permission::Permission;
use crate::service::sessions::{self, Bearer};
use crate::service::{Failure, fresh_proof};

/// The one `Authorization` header, whose token never comes from a query, cookie or body (RFC 6750
/// section 2.3).
pub struct BearerToken(HeaderValue);

impl BearerToken {
    /// The token, borrowed from the header: every request has one, and it is long.
    ///
    /// # Errors
    /// The header holds no bearer token.
    pub fn text(&self) -> Result<&str, Problem> {
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

/// Whether the header's scheme is HTTP Basic (RFC 7617), by which clients authenticate themselves.
#[must_use]
pub fn is_basic(header: &HeaderValue) -> bool {
    const SCHEME: &[u8] = b"Basic";
    let scheme = header.as_bytes().split(|&byte| byte == b' ').next();
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME))
}

/// The bearer token on routes that clients may use too; none without a header, and none with HTTP
/// Basic.
pub struct OptionalBearer(pub Option<BearerToken>);

impl FromRequest for OptionalBearer {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(match BearerToken::from_request(request, payload).into_inner() {
            Ok(BearerToken(header)) if is_basic(&header) => Ok(Self(None)),
            Ok(token) => Ok(Self(Some(token))),
            Err(Problem::NotAuthenticated) => Ok(Self(None)),
            Err(other) => Err(other),
        })
    }
}

/// Requirement of a group of routes, in addition to a live session.
#[derive(Debug, Clone, Copy)]
pub enum Needed {
    /// The session is enough.
    Nothing,
    /// A permission to ask and one to change.
    Permission {
        /// For methods that only read.
        read: Permission,
        /// For all others.
        write: Permission,
        /// Whether a change needs a fresh proof of the password too.
        proof: ProofAge,
    },
}

/// Whether changes need a fresh proof of the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofAge {
    /// The session is enough.
    Any,
    /// The password was proved in it within the last minutes.
    Fresh,
}

/// Checks that a bearer may use a method, by the session state of this moment and never by a claim
/// (ASVS 8.3.2).
///
/// # Errors
/// [`Failure::NotPermitted`], or [`Failure::StaleProof`].
pub fn check_need(app: &App, bearer: &Bearer, needed: Needed, method: &Method) -> Result<(), Failure> {
    let Needed::Permission { read, write, proof } = needed else {
        return Ok(());
    };
    let permission = if method.is_safe() { read } else { write };
    if !bearer.state.permissions.holds(permission) {
        return Err(Failure::NotPermitted);
    }
    if proof == ProofAge::Fresh && !method.is_safe() {
        fresh_proof::check(app, bearer)?;
    }
    Ok(())
}

/// The caller whom the guard let in, and what it asked of them.
#[derive(Clone)]
pub struct CurrentUser(pub Bearer, pub Needed);

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

/// The caller whom the guard let in, with the context that their act is recorded in; for handlers
/// that change something.
pub struct Acting {
    /// The account, and the session that they act by.
    pub bearer: Bearer,
    /// The address and the request, for events.
    pub context: Context,
    /// The client's name for itself.
    pub user_agent: String,
}

impl FromRequest for Acting {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let user = CurrentUser::from_request(request, payload).into_inner();
        let acting = user.map(|CurrentUser(bearer, _)| {
            let origin = Origin::of(request);
            Self {
                context: origin.context(Actor::User(bearer.state.me.id)),
                user_agent: origin.user_agent,
                bearer,
            }
        });
        ready(acting)
    }
}

/// Checks again after a body was read: a client that holds back the body of a request must not keep
/// a right that ends meanwhile. Does nothing on unguarded routes.
///
/// # Errors
/// Those of the guard.
pub async fn check_again(request: &HttpRequest) -> Result<(), Problem> {
    let Some(CurrentUser(before, needed)) = request.extensions().get::<CurrentUser>().cloned() else {
        return Ok(());
    };
    let Some(app) = request.app_data::<web::Data<App>>() else {
        return Ok(());
    };
    let bearer = sessions::authenticate_again(app, &before).await?;
    Ok(check_need(app, &bearer, needed, request.method())?)
}
