//! `POST /login`, `POST /refresh`, `POST /logout`.

use actix_web::{HttpRequest, HttpResponse, post, web};
use utoipa::ToSchema;

use crate::app::App;
use crate::http::extract::bearer::Acting;
use crate::http::extract::client::{Origin, device_of};
use crate::http::extract::form::FormFields;
use crate::http::limits;
use crate::http::problem::shared::{BodyRefusals, GuardRefusals, ServerRefusals, Throttled};
use crate::http::problem::{Problem, ProblemBody};
use crate::http::token_response::{TokenResponse, tokens};
use crate::model::event::Actor;
use crate::model::invalid::Invalid;
use crate::service::login::{Login, login as log_in};
use crate::service::sessions;

/// The form of OAuth2's password grant. Client credentials are tolerated and ignored: people log in
/// here themselves.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the form, which FormFields reads field by field to name the one at fault"
)]
struct LoginForm {
    /// `password`, if given.
    #[schema(nullable = false, pattern = "^password$", example = "password")]
    grant_type: Option<String>,
    /// The address that the account was registered with, in any ASCII case.
    #[schema(example = "alice@example.com")]
    username: String,
    #[schema(format = "password", example = "an owl keeps the door")]
    password: String,
    /// For an account with a one-time password: the lasting one that replaces it, by the same rules
    /// as at registration. Ignored otherwise.
    #[schema(nullable = false, format = "password", example = "two owls keep two doors")]
    new_password: Option<String>,
    /// Ignored: a token's scope is what the role permits.
    #[schema(nullable = false, example = "orders:refund")]
    scope: Option<String>,
    /// Ignored.
    #[schema(nullable = false, example = "app")]
    client_id: Option<String>,
    /// Ignored.
    #[schema(nullable = false, format = "password", example = "none")]
    client_secret: Option<String>,
}

/// Log in
///
/// OAuth2's password grant: opens a session and answers with its tokens.
#[utoipa::path(
    operation_id = "login",
    tag = "sessions",
    params(("Doorward-Device" = Option<String>, Header, description = "The ticket that this device got at an earlier login to this account")),
    request_body(content = LoginForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The tokens of a new session", body = TokenResponse,
            headers(("Doorward-Device" = String, description = "For a device that showed none: its ticket, to keep and to show at later logins, so that nobody else's failures lock it out"))),
        (status = 400, description = "Logging in by password is turned off (`password_grant_off`), or the request is malformed (`malformed`)", body = ProblemBody),
        (status = 401, description = "Unknown address, wrong password or disabled account (`bad_credentials`)", body = ProblemBody,
            headers(("WWW-Authenticate" = String, description = "`Bearer`"))),
        (status = 403, description = "The password is right and good for one use: send `new_password` with it (`password_change_required`)", body = ProblemBody),
        Throttled,
        BodyRefusals,
        ServerRefusals,
    )
)]
#[post("/login")]
pub async fn login(
    app: web::Data<App>,
    request: HttpRequest,
    origin: Origin,
    FormFields(fields): FormFields,
) -> Result<HttpResponse, Problem> {
    limits::login(&app, &request)?;
    let mut invalid = Vec::new();
    if fields
        .optional("grant_type")
        .is_some_and(|grant| grant != "password")
    {
        invalid.push(Invalid::field(
            "grant_type",
            "string_pattern_mismatch",
            "String should match pattern '^password$'",
        ));
    }
    let (username, password) = (
        fields.required("username", &mut invalid),
        fields.required("password", &mut invalid),
    );
    if !invalid.is_empty() {
        return Err(invalid.into());
    }
    let login = Login {
        username,
        password,
        new_password: fields.optional("new_password"),
        device: device_of(&request),
        user_agent: &origin.user_agent,
    };
    Ok(tokens(
        log_in(&app, login, &origin.context(Actor::Anonymous)).await?,
    ))
}

/// The form of OAuth2's refresh token grant.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the form, which FormFields reads field by field to name the one at fault"
)]
struct RefreshForm {
    /// `refresh_token`, if given.
    #[schema(nullable = false, pattern = "^refresh_token$", example = "refresh_token")]
    grant_type: Option<String>,
    #[schema(example = "dwr_…")]
    refresh_token: String,
}

/// Refresh a session
///
/// Exchanges the newest refresh token for the next pair. The one before it gets the same successor
/// for a short while; an older one ends the session.
#[utoipa::path(
    operation_id = "refresh",
    tag = "sessions",
    request_body(content = RefreshForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The session's next tokens", body = TokenResponse),
        (status = 400, description = "The refresh token is unknown, expired, used before, or its session has ended (`invalid_grant`)", body = ProblemBody),
        BodyRefusals,
        ServerRefusals,
    )
)]
#[post("/refresh")]
pub async fn refresh(
    app: web::Data<App>,
    origin: Origin,
    FormFields(fields): FormFields,
) -> Result<HttpResponse, Problem> {
    let mut invalid = Vec::new();
    if fields
        .optional("grant_type")
        .is_some_and(|grant| grant != "refresh_token")
    {
        invalid.push(Invalid::field(
            "grant_type",
            "string_pattern_mismatch",
            "String should match pattern '^refresh_token$'",
        ));
    }
    let token = fields.required("refresh_token", &mut invalid);
    if !invalid.is_empty() {
        return Err(invalid.into());
    }
    Ok(tokens(
        sessions::refresh(&app, token, &origin.context(Actor::Anonymous)).await?,
    ))
}

/// Which sessions a logout ends.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "documents the query, which is read by hand")]
enum Scope {
    This,
    Others,
    All,
}

/// Log out
///
/// Ends sessions at once: after the answer no token of theirs works anywhere.
#[utoipa::path(
    operation_id = "logout",
    tag = "sessions",
    security(("password" = [])),
    params(("scope" = inline(Option<Scope>), Query, description = "`this` session (the default), the `others` of the user, or `all` of them")),
    responses((status = 204, description = "They have ended"), GuardRefusals, (status = 422, description = "Another scope (`invalid_input`)", body = ProblemBody), ServerRefusals)
)]
#[post("")]
pub async fn logout(
    app: web::Data<App>,
    acting: Acting,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let query = request.query_string();
    let scope = match query {
        "" | "scope=this" => sessions::LogoutScope::This,
        "scope=others" => sessions::LogoutScope::Others,
        "scope=all" => sessions::LogoutScope::All,
        _ => {
            return Err(vec![Invalid::query(
                "scope",
                "enum",
                "Input should be 'this', 'others' or 'all'",
            )]
            .into());
        }
    };
    sessions::logout(&app, &acting.bearer, scope, &acting.context).await?;
    Ok(HttpResponse::NoContent().finish())
}
