//! `/roles`: what each role permits.

use actix_web::{HttpRequest, HttpResponse, delete, get, put, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::http::extract::bearer::Acting;
use crate::http::extract::if_match::{authority, etag};
use crate::http::extract::json::Json;
use crate::http::extract::query::NoQuery;
use crate::http::extract::typed::{Exact, body};
use crate::http::problem::shared::{
    AdminReadRefusals, AdminRefusals, BodyRefusals, FreshProofRefusals, GuardRefusals, Outdated,
    ServerRefusals,
};
use crate::http::problem::{Problem, ProblemBody};
use crate::model::permission::Role;
use crate::service::roles::{self, RoleToSave};

/// Role with its permissions.
#[derive(Serialize, ToSchema)]
#[schema(as = Role)]
pub struct RoleBody {
    #[schema(example = "support")]
    name: String,
    /// Permissions of this server, such as `users:read`, and of your app, such as `orders:refund`.
    #[schema(example = json!(["orders:refund", "users:read"]))]
    permissions: Vec<String>,
    /// Version, for `If-Match`.
    #[schema(example = "\"1\"")]
    etag: String,
}

impl From<Role> for RoleBody {
    fn from(role: Role) -> Self {
        Self {
            permissions: role.permissions.names().map(str::to_owned).collect(),
            etag: etag(role.version).to_string(),
            name: role.name,
        }
    }
}

/// List roles
///
/// Returns all roles, the built-in ones included.
#[utoipa::path(
    operation_id = "listRoles", tag = "roles", security(("password" = ["roles:read"])),
    responses((status = 200, description = "All roles, in the order of names", body = Vec<RoleBody>), AdminReadRefusals, GuardRefusals, ServerRefusals)
)]
#[get("")]
pub async fn list(app: web::Data<App>, _: NoQuery) -> Result<HttpResponse, Problem> {
    let roles = roles::list(&app).await?;
    Ok(HttpResponse::Ok().json(roles.into_iter().map(RoleBody::from).collect::<Vec<_>>()))
}

/// Name of a permission: two or more parts, joined by colons.
#[derive(ToSchema)]
#[schema(pattern = "^[a-z0-9_.-]+(:[a-z0-9_.-]+)+$", example = "orders:refund")]
struct PermissionName(String);

impl From<String> for PermissionName {
    fn from(name: String) -> Self {
        Self(name)
    }
}

body! {
    /// New permissions of a role.
    struct RolePermissions {
        /// Each name has two or more parts, joined by colons; at most 1024 characters in total.
        #[schema(example = json!(["orders:refund", "users:read"]))]
        permissions: Vec<PermissionName>,
    }
}

/// Create or change a role
///
/// An existing role is changed only if `If-Match` names its current version. The change has effect
/// on the next request of every account with the role. A caller can give only permissions that
/// the caller holds; a caller with all of Doorward's own permissions can give any. Only such a caller can
/// change `user`. `admin` always keeps all of them.
#[utoipa::path(
    operation_id = "putRole", tag = "roles", security(("password" = ["roles:write"])),
    request_body = RolePermissions,
    params(
        ("name" = String, Path, description = "1 to 32 characters of `a-z`, `0-9`, `_` and `-`; the first is a letter", pattern = "^[a-z][a-z0-9_-]{0,31}$"),
        ("If-Match" = Option<String>, Header, description = "`etag` of the role as you know it, if the role exists"),
    ),
    responses(
        (status = 200, description = "The changed role", body = RoleBody, headers(("ETag" = String, description = "Version, for `If-Match`"))),
        (status = 201, description = "The new role", body = RoleBody, headers(("ETag" = String, description = "Version, for `If-Match`"))),
        (status = 409, description = "`admin` cannot lose a permission (`role_built_in`)", body = ProblemBody),
        (status = 428, description = "The role exists, but the request has no `If-Match` (`version_required`)", body = ProblemBody),
        Outdated, AdminRefusals, FreshProofRefusals, BodyRefusals, ServerRefusals,
    )
)]
#[put("/{name}")]
pub async fn put(
    app: web::Data<App>,
    acting: Acting,
    request: HttpRequest,
    name: web::Path<String>,
    _: NoQuery,
    Json(Exact(RolePermissions { permissions })): Json<Exact<RolePermissions>>,
) -> Result<HttpResponse, Problem> {
    let permissions: Vec<String> = permissions.into_iter().map(|PermissionName(name)| name).collect();
    let role = RoleToSave {
        name: &name,
        permissions: &permissions,
    };
    let (role, made) = roles::save(&app, role, authority(&acting, &request)?, &acting.context).await?;
    let mut answer = if made {
        HttpResponse::Created()
    } else {
        HttpResponse::Ok()
    };
    Ok(answer
        .insert_header(etag(role.version))
        .json(RoleBody::from(role)))
}

/// Delete a role
///
/// Deletes a role that is not built in and that no account has.
#[utoipa::path(
    operation_id = "deleteRole", tag = "roles", security(("password" = ["roles:write"])),
    params(("name" = String, Path, description = "Role name")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "No such role (`not_found`)", body = ProblemBody),
        (status = 409, description = "The role is built in (`role_built_in`), or an account has it (`role_in_use`)", body = ProblemBody),
        AdminRefusals, FreshProofRefusals, ServerRefusals,
    )
)]
#[delete("/{name}")]
pub async fn delete(
    app: web::Data<App>,
    acting: Acting,
    request: HttpRequest,
    name: web::Path<String>,
    _: NoQuery,
) -> Result<HttpResponse, Problem> {
    roles::delete(&app, &name, authority(&acting, &request)?, &acting.context).await?;
    Ok(HttpResponse::NoContent().finish())
}
