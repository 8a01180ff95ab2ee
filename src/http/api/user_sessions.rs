//! `/users/{id}/sessions`: an account's sessions, for administrators.

use actix_web::{HttpRequest, HttpResponse, delete, get, web};

use super::me::Session;
use crate::app::App;
use crate::http::extract::account_path::AccountPath;
use crate::http::extract::bearer::Acting;
use crate::http::extract::if_match::authority;
use crate::http::extract::query::NoQuery;
use crate::http::problem::shared::{
    AdminReadRefusals, AdminRefusals, GuardRefusals, NoSuchAccount, ServerRefusals,
};
use crate::http::problem::{Problem, ProblemBody};
use crate::service::admin;

/// List an account's live sessions
///
/// Shows where each session was opened, and when and where it was last refreshed.
#[utoipa::path(
    operation_id = "listUserSessions", tag = "users", security(("password" = ["sessions:read"])),
    params(AccountPath),
    responses(
        (status = 200, description = "The sessions, most recently used first", body = Vec<Session>),
        NoSuchAccount, AdminReadRefusals, GuardRefusals, ServerRefusals,
    )
)]
#[get("")]
pub async fn list(
    app: web::Data<App>,
    acting: Acting,
    path: AccountPath,
    _: NoQuery,
) -> Result<HttpResponse, Problem> {
    let live = admin::sessions(&app, path.account(&app).await?).await?;
    Ok(HttpResponse::Ok().json(
        live.into_iter()
            .map(|info| Session::of(info, acting.bearer.session))
            .collect::<Vec<_>>(),
    ))
}

/// End every session of an account
///
/// None of their tokens works afterwards.
#[utoipa::path(
    operation_id = "endUserSessions", tag = "users", security(("password" = ["sessions:write"])),
    params(
        AccountPath,
        ("If-Match" = Option<String>, Header, description = "ETag of the account as you know it; if it has changed, no session ends"),
    ),
    responses(
        (status = 204, description = "The sessions have ended"),
        (status = 412, description = "The account was changed in the meantime (`outdated`)", body = ProblemBody),
        NoSuchAccount, AdminRefusals, GuardRefusals, ServerRefusals,
    )
)]
#[delete("")]
pub async fn end(
    app: web::Data<App>,
    acting: Acting,
    request: HttpRequest,
    path: AccountPath,
    _: NoQuery,
) -> Result<HttpResponse, Problem> {
    let (authority, user) = (authority(&acting, &request)?, path.account(&app).await?);
    admin::end_sessions(&app, user, authority, &acting.context).await?;
    Ok(HttpResponse::NoContent().finish())
}
