//! Forms read to the letter of RFC 6749: any fault of theirs is one word, not a list of fields.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::{FutureExt as _, LocalBoxFuture};

use crate::http::extract::form::Form;
use crate::http::extract::typed::{Arrived, FromFields, Ignored, Secret, Unread, body};
use crate::http::problem::Problem;
use crate::service::Failure;

/// A body that is a form, where one that does not parse, repeats a field or lacks one is an
/// `invalid_request`; for extracting. Handlers import it as `Form`, the name by which utoipa knows a
/// form.
pub struct StrictForm<T>(pub T);

impl<T: Arrived + 'static> FromRequest for StrictForm<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        Form::from_request(request, payload)
            .map(|read| match read {
                Ok(Form(form)) => Ok(Self(form)),
                Err(Problem::Failed(Failure::Invalid(_))) => Err(Problem::InvalidRequest),
                Err(other) => Err(other),
            })
            .boxed_local()
    }
}

/// Reads the fields of a form that has arrived; any fault of theirs is an `invalid_request`.
///
/// # Errors
/// [`Problem::InvalidRequest`].
pub fn read<T: FromFields>(form: Unread<T>) -> Result<T, Problem> {
    form.read().map_err(|problem| match problem {
        Problem::Failed(Failure::Invalid(_)) => Problem::InvalidRequest,
        other => other,
    })
}

body! {
    /// Form of token revocation (RFC 7009) and introspection (RFC 7662).
    pub struct PresentedToken {
        /// Access token or refresh token.
        #[schema(value_type = String, min_length = 1, example = "dwr_…")]
        pub token: Secret,
        /// `access_token` or `refresh_token`. To introspect a refresh token, the hint must be
        /// `refresh_token`; otherwise it is not needed. Revocation ignores it.
        #[schema(nullable = false, example = "refresh_token")]
        pub token_type_hint: Option<String>,
        /// Name of the client, for one that does not send it in the `Authorization` header.
        #[schema(value_type = Option<String>, nullable = false, example = "orders")]
        pub client_id: Ignored,
        /// Secret of the client, for one that does not send it in the `Authorization` header.
        #[schema(value_type = Option<String>, nullable = false, format = "password", example = "dwx_…")]
        pub client_secret: Ignored,
    }
}
