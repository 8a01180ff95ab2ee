//! `GET /oauth/userinfo`: the account of an access token, for services that have only the token.

use actix_web::{HttpResponse, get};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::extract::bearer::CurrentUser;
use crate::http::problem::shared::{GuardRefusals, ServerRefusals};

/// Account of an access token, as it is now.
#[derive(Serialize, ToSchema)]
struct UserInfo {
    /// Subject: the account's identifier in tokens.
    #[schema(example = "9fa25cc3-e57e-4ce0-b722-bffc581f15fe")]
    sub: String,
    #[schema(example = "alice@example.com", format = "email")]
    email: String,
    #[schema(example = "user")]
    role: String,
    /// Permissions of the role.
    #[schema(example = json!(["orders:refund"]))]
    permissions: Vec<String>,
}

/// Show the account of the token
///
/// Shows the current state of the account, not the claims of the token.
#[utoipa::path(
    operation_id = "userinfo", tag = "oauth", security(("password" = [])),
    responses((status = 200, description = "The account", body = UserInfo), GuardRefusals, ServerRefusals)
)]
#[get("")]
pub async fn userinfo(user: CurrentUser) -> HttpResponse {
    let state = &user.0.state;
    HttpResponse::Ok().json(UserInfo {
        sub: state.subject.to_string(),
        email: state.me.email.clone(),
        role: state.me.role.clone(),
        permissions: state.permissions.names().map(str::to_owned).collect(),
    })
}
