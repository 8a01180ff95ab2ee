//! Client authentication (RFC 6749 section 2.3.1): an id and a secret, by HTTP Basic or in the form.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpMessage as _, HttpRequest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::form::{self, PresentedToken, StrictForm};
use crate::app::App;
use crate::http::extract::bearer::{CurrentUser, is_basic};
use crate::http::extract::form::decode as form_text;
use crate::http::extract::typed::Unread;
use crate::http::limits;
use crate::http::problem::Problem;
use crate::model::client::RegisteredClient;
use crate::model::permission::Permission;
use crate::service::{Failure, clients};

/// A form that names a token, perhaps with the credentials of a client.
pub type PresentedForm = Unread<PresentedToken>;

/// Credentials of a client, as they were sent.
struct ClientCredentials {
    id: String,
    secret: Zeroizing<String>,
}

/// Reads the form of an operation. The caller is a bearer whom the guard let in, or a client that has
/// the permission. Only a known caller is told that the form cannot be read.
///
/// # Errors
/// Neither is there, the client is unknown or not permitted, or the form is at fault.
pub async fn permitted(
    app: &App,
    request: &HttpRequest,
    form: Result<StrictForm<PresentedForm>, Problem>,
    permission: Permission,
) -> Result<PresentedToken, Problem> {
    let form = form.map(|StrictForm(form)| form);
    let is_bearer = request.extensions().contains::<CurrentUser>();
    match authenticate(app, request, form.as_ref().ok()).await? {
        Some(client) if client.permissions.holds(permission) => {}
        Some(client) => {
            log::warn!(client = client.name.as_str(); "permission denied");
            return Err(Failure::NotPermitted.into());
        }
        None if is_bearer => {}
        None => return Err(Problem::NotAuthenticated),
    }
    form::read(form?)
}

/// The client that a request is from; none if it has no credentials of one. A `client_id` without a
/// secret is none: public clients send it. A wrong secret takes one from the login budget of the
/// caller's address.
///
/// # Errors
/// The client is unknown, there are credentials of two kinds, or there were too many wrong ones.
pub async fn authenticate(
    app: &App,
    request: &HttpRequest,
    form: Option<&PresentedForm>,
) -> Result<Option<RegisteredClient>, Problem> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let (header, second) = (headers.next(), headers.next());
    let secret = form.and_then(|form| form.text("client_secret"));
    if second.is_some() || header.is_some() && secret.is_some() {
        return Err(Problem::AmbiguousCredentials);
    }
    let sent = match (header.filter(|header| is_basic(header)), secret) {
        (Some(header), _) => in_header(header),
        (None, Some(secret)) => {
            let id = form.and_then(|form| form.text("client_id"));
            Some(ClientCredentials {
                id: id.ok_or(Problem::InvalidRequest)?.to_owned(),
                secret: Zeroizing::new(secret.to_owned()),
            })
        }
        (None, None) => return Ok(None),
    };
    let client = match &sent {
        Some(sent) => clients::authenticate(app, &sent.id, &sent.secret).await?,
        None => None,
    };
    if client.is_none() {
        limits::login(app, request)?;
        log::warn!("unknown client or wrong secret");
        return Err(Problem::InvalidClient);
    }
    Ok(client)
}

/// Credentials in the header: base64 of the form-encoded id, a colon and the form-encoded secret.
fn in_header(header: &HeaderValue) -> Option<ClientCredentials> {
    let (_scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim_matches(' ')).ok()?);
    let colon = decoded.iter().position(|&byte| byte == b':')?;
    let (id, secret) = (&decoded[..colon], &decoded[colon + 1..]);
    Some(ClientCredentials {
        id: form_text(id)?.as_str().to_owned(),
        secret: form_text(secret)?,
    })
}
