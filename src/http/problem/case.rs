//! The cases of refusal: those of use-cases, and those of HTTP itself.

use actix_web::http::header::HeaderValue;

use crate::model::invalid::Invalid;
use crate::service::Failure;

/// A refusal, by a use-case or by HTTP itself.
#[derive(Debug)]
pub enum Problem {
    /// A use-case refused.
    Failed(Failure),
    /// A parameter is missing, repeated or malformed, in the strict words of RFC 6749 section 5.2.
    InvalidRequest,
    /// A login by the password grant was refused, in the words of RFC 6749 section 5.2.
    InvalidGrant,
    /// A grant type that there is not.
    UnsupportedGrantType,
    /// The client is unknown or its secret is wrong, or the endpoint takes no clients.
    InvalidClient,
    /// There is no bearer token.
    NotAuthenticated,
    /// More than one `Authorization` header or kind of credentials.
    AmbiguousCredentials,
    /// The account lacks this permission, which is a name by the rules of one.
    Lacks(String),
    /// No such path.
    NotFound,
    /// The path has other methods; the text is for `Allow`.
    MethodNotAllowed(HeaderValue),
    /// The body is of another kind than the operation takes; the sentence says which it takes.
    UnsupportedMediaType(&'static str),
    /// The body is larger than the operation takes.
    TooLarge,
    /// The body did not come to its end in time.
    BodyTimeout,
    /// The body cannot be read as what it says it is.
    Malformed,
    /// A handler panicked.
    Panicked,
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Vec<Invalid>> for Problem {
    fn from(invalid: Vec<Invalid>) -> Self {
        Self::Failed(Failure::Invalid(invalid))
    }
}
