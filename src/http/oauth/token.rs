//! `POST /oauth/token` (RFC 6749).

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, post, web};
use utoipa::ToSchema;

use super::strict::strict;
use crate::app::App;
use crate::http::extract::client::{Origin, device_of};
use crate::http::extract::form::FormFields;
use crate::http::limits;
use crate::http::problem::shared::{FormRefusals, ServerRefusals, Throttled};
use crate::http::problem::{Problem, ProblemBody};
use crate::http::token_response::{TokenResponse, tokens};
use crate::model::event::Actor;
use crate::service::login::{self, Login};
use crate::service::{Failure, sessions};

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
