//! Roles: which there are, what each permits. A change takes effect on the next request of everyone
//! who has the role.

use super::Failure;
use super::admin;
use crate::app::App;
use crate::model::authority::Authority;
use crate::model::event::{Context, EventType};
use crate::model::invalid::Invalid;
use crate::model::permission::{ADMIN_ROLE, DEFAULT_ROLE, Permissions, Role, is_role_name};
use crate::store::roles::SavedRole;

/// Every role, in the order of names.
///
/// # Errors
/// An infrastructure failure.
pub async fn list(app: &App) -> Result<Vec<Role>, Failure> {
    Ok(app.store.roles().await?)
}

/// Role that a caller writes.
#[derive(Debug, Clone, Copy)]
pub struct RoleToSave<'a> {
    /// Its name.
    pub name: &'a str,
    /// Permissions that it is to have.
    pub permissions: &'a [String],
}

/// Makes a role or sets what it permits; says whether it was made.
///
/// # Errors
/// [`Failure::Invalid`], [`Failure::NotPermitted`] for permissions that the caller does not hold or
/// for a change of `user` without all of our own, [`Failure::RoleBuiltIn`] if `admin` were to lose one,
/// [`Failure::VersionRequired`], [`Failure::Outdated`], or an infrastructure failure.
pub async fn save(
    app: &App,
    role: RoleToSave<'_>,
    authority: Authority,
    context: &Context,
) -> Result<(Role, bool), Failure> {
    if !is_role_name(role.name) {
        let bad_name = Invalid {
            part: "path",
            ..Invalid::field(
                "name",
                "string_pattern_mismatch",
                "String should match pattern '^[a-z][a-z0-9_-]{0,31}$'",
            )
        };
        return Err(Failure::Invalid(vec![bad_name]));
    }
    let permissions =
        Permissions::parse("permissions", role.permissions).map_err(|why| Failure::Invalid(vec![why]))?;
    if role.name == ADMIN_ROLE && !permissions.covers(&Permissions::built_in()) {
        return Err(Failure::RoleBuiltIn);
    }
    let event = app.event(EventType::RoleSaved, context);
    let saved = app
        .store
        .put_role(role.name, &permissions, authority, &event)
        .await?;
    match saved.map_err(|refusal| admin::refused(refusal, context))? {
        SavedRole::Made(role) => Ok((role, true)),
        SavedRole::Changed(role) => {
            app.memory.registry.evict_role(&role.name);
            Ok((role, false))
        }
    }
}

/// Deletes a role that no account has.
///
/// # Errors
/// [`Failure::RoleBuiltIn`], [`Failure::RoleInUse`], [`Failure::NotFound`],
/// [`Failure::NotPermitted`] as at [`save`], or an infrastructure failure.
pub async fn delete(app: &App, name: &str, authority: Authority, context: &Context) -> Result<(), Failure> {
    if [ADMIN_ROLE, DEFAULT_ROLE].contains(&name) {
        return Err(Failure::RoleBuiltIn);
    }
    if !is_role_name(name) {
        return Err(Failure::NotFound);
    }
    let deleted = app
        .store
        .delete_role(name, authority, &app.event(EventType::RoleDeleted, context))
        .await?;
    deleted.map_err(|refusal| admin::refused(refusal, context))
}
