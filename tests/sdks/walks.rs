//! Each package walks through a session, its end by expiry, and the checking of tokens.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{House, made_in, node, python, root, rust_example};
use crate::support::child::{Companion, converse, finish, run};

fn script(name: &str) -> PathBuf {
    root().join("tests/sdks").join(name)
}

fn walks_through_a_session(walk: impl Fn() -> Command) {
    let house = House::open();
    house.converse(walk().arg("session").arg(house.url()));
}

/// Twenty calls at once, each refused for its token's age, and one refresh for all of them.
fn refreshes_once(walk: impl Fn() -> Command, part: &str) {
    // As long as a test can wait.
    let house = House::open_with(&[("DOORWARD_ACCESS_TOKEN_TTL", "3s")]);
    house.converse(walk().arg(part).arg(house.url()));
    assert_eq!((house.answered("/refresh"), house.answered("/login")), (1, 1));
    assert!(
        (21..=40).contains(&house.answered("/me")),
        "some are refused first: {}",
        house.answered("/me")
    );
}

/// Keys are fetched once, once more after the rotation, and once by a verifier that meets twenty
/// unknown ones.
fn verifies(walk: impl Fn() -> Command) {
    let house = House::open();
    house.converse(walk().arg("verify").arg(house.url()));
    assert_eq!(
        house.answered("/.well-known/jwks.json"),
        4,
        "the one for another audience fetches as well"
    );
}

/// Of an issuer that the test plays, only the token with everything is believed.
fn believes_only_the_good_one(walk: impl Fn() -> Command) {
    let mut issuer = python(&script("issuer.py"));
    let mut issuer = Companion::start(issuer.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let mut lines = BufReader::new(issuer.child.stdout.take().unwrap()).lines();
    let (url, tokens) = (lines.next().unwrap().unwrap(), lines.next().unwrap().unwrap());
    let mut command = walk();
    let mut child = converse(command.arg("offline").arg(url));
    child.stdin.take().unwrap().write_all(tokens.as_bytes()).unwrap();
    finish(&command, child).expect(0);
}

fn in_python() -> Command {
    python(&script("walk.py"))
}

fn in_typescript() -> Command {
    node(&script("walk.mjs"))
}

fn in_rust() -> Command {
    rust_example("walk")
}

#[test]
fn the_python_package_walks_through_a_session() {
    walks_through_a_session(in_python);
}

#[test]
fn the_typescript_package_walks_through_a_session() {
    walks_through_a_session(in_typescript);
}

#[test]
fn the_rust_package_walks_through_a_session() {
    walks_through_a_session(in_rust);
}

#[test]
fn twenty_expired_calls_of_the_python_package_share_one_refresh() {
    refreshes_once(in_python, "expiry");
    refreshes_once(in_python, "expiry_async");
}

#[test]
fn twenty_expired_calls_of_the_typescript_package_share_one_refresh() {
    refreshes_once(in_typescript, "expiry");
}

#[test]
fn twenty_expired_calls_of_the_rust_package_share_one_refresh() {
    refreshes_once(in_rust, "expiry");
}

#[test]
fn the_python_package_verifies_by_keys_and_by_asking() {
    verifies(in_python);
}

#[test]
fn the_typescript_package_verifies_by_keys_and_by_asking() {
    verifies(in_typescript);
}

#[test]
fn the_rust_package_verifies_by_keys_and_by_asking() {
    verifies(in_rust);
}

#[test]
fn the_python_package_believes_no_token_that_lacks_something() {
    believes_only_the_good_one(in_python);
}

#[test]
fn the_typescript_package_believes_no_token_that_lacks_something() {
    believes_only_the_good_one(in_typescript);
}

#[test]
fn the_rust_package_believes_no_token_that_lacks_something() {
    believes_only_the_good_one(in_rust);
}

#[test]
fn what_would_be_published_says_what_it_is() {
    in_python();
    in_typescript();
    let wheel = made_in("python/dist/doorward-0.2.0-py3-none-any.whl");
    let listed = run(Command::new("python3").args(["-m", "zipfile", "-l"]).arg(wheel));
    let wheel = listed.expect(0).stdout;
    for file in [
        "doorward/py.typed",
        "doorward/verify.py",
        "doorward/fastapi.py",
        "doorward/generated/api/sessions/login.py",
        "licenses/LICENSE-MIT",
        "licenses/LICENSE-APACHE",
    ] {
        assert!(wheel.contains(file), "{file}: {wheel}");
    }
    let metadata = std::fs::read_to_string(made_in("python-site/doorward-0.2.0.dist-info/METADATA")).unwrap();
    assert!(
        metadata.contains("License-Expression: MIT OR Apache-2.0") && metadata.contains("# doorward"),
        "{metadata}"
    );
    for file in [
        "README.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "dist/index.js",
        "dist/index.d.ts",
        "dist/generated.d.ts",
        "dist/verify.d.ts",
        "dist/express.d.ts",
    ] {
        assert!(
            made_in("node/node_modules/doorward").join(file).exists(),
            "{file}"
        );
    }
    for package in [
        "typescript/package.json",
        "rust/Cargo.toml",
        "python/pyproject.toml",
    ] {
        let text = std::fs::read_to_string(root().join("openapi").join(package)).unwrap();
        assert!(
            text.contains("MIT OR Apache-2.0") && text.contains(env!("CARGO_PKG_VERSION")),
            "{package}"
        );
    }
}
