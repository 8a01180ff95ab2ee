//! The answer with a session's tokens, the same at `/login`, `/refresh`, `/oauth/token` and
//! `PUT /me/password`.

use actix_web::HttpResponse;
use actix_web::http::header;
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::client::DEVICE;
use crate::service::sessions::TokenPair;

/// Tokens of a session (RFC 6749 section 5.1).
#[derive(Serialize, ToSchema)]
pub struct TokenResponse {
    /// JWT for the header `Authorization: Bearer`.
    #[schema(example = "eyJ0eXAiOiJhdCtqd3Qi…")]
    access_token: String,
    /// Always `bearer`.
    #[schema(example = "bearer")]
    token_type: &'static str,
    /// Lifetime of the access token in seconds.
    #[schema(example = 900)]
    expires_in: u64,
    /// Opaque token that is exchanged for the next pair of tokens.
    #[schema(example = "dwr_…")]
    refresh_token: String,
}

impl From<TokenPair> for TokenResponse {
    fn from(grant: TokenPair) -> Self {
        Self {
            access_token: grant.access_token,
            token_type: "bearer",
            expires_in: grant.expires_in,
            refresh_token: grant.refresh_token,
        }
    }
}

/// The answer; RFC 6749 section 5.1 asks for both headers.
#[must_use]
pub fn tokens(grant: TokenPair) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::PRAGMA, "no-cache"));
    if let Some(ticket) = &grant.device_ticket {
        answer.insert_header((DEVICE, ticket.as_str()));
    }
    answer.json(TokenResponse::from(grant))
}
