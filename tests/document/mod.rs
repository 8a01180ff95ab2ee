//! The OpenAPI document as a contract: it is valid for those who read it, the program keeps it, and
//! it breaks nobody without saying so.

mod breaking;
mod cases;
mod changes;
mod lints;

use std::path::{Path, PathBuf};
use std::process::Command;

pub const KEPT: &str = include_str!("../../openapi/openapi.json");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn openapi(name: &str) -> PathBuf {
    root().join("openapi").join(name)
}

/// A module of the Python that `make tools-test` installs.
fn python(module: &str) -> Command {
    let packages = root().join("target/python-document");
    assert!(
        packages.exists(),
        "{module} is missing; `make tools-test` installs it"
    );
    let mut command = Command::new("python3");
    command.args(["-m", module]).env(
        "PYTHONPATH",
        std::env::join_paths([packages, root().join("openapi")]).unwrap(),
    );
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}
