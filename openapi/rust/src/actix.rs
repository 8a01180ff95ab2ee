//! `Claims` in a handler's arguments: whoever has no good token gets 401. The app has a
//! `web::Data<Verifier>`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError, web};

use crate::verify::{Claims, Verifier, VerifyError};

/// The answer to who is not let in.
#[derive(Debug)]
enum Refused {
    NoToken,
    InvalidToken,
    Unavailable,
    /// The app has no verifier.
    Misconfigured,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoToken => "Not authenticated",
            Self::InvalidToken => "Could not validate credentials",
            Self::Unavailable => "Tokens cannot be checked, try again shortly",
            Self::Misconfigured => "Internal server error",
        })
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NoToken | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Misconfigured => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status_code());
        match self {
            Self::NoToken => answer.insert_header((header::WWW_AUTHENTICATE, "Bearer")),
            Self::InvalidToken => answer.insert_header((header::WWW_AUTHENTICATE, r#"Bearer error="invalid_token""#)),
            Self::Unavailable => answer.insert_header((header::RETRY_AFTER, "5")),
            Self::Misconfigured => &mut answer,
        };
        answer.json(serde_json::json!({"detail": self.to_string()}))
    }
}

impl FromRequest for Claims {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let verifier = request.app_data::<web::Data<Verifier>>().cloned();
        let value = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = value.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let token = token.map(|(_, token)| token.trim().to_owned());
        Box::pin(async move {
            let Some(verifier) = verifier else { return Err(Refused::Misconfigured.into()) };
            let Some(token) = token else { return Err(Refused::NoToken.into()) };
            verifier.verify(&token).await.map_err(|error| match error {
                VerifyError::InvalidToken => Refused::InvalidToken.into(),
                VerifyError::Unavailable(_) => Refused::Unavailable.into(),
            })
        })
    }
}
