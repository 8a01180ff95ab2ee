//! The OpenAPI document: its title, its security scheme, the refusals that operations share, and
//! the pages that show it.

mod complete;
mod older;
mod paragraphs;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::convert::Infallible;

use actix_web::HttpResponse;
use actix_web::body::{MessageBody, SizedStream};
use actix_web::http::header::ContentEncoding;
use actix_web::http::{Method, header};
use actix_web::web::{self, Bytes};
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::openapi::security::{Flow, OAuth2, Password, Scopes, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi};
use utoipa_actix_web::AppExt as _;
use utoipa_swagger_ui::Config;

use super::describe;
use super::problem::ProblemBody;
use crate::model::permission::Permission;

const INTRODUCTION: &str = "Accounts, sessions and JWTs that can be ended at once.

Every answer carries `X-Request-Id`, by which it is found in the server's log; one that the request brings is kept if it is 1 to 64 of letters, digits, `.`, `_` \
and `-`. Every refusal has the body `Problem`, as `application/problem+json` where `Accept` names that: act on its `code`. Words in `code`, `type`, `actor`, `role` \
and `status` may come to be more: take one that you do not know for one that you need not know. Other members may be added to any answer. Unknown paths \
answer 404, other methods 405 with `Allow`, HEAD wherever GET does, OPTIONS everywhere.";

#[derive(OpenApi)]
#[openapi(
    info(title = "Doorward", description = INTRODUCTION, contact(name = "Whoever runs this server"), license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")),
    servers((url = "/", description = "The server that this document came from")),
    tags(
        (name = "accounts", description = "How accounts come to be"),
        (name = "sessions", description = "Logging in, going on, logging out"),
        (name = "oauth", description = "The same by the letter of the RFCs"),
        (name = "me", description = "The signed-in account and its sessions"),
        (name = "users", description = "Accounts, for administrators"),
        (name = "roles", description = "What each role permits"),
        (name = "audit", description = "What happened"),
        (name = "health", description = "For load balancers and supervisors"),
    ),
    components(schemas(ProblemBody)),
    modifiers(&Security),
)]
struct Base;

/// The one way to prove who asks: a bearer token, got by OAuth2's password flow at `/login`.
struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let flow = Flow::Password(Password::new(
            "/login",
            Scopes::from_iter(Permission::ALL.map(|permission| (permission.name(), permission.words()))),
        ));
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("password", SecurityScheme::OAuth2(OAuth2::new([flow])));
    }
}

/// Sets of refusals that operations share. Written out because utoipa's derive copies the body's
/// schema into each answer; these refer to the one.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident: [$(($status:literal, $words:literal)),* $(,)?];)*) => {$(
        $(#[$doc])*
        pub struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                let refusal = |words| ResponseBuilder::new().description(words).content("application/json", Content::new(Some(Ref::from_schema_name("Problem"))));
                BTreeMap::from([$(($status.to_owned(), RefOr::from(refusal($words).build()))),*])
            }
        }
    )*};
}

refusals! {
    /// What any operation with a JSON body, or a form read like one, may refuse.
    BodyRefusals: [
        ("408", "The body did not arrive in time (`timeout`)"),
        ("413", "The body is too large (`too_large`)"),
        ("415", "The body is of another media type, or compressed (`unsupported_media_type`)"),
        ("422", "Fields are missing or break a rule (`invalid_input`); `detail` is a list"),
    ];
    /// What any strict OAuth operation may refuse of its form, beside RFC 6749's own errors.
    FormRefusals: [
        ("408", "The body did not arrive in time (`timeout`)"),
        ("413", "The body is too large (`too_large`)"),
        ("415", "The body is no form, or compressed (`unsupported_media_type`)"),
    ];
    /// What any guarded operation may refuse.
    GuardRefusals: [
        ("400", "More than one `Authorization` header (`ambiguous_credentials`), or the request is malformed (`malformed`)"),
        ("401", "No bearer token (`not_authenticated`), or one that is bad, expired or ended (`invalid_token`)"),
    ];
    /// The same of an operation that sets an address.
    AddressRefusals: [
        ("400", "The address is taken (`email_taken`), the request is malformed (`malformed`), or it has more than one `Authorization` header (`ambiguous_credentials`)"),
        ("401", "No bearer token (`not_authenticated`), or one that is bad, expired or ended (`invalid_token`)"),
    ];
    /// What any operation that tries a password, or makes an account, may refuse.
    Throttled: [
        ("429", "Too many attempts (`throttled`)"),
    ];
    /// What any administrative operation may refuse beside that.
    AdminRefusals: [
        ("403", "The caller's role does not permit it, or the other may more than the caller (`insufficient_scope`)"),
        ("422", "Parameters or fields break a rule (`invalid_input`); `detail` is a list"),
    ];
    /// What any operation may fail with.
    ServerRefusals: [
        ("500", "A defect (`internal`); the request id finds its cause in the log"),
        ("503", "Too busy (`busy`), or the database is away (`unavailable`)"),
    ];
}

/// The document, collected from the routes themselves.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = actix_web::App::new()
        .into_utoipa_app()
        .openapi(Base::openapi())
        .configure(describe)
        .split_for_parts()
        .1;
    paragraphs::join(&mut document);
    complete::complete(&mut document);
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

/// What is kept is what is served, from inside the binary: to make it anew at each start would cost
/// megabytes. A test compares it with [`text`].
const KEPT: &str = include_str!("../../../openapi/openapi.json");

/// Of a document, only its paths.
#[derive(Deserialize)]
struct Outline {
    paths: BTreeMap<String, Operations>,
}

/// Of a path, only which operations it has.
#[derive(Deserialize)]
struct Operations {
    get: Option<IgnoredAny>,
    post: Option<IgnoredAny>,
    put: Option<IgnoredAny>,
    patch: Option<IgnoredAny>,
    delete: Option<IgnoredAny>,
}

impl Operations {
    fn methods(&self) -> Vec<Method> {
        let all = [
            (Method::GET, &self.get),
            (Method::POST, &self.post),
            (Method::PUT, &self.put),
            (Method::PATCH, &self.patch),
            (Method::DELETE, &self.delete),
        ];
        all.into_iter()
            .filter(|(_, operation)| operation.is_some())
            .map(|(method, _)| method)
            .collect()
    }
}

/// The methods of each documented path, and of the document itself.
///
/// # Panics
/// Never: what is kept is what [`text`] once wrote.
#[must_use]
pub fn methods() -> Vec<(String, Vec<Method>)> {
    let outline: Outline = serde_json::from_str(KEPT).expect("the document is a document");
    let documented = outline
        .paths
        .iter()
        .map(|(path, operations)| (path.clone(), operations.methods()));
    documented
        .chain([("/openapi.json".to_owned(), vec![Method::GET])])
        .collect()
}

/// Serves the document and, if `docs`, Swagger UI from inside the binary.
pub fn serve(service: &mut web::ServiceConfig, docs: bool) {
    let json = || async {
        HttpResponse::Ok()
            .content_type("application/json")
            .body(in_parts(Bytes::from_static(KEPT.as_bytes())))
    };
    service.route("/openapi.json", web::get().to(json));
    if docs {
        let to_index = || async {
            HttpResponse::TemporaryRedirect()
                .insert_header((header::LOCATION, "/docs/"))
                .finish()
        };
        service.route("/docs", web::get().to(to_index));
        let config = Config::from("/openapi.json")
            .try_it_out_enabled(true)
            .persist_authorization(false)
            .validator_url("none");
        service.app_data(web::Data::new(config));
        service.route("/docs/{page:.*}", web::get().to(page));
    }
}

/// A page of Swagger UI, or what it loads.
async fn page(
    page: web::Path<String>,
    config: web::Data<Config<'static>>,
) -> actix_web::Result<HttpResponse> {
    let Some(file) = utoipa_swagger_ui::serve(&page, config.into_inner())? else {
        return Ok(HttpResponse::NotFound().finish());
    };
    let bytes = match file.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    let mut answer = HttpResponse::Ok();
    if file.gzpipped {
        answer.insert_header(ContentEncoding::Gzip);
    }
    Ok(answer.content_type(file.content_type).body(in_parts(bytes)))
}

/// A large answer is copied for a connection over HTTP/1 in parts of so many bytes, and the next
/// only when less than one waits.
const PART: usize = 32 * 1024;

fn in_parts(mut rest: Bytes) -> impl MessageBody {
    let length = rest.len() as u64;
    let parts = std::iter::from_fn(move || (!rest.is_empty()).then(|| rest.split_to(rest.len().min(PART))));
    SizedStream::new(length, futures_util::stream::iter(parts.map(Ok::<_, Infallible>)))
}
