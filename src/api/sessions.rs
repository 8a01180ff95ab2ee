//! `POST /login`.

use actix_web::http::header;
use actix_web::{HttpResponse, post, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::document::{BodyRefusals, ServerRefusals};
use super::input::FormFields;
use super::problem::{Problem, ProblemBody};
use crate::app::App;
use crate::model::invalid::Invalid;
use crate::service::sessions::{self, Grant};

/// The form of OAuth2's password grant. Client credentials are tolerated and ignored: people log in here themselves.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the form, which FormFields reads field by field to name the one at fault")]
struct LoginForm {
    /// `password`, if given.
    #[schema(pattern = "^password$", example = "password")]
    grant_type: Option<String>,
    /// The address that the account was registered with, in any ASCII case.
    #[schema(example = "alice@example.com")]
    username: String,
    #[schema(format = "password", example = "an owl keeps the door")]
    password: String,
    scope: Option<String>,
    client_id: Option<String>,
    #[schema(format = "password")]
    client_secret: Option<String>,
}

/// A session's tokens (RFC 6749 section 5.1).
#[derive(Serialize, ToSchema)]
pub struct TokenResponse {
    /// The JWT for `Authorization: Bearer`.
    access_token: String,
    /// Always `bearer`.
    #[schema(example = "bearer")]
    token_type: &'static str,
    /// Seconds until the access token ends.
    #[schema(example = 900)]
    expires_in: u64,
    /// Opaque; gets the next pair of tokens.
    #[schema(example = "dwr_…")]
    refresh_token: String,
}

impl From<Grant> for TokenResponse {
    fn from(grant: Grant) -> Self {
        Self { access_token: grant.access_token, token_type: "bearer", expires_in: grant.expires_in, refresh_token: grant.refresh_token }
    }
}

/// Log in
///
/// OAuth2's password grant: opens a session and answers with its tokens.
#[utoipa::path(
    operation_id = "login",
    tag = "sessions",
    request_body(content = LoginForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The tokens of a new session", body = TokenResponse),
        (status = 400, description = "Logging in by password is turned off (`password_grant_off`), or the request is malformed", body = ProblemBody),
        (status = 401, description = "Unknown address, wrong password or disabled account (`bad_credentials`)", body = ProblemBody,
            headers(("WWW-Authenticate" = String, description = "`Bearer`"))),
        BodyRefusals,
        ServerRefusals,
    )
)]
#[post("/login")]
pub async fn login(app: web::Data<App>, FormFields(fields): FormFields) -> Result<HttpResponse, Problem> {
    let mut invalid = Vec::new();
    if fields.optional("grant_type").is_some_and(|grant| grant != "password") {
        invalid.push(Invalid::field("grant_type", "string_pattern_mismatch", "String should match pattern '^password$'"));
    }
    let login = sessions::Login { username: fields.required("username", &mut invalid), password: fields.required("password", &mut invalid) };
    if !invalid.is_empty() {
        return Err(invalid.into());
    }
    let grant = sessions::login(&app, login).await?;
    Ok(tokens(grant))
}

/// RFC 6749 section 5.1 asks for both headers.
fn tokens(grant: Grant) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).insert_header((header::PRAGMA, "no-cache")).json(TokenResponse::from(grant))
}
