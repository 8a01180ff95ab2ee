//! `GET /.well-known/oauth-authorization-server` (RFC 8414).

use actix_web::http::header;
use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;

/// Metadata of this server for OAuth clients.
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
    #[schema(example = json!(["none", "client_secret_basic", "client_secret_post"]))]
    revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    #[schema(example = json!(["client_secret_basic", "client_secret_post", "Bearer"]))]
    introspection_endpoint_auth_methods_supported: Vec<&'static str>,
}

/// Describe this server to OAuth clients
///
/// Authorization server metadata (RFC 8414). URLs come from the issuer setting, never from the
/// request.
#[utoipa::path(
    operation_id = "metadata", tag = "oauth",
    responses((status = 200, description = "The metadata", body = Metadata, headers(("Cache-Control" = String, description = "Time that the answer may be cached"))))
)]
#[get("/.well-known/oauth-authorization-server")]
pub async fn metadata(app: web::Data<App>) -> HttpResponse {
    let issuer = app.crypto.access_tokens.issuer();
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
            revocation_endpoint_auth_methods_supported: vec![
                "none",
                "client_secret_basic",
                "client_secret_post",
            ],
            introspection_endpoint_auth_methods_supported: vec![
                "client_secret_basic",
                "client_secret_post",
                "Bearer",
            ],
        })
}
