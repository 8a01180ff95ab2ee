//! `doorward role`: roles and their permissions, directly on the database.

use clap::Subcommand;

use super::confirm::Consent;
use super::exit::Exit;
use super::operator::{CLI, OPERATOR};
use super::output::{self, Format, print, print_json};
use crate::app::App;
use crate::http::api::roles::RoleBody;
use crate::model::authority::{Authority, ExpectedVersion};
use crate::service::roles::{self, RoleToSave};

/// Commands of `doorward role`.
#[derive(Debug, Subcommand)]
pub enum RoleAction {
    /// List the roles with their permissions
    List(Format),
    /// Create a role, or replace the permissions of a role
    #[command(after_help = "Example: doorward role set support users:read orders:refund")]
    Set {
        /// Name of the role
        name: String,
        /// Permissions of the role; without any, the role has none
        #[arg(value_name = "PERMISSION")]
        permissions: Vec<String>,
    },
    /// Delete a role that no account has
    Delete {
        /// Name of the role
        name: String,
        #[command(flatten)]
        consent: Consent,
    },
}

/// Runs one of the commands.
///
/// # Errors
/// [`Exit`] with the reason.
pub async fn run(app: &App, action: RoleAction) -> Result<(), Exit> {
    match action {
        RoleAction::List(format) => {
            output::header(format, "ROLE          PERMISSIONS")?;
            for role in roles::list(app).await? {
                if format.json {
                    print_json(&RoleBody::from(role))?;
                } else {
                    print(&format!("{:12}  {}\n", role.name, role.permissions))?;
                }
            }
            Ok(())
        }
        RoleAction::Set { name, permissions } => {
            let exists = roles::list(app).await?.iter().any(|role| role.name == name);
            let known = if exists {
                ExpectedVersion::Any
            } else {
                ExpectedVersion::Unstated
            };
            let role = RoleToSave {
                name: &name,
                permissions: &permissions,
            };
            let (role, _) = roles::save(app, role, Authority { known, ..OPERATOR }, &CLI).await?;
            print(&format!("{:12}  {}\n", role.name, role.permissions))
        }
        RoleAction::Delete { name, consent } => {
            consent.ask(&format!("Delete the role {name}?"))?;
            roles::delete(app, &name, OPERATOR, &CLI).await?;
            print(&format!("{name} is deleted\n"))
        }
    }
}
