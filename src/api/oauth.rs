//! The strict OAuth endpoints, thin over the use-cases of `/login`, `/refresh` and `/logout`: RFC 6749, RFC 7009, RFC 8414.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::document::ServerRefusals;
use super::input::{FormFields, Origin};
use super::problem::{Problem, ProblemBody};
use super::sessions::{TokenResponse, tokens};
use crate::app::App;
use crate::service::{Failure, sessions};

/// The form of RFC 6749's token endpoint, for the grants that there are.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the form, which FormFields reads field by field")]
struct TokenForm {
    /// `password` or `refresh_token`.
    #[schema(example = "password")]
    grant_type: String,
    /// For `password`.
    #[schema(example = "alice@example.com")]
    username: Option<String>,
    /// For `password`.
    #[schema(format = "password", example = "an owl keeps the door")]
    password: Option<String>,
    /// For `refresh_token`.
    #[schema(example = "dwr_…")]
    refresh_token: Option<String>,
    client_id: Option<String>,
    scope: Option<String>,
}

/// Get tokens
///
/// RFC 6749 to the letter: its errors, its statuses.
#[utoipa::path(
    operation_id = "token",
    tag = "oauth",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A session's tokens", body = TokenResponse),
        (status = 400, description = "`invalid_request`, `invalid_grant`, `unsupported_grant_type` or `unauthorized_client`", body = ProblemBody),
        (status = 401, description = "The client authenticated itself, and none is registered (`invalid_client`)", body = ProblemBody),
        (status = 408, description = "The body did not arrive in time", body = ProblemBody),
        (status = 413, description = "The body is too large", body = ProblemBody),
        (status = 415, description = "The body is no form", body = ProblemBody),
        ServerRefusals,
    )
)]
#[post("/oauth/token")]
pub async fn exchange(app: web::Data<App>, request: HttpRequest, origin: Origin, form: Result<FormFields, Problem>) -> Result<HttpResponse, Problem> {
    let FormFields(fields) = strict(form)?;
    if request.headers().contains_key(header::AUTHORIZATION) {
        return Err(Problem::InvalidClient);
    }
    let required = |name| fields.optional(name).ok_or(Problem::InvalidRequest);
    let grant = match required("grant_type")? {
        "password" => {
            let (username, password) = (required("username")?, required("password")?);
            sessions::login(&app, sessions::Login { username, password, ip: &origin.ip, user_agent: &origin.user_agent }).await
        }
        "refresh_token" => sessions::refresh(&app, required("refresh_token")?).await,
        _ => return Err(Problem::UnsupportedGrantType),
    };
    match grant {
        Ok(grant) => Ok(tokens(grant)),
        // RFC 6749 section 5.2 has one word and one status for both.
        Err(Failure::BadCredentials) => Err(Failure::InvalidGrant.into()),
        Err(other) => Err(other.into()),
    }
}

/// The form of RFC 7009.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the form, which FormFields reads field by field")]
struct RevocationForm {
    /// An access or a refresh token.
    #[schema(example = "dwr_…")]
    token: String,
    /// `access_token` or `refresh_token`; a hint that is not needed.
    token_type_hint: Option<String>,
}

/// Give a token back
///
/// Ends its session, other tokens included. Also 200 for a token that is not ours (RFC 7009 section 2.2).
#[utoipa::path(
    operation_id = "revoke",
    tag = "oauth",
    request_body(content = RevocationForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Whatever it was, it is worth nothing now"),
        (status = 400, description = "`invalid_request`", body = ProblemBody),
        (status = 408, description = "The body did not arrive in time", body = ProblemBody),
        (status = 413, description = "The body is too large", body = ProblemBody),
        (status = 415, description = "The body is no form", body = ProblemBody),
        ServerRefusals,
    )
)]
#[post("/oauth/revoke")]
pub async fn revoke(app: web::Data<App>, form: Result<FormFields, Problem>) -> Result<HttpResponse, Problem> {
    let FormFields(fields) = strict(form)?;
    let token = fields.optional("token").ok_or(Problem::InvalidRequest)?;
    sessions::revoke(&app, token).await?;
    Ok(HttpResponse::Ok().finish())
}

/// A form that does not parse is an `invalid_request` here, not a list of fields.
fn strict(form: Result<FormFields, Problem>) -> Result<FormFields, Problem> {
    form.map_err(|problem| match problem {
        Problem::Failed(Failure::Invalid(_)) => Problem::InvalidRequest,
        other => other,
    })
}

/// What an OAuth client can find out about this server.
#[derive(Serialize, ToSchema)]
struct Metadata {
    #[schema(example = "https://id.example.com")]
    issuer: String,
    token_endpoint: String,
    revocation_endpoint: String,
    #[schema(example = json!(["password", "refresh_token"]))]
    grant_types_supported: Vec<&'static str>,
    /// Empty: there is no authorization endpoint.
    response_types_supported: Vec<&'static str>,
    #[schema(example = json!(["none"]))]
    token_endpoint_auth_methods_supported: Vec<&'static str>,
    revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    service_documentation: String,
}

/// Describe this server to OAuth clients
///
/// RFC 8414; every URL is made of the issuer setting, never of the request.
#[utoipa::path(
    operation_id = "metadata",
    tag = "oauth",
    responses((status = 200, description = "The metadata", body = Metadata))
)]
#[get("/.well-known/oauth-authorization-server")]
pub async fn metadata(app: web::Data<App>) -> HttpResponse {
    let issuer = app.access_tokens.issuer();
    let at = |path: &str| format!("{}{path}", issuer.trim_end_matches('/'));
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "public, max-age=3600")).json(Metadata {
        issuer: issuer.to_owned(),
        token_endpoint: at("/oauth/token"),
        revocation_endpoint: at("/oauth/revoke"),
        grant_types_supported: vec!["password", "refresh_token"],
        response_types_supported: vec![],
        token_endpoint_auth_methods_supported: vec!["none"],
        revocation_endpoint_auth_methods_supported: vec!["none"],
        service_documentation: at("/docs/"),
    })
}
