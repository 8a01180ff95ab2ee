//! The table in `requirements.md` names tests and attacks that there are, and every attack, so that
//! it cannot rot.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::architecture::rust_files;
use crate::attacks;
use crate::pattern::fits;

const TABLE: &str = include_str!("requirements.md");
/// Begins the name of an attack, or of several.
const ATTACK: &str = "`attacks: ";

/// The rows: id, requirement, tests.
fn rows() -> Vec<(&'static str, &'static str, &'static str)> {
    let cells = TABLE.lines().filter_map(|line| {
        let cells: Vec<&str> = line
            .strip_prefix("| ")?
            .strip_suffix(" |")?
            .split(" | ")
            .collect();
        let [id, requirement, tests] = cells.try_into().ok()?;
        Some((id, requirement, tests))
    });
    cells.filter(|(id, ..)| *id != "id").collect()
}

/// The text of every source by module: `api::http` is `tests/api/http.rs`, or `src/api/http.rs`, or
/// both.
fn sources() -> HashMap<String, String> {
    let mut sources: HashMap<String, String> = HashMap::new();
    for root in ["tests", "src"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
        for file in rust_files(&root) {
            let module = file
                .strip_prefix(&root)
                .unwrap()
                .with_extension("")
                .to_str()
                .unwrap()
                .replace('/', "::");
            let module = module.strip_suffix("::mod").unwrap_or(&module).to_owned();
            sources
                .entry(module)
                .or_default()
                .push_str(&std::fs::read_to_string(&file).unwrap());
        }
    }
    sources
}

#[test]
fn every_requirement_names_tests_that_there_are_or_says_why_none() {
    let (rows, sources) = (rows(), sources());
    assert!(rows.len() >= 161, "only {} rows are read", rows.len());
    assert_eq!(
        rows.iter().map(|(id, ..)| id).collect::<HashSet<_>>().len(),
        rows.len(),
        "an id twice"
    );
    for (id, requirement, tests) in rows {
        assert!(!requirement.is_empty(), "{id}");
        if let Some(reason) = tests.strip_prefix("open: ") {
            assert!(!reason.is_empty(), "{id}");
            continue;
        }
        for test in tests.split(", ").filter(|test| !test.starts_with(ATTACK)) {
            let named = test
                .strip_prefix('`')
                .and_then(|test| test.strip_suffix('`'))
                .and_then(|test| test.rsplit_once("::"));
            let (module, name) = named.unwrap_or_else(|| panic!("{id}: {test} is no `module::test_name`"));
            let text = sources
                .get(module)
                .unwrap_or_else(|| panic!("{id}: there is no module {module}"));
            assert!(
                text.contains(&format!("fn {name}(")),
                "{id}: there is no {name} in {module}"
            );
        }
    }
}

#[tokio::test]
async fn every_attack_is_named_and_every_name_has_its_attack() {
    let named: HashSet<&str> = TABLE
        .split(ATTACK)
        .skip(1)
        .filter_map(|rest| rest.split('`').next())
        .collect();
    let attacks = attacks::names().await;
    for pattern in &named {
        let is_there = attacks.iter().any(|attack| fits(pattern, attack));
        assert!(is_there, "there is no attack {pattern}");
    }
    let unnamed: Vec<&String> = attacks
        .iter()
        .filter(|attack| !named.iter().any(|pattern| fits(pattern, attack)))
        .collect();
    assert!(unnamed.is_empty(), "no requirement names {unnamed:#?}");
    let whole = "`attacks::every_attack_gets_one_allowed_answer_and_the_service_lives_on`";
    assert!(!TABLE.contains(whole), "a requirement names all attacks at once");
}
