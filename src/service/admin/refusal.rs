//! Refused acts of administrators, as the failures that their callers learn.

use crate::model::event::Context;
use crate::model::invalid::Invalid;
use crate::service::Failure;
use crate::store::authority::Refusal;

/// Failure of an act that the store refused.
pub fn refused(refusal: Refusal, context: &Context) -> Failure {
    match refusal {
        Refusal::Unknown => Failure::NotFound,
        Refusal::Outdated => Failure::Outdated,
        Refusal::Unseen => Failure::VersionRequired,
        Refusal::NotCovered => not_permitted(context),
        Refusal::Unauthenticated => Failure::InvalidToken,
        Refusal::LastAdmin => Failure::LastAdmin,
        Refusal::UnknownRole => Failure::Invalid(vec![unknown_role()]),
        Refusal::InUse => Failure::RoleInUse,
        Refusal::Taken => Failure::EmailTaken,
    }
}

/// Logs and refuses an act beyond the permissions of its caller.
fn not_permitted(context: &Context) -> Failure {
    log::warn!(request_id = context.request_id.as_str(), actor:? = context.actor; "permission denied");
    Failure::NotPermitted
}

/// Fault of a role that no account can have.
pub fn unknown_role() -> Invalid {
    Invalid::field("role", "enum", "Input should be the name of a role")
}
