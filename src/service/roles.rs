//! Roles: which there are, what each permits. A change bites on the very next request of everyone who has the role.

use super::Failure;
use crate::app::App;
use crate::model::event::{Context, EventType};
use crate::model::invalid::Invalid;
use crate::model::permission::{ADMIN_ROLE, DEFAULT_ROLE, Permissions, Role, is_role_name};
use crate::store::roles::{RoleChange, RoleEnd};

/// Every role, in the order of names.
///
/// # Errors
/// A passing failure.
pub async fn list(app: &App) -> Result<Vec<Role>, Failure> {
    Ok(app.store.roles().await?)
}

/// What a caller brings to write a role.
#[derive(Debug, Clone, Copy)]
pub struct RoleToSave<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is to permit.
    pub permissions: &'a [String],
    /// The version that the caller has seen, if the role is there.
    pub known: Option<i64>,
}

/// Makes a role or sets what it permits; says whether it was made.
///
/// # Errors
/// [`Failure::Invalid`], [`Failure::NotPermitted`] for permissions of this server that the caller does not hold, [`Failure::RoleBuiltIn`] if `admin` were
/// to lose one, [`Failure::VersionRequired`], [`Failure::Outdated`], or a passing failure.
pub async fn save(app: &App, role: RoleToSave<'_>, caller: &Permissions, context: &Context) -> Result<(Role, bool), Failure> {
    if !is_role_name(role.name) {
        let bad_name =
            Invalid { part: "path", ..Invalid::field("name", "string_pattern_mismatch", "String should match pattern '^[a-z][a-z0-9_-]{0,31}$'") };
        return Err(Failure::Invalid(vec![bad_name]));
    }
    let permissions = Permissions::parse("permissions", role.permissions).map_err(|why| Failure::Invalid(vec![why]))?;
    let before = app.store.role(role.name).await?;
    let may = caller.covers(&permissions) && before.is_none_or(|before| caller.covers(&before.permissions));
    if !may {
        return Err(Failure::NotPermitted);
    }
    if role.name == ADMIN_ROLE && !permissions.covers(&Permissions::built_in()) {
        return Err(Failure::RoleBuiltIn);
    }
    let event = app.event(EventType::RoleSaved, context);
    match app.store.put_role(role.name, &permissions, role.known, &event).await? {
        RoleChange::Made(role) => Ok((role, true)),
        RoleChange::Changed(saved) => {
            app.registry.evict_role(&saved.name);
            Ok((saved, false))
        }
        RoleChange::Outdated(_) if role.known.is_none() => Err(Failure::VersionRequired),
        RoleChange::Outdated(_) => Err(Failure::Outdated),
    }
}

/// Deletes a role that nobody has.
///
/// # Errors
/// [`Failure::RoleBuiltIn`], [`Failure::RoleInUse`], [`Failure::NotFound`], [`Failure::NotPermitted`] as at [`save`], or a passing failure.
pub async fn delete(app: &App, name: &str, caller: &Permissions, context: &Context) -> Result<(), Failure> {
    if [ADMIN_ROLE, DEFAULT_ROLE].contains(&name) {
        return Err(Failure::RoleBuiltIn);
    }
    let role = app.store.role(name).await?.ok_or(Failure::NotFound)?;
    if !caller.covers(&role.permissions) {
        return Err(Failure::NotPermitted);
    }
    match app.store.delete_role(name, &app.event(EventType::RoleDeleted, context)).await? {
        RoleEnd::Deleted => Ok(()),
        RoleEnd::Unknown => Err(Failure::NotFound),
        RoleEnd::InUse => Err(Failure::RoleInUse),
    }
}
