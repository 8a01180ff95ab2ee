//! The packages in `openapi/` as their users have them, made by `make sdk`, and clients of others,
//! against the program itself.

mod clients;
mod examples;
mod walks;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::support::child::{converse, finish, run};
use crate::support::process::{Server, output};

/// Public keys, and each request in the log.
const SETTINGS: [(&str, &str); 2] = [
    ("DOORWARD_JWT_ALGORITHM", "EdDSA"),
    ("RUST_LOG", "info,doorward=debug"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn made_in(folder: &str) -> PathBuf {
    root().join("target/sdk").join(folder)
}

/// Makes a package, once for all tests; fast where nothing has changed.
fn make(target: &'static str) {
    static MADE: [(&str, OnceLock<()>); 3] = [
        ("sdk-python", OnceLock::new()),
        ("sdk-typescript", OnceLock::new()),
        ("sdk-rust", OnceLock::new()),
    ];
    let (_, once) = MADE.iter().find(|(name, _)| *name == target).unwrap();
    once.get_or_init(|| {
        let mut make = Command::new("make");
        make.args(["--silent", target]).current_dir(root());
        // What the outer cargo and make tell their children is not for these.
        for told in [
            "MAKEFLAGS",
            "MAKELEVEL",
            "MFLAGS",
            "CARGO",
            "RUSTFLAGS",
            "RUSTC",
            "RUSTUP_TOOLCHAIN",
        ] {
            make.env_remove(told);
        }
        run(&mut make).expect(0);
    });
}

fn python(script: &Path) -> Command {
    make("sdk-python");
    let mut command = Command::new("python3");
    command.arg(script).env(
        "PYTHONPATH",
        std::env::join_paths([made_in("python-site"), made_in("python-tools")]).unwrap(),
    );
    command
}

/// Scripts find the packages that lie above them.
fn node(script: &Path) -> Command {
    make("sdk-typescript");
    let beside = made_in("node").join(script.file_name().unwrap());
    std::fs::copy(script, &beside).unwrap();
    let mut command = Command::new("node");
    command.arg(beside);
    command
}

fn rust_example(name: &str) -> Command {
    make("sdk-rust");
    Command::new(made_in("rust-target/debug/examples").join(name))
}

/// A server with a folder of its own.
struct House {
    folder: TempDir,
    server: Server,
}

impl House {
    fn open() -> Self {
        Self::open_with(&[])
    }

    fn open_with(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path(), &[&SETTINGS, settings].concat());
        Self { folder, server }
    }

    fn url(&self) -> String {
        self.server.url("")
    }

    fn command(&self, arguments: &[&str]) -> String {
        output(self.folder.path(), &SETTINGS[..1], arguments)
            .expect(0)
            .stdout
    }

    /// Runs a script to its end, and does what it asks for by a line.
    fn converse(&self, command: &mut Command) {
        let mut child = converse(command);
        let mut replies = child.stdin.take().unwrap();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let reply = match line.unwrap().split(' ').collect::<Vec<_>>().as_slice() {
                ["admin", email] => self.command(&["user", "set-role", email, "admin"]),
                ["rotate"] => self.command(&["keys", "rotate", "--now"]),
                ["client", name] => {
                    self.command(&["client", "create", name, "--permission", "tokens:introspect"])
                }
                other => panic!("it says {other:?}"),
            };
            // Of a client, the last word is the secret.
            let word = reply.split_whitespace().last().unwrap_or("done");
            writeln!(replies, "{word}").unwrap();
        }
        finish(command, child).expect(0);
    }

    /// How many requests of a route were answered.
    fn answered(&self, route: &str) -> usize {
        let route = format!(r#""route":"{route}""#);
        self.server
            .log()
            .iter()
            .filter(|line| line.contains("request answered") && line.contains(&route))
            .count()
    }
}
