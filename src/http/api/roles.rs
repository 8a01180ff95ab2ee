//! `/roles`: what each role permits.

use actix_web::{HttpRequest, HttpResponse, delete, get, put, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::http::extract::bearer::Acting;
use crate::http::extract::if_match::{authority, etag};
use crate::http::extract::json::Json;
use crate::http::extract::typed::body;
use crate::http::problem::shared::{AdminRefusals, BodyRefusals, GuardRefusals, Outdated, ServerRefusals};
use crate::http::problem::{Problem, ProblemBody};
use crate::model::permission;
use crate::service::roles::{self, RoleToSave};

/// A role.
#[derive(Serialize, ToSchema)]
struct Role {
    #[schema(example = "support")]
    name: String,
    /// This server's own, such as `users:read`, and the app's, such as `orders:refund`.
    #[schema(example = json!(["orders:refund", "users:read"]))]
    permissions: Vec<String>,
    /// For `If-Match`.
    #[schema(example = "\"1\"")]
    etag: String,
}

impl From<permission::Role> for Role {
    fn from(role: permission::Role) -> Self {
        Self {
            permissions: role.permissions.names().map(str::to_owned).collect(),
            etag: etag(role.version).to_string(),
            name: role.name,
        }
    }
}

/// List roles
///
/// The built-in ones, too.
#[utoipa::path(
    operation_id = "listRoles", tag = "roles", security(("password" = ["roles:read"])),
    responses((status = 200, description = "All of them, in the order of names", body = Vec<Role>), AdminRefusals, GuardRefusals, ServerRefusals)
)]
#[get("")]
pub async fn list(app: web::Data<App>) -> Result<HttpResponse, Problem> {
    let roles = roles::list(&app).await?;
    Ok(HttpResponse::Ok().json(roles.into_iter().map(Role::from).collect::<Vec<_>>()))
}

/// A permission: two or more parts joined by colons.
#[derive(ToSchema)]
#[schema(pattern = "^[a-z0-9_.-]+(:[a-z0-9_.-]+)+$", example = "orders:refund")]
struct PermissionName(String);

impl From<String> for PermissionName {
    fn from(name: String) -> Self {
        Self(name)
    }
}

body! {
    /// What a role is to permit.
    struct RolePermissions {
        /// Each of two or more parts joined by colons; at most 1024 characters in all.
        #[schema(example = json!(["orders:refund", "users:read"]))]
        permissions: Vec<PermissionName>,
    }
}

/// Make or change a role
///
/// A role that is there is changed only in the version that `If-Match` names. A change bites on the
/// next request of everyone who has the role. Nobody\
/// hands on a permission of this server that they do not hold; `admin` keeps all of those.
#[utoipa::path(
    operation_id = "putRole", tag = "roles", security(("password" = ["roles:write"])),
    params(
        ("name" = String, Path, description = "1 to 32 of `a-z`, `0-9`, `_` and `-`, beginning with a letter", pattern = "^[a-z][a-z0-9_-]{0,31}$"),
        ("If-Match" = Option<String>, Header, description = "The `etag` that you have seen, if the role is there"),
    ),
    responses(
        (status = 200, description = "The role as it is now", body = Role, headers(("ETag" = String, description = "For `If-Match`"))),
        (status = 201, description = "The new role", body = Role, headers(("ETag" = String, description = "For `If-Match`"))),
        (status = 409, description = "`admin` cannot lose what it has (`role_built_in`)", body = ProblemBody),
        (status = 428, description = "It is there and `If-Match` is not (`version_required`)", body = ProblemBody),
        Outdated, AdminRefusals, GuardRefusals, BodyRefusals, ServerRefusals,
    )
)]
#[put("/{name}")]
pub async fn put(
    app: web::Data<App>,
    acting: Acting,
    request: HttpRequest,
    name: web::Path<String>,
    Json(RolePermissions { permissions }): Json<RolePermissions>,
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
    Ok(answer.insert_header(etag(role.version)).json(Role::from(role)))
}

/// Delete a role
///
/// One that is not built in and that nobody has.
#[utoipa::path(
    operation_id = "deleteRole", tag = "roles", security(("password" = ["roles:write"])),
    params(("name" = String, Path, description = "The role's name")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "No such role (`not_found`)", body = ProblemBody),
        (status = 409, description = "It is built in (`role_built_in`), or accounts have it (`role_in_use`)", body = ProblemBody),
        AdminRefusals, GuardRefusals, ServerRefusals,
    )
)]
#[delete("/{name}")]
pub async fn delete(
    app: web::Data<App>,
    acting: Acting,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    roles::delete(&app, &name, authority(&acting, &request)?, &acting.context).await?;
    Ok(HttpResponse::NoContent().finish())
}
