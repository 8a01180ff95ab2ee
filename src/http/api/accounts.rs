//! `POST /register`.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, post, web};

use super::me::Me;
use crate::app::App;
use crate::http::extract::client::Origin;
use crate::http::extract::json::Json;
use crate::http::extract::typed::{Secret, Unread, body};
use crate::http::limits;
use crate::http::problem::shared::{BodyRefusals, ServerRefusals, Throttled};
use crate::http::problem::{Problem, ProblemBody};
use crate::model::event::Actor;
use crate::service::accounts;

body! {
    /// Account to register. Other fields of the body are ignored.
    struct NewAccount {
        /// At most 64 characters before the @ and 254 in total. Unique; ASCII case is ignored.
        #[schema(format = "email", max_length = 254, example = "alice@example.com")]
        email: String,
        /// At least 8 characters (a setting) and at most 1024 bytes. Any script is allowed, there
        /// are no composition rules. Common passwords are refused, also with digits or punctuation
        /// at the end, with look-alikes of letters such as `@` for `a`, or repeated.
        #[schema(
            value_type = String,
            format = "password",
            min_length = 8,
            max_length = 1024,
            example = "an owl keeps the door"
        )]
        password: Secret,
    }
}

/// Register an account
///
/// Creates an active account with the role `user`.
#[utoipa::path(
    operation_id = "register", tag = "accounts",
    request_body = NewAccount,
    responses(
        (status = 201, description = "The account", body = Me, headers(("Location" = String, description = "`/me`"))),
        (status = 400, description = "The address is taken (`email_taken`), or the request is malformed (`malformed`)", body = ProblemBody),
        (status = 403, description = "Registration is closed (`registration_closed`)", body = ProblemBody),
        Throttled, BodyRefusals, ServerRefusals,
    )
)]
#[post("/register")]
pub async fn register(
    app: web::Data<App>,
    request: HttpRequest,
    origin: Origin,
    body: Json<Unread<NewAccount>>,
) -> Result<HttpResponse, Problem> {
    limits::registration(&app, &request)?;
    let NewAccount { email, password } = body.0.read()?;
    let account = accounts::Registration {
        email: &email,
        password: &password,
    };
    let me = accounts::register(&app, account, &origin.context(Actor::Anonymous)).await?;
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, "/me"))
        .json(Me::from(me)))
}
