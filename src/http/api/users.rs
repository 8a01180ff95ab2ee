//! `/users`: what administrators see of accounts and do to them.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, web};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::http::extract::account_path::AccountPath;
use crate::http::extract::bearer::Acting;
use crate::http::extract::if_match::{authority, etag};
use crate::http::extract::json::Json;
use crate::http::extract::page::{self, AccountOrder, parse_cursor, write_cursor};
use crate::http::extract::query::{FromQuery, NoQuery, Query, QueryFields};
use crate::http::extract::typed::{Exact, body};
use crate::http::problem::shared::{
    AdminReadRefusals, AdminRefusals, BodyRefusals, FreshProofRefusals, GuardRefusals, InvitationRefusals,
    LastAdmin, NoSuchAccount, Outdated, OwnAccount, ServerRefusals,
};
use crate::http::problem::{Problem, ProblemBody};
use crate::model::clock::Timestamp;
use crate::model::email::{Email, EmailKey};
use crate::model::ids::Subject;
use crate::model::invalid::Invalid;
use crate::model::permission::{DEFAULT_ROLE, is_role_name};
use crate::model::user::{Account, AccountChange, AccountCursor, AccountFilter};
use crate::service::admin;
use crate::service::login::Invitation;

/// An account as administrators see it.
#[derive(Serialize, ToSchema)]
pub struct User {
    #[schema(example = 1, minimum = 1)]
    id: i64,
    #[schema(format = "email", example = "alice@example.com")]
    email: String,
    #[schema(example = true)]
    is_active: bool,
    #[schema(example = "user")]
    role: String,
    /// The `sub` of its tokens.
    #[schema(format = "uuid", example = "9fa25cc3-e57e-4ce0-b722-bffc581f15fe")]
    subject: String,
    #[schema(format = "date-time", example = "2026-11-22T16:07:31.232440Z")]
    created_at: String,
    #[schema(format = "date-time", example = "2026-11-22T16:07:31.232440Z")]
    last_login_at: Option<String>,
    /// Time when the one-time password expires; absent for other passwords.
    #[schema(format = "date-time", example = "2026-11-25T16:07:31.232440Z")]
    password_expires_at: Option<String>,
}

impl From<Account> for User {
    fn from(account: Account) -> Self {
        Self {
            id: account.me.id.get(),
            email: account.me.email,
            is_active: account.me.is_active,
            role: account.me.role,
            subject: account.subject.to_string(),
            created_at: account.created_at.rfc3339(),
            last_login_at: account.last_login_at.map(Timestamp::rfc3339),
            password_expires_at: account.password_expires_at.map(Timestamp::rfc3339),
        }
    }
}

/// A page of accounts.
#[derive(Serialize, ToSchema)]
struct UserPage {
    users: Vec<User>,
    /// Cursor of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "aTUw")]
    next_cursor: Option<String>,
}

/// One-time password; it is shown only once.
#[derive(Serialize, ToSchema)]
struct OneTimePassword {
    /// Valid for one login, together with the `new_password` that replaces it. It is not shown
    /// again.
    #[schema(example = "q7k2m-9xw4r-hh3td-v8zpC")]
    one_time_password: String,
    #[schema(format = "date-time", example = "2026-11-25T16:07:31.232440Z")]
    expires_at: String,
}

impl From<Invitation> for OneTimePassword {
    fn from(invitation: Invitation) -> Self {
        Self {
            one_time_password: invitation.password,
            expires_at: invitation.expires_at.rfc3339(),
        }
    }
}

/// A new account with its one-time password.
#[derive(Serialize, ToSchema)]
struct InvitedUser {
    user: User,
    invitation: OneTimePassword,
}

/// The accounts that a list is asked for.
#[derive(utoipa::IntoParams)]
struct AccountQuery {
    /// Exactly this e-mail address; ASCII case is ignored
    #[param(value_type = Option<String>, format = "email")]
    email: Option<EmailKey>,
    /// Account with this subject: the `sub` of its tokens
    #[param(value_type = Option<String>, format = "uuid")]
    subject: Option<Subject>,
    /// Prefix of the e-mail address
    q: Option<String>,
    /// Accounts with this role
    #[param(pattern = "^[a-z][a-z0-9_-]{0,31}$")]
    role: Option<String>,
    /// Active (`true`) or disabled (`false`) accounts
    is_active: Option<bool>,
    /// Page size, 1 to 200; 50 if absent
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: usize,
    /// `next_cursor` of the previous page; use it with the same filters
    #[param(value_type = Option<String>)]
    cursor: Option<AccountCursor>,
}

impl FromQuery for AccountQuery {
    fn from_query(query: &QueryFields, faults: &mut Vec<Invalid>) -> Self {
        let order = match query.text("q") {
            Some(_) => AccountOrder::Email,
            None => AccountOrder::Id,
        };
        let email = query.parsed("email", faults, NO_ADDRESS, |text| {
            Email::parse("email", text).ok().map(|email| email.key().clone())
        });
        let q = query.parsed("q", faults, NO_PREFIX, |text| {
            (!text.chars().any(char::is_control)).then(|| text.to_ascii_lowercase())
        });
        let role = query.parsed("role", faults, NO_ROLE, |text| {
            is_role_name(text).then(|| text.to_owned())
        });
        let subject = query.parsed("subject", faults, NO_SUBJECT, |text| {
            Uuid::try_parse(text).ok().map(Subject::from)
        });
        let is_active = query.parsed("is_active", faults, NO_SWITCH, |text| text.parse().ok());
        if email.is_some() && order == AccountOrder::Email {
            faults.push(Invalid::query("q", BOTH.0, BOTH.1));
        }
        Self {
            email,
            subject,
            q,
            role,
            is_active,
            cursor: query.parsed("cursor", faults, page::NO_CURSOR, |text| {
                parse_cursor(text, order)
            }),
            limit: query.limit(faults),
        }
    }
}

const NO_ADDRESS: (&str, &str) = ("value_error", "Value error, not an address");
const NO_SUBJECT: (&str, &str) = ("uuid_parsing", "Input should be a valid UUID");
const NO_PREFIX: (&str, &str) = ("value_error", "Value error, not the beginning of an address");
const NO_ROLE: (&str, &str) = ("value_error", "Value error, not the name of a role");
const NO_SWITCH: (&str, &str) = ("bool_parsing", "Input should be true or false");
const BOTH: (&str, &str) = ("value_error", "Value error, email and q exclude each other");

/// List accounts
///
/// Returns accounts in the order of ids, or, with `q`, in the order of e-mail addresses.
#[utoipa::path(
    operation_id = "listUsers", tag = "users", security(("password" = ["users:read"])),
    params(AccountQuery),
    responses(
        (status = 200, description = "One page", body = UserPage),
        AdminReadRefusals, GuardRefusals, ServerRefusals,
    )
)]
#[get("")]
pub async fn list(app: web::Data<App>, Query(query): Query<AccountQuery>) -> Result<HttpResponse, Problem> {
    let filter = AccountFilter {
        email: query.email,
        subject: query.subject,
        prefix: query.q,
        role: query.role,
        is_active: query.is_active,
    };
    let (accounts, next) = admin::find(&app, &filter, query.cursor.as_ref(), query.limit).await?;
    Ok(HttpResponse::Ok().json(UserPage {
        users: accounts.into_iter().map(User::from).collect(),
        next_cursor: next.as_ref().map(write_cursor),
    }))
}

body! {
    /// Account to create.
    struct Invitee {
        #[schema(format = "email", max_length = 254, example = "bob@example.com")]
        email: String,
        /// `user` if absent.
        #[schema(nullable = false, example = "user")]
        role: Option<String>,
    }
}

/// Create an account
///
/// Creates an account with a one-time password. The user replaces it at the first login, so that no
/// other person knows the new password.
#[utoipa::path(
    operation_id = "inviteUser", tag = "users", security(("password" = ["users:write"])),
    request_body = Invitee,
    responses(
        (status = 201, description = "The account and its one-time password", body = InvitedUser,
            headers(("Location" = String, description = "`/users/{id}`"), ("ETag" = String, description = "Version, for `If-Match`"))),
        (status = 403, description = "The caller's role does not permit this, or the new role has a permission that the caller lacks (`insufficient_scope`)", body = ProblemBody),
        InvitationRefusals, BodyRefusals, ServerRefusals,
    )
)]
#[post("")]
pub async fn invite(
    app: web::Data<App>,
    acting: Acting,
    request: HttpRequest,
    _: NoQuery,
    Json(Exact(Invitee { email, role })): Json<Exact<Invitee>>,
) -> Result<HttpResponse, Problem> {
    let role = role.as_deref().unwrap_or(DEFAULT_ROLE);
    let (account, invitation) =
        admin::invite(&app, &email, role, authority(&acting, &request)?, &acting.context).await?;
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, format!("/users/{}", account.me.id.get())))
        .insert_header(etag(account.version))
        .json(InvitedUser {
            user: account.into(),
            invitation: invitation.into(),
        }))
}

/// Show an account
///
/// The answer has the `ETag` that a change can name in `If-Match`.
#[utoipa::path(
    operation_id = "showUser", tag = "users", security(("password" = ["users:read"])),
    params(AccountPath),
    responses(
        (status = 200, description = "The account", body = User, headers(("ETag" = String, description = "Version, for `If-Match`"))),
        NoSuchAccount, AdminReadRefusals, GuardRefusals, ServerRefusals,
    )
)]
#[get("/{id}")]
pub async fn show(app: web::Data<App>, path: AccountPath, _: NoQuery) -> Result<HttpResponse, Problem> {
    let account = admin::show(&app, path.account(&app).await?).await?;
    Ok(HttpResponse::Ok()
        .insert_header(etag(account.version))
        .json(User::from(account)))
}

body! {
    /// Changes to make; absent members stay as they are.
    struct UserChange {
        /// New address. The sessions of the account go on.
        #[schema(nullable = false, format = "email", max_length = 254, example = "bob@example.org")]
        email: Option<String>,
        #[schema(nullable = false, example = "admin")]
        role: Option<String>,
        #[schema(nullable = false, example = true)]
        is_active: Option<bool>,
    }
}

/// Change an account
///
/// Changes the e-mail address or the role, or enables or disables the account. The change has effect
/// on the account's next request. Disabling ends its sessions.
#[utoipa::path(
    operation_id = "updateUser", tag = "users", security(("password" = ["users:write"])),
    request_body = UserChange,
    params(
        AccountPath,
        ("If-Match" = Option<String>, Header, description = "ETag as you know it; if it has changed, nothing is changed"),
    ),
    responses(
        (status = 200, description = "The changed account", body = User, headers(("ETag" = String, description = "Version, for `If-Match`"))),
        NoSuchAccount, LastAdmin, Outdated, AdminRefusals, InvitationRefusals, BodyRefusals, ServerRefusals,
    )
)]
#[patch("/{id}")]
pub async fn update(
    app: web::Data<App>,
    acting: Acting,
    request: HttpRequest,
    path: AccountPath,
    _: NoQuery,
    Json(Exact(change)): Json<Exact<UserChange>>,
) -> Result<HttpResponse, Problem> {
    let UserChange {
        email,
        role,
        is_active,
    } = change;
    let email = email.map(|text| Email::parse_new("email", &text)).transpose();
    let email = email.map_err(|fault| vec![fault])?;
    let change = AccountChange {
        email: email.as_ref(),
        role: role.as_deref(),
        is_active,
    };
    let (authority, user) = (authority(&acting, &request)?, path.account(&app).await?);
    let account = admin::update(&app, user, change, authority, &acting.context).await?;
    Ok(HttpResponse::Ok()
        .insert_header(etag(account.version))
        .json(User::from(account)))
}

/// Delete an account
///
/// Deletes the account and its sessions. This cannot be undone.
#[utoipa::path(
    operation_id = "deleteUser", tag = "users", security(("password" = ["users:write"])),
    params(
        AccountPath,
        ("If-Match" = Option<String>, Header, description = "ETag of the account as you know it; if it has changed, nothing is deleted"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        NoSuchAccount, LastAdmin, Outdated, AdminRefusals, FreshProofRefusals, ServerRefusals,
    )
)]
#[delete("/{id}")]
pub async fn delete(
    app: web::Data<App>,
    acting: Acting,
    request: HttpRequest,
    path: AccountPath,
    _: NoQuery,
) -> Result<HttpResponse, Problem> {
    let (authority, user) = (authority(&acting, &request)?, path.account(&app).await?);
    admin::delete(&app, user, authority, &acting.context).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Reset a password
///
/// Replaces the password by a one-time password and ends every session of the account.
#[utoipa::path(
    operation_id = "resetPassword", tag = "users", security(("password" = ["users:write"])),
    params(
        AccountPath,
        ("If-Match" = Option<String>, Header, description = "ETag as you know it; if it has changed, nothing is changed"),
    ),
    responses(
        (status = 200, description = "The one-time password", body = OneTimePassword),
        NoSuchAccount, OwnAccount, Outdated, AdminRefusals, FreshProofRefusals, ServerRefusals,
    )
)]
#[post("/{id}/one-time-password")]
pub async fn reset_password(
    app: web::Data<App>,
    acting: Acting,
    request: HttpRequest,
    path: AccountPath,
    _: NoQuery,
) -> Result<HttpResponse, Problem> {
    let (authority, user) = (authority(&acting, &request)?, path.account(&app).await?);
    let invitation = admin::reset_password(&app, user, authority, &acting.context).await?;
    Ok(HttpResponse::Ok().json(OneTimePassword::from(invitation)))
}
