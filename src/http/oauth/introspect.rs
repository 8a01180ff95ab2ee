//! `POST /oauth/introspect` (RFC 7662).

use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::client::{self, PresentedForm};
use super::form::{PresentedToken, StrictForm};
use crate::app::App;
use crate::http::problem::shared::{FormRefusals, ServerRefusals, Throttled};
use crate::http::problem::{Problem, ProblemBody};
use crate::model::permission::Permission;
use crate::service::sessions::{self, ExpectedToken};

/// State of a token. An inactive token has only `active` (RFC 7662 section 2.2).
#[derive(Default, Serialize, ToSchema)]
struct Introspection {
    #[schema(example = true)]
    active: bool,
    /// Subject: the account's identifier in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "9fa25cc3-e57e-4ce0-b722-bffc581f15fe")]
    sub: Option<String>,
    /// Session id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "1b4e28ba-2fa1-41d2-883f-0016d3cca427")]
    sid: Option<String>,
    /// E-mail address of the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "alice@example.com")]
    username: Option<String>,
    /// Current role of the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "user")]
    role: Option<String>,
    /// `Bearer` for an access token, otherwise `refresh_token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Bearer")]
    token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "https://id.example.com")]
    iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "doorward")]
    aud: Option<String>,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1_800_000_900)]
    exp: Option<i64>,
    /// For an access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1_800_000_000)]
    iat: Option<i64>,
    /// For an access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6")]
    jti: Option<String>,
    /// For an access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "doorward")]
    client_id: Option<String>,
    /// Current permissions of the role, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "orders:refund users:read")]
    scope: Option<String>,
}

/// Introspect a token
///
/// Returns the current state of a token (RFC 7662). A refresh token is active only with the hint
/// `refresh_token`, so that a service never takes one for an access token.
///
/// The caller is a client that `doorward client create` made, by HTTP Basic or with `client_id` and
/// `client_secret` in the form, or the bearer of an access token.
#[utoipa::path(
    operation_id = "introspect", tag = "oauth", security(("password" = ["tokens:introspect"]), ("service" = [])),
    request_body(content = PresentedToken, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "State of the token", body = Introspection),
        (status = 400, description = "A parameter is missing, repeated or malformed (`invalid_request`), or there is more than one `Authorization` header or kind of credentials (`ambiguous_credentials`)", body = ProblemBody),
        (status = 401, description = "No credentials (`not_authenticated`), the client is unknown or its secret is wrong (`invalid_client`), or the access token is invalid, expired or revoked (`invalid_token`)", body = ProblemBody),
        (status = 403, description = "The caller has no permission to introspect (`insufficient_scope`)", body = ProblemBody),
        Throttled, FormRefusals, ServerRefusals,
    )
)]
#[post("")]
pub async fn introspect(
    app: web::Data<App>,
    request: HttpRequest,
    form: Result<StrictForm<PresentedForm>, Problem>,
) -> Result<HttpResponse, Problem> {
    let form = client::permitted(&app, &request, form, Permission::TokensIntrospect).await?;
    let expected = match form.token_type_hint.as_deref() {
        Some("refresh_token") => ExpectedToken::AccessOrRefresh,
        Some(_) | None => ExpectedToken::Access,
    };
    let Some(found) = sessions::introspect(&app, &form.token, expected).await? else {
        return Ok(HttpResponse::Ok().json(Introspection::default()));
    };
    Ok(HttpResponse::Ok().json(Introspection {
        active: true,
        sub: Some(found.subject.to_string()),
        sid: Some(found.session.to_string()),
        username: Some(found.email),
        role: Some(found.role),
        token_type: Some(if found.claims.is_some() {
            "Bearer"
        } else {
            "refresh_token"
        }),
        iss: Some(app.crypto.access_tokens.issuer().to_owned()),
        aud: Some(app.crypto.access_tokens.audience().to_owned()),
        exp: Some(found.expires_at),
        iat: found.claims.as_ref().map(|claims| claims.iat),
        client_id: found.claims.as_ref().map(|claims| claims.client_id.clone()),
        jti: found.claims.map(|claims| claims.jti),
        scope: Some(found.permissions.as_str().to_owned()),
    }))
}
