//! The operator who runs a command, as the audit events name it and as the permission checks see it.

use crate::model::authority::Authority;
use crate::model::event::{Actor, Context};

/// Actor of the audit events that a command writes.
pub static CLI: Context = Context::own(Actor::Cli);
/// Authority of a command: it is not limited by a role.
pub const OPERATOR: Authority = Authority::OPERATOR;
