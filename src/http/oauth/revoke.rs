//! `POST /oauth/revoke` (RFC 7009).

use actix_web::{HttpResponse, post, web};

use super::form::{PresentedToken, StrictForm as Form};
use crate::app::App;
use crate::http::extract::client::Origin;
use crate::http::problem::shared::{FormRefusals, ServerRefusals};
use crate::http::problem::{Problem, ProblemBody};
use crate::model::event::Actor;
use crate::service::sessions;

/// Revoke a token
///
/// Ends the token's session and all tokens of it. Unknown tokens are answered with 200 too (RFC
/// 7009 section 2.2).
#[utoipa::path(
    operation_id = "revoke", tag = "oauth",
    responses(
        (status = 200, description = "Revoked (also for unknown tokens)"),
        (status = 400, description = "A parameter is missing, repeated or malformed (`invalid_request`)", body = ProblemBody),
        FormRefusals, ServerRefusals,
    )
)]
#[post("/oauth/revoke")]
pub async fn revoke(
    app: web::Data<App>,
    origin: Origin,
    Form(form): Form<PresentedToken>,
) -> Result<HttpResponse, Problem> {
    sessions::revoke(&app, &form.token, &origin.context(Actor::Anonymous)).await?;
    Ok(HttpResponse::Ok().finish())
}
