//! The OpenAPI document: its title, its security scheme, and how it is collected and written.

mod complete;
mod examples;
mod older;
#[cfg(test)]
mod older_tests;
mod pages;
mod paragraphs;

use utoipa::openapi::security::{Flow, Http, HttpAuthScheme, OAuth2, Password, Scopes, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_actix_web::AppExt as _;

pub use self::pages::{Pages, serve};
use super::problem::ProblemBody;
use super::routes;
use crate::model::permission::Permission;

const INTRODUCTION: &str =
    "Accounts and sessions. A session can be ended immediately; then its tokens are refused.

Every answer has an `X-Request-Id`, which is also in the server's log. A request may bring its own id: 1 to \
64 letters, digits, `.`, `_` and `-`. Every refusal, except the 503 of `/ready`, has the body `Problem`, sent as \
`application/problem+json` if `Accept` names that type. Programs should act on its `code`. New values of \
`code`, `type`, `actor`, `role` and `status` may be added, and new members may be added to any answer: \
ignore what you do not know. Unknown paths answer 404. Other methods answer 405 with `Allow`. HEAD is \
answered wherever GET is, OPTIONS everywhere.";

#[derive(OpenApi)]
#[openapi(
    info(title = "Doorward", description = INTRODUCTION, contact(name = "Operator of this server"), license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")),
    servers((url = "/", description = "The server that this document came from")),
    tags(
        (name = "accounts", description = "Registration"),
        (name = "sessions", description = "Login, refresh, logout"),
        (name = "oauth", description = "OAuth 2 endpoints, as the RFCs define them, and userinfo"),
        (name = "me", description = "The signed-in account and its sessions"),
        (name = "users", description = "Accounts, for administrators"),
        (name = "roles", description = "Roles and their permissions"),
        (name = "audit", description = "Audit record"),
        (name = "health", description = "For load balancers and supervisors"),
    ),
    components(schemas(ProblemBody)),
    modifiers(&Security),
)]
struct Base;

/// The ways to prove who asks: a bearer token, got by OAuth2's password flow at `/login`, and for
/// some operations the credentials of a client.
struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scopes: Scopes = Permission::ALL
            .iter()
            .map(|own| (own.name(), own.words()))
            .collect();
        let flow = Flow::Password(Password::new("/login", scopes));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("password", SecurityScheme::OAuth2(OAuth2::new([flow])));
        // Swagger UI shows the schemes by name: the one for people comes first.
        components.add_security_scheme("service", SecurityScheme::Http(Http::new(HttpAuthScheme::Basic)));
    }
}

/// The document, collected from the routes themselves.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = actix_web::App::new()
        .into_utoipa_app()
        .openapi(Base::openapi())
        .configure(routes::describe)
        .split_for_parts()
        .1;
    paragraphs::join(&mut document);
    complete::complete(&mut document, &routes::endpoints());
    document
}

/// The document in the form of OpenAPI 3.0, for generators that do not read 3.1 yet.
///
/// # Panics
/// Never: the document holds nothing that JSON cannot.
#[must_use]
pub fn text_3_0() -> String {
    let document = serde_json::to_value(document()).expect("the document is plain data");
    format!("{:#}\n", older::to_3_0(document))
}

/// The document in the form in which it is kept in `openapi/openapi.json`.
///
/// # Panics
/// Never: the document holds nothing that JSON cannot.
#[must_use]
pub fn text() -> String {
    let json = document().to_pretty_json().expect("the document is plain data");
    json + "\n"
}
