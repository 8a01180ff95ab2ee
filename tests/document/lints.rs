//! Others read the document: two linters without a word of complaint, a validator in both versions.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{KEPT, openapi, python, root};
use crate::support::child::run;
use crate::support::process::output;

/// Runs a check that must end well; what it said.
fn passes(command: &mut Command) -> String {
    let done = run(command).expect(0);
    done.stdout + &done.stderr
}

fn linter(name: &str) -> Command {
    let program = root().join("target/linters/node_modules/.bin").join(name);
    assert!(
        program.exists(),
        "{name} is missing; `make tools-test` installs it"
    );
    let mut command = Command::new(program);
    // Neither looks for a newer version of itself, nor counts its users.
    command
        .env("REDOCLY_TELEMETRY", "off")
        .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    command
}

fn valid(file: &Path) {
    assert!(passes(python("openapi_spec_validator").arg(file)).contains(": OK"));
}

#[test]
fn redocly_finds_no_error_and_no_warning() {
    let said = passes(
        linter("redocly")
            .arg("lint")
            .arg("--config")
            .arg(openapi("redocly.yaml"))
            .arg(openapi("openapi.json")),
    );
    assert!(
        said.contains("Your API description is valid") && !said.contains("problems are explicitly ignored"),
        "{said}"
    );
}

#[test]
fn spectral_finds_no_error_and_no_warning() {
    let arguments = ["lint", "--fail-severity", "hint", "--ruleset"];
    let said = passes(
        linter("spectral")
            .args(arguments)
            .arg(openapi("spectral.yaml"))
            .arg(openapi("openapi.json")),
    );
    assert!(
        said.contains("No results with a severity of 'hint' or higher found!"),
        "{said}"
    );
}

#[test]
fn the_document_is_valid_openapi_3_1_and_its_older_form_3_0() {
    valid(&openapi("openapi.json"));
    let folder = tempfile::tempdir().unwrap();
    let printed = |version: &str| output(folder.path(), &[], &["openapi", "--version", version]);
    let older = printed("3.0").expect(0).stdout;
    let file = folder.path().join("openapi-3.0.json");
    std::fs::write(&file, &older).unwrap();
    valid(&file);
    let older: Value = serde_json::from_str(&older).unwrap();
    let kept: Value = serde_json::from_str(KEPT).unwrap();
    assert_eq!(
        (older["openapi"].as_str(), kept["openapi"].as_str()),
        (Some("3.0.3"), Some("3.1.0"))
    );
    let operations = |document: &Value| {
        let paths = document["paths"].as_object().unwrap().iter();
        paths
            .map(|(path, item)| (path.clone(), item.as_object().unwrap().keys().cloned().collect()))
            .collect::<Vec<(_, Vec<_>)>>()
    };
    assert_eq!(operations(&older), operations(&kept));
    printed("2.0").expect(2);
}

#[test]
fn every_operation_says_all_that_a_reader_needs() {
    let document: Value = serde_json::from_str(KEPT).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let told = |word: &str| operation[word].as_str().is_some_and(|text| !text.is_empty());
            assert!(
                told("operationId") && told("summary") && told("description"),
                "{method} {path}"
            );
            let scope = &operation["security"][0]["password"][0];
            assert_eq!(
                operation.get("x-permission").unwrap_or(&Value::Null),
                scope,
                "{method} {path}"
            );
            for (status, answer) in operation["responses"].as_object().unwrap() {
                let refusal = status.starts_with(['4', '5']) && path != "/ready" || status == "400";
                assert!(
                    answer["headers"].get("X-Request-Id").is_some(),
                    "{method} {path} {status}"
                );
                for media_type in ["application/json", "application/problem+json"]
                    .into_iter()
                    .filter(|_| refusal)
                {
                    let examples = answer["content"][media_type]["examples"].as_object();
                    assert!(
                        examples.is_some_and(|examples| !examples.is_empty()),
                        "{method} {path} {status} {media_type} shows no refusal"
                    );
                }
                for (header, _) in [
                    ("Retry-After", ["429", "503"]),
                    ("WWW-Authenticate", ["401", "401"]),
                ]
                .iter()
                .filter(|(_, of)| of.contains(&status.as_str()))
                {
                    assert!(
                        answer["headers"].get(*header).is_some(),
                        "{method} {path} {status} without {header}"
                    );
                }
            }
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (property, is) in schema["properties"].as_object().into_iter().flatten() {
            let elsewhere = is.get("$ref").is_some() || is["items"].get("$ref").is_some();
            assert!(
                is.get("example").is_some() || elsewhere,
                "{name}.{property} has no example"
            );
            assert!(
                is.get("enum").is_none(),
                "{name}.{property} is closed: a new word would break its readers"
            );
        }
    }
}
