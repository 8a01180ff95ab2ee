//! `POST /oauth/revoke` (RFC 7009).

use actix_web::{HttpRequest, HttpResponse, post, web};

use super::client::{self, PresentedForm};
use super::form::{self, PresentedToken, StrictForm};
use crate::app::App;
use crate::http::extract::client::Origin;
use crate::http::problem::shared::{FormRefusals, ServerRefusals, Throttled};
use crate::http::problem::{Problem, ProblemBody};
use crate::model::event::Actor;
use crate::service::sessions;

/// Revoke a token
///
/// Ends the token's session and all tokens of it. Unknown tokens are answered with 200 too (RFC
/// 7009 section 2.2). Tokens from before a change of the password count as unknown. Credentials of a
/// client are not needed; if they are sent, they must be right.
#[utoipa::path(
    operation_id = "revoke", tag = "oauth",
    request_body(content = PresentedToken, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Revoked (also for unknown tokens)"),
        (status = 400, description = "A parameter is missing, repeated or malformed (`invalid_request`), or there is more than one `Authorization` header or kind of credentials (`ambiguous_credentials`)", body = ProblemBody),
        (status = 401, description = "The client is unknown or its secret is wrong (`invalid_client`)", body = ProblemBody),
        Throttled, FormRefusals, ServerRefusals,
    )
)]
#[post("/oauth/revoke")]
pub async fn revoke(
    app: web::Data<App>,
    request: HttpRequest,
    origin: Origin,
    StrictForm(form): StrictForm<PresentedForm>,
) -> Result<HttpResponse, Problem> {
    client::authenticate(&app, &request, Some(&form)).await?;
    let form = form::read(form)?;
    sessions::revoke(&app, &form.token, &origin.context(Actor::Anonymous)).await?;
    Ok(HttpResponse::Ok().finish())
}
