//! The strict OAuth endpoints, thin over the use-cases of `/login`, `/refresh` and `/logout`: RFC
//! 6749, RFC 7009, RFC 7662, RFC 7517, RFC 8414.

use actix_web::http::header::{self, EntityTag, Header as _};
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::http::api::sessions::{TokenResponse, device_of, tokens};
use crate::http::extract::{FormFields, Origin};
use crate::http::limits;
use crate::http::openapi::{FormRefusals, ServerRefusals, Throttled};
use crate::http::problem::{Problem, ProblemBody};
use crate::model::event::Actor;
use crate::service::login::{self, Login};
use crate::service::{Failure, keys, sessions};

/// The form of RFC 6749's token endpoint, for the grants that there are.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the form, which FormFields reads field by field"
)]
struct TokenForm {
    /// `password` or `refresh_token`.
    #[schema(example = "password")]
    grant_type: String,
    /// For `password`.
    #[schema(nullable = false, example = "alice@example.com")]
    username: Option<String>,
    /// For `password`.
    #[schema(nullable = false, format = "password", example = "an owl keeps the door")]
    password: Option<String>,
    /// For `refresh_token`.
    #[schema(nullable = false, example = "dwr_…")]
    refresh_token: Option<String>,
    /// Ignored: no client is registered.
    #[schema(nullable = false, example = "app")]
    client_id: Option<String>,
    /// Ignored: a token's scope is what the role permits.
    #[schema(nullable = false, example = "orders:refund")]
    scope: Option<String>,
}

/// Get tokens
///
/// RFC 6749 to the letter: its errors, its statuses.
#[utoipa::path(
    operation_id = "token",
    tag = "oauth",
    params(("Doorward-Device" = Option<String>, Header, description = "For `password`: the ticket that this device got at an earlier login to this account")),
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A session's tokens", body = TokenResponse,
            headers(("Doorward-Device" = String, description = "For a device that logs in and showed none: its ticket"))),
        (status = 400, description = "`invalid_request`, `invalid_grant`, `unsupported_grant_type`, or `unauthorized_client` where logging in by password is turned off (`password_grant_off`)", body = ProblemBody),
        (status = 401, description = "The client authenticated itself, and none is registered (`invalid_client`)", body = ProblemBody),
        Throttled,
        FormRefusals,
        ServerRefusals,
    )
)]
#[post("/oauth/token")]
pub async fn exchange(
    app: web::Data<App>,
    request: HttpRequest,
    origin: Origin,
    form: Result<FormFields, Problem>,
) -> Result<HttpResponse, Problem> {
    let FormFields(fields) = strict(form)?;
    if request.headers().contains_key(header::AUTHORIZATION) {
        return Err(Problem::InvalidClient);
    }
    let required = |name| fields.optional(name).ok_or(Problem::InvalidRequest);
    let context = origin.context(Actor::Anonymous);
    let grant = match required("grant_type")? {
        "password" => {
            let (username, password) = (required("username")?, required("password")?);
            limits::login(&app, &request)?;
            login::login(
                &app,
                Login {
                    username,
                    password,
                    new_password: None,
                    device: device_of(&request),
                    user_agent: &origin.user_agent,
                },
                &context,
            )
            .await
        }
        "refresh_token" => sessions::refresh(&app, required("refresh_token")?, &context).await,
        _ => return Err(Problem::UnsupportedGrantType),
    };
    match grant {
        Ok(grant) => Ok(tokens(grant)),
        // RFC 6749 section 5.2 has one word and one status for all.
        Err(Failure::BadCredentials(_) | Failure::PasswordChangeRequired) => Err(Problem::InvalidGrant),
        Err(other) => Err(other.into()),
    }
}

/// The form of RFC 7009 and of RFC 7662.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the form, which FormFields reads field by field"
)]
struct PresentedToken {
    /// An access or a refresh token.
    #[schema(min_length = 1, example = "dwr_…")]
    token: String,
    /// `access_token` or `refresh_token`; a hint that is not needed.
    #[schema(nullable = false, example = "refresh_token")]
    token_type_hint: Option<String>,
}

/// Give a token back
///
/// Ends its session, other tokens included. Also 200 for a token that is not ours (RFC 7009 section
/// 2.2).
#[utoipa::path(
    operation_id = "revoke",
    tag = "oauth",
    request_body(content = PresentedToken, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Whatever it was, it is worth nothing now"),
        (status = 400, description = "A parameter is missing, repeated or malformed (`invalid_request`)", body = ProblemBody),
        FormRefusals,
        ServerRefusals,
    )
)]
#[post("/oauth/revoke")]
pub async fn revoke(
    app: web::Data<App>,
    origin: Origin,
    form: Result<FormFields, Problem>,
) -> Result<HttpResponse, Problem> {
    let FormFields(fields) = strict(form)?;
    let token = fields.optional("token").ok_or(Problem::InvalidRequest)?;
    sessions::revoke(&app, token, &origin.context(Actor::Anonymous)).await?;
    Ok(HttpResponse::Ok().finish())
}

/// What a token is worth; of one that is worth nothing, `active` alone (RFC 7662 section 2.2).
#[derive(Default, Serialize, ToSchema)]
struct Introspection {
    #[schema(example = true)]
    active: bool,
    /// The `sub` of its account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "9fa25cc3-e57e-4ce0-b722-bffc581f15fe")]
    sub: Option<String>,
    /// Its session.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "1b4e28ba-2fa1-41d2-883f-0016d3cca427")]
    sid: Option<String>,
    /// The account's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "alice@example.com")]
    username: Option<String>,
    /// The account's role as it stands now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "user")]
    role: Option<String>,
    /// `access_token` or `refresh_token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "access_token")]
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
    /// Of an access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1_800_000_000)]
    iat: Option<i64>,
    /// Of an access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6")]
    jti: Option<String>,
    /// Of an access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "doorward")]
    client_id: Option<String>,
    /// What the role permits now, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "orders:refund users:read")]
    scope: Option<String>,
}

/// Ask what a token is worth
///
/// For bearers whose role permits `tokens:introspect`.
#[utoipa::path(
    operation_id = "introspect",
    tag = "oauth",
    security(("password" = ["tokens:introspect"])),
    request_body(content = PresentedToken, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "What it is worth now", body = Introspection),
        (status = 400, description = "A parameter is missing, repeated or malformed (`invalid_request`), or there is more than one `Authorization` header (`ambiguous_credentials`)", body = ProblemBody),
        (status = 401, description = "No bearer token (`not_authenticated`), or one that is bad, expired or ended (`invalid_token`)", body = ProblemBody),
        (status = 403, description = "The bearer may not introspect (`insufficient_scope`)", body = ProblemBody),
        FormRefusals,
        ServerRefusals,
    )
)]
#[post("")]
pub async fn introspect(
    app: web::Data<App>,
    form: Result<FormFields, Problem>,
) -> Result<HttpResponse, Problem> {
    let FormFields(fields) = strict(form)?;
    let token = fields.optional("token").ok_or(Problem::InvalidRequest)?;
    let Some(found) = sessions::introspect(&app, token).await? else {
        return Ok(HttpResponse::Ok().json(Introspection::default()));
    };
    Ok(HttpResponse::Ok().json(Introspection {
        active: true,
        sub: Some(found.subject.to_string()),
        sid: Some(found.session.to_string()),
        username: Some(found.email),
        role: Some(found.role),
        token_type: Some(if found.claims.is_some() {
            "access_token"
        } else {
            "refresh_token"
        }),
        iss: Some(app.access_tokens.issuer().to_owned()),
        aud: Some(app.access_tokens.audience().to_owned()),
        exp: Some(found.expires_at),
        iat: found.claims.as_ref().map(|claims| claims.iat),
        client_id: found.claims.as_ref().map(|claims| claims.client_id.clone()),
        jti: found.claims.map(|claims| claims.jti),
        scope: Some(found.permissions.as_str().to_owned()),
    }))
}

/// The public keys of the tokens.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body, which the JWT library writes")]
struct KeySet {
    /// RFC 7517; empty with HS256.
    #[schema(value_type = Vec<Object>, example = json!([{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "2", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]))]
    keys: Vec<String>,
}

/// Show the public keys
///
/// RFC 7517: of asymmetric algorithms only; a new key stands here before it signs.
#[utoipa::path(
    operation_id = "jwks",
    tag = "oauth",
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` that you have seen")),
    responses(
        (status = 200, description = "The keys", body = KeySet, headers(("ETag" = String, description = "For `If-None-Match`"), ("Cache-Control" = String, description = "How long they may be kept"))),
        (status = 304, description = "They are still those of `If-None-Match`",
            headers(("ETag" = String, description = "For `If-None-Match`"), ("Cache-Control" = String, description = "How long they may be kept"))),
    )
)]
#[get("/.well-known/jwks.json")]
pub async fn jwks(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    let set = app.access_tokens.jwks(app.clock.now());
    let kids: Vec<&str> = set
        .keys
        .iter()
        .filter_map(|key| key.common.key_id.as_deref())
        .collect();
    let etag = EntityTag::new_strong(kids.join("."));
    let cache = (
        header::CACHE_CONTROL,
        format!("public, max-age={}", keys::JWKS_MAX_AGE.as_secs()),
    );
    let known = header::IfNoneMatch::parse(&request).is_ok_and(|known| match known {
        header::IfNoneMatch::Any => true,
        header::IfNoneMatch::Items(tags) => tags.iter().any(|tag| tag.weak_eq(&etag)),
    });
    if known && request.headers().contains_key(header::IF_NONE_MATCH) {
        return HttpResponse::NotModified()
            .insert_header(cache)
            .insert_header(header::ETag(etag))
            .finish();
    }
    HttpResponse::Ok()
        .insert_header(cache)
        .insert_header(header::ETag(etag))
        .json(set)
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
    #[schema(example = "https://id.example.com/oauth/token")]
    token_endpoint: String,
    #[schema(example = "https://id.example.com/oauth/revoke")]
    revocation_endpoint: String,
    #[schema(example = "https://id.example.com/oauth/introspect")]
    introspection_endpoint: String,
    #[schema(example = "https://id.example.com/.well-known/jwks.json")]
    jwks_uri: String,
    #[schema(example = json!(["password", "refresh_token"]))]
    grant_types_supported: Vec<&'static str>,
    /// Empty: there is no authorization endpoint.
    #[schema(example = json!([]))]
    response_types_supported: Vec<&'static str>,
    #[schema(example = json!(["none"]))]
    token_endpoint_auth_methods_supported: Vec<&'static str>,
    #[schema(example = json!(["none"]))]
    revocation_endpoint_auth_methods_supported: Vec<&'static str>,
}

/// Describe this server to OAuth clients
///
/// RFC 8414; every URL is made of the issuer setting, never of the request.
#[utoipa::path(
    operation_id = "metadata",
    tag = "oauth",
    responses((status = 200, description = "The metadata", body = Metadata, headers(("Cache-Control" = String, description = "How long it may be kept"))))
)]
#[get("/.well-known/oauth-authorization-server")]
pub async fn metadata(app: web::Data<App>) -> HttpResponse {
    let issuer = app.access_tokens.issuer();
    let at = |path: &str| format!("{}{path}", issuer.trim_end_matches('/'));
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
        .json(Metadata {
            issuer: issuer.to_owned(),
            token_endpoint: at("/oauth/token"),
            revocation_endpoint: at("/oauth/revoke"),
            introspection_endpoint: at("/oauth/introspect"),
            jwks_uri: at("/.well-known/jwks.json"),
            grant_types_supported: if app.config.accounts.password_grant {
                vec!["password", "refresh_token"]
            } else {
                vec!["refresh_token"]
            },
            response_types_supported: vec![],
            token_endpoint_auth_methods_supported: vec!["none"],
            revocation_endpoint_auth_methods_supported: vec!["none"],
        })
}
