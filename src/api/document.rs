//! The OpenAPI document: its title, its security scheme, the refusals that operations share, and the pages that show it.

use actix_web::HttpResponse;
use actix_web::http::{Method, header};
use actix_web::web::{self, Bytes};
use utoipa::openapi::path::PathItem;
use utoipa::openapi::security::{Flow, OAuth2, Password, Scopes, SecurityScheme};
use utoipa::{IntoResponses, Modify, OpenApi};
use utoipa_actix_web::AppExt as _;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::problem::ProblemBody;
use super::routes;

#[derive(OpenApi)]
#[openapi(
    info(title = "Doorward", description = "Accounts, sessions and JWTs that can be ended at once.", license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")),
    servers((url = "/", description = "The server that this document came from")),
    tags(
        (name = "accounts", description = "How accounts come to be"),
        (name = "sessions", description = "Logging in, going on, logging out"),
        (name = "oauth", description = "The same by the letter of the RFCs"),
        (name = "me", description = "The signed-in account and its sessions"),
        (name = "health", description = "For load balancers and supervisors"),
    ),
    modifiers(&Security),
)]
struct Base;

/// The one way to prove who asks: a bearer token, got by OAuth2's password flow at `/login`.
struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let flow = Flow::Password(Password::new("/login", Scopes::new()));
        document.components.get_or_insert_default().add_security_scheme("password", SecurityScheme::OAuth2(OAuth2::new([flow])));
    }
}

/// What any operation with a body may refuse.
#[derive(IntoResponses)]
pub enum BodyRefusals {
    /// The body did not arrive in time
    #[response(status = 408)]
    Timeout(#[to_schema] ProblemBody),
    /// The body is too large
    #[response(status = 413)]
    TooLarge(#[to_schema] ProblemBody),
    /// The body is of another media type, or compressed
    #[response(status = 415)]
    MediaType(#[to_schema] ProblemBody),
    /// Fields are missing or break a rule; `detail` is a list
    #[response(status = 422)]
    Invalid(#[to_schema] ProblemBody),
}

/// What any guarded operation may refuse.
#[derive(IntoResponses)]
pub enum GuardRefusals {
    /// More than one `Authorization` header
    #[response(status = 400)]
    Ambiguous(#[to_schema] ProblemBody),
    /// No bearer token, or one that is bad, expired or ended
    #[response(status = 401, headers(("WWW-Authenticate" = String, description = "RFC 6750 section 3")))]
    Unauthorized(#[to_schema] ProblemBody),
}

/// What any operation may fail with.
#[derive(IntoResponses)]
pub enum ServerRefusals {
    /// A defect; the request id finds its cause in the log
    #[response(status = 500)]
    Internal(#[to_schema] ProblemBody),
    /// Too busy, or the database is away
    #[response(status = 503, headers(("Retry-After" = u32, description = "Seconds")))]
    Unavailable(#[to_schema] ProblemBody),
}

/// The document, collected from the routes themselves.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    actix_web::App::new().into_utoipa_app().openapi(Base::openapi()).configure(routes).split_for_parts().1
}

/// The document as it is kept in `openapi/openapi.json` and served at `/openapi.json`.
///
/// # Panics
/// Never: the document holds nothing that JSON cannot.
#[must_use]
pub fn text() -> String {
    let json = document().to_pretty_json().expect("the document is plain data");
    json + "\n"
}

/// The methods of each documented path, and of the document itself.
#[must_use]
pub fn methods() -> Vec<(String, Vec<Method>)> {
    let documented = document().paths.paths.into_iter().map(|(path, item)| (path, methods_of(&item)));
    documented.chain([("/openapi.json".to_owned(), vec![Method::GET])]).collect()
}

fn methods_of(item: &PathItem) -> Vec<Method> {
    let operations = [
        (Method::GET, &item.get),
        (Method::POST, &item.post),
        (Method::PUT, &item.put),
        (Method::PATCH, &item.patch),
        (Method::DELETE, &item.delete),
    ];
    operations.into_iter().filter(|(_, operation)| operation.is_some()).map(|(method, _)| method).collect()
}

/// Serves the document and, if `docs`, Swagger UI from inside the binary.
pub fn serve(service: &mut web::ServiceConfig, text: Bytes, docs: bool) {
    let json = move || {
        let answer = HttpResponse::Ok().content_type("application/json").body(text.clone());
        async move { answer }
    };
    service.route("/openapi.json", web::get().to(json));
    if docs {
        let to_index = || async { HttpResponse::TemporaryRedirect().insert_header((header::LOCATION, "/docs/")).finish() };
        service.route("/docs", web::get().to(to_index));
        service.service(
            SwaggerUi::new("/docs/{_:.*}")
                .config(Config::from("/openapi.json").try_it_out_enabled(true).persist_authorization(false).validator_url("none")),
        );
    }
}
