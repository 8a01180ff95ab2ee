//! `POST /login`, `POST /refresh`, `POST /logout`.

use actix_web::{HttpRequest, HttpResponse, post, web};
use utoipa::ToSchema;

use crate::app::App;
use crate::http::extract::bearer::Acting;
use crate::http::extract::client::{Origin, device_of};
use crate::http::extract::form::Form;
use crate::http::extract::query::{Choice, Chosen};
use crate::http::extract::typed::{Ignored, Only, Secret, Unread, Word, body};
use crate::http::limits;
use crate::http::problem::shared::{BodyRefusals, GuardRefusals, ServerRefusals, Throttled};
use crate::http::problem::{Problem, ProblemBody};
use crate::http::token_response::{TokenResponse, tokens};
use crate::model::event::Actor;
use crate::service::login::{Login, login as log_in};
use crate::service::sessions::{self, LogoutScope};

/// The grant of `/login`.
enum PasswordGrant {}

impl Word for PasswordGrant {
    const WORD: &'static str = "password";
    const RULE: &'static str = "String should match pattern '^password$'";
}

/// The grant of `/refresh`.
enum RefreshTokenGrant {}

impl Word for RefreshTokenGrant {
    const WORD: &'static str = "refresh_token";
    const RULE: &'static str = "String should match pattern '^refresh_token$'";
}

body! {
    /// Form of the OAuth2 password grant. Client credentials are accepted and ignored.
    struct LoginForm {
        /// `password`, if present.
        #[schema(value_type = Option<String>, nullable = false, pattern = "^password$", example = "password")]
        grant_type: Only<PasswordGrant>,
        /// E-mail address of the account; ASCII case is ignored.
        #[schema(example = "alice@example.com")]
        username: String,
        #[schema(value_type = String, format = "password", example = "an owl keeps the door")]
        password: Secret,
        /// New password that replaces a one-time password; the rules are those of registration.
        /// Ignored for other accounts.
        #[schema(
            value_type = Option<String>,
            nullable = false,
            format = "password",
            example = "two owls keep two doors"
        )]
        new_password: Option<Secret>,
        /// Ignored: the scope of a token is the permissions of the role.
        #[schema(value_type = Option<String>, nullable = false, example = "orders:refund")]
        scope: Ignored,
        /// Ignored.
        #[schema(value_type = Option<String>, nullable = false, example = "app")]
        client_id: Ignored,
        /// Ignored.
        #[schema(value_type = Option<String>, nullable = false, format = "password", example = "none")]
        client_secret: Ignored,
    }
}

/// Log in
///
/// Password grant of OAuth2: opens a session and returns its tokens.
#[utoipa::path(
    operation_id = "login", tag = "sessions",
    params(("Doorward-Device" = Option<String>, Header, description = "Device ticket that this device received at an earlier login to this account")),
    request_body(content = LoginForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The tokens of a new session", body = TokenResponse,
            headers(("Doorward-Device" = String, description = "Device ticket, for a device that sent no valid one, or one older than 30 days. Store it and send it with later logins, so that failures of others do not lock the device out"))),
        (status = 400, description = "The password grant is turned off (`password_grant_off`), or the request is malformed (`malformed`)", body = ProblemBody),
        (status = 401, description = "Unknown address, wrong password or disabled account (`bad_credentials`)", body = ProblemBody,
            headers(("WWW-Authenticate" = String, description = "`Bearer`"))),
        (status = 403, description = "The one-time password is correct: send `new_password` with it (`password_change_required`)", body = ProblemBody),
        Throttled, BodyRefusals, ServerRefusals,
    )
)]
#[post("/login")]
pub async fn login(
    app: web::Data<App>,
    request: HttpRequest,
    origin: Origin,
    form: Form<Unread<LoginForm>>,
) -> Result<HttpResponse, Problem> {
    limits::login(&app, &request)?;
    let form = form.0.read()?;
    let login = Login {
        username: &form.username,
        password: &form.password,
        new_password: form.new_password.as_deref(),
        device: device_of(&request),
        ip: origin.ip,
        user_agent: &origin.user_agent,
    };
    let pair = log_in(&app, login, &origin.context(Actor::Anonymous)).await?;
    Ok(tokens(pair))
}

body! {
    /// Form of the OAuth2 refresh token grant.
    struct RefreshForm {
        /// `refresh_token`, if present.
        #[schema(value_type = Option<String>, nullable = false, pattern = "^refresh_token$", example = "refresh_token")]
        grant_type: Only<RefreshTokenGrant>,
        #[schema(value_type = String, example = "dwr_…")]
        refresh_token: Secret,
    }
}

/// Refresh a session
///
/// Exchanges the current refresh token for the next pair of tokens. For a short grace period the
/// previous refresh token gets the same refresh token again, with a new access token: once if the
/// new pair is not used yet (at most one in 5 seconds), and for 5 seconds if it comes from the same
/// network and user agent. Any other use of it, or of an older one, ends the session; after a
/// change of password it is only refused.
#[utoipa::path(
    operation_id = "refresh", tag = "sessions",
    responses(
        (status = 200, description = "The next tokens of the session", body = TokenResponse),
        (status = 400, description = "The refresh token is unknown, expired or already used, or its session has ended (`invalid_grant`)", body = ProblemBody),
        Throttled, BodyRefusals, ServerRefusals,
    )
)]
#[post("/refresh")]
pub async fn refresh(
    app: web::Data<App>,
    origin: Origin,
    Form(form): Form<RefreshForm>,
) -> Result<HttpResponse, Problem> {
    let pair = sessions::refresh(
        &app,
        &form.refresh_token,
        &origin.user_agent,
        &origin.context(Actor::Anonymous),
    )
    .await?;
    Ok(tokens(pair))
}

/// Sessions that a logout ends.
#[derive(Default, ToSchema)]
#[schema(rename_all = "snake_case")]
enum Scope {
    #[default]
    This,
    Others,
    All,
}

impl Choice for Scope {
    const PARAMETER: &'static str = "scope";
    const RULE: &'static str = "Input should be 'this', 'others' or 'all'";

    fn parse(word: &str) -> Option<Self> {
        match word {
            "this" => Some(Self::This),
            "others" => Some(Self::Others),
            "all" => Some(Self::All),
            _ => None,
        }
    }
}

impl From<Scope> for LogoutScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::This => Self::This,
            Scope::Others => Self::Others,
            Scope::All => Self::All,
        }
    }
}

/// Log out
///
/// Ends sessions immediately. After the answer, none of their tokens works on this node; other nodes
/// follow within a second.
#[utoipa::path(
    operation_id = "logout", tag = "sessions", security(("password" = [])),
    params(("scope" = inline(Option<Scope>), Query, description = "`this` session (default), all `others` of the user, or `all` sessions of the user")),
    responses(
        (status = 204, description = "The sessions have ended"),
        GuardRefusals,
        (status = 422, description = "Unknown scope (`invalid_input`)", body = ProblemBody),
        ServerRefusals,
    )
)]
#[post("")]
pub async fn logout(
    app: web::Data<App>,
    acting: Acting,
    Chosen(scope): Chosen<Scope>,
) -> Result<HttpResponse, Problem> {
    sessions::logout(&app, &acting.bearer, scope.into(), &acting.context).await?;
    Ok(HttpResponse::NoContent().finish())
}
