//! Sets of refusals that operations share, as their annotations name them.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};

fn refusal(words: &str) -> Response {
    let body = Content::new(Some(Ref::from_schema_name("Problem")));
    let answer = ResponseBuilder::new().description(words);
    answer.content("application/json", body).build()
}

/// Writes a set. By hand, because utoipa's derive copies the body's schema into each answer; these
/// refer to the one.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident: [$(($status:literal, $words:literal)),* $(,)?];)*) => {$(
        $(#[$doc])*
        pub struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                BTreeMap::from([$(($status.to_owned(), RefOr::from(refusal($words)))),*])
            }
        }
    )*};
}

refusals! {
    /// Refusals of an operation with a JSON body, or a form read like one.
    BodyRefusals: [
        ("408", "The body did not arrive in time (`timeout`)"),
        ("413", "The body is too large (`too_large`)"),
        ("415", "The body is of another media type, or compressed (`unsupported_media_type`)"),
        ("422", "Fields are missing or break a rule (`invalid_input`); `detail` is a list"),
    ];
    /// Refusals of a strict OAuth operation's form, beside RFC 6749's own errors.
    FormRefusals: [
        ("408", "The body did not arrive in time (`timeout`)"),
        ("413", "The body is too large (`too_large`)"),
        ("415", "The body is not a form, or it is compressed (`unsupported_media_type`)"),
    ];
    /// Refusals of a guarded operation.
    GuardRefusals: [
        ("400", "More than one `Authorization` header (`ambiguous_credentials`), or the request is malformed (`malformed`)"),
        ("401", "No bearer token (`not_authenticated`), or the token is invalid, expired or revoked (`invalid_token`)"),
    ];
    /// Refusals of a guarded operation on other accounts or on roles.
    FreshProofRefusals: [
        ("400", "More than one `Authorization` header (`ambiguous_credentials`), or the request is malformed (`malformed`)"),
        ("401", "No bearer token (`not_authenticated`), the token is invalid, expired or revoked (`invalid_token`), or the password was proved more than ten minutes ago (`insufficient_user_authentication`)"),
    ];
    /// Refusals of a guarded operation that makes an account for somebody.
    InvitationRefusals: [
        ("400", "The address is taken (`email_taken`), the request is malformed (`malformed`), or it has more than one `Authorization` header (`ambiguous_credentials`)"),
        ("401", "No bearer token (`not_authenticated`), the token is invalid, expired or revoked (`invalid_token`), or the password was proved more than ten minutes ago (`insufficient_user_authentication`)"),
    ];
    /// Refusals of a guarded operation that sets an address.
    AddressRefusals: [
        ("400", "The address is taken (`email_taken`), the request is malformed (`malformed`), or it has more than one `Authorization` header (`ambiguous_credentials`)"),
        ("401", "No bearer token (`not_authenticated`), or the token is invalid, expired or revoked (`invalid_token`)"),
    ];
    /// Refusals of an operation that tries a password or the secret of a client, makes an account or
    /// exchanges a refresh token.
    Throttled: [
        ("429", "Too many attempts (`throttled`)"),
    ];
    /// Refusals of an administrative operation that only reads, beside those of a guarded one.
    AdminReadRefusals: [
        ("403", "The caller's role does not permit this (`insufficient_scope`)"),
        ("422", "Parameters break a rule (`invalid_input`); `detail` is a list"),
    ];
    /// Refusals of an administrative operation, beside those of a guarded one.
    AdminRefusals: [
        ("403", "The caller's role does not permit this, or the account or role has permissions that the caller lacks (`insufficient_scope`)"),
        ("422", "Parameters or fields break a rule (`invalid_input`); `detail` is a list"),
    ];
    /// Refusal of an operation on an account.
    NoSuchAccount: [
        ("404", "No such account (`not_found`)"),
    ];
    /// Refusal of an operation that would leave no administrator.
    LastAdmin: [
        ("409", "It is the last active admin (`last_admin`)"),
    ];
    /// Refusal of an act on others' accounts.
    OwnAccount: [
        ("409", "It is the caller's own account (`own_account`); `PUT /me/password` asks for the current password"),
    ];
    /// Refusal of a change that `If-Match` binds to a version.
    Outdated: [
        ("412", "It was changed in the meantime (`outdated`)"),
    ];
    /// Refusal of an operation that asks for the current password again.
    WrongPassword: [
        ("403", "The current password is wrong (`wrong_password`)"),
    ];
    /// Failures of any operation that needs the database.
    ServerRefusals: [
        ("500", "Internal error (`internal`); the log has its cause under the request id"),
        ("503", "The server is busy (`busy`), or the database is not available (`unavailable`)"),
    ];
}
