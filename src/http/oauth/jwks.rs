//! `GET /.well-known/jwks.json` (RFC 7517).

use actix_web::http::header::{self, EntityTag, Header as _};
use actix_web::{HttpRequest, HttpResponse, get, web};
use jsonwebtoken::jwk::Jwk;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::service::keys;

/// Public keys that verify access tokens.
#[derive(Serialize, ToSchema)]
struct KeySet {
    /// Keys (RFC 7517); empty with HS256.
    #[schema(value_type = Vec<Object>, example = json!([{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "2", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]))]
    keys: Vec<Jwk>,
}

/// Show the public keys
///
/// JSON Web Key Set (RFC 7517). It has keys of asymmetric algorithms only. A new key is published
/// before it signs.
#[utoipa::path(
    operation_id = "jwks", tag = "oauth",
    params(("If-None-Match" = Option<String>, Header, description = "`ETag` of a stored answer")),
    responses(
        (
            status = 200, description = "The keys", body = KeySet,
            headers(
                ("ETag" = String, description = "Version, for `If-None-Match`"),
                ("Cache-Control" = String, description = "Time that the answer may be cached"),
            ),
        ),
        (
            status = 304, description = "The keys have not changed since `If-None-Match`",
            headers(
                ("ETag" = String, description = "Version, for `If-None-Match`"),
                ("Cache-Control" = String, description = "Time that the answer may be cached"),
            ),
        ),
    )
)]
#[get("/.well-known/jwks.json")]
pub async fn jwks(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    let set = app.crypto.access_tokens.jwks(app.clock.now());
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
        .json(KeySet { keys: set.keys })
}
