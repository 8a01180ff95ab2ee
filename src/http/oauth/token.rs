//! `POST /oauth/token` (RFC 6749).

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, post, web};

use super::form::StrictForm as Form;
use crate::app::App;
use crate::http::extract::client::{Origin, device_of};
use crate::http::extract::typed::{Ignored, Secret, body};
use crate::http::limits;
use crate::http::problem::shared::{FormRefusals, ServerRefusals, Throttled};
use crate::http::problem::{Problem, ProblemBody};
use crate::http::token_response::{TokenResponse, tokens};
use crate::model::event::Actor;
use crate::service::login::{self, Login};
use crate::service::{Failure, sessions};

body! {
    /// Form of the token endpoint (RFC 6749), for the supported grants.
    struct TokenForm {
        /// `password` or `refresh_token`.
        #[schema(value_type = String, example = "password")]
        grant_type: Option<String>,
        /// For `password`.
        #[schema(nullable = false, example = "alice@example.com")]
        username: Option<String>,
        /// For `password`.
        #[schema(value_type = Option<String>, nullable = false, format = "password", example = "an owl keeps the door")]
        password: Option<Secret>,
        /// For `refresh_token`.
        #[schema(value_type = Option<String>, nullable = false, example = "dwr_…")]
        refresh_token: Option<Secret>,
        /// Ignored: no client authenticates itself here.
        #[schema(value_type = Option<String>, nullable = false, example = "app")]
        client_id: Ignored,
        /// Ignored: the scope of a token is the permissions of the role.
        #[schema(value_type = Option<String>, nullable = false, example = "orders:refund")]
        scope: Ignored,
    }
}

/// Get tokens
///
/// Token endpoint of RFC 6749, with its error codes and statuses.
#[utoipa::path(
    operation_id = "token", tag = "oauth",
    params(("Doorward-Device" = Option<String>, Header, description = "For `password`: device ticket of an earlier login to this account")),
    responses(
        (status = 200, description = "The tokens of the session", body = TokenResponse,
            headers(("Doorward-Device" = String, description = "Device ticket, for a device that logs in and sent no valid one, or one older than 30 days"))),
        (status = 400, description = "`invalid_request`, `invalid_grant`, `unsupported_grant_type`, or `unauthorized_client` if the password grant is turned off (`password_grant_off`)", body = ProblemBody),
        (status = 401, description = "The request has an `Authorization` header: no client authenticates itself here (`invalid_client`)", body = ProblemBody),
        Throttled, FormRefusals, ServerRefusals,
    )
)]
#[post("/oauth/token")]
pub async fn exchange(
    app: web::Data<App>,
    request: HttpRequest,
    origin: Origin,
    Form(form): Form<TokenForm>,
) -> Result<HttpResponse, Problem> {
    // A client that authenticates itself hears so before it hears of a missing grant type.
    if request.headers().contains_key(header::AUTHORIZATION) {
        return Err(Problem::InvalidClient);
    }
    let context = origin.context(Actor::Anonymous);
    let pair = match required(form.grant_type.as_deref())? {
        "password" => {
            let login = Login {
                username: required(form.username.as_deref())?,
                password: required(form.password.as_deref())?,
                new_password: None,
                device: device_of(&request),
                ip: origin.ip,
                user_agent: &origin.user_agent,
            };
            limits::login(&app, &request)?;
            login::login(&app, login, &context).await
        }
        "refresh_token" => {
            let token = required(form.refresh_token.as_deref())?;
            sessions::refresh(&app, token, &origin.user_agent, &context).await
        }
        _ => return Err(Problem::UnsupportedGrantType),
    };
    match pair {
        Ok(pair) => Ok(tokens(pair)),
        // RFC 6749 section 5.2 has one word and one status for all.
        Err(Failure::BadCredentials(_) | Failure::PasswordChangeRequired) => Err(Problem::InvalidGrant),
        Err(other) => Err(other.into()),
    }
}

fn required(field: Option<&str>) -> Result<&str, Problem> {
    field.ok_or(Problem::InvalidRequest)
}
