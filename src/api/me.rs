//! `GET /me`.

use actix_web::{HttpResponse, get};

use super::document::{GuardRefusals, ServerRefusals};
use super::guard::CurrentUser;
use crate::model::user::Me;

/// Show the signed-in account
#[utoipa::path(
    operation_id = "me",
    tag = "me",
    security(("password" = [])),
    responses((status = 200, description = "The account", body = Me), GuardRefusals, ServerRefusals)
)]
#[get("")]
pub async fn show(user: CurrentUser) -> HttpResponse {
    HttpResponse::Ok().json(&user.0.me)
}
