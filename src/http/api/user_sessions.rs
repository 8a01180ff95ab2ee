//! `/users/{id}/sessions`: an account's sessions, for administrators.

use actix_web::{HttpRequest, HttpResponse, delete, get, web};

use super::me::Session;
use super::users::user_id;
use crate::app::App;
use crate::http::extract::bearer::Acting;
use crate::http::extract::if_match::authority;
use crate::http::problem::shared::{AdminRefusals, GuardRefusals, ServerRefusals};
use crate::http::problem::{Problem, ProblemBody};
use crate::service::admin;

/// List an account's live sessions
///
/// Where each login came from, and when it was last used.
#[utoipa::path(
    operation_id = "listUserSessions",
    tag = "users",
    security(("password" = ["sessions:read"])),
    params(("id" = i64, Path, description = "The account's id", minimum = 1)),
    responses(
        (status = 200, description = "They, the last used first", body = Vec<Session>),
        (status = 404, description = "No such account (`not_found`)", body = ProblemBody),
        AdminRefusals, GuardRefusals, ServerRefusals,
    )
)]
#[get("")]
pub async fn list(
    app: web::Data<App>,
    acting: Acting,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let live = admin::sessions(&app, user_id(&id)?).await?;
    Ok(HttpResponse::Ok().json(
        live.into_iter()
            .map(|info| Session::of(info, acting.bearer.session))
            .collect::<Vec<_>>(),
    ))
}

/// End every session of an account
///
/// No token of theirs works from then on.
#[utoipa::path(
    operation_id = "endUserSessions",
    tag = "users",
    security(("password" = ["sessions:write"])),
    params(
        ("id" = i64, Path, description = "The account's id", minimum = 1),
        ("If-Match" = Option<String>, Header, description = "The ETag that you have seen; if it is another now, no session ends"),
    ),
    responses(
        (status = 204, description = "They have ended"),
        (status = 412, description = "The account was changed since (`outdated`)", body = ProblemBody),
        (status = 404, description = "No such account (`not_found`)", body = ProblemBody),
        AdminRefusals, GuardRefusals, ServerRefusals,
    )
)]
#[delete("")]
pub async fn end(
    app: web::Data<App>,
    acting: Acting,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let authority = authority(&acting, &request)?;
    admin::end_sessions(&app, user_id(&id)?, authority, &acting.context).await?;
    Ok(HttpResponse::NoContent().finish())
}
