//! `/me`: the signed-in account and its sessions.

use actix_web::http::header::HeaderValue;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, put, web};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::http::extract::bearer::{Acting, CurrentUser};
use crate::http::extract::json::Json;
use crate::http::extract::typed::{Secret, body};
use crate::http::limits;
use crate::http::problem::shared::{
    AddressRefusals, BodyRefusals, GuardRefusals, LastAdmin, ServerRefusals, Throttled, WrongPassword,
};
use crate::http::problem::{Problem, ProblemBody};
use crate::http::token_response::{TokenResponse, tokens};
use crate::model::ids::SessionId;
use crate::model::session::SessionInfo;
use crate::model::user::PublicAccount;
use crate::service::accounts::{self, PasswordWish};
use crate::service::{Failure, fresh_proof, sessions as use_case};

/// Account as its user sees it.
#[derive(Serialize, ToSchema)]
pub struct Me {
    /// Number of the account; it never changes.
    #[schema(example = 1, minimum = 1)]
    id: i64,
    /// E-mail address as it was entered, with the domain in lower case.
    #[schema(example = "alice@example.com", format = "email")]
    email: String,
    /// Whether the account is active. A disabled account cannot log in.
    #[schema(example = true)]
    is_active: bool,
    /// Name of the account's role.
    #[schema(example = "user")]
    role: String,
}

impl From<PublicAccount> for Me {
    fn from(account: PublicAccount) -> Self {
        Self {
            id: account.id.get(),
            email: account.email,
            is_active: account.is_active,
            role: account.role,
        }
    }
}

/// The account as `GET /me` sends it.
fn json_of(account: &PublicAccount) -> Vec<u8> {
    serde_json::to_vec(&Me::from(account.clone())).expect("an account is plain data")
}

/// Show the signed-in account
///
/// Shows the current state of the account, not the claims of the token.
#[utoipa::path(
    operation_id = "me", tag = "me", security(("password" = [])),
    responses((status = 200, description = "The account", body = Me), GuardRefusals, ServerRefusals)
)]
#[get("")]
pub async fn show(user: CurrentUser) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(HeaderValue::from_static("application/json"))
        .body(Bytes::copy_from_slice(user.0.state.written(json_of)))
}

body! {
    /// New e-mail address, with the current password as a confirmation.
    struct EmailChange {
        #[schema(format = "email", max_length = 254, example = "alice@example.org")]
        email: String,
        #[schema(value_type = String, format = "password", example = "an owl keeps the door")]
        current_password: Secret,
    }
}

/// Change the e-mail address
///
/// Only the e-mail address can be changed here. Other fields of the body are ignored. This operation takes
/// one from both budgets of the IP address: logins, because it checks a password, and registrations,
/// because it tells whether an e-mail address is taken.
#[utoipa::path(
    operation_id = "changeEmail", tag = "me", security(("password" = [])),
    responses(
        (status = 200, description = "The account with its new address", body = Me),
        WrongPassword, Throttled, AddressRefusals, BodyRefusals, ServerRefusals,
    )
)]
#[patch("")]
pub async fn change_email(
    app: web::Data<App>,
    acting: Acting,
    request: HttpRequest,
    Json(change): Json<EmailChange>,
) -> Result<HttpResponse, Problem> {
    limits::login(&app, &request)?;
    limits::registration(&app, &request)?;
    let (current, email) = (&change.current_password, &change.email);
    let me = accounts::change_email(&app, &acting.bearer, current, email, &acting.context).await?;
    Ok(HttpResponse::Ok().json(Me::from(me)))
}

body! {
    /// Current password, as a confirmation.
    struct Deletion {
        #[schema(value_type = String, format = "password", example = "an owl keeps the door")]
        current_password: Secret,
    }
}

/// Delete the account
///
/// Deletes the account and its sessions. This cannot be undone.
#[utoipa::path(
    operation_id = "deleteMe", tag = "me", security(("password" = [])),
    responses(
        (status = 204, description = "Deleted"),
        LastAdmin, WrongPassword, Throttled, GuardRefusals, BodyRefusals, ServerRefusals,
    )
)]
#[delete("")]
pub async fn delete(
    app: web::Data<App>,
    acting: Acting,
    request: HttpRequest,
    Json(deletion): Json<Deletion>,
) -> Result<HttpResponse, Problem> {
    limits::login(&app, &request)?;
    accounts::delete(&app, &acting.bearer, &deletion.current_password, &acting.context).await?;
    Ok(HttpResponse::NoContent().finish())
}

body! {
    /// Current and new password.
    struct PasswordChange {
        #[schema(value_type = String, format = "password", example = "an owl keeps the door")]
        current_password: Secret,
        /// The rules are those of registration.
        #[schema(
            value_type = String,
            format = "password",
            min_length = 8,
            max_length = 1024,
            example = "two owls keep two doors"
        )]
        new_password: Secret,
    }
}

/// Change the password
///
/// Every other session of the account ends immediately. This session goes on with the tokens of the
/// answer: its older ones are no longer valid.
#[utoipa::path(
    operation_id = "changePassword", tag = "me", security(("password" = [])),
    responses(
        (status = 200, description = "The password is changed. The session's next tokens", body = TokenResponse),
        WrongPassword, Throttled, GuardRefusals, BodyRefusals, ServerRefusals,
    )
)]
#[put("/password")]
pub async fn change_password(
    app: web::Data<App>,
    acting: Acting,
    request: HttpRequest,
    Json(change): Json<PasswordChange>,
) -> Result<HttpResponse, Problem> {
    limits::login(&app, &request)?;
    let wish = PasswordWish {
        current: &change.current_password,
        new: &change.new_password,
        user_agent: &acting.user_agent,
    };
    let pair = accounts::change_password(&app, &acting.bearer, wish, &acting.context).await?;
    Ok(tokens(pair))
}

body! {
    /// Current password, proved again.
    struct Reauthentication {
        #[schema(value_type = String, format = "password", example = "an owl keeps the door")]
        current_password: Secret,
    }
}

/// Prove the password again
///
/// Changes of other accounts and of roles need a proof of the password in this session within the
/// last ten minutes. A login is one too; a refresh is none.
#[utoipa::path(
    operation_id = "reauthenticate", tag = "me", security(("password" = [])),
    responses(
        (status = 204, description = "The password is proved"),
        WrongPassword, Throttled, GuardRefusals, BodyRefusals, ServerRefusals,
    )
)]
#[post("/reauthenticate")]
pub async fn reauthenticate(
    app: web::Data<App>,
    acting: Acting,
    request: HttpRequest,
    Json(proof): Json<Reauthentication>,
) -> Result<HttpResponse, Problem> {
    limits::login(&app, &request)?;
    fresh_proof::renew(&app, &acting.bearer, &proof.current_password, &acting.context).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A live session of the account.
#[derive(Serialize, ToSchema)]
pub struct Session {
    /// Session id; the claim `sid` of its tokens.
    #[schema(format = "uuid", example = "9fa25cc3-e57e-4ce0-b722-bffc581f15fe")]
    id: String,
    #[schema(format = "date-time", example = "2026-11-22T16:07:31.232440Z")]
    created_at: String,
    /// Time of the last refresh, or of the login.
    #[schema(format = "date-time", example = "2026-11-22T16:07:31.232440Z")]
    last_used_at: String,
    /// Network address of the login.
    #[schema(example = "192.0.2.7")]
    ip: String,
    /// User agent of the login.
    #[schema(example = "curl/8.5.0")]
    user_agent: String,
    /// Network address of the last refresh, or of the login. Empty for a session that has not been
    /// refreshed since the update from version 0.1.
    #[schema(example = "192.0.2.7")]
    last_ip: String,
    /// User agent of the last refresh, or of the login. Empty for a session that has not been
    /// refreshed since the update from version 0.1.
    #[schema(example = "curl/8.5.0")]
    last_user_agent: String,
    /// Whether this session made the request.
    #[schema(example = true)]
    current: bool,
}

impl Session {
    /// Session as it is shown to the bearer of the session `current`.
    #[must_use]
    pub fn of(info: SessionInfo, current: SessionId) -> Self {
        Self {
            id: info.id.to_string(),
            created_at: info.created_at.rfc3339(),
            last_used_at: info.last_used_at.rfc3339(),
            ip: info.ip,
            user_agent: info.user_agent,
            last_ip: info.last.ip,
            last_user_agent: info.last.user_agent,
            current: info.id == current,
        }
    }
}

/// List the account's live sessions
///
/// Shows where each session was opened, and when and where it was last refreshed.
#[utoipa::path(
    operation_id = "sessions", tag = "me", security(("password" = [])),
    responses((status = 200, description = "The sessions, most recently used first", body = Vec<Session>), GuardRefusals, ServerRefusals)
)]
#[get("/sessions")]
pub async fn sessions(app: web::Data<App>, user: CurrentUser) -> Result<HttpResponse, Problem> {
    let list = use_case::list(&app, user.0.state.me.id).await?;
    Ok(HttpResponse::Ok().json(
        list.into_iter()
            .map(|info| Session::of(info, user.0.session))
            .collect::<Vec<_>>(),
    ))
}

/// End one of the account's sessions
///
/// None of its tokens works afterwards. You may also end the session that you are using.
#[utoipa::path(
    operation_id = "endSession", tag = "me", security(("password" = [])),
    params(("id" = String, Path, description = "Session id", format = "uuid")),
    responses(
        (status = 204, description = "The session has ended"),
        (status = 404, description = "No live session of this account (`not_found`)", body = ProblemBody),
        GuardRefusals, ServerRefusals,
    )
)]
#[delete("/sessions/{id}")]
pub async fn end_session(
    app: web::Data<App>,
    acting: Acting,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = Uuid::try_parse(&id).map_err(|_| Failure::NotFound)?;
    use_case::end_own(
        &app,
        acting.bearer.state.me.id,
        SessionId::from(id),
        &acting.context,
    )
    .await?;
    Ok(HttpResponse::NoContent().finish())
}
