//! `doorward openapi`: prints the OpenAPI document.

use clap::{Args, ValueEnum};

use super::exit::Exit;
use super::output::print;
use crate::http::openapi;

/// Options of the command.
// Here `--version` is the version of OpenAPI, not the program's version.
#[derive(Debug, Args)]
#[command(disable_version_flag = true)]
pub struct OpenapiOptions {
    /// OpenAPI version of the document
    #[arg(long, value_enum, default_value_t = Version::V3_1)]
    version: Version,
}

/// Versions of OpenAPI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Version {
    #[value(name = "3.1")]
    V3_1,
    #[value(name = "3.0")]
    V3_0,
}

/// Runs the command.
///
/// # Errors
/// [`Exit`] if standard output fails.
pub fn run(options: &OpenapiOptions) -> Result<(), Exit> {
    print(&match options.version {
        Version::V3_1 => openapi::text(),
        Version::V3_0 => openapi::text_3_0(),
    })
}
