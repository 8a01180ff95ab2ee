//! The form of the source: imports go one way, files hold one matter, a name means one thing. A new
//! arrow between layers is a line in the table here, which a reviewer sees.

mod source;
pub mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use source::{Crate, Names};

/// Layer -> the layers that it may name.
const MAY_USE: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("lib", &[]),
    (
        "cli",
        &[
            "server",
            "http",
            "service",
            "app",
            "config",
            "telemetry",
            "store",
            "formats",
            "model",
        ],
    ),
    (
        "server",
        &["http", "service", "app", "config", "crypto", "telemetry", "model"],
    ),
    ("http", &["service", "app", "telemetry", "model"]),
    (
        "service",
        &[
            "app",
            "store",
            "crypto",
            "memory",
            "formats",
            "telemetry",
            "model",
        ],
    ),
    (
        "app",
        &["config", "store", "crypto", "memory", "telemetry", "model"],
    ),
    ("config", &["store", "crypto", "telemetry", "model"]),
    ("telemetry", &["model"]),
    ("store", &["telemetry", "model"]),
    ("memory", &["telemetry", "model"]),
    ("crypto", &["model"]),
    ("formats", &["model"]),
    ("model", &[]),
];

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

pub fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                rust_files(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .collect()
}

#[test]
fn imports_go_one_way() {
    let ours = Crate::read();
    let mut seen = 0;
    let mut wrong = Vec::new();
    for source in ours.sources.values() {
        let layer = source.layer();
        let (_, allowed) = MAY_USE
            .iter()
            .find(|(name, _)| *name == layer)
            .unwrap_or_else(|| panic!("{layer} is not in the table"));
        for used in ours.named_by(source) {
            let used_layer = used.first().map_or("lib", String::as_str);
            seen += 1;
            if used_layer != layer && !allowed.contains(&used_layer) {
                wrong.push(format!(
                    "{} may not use {}",
                    source.file.display(),
                    used.join("::")
                ));
            }
        }
    }
    assert!(seen > 200, "the scan found only {seen} imports");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A row of the table that nothing needs would let the next import through unseen.
#[test]
fn every_layer_uses_each_layer_that_it_may() {
    let ours = Crate::read();
    let used: BTreeSet<(&str, String)> = ours
        .sources
        .values()
        .flat_map(|source| {
            let named = ours.named_by(source).into_iter();
            named.map(|used| (source.layer(), used.first().cloned().unwrap_or_default()))
        })
        .collect();
    let unused: Vec<String> = MAY_USE
        .iter()
        .flat_map(|(layer, allowed)| allowed.iter().map(|other| (*layer, (*other).to_owned())))
        .filter(|arrow| !used.contains(arrow))
        .map(|(layer, other)| format!("{layer} does not use {other}"))
        .collect();
    assert!(unused.is_empty(), "{}", unused.join("\n"));
}

/// Within a layer too: of two files that name each other, neither can be read first.
#[test]
fn no_files_of_a_layer_import_each_other() {
    let ours = Crate::read();
    let mut within: BTreeMap<&Names, BTreeSet<Names>> = ours
        .sources
        .iter()
        .map(|(module, source)| {
            let mut used = ours.named_by(source);
            used.retain(|used| used.first() == module.first());
            (module, used)
        })
        .collect();
    // A file is in a circle only if it names one that is, and one that is names it.
    loop {
        let left: BTreeSet<Names> = within.keys().copied().cloned().collect();
        let named: BTreeSet<Names> = within.values().flatten().cloned().collect();
        within.retain(|module, used| named.contains(*module) && used.iter().any(|used| left.contains(used)));
        if within.len() == left.len() {
            break;
        }
    }
    let circles: Vec<String> = within
        .iter()
        .map(|(module, used)| {
            let used: Vec<String> = used
                .iter()
                .filter(|used| within.contains_key(used))
                .map(|used| used.join("::"))
                .collect();
            format!("{} uses {}", module.join("::"), used.join(", "))
        })
        .collect();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn no_file_is_longer_than_400_lines() {
    for file in rust_files(&src()) {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 400, "{} has {lines} lines", file.display());
    }
}

#[test]
fn a_type_name_belongs_to_one_module() {
    let mut homes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in Crate::read().sources.values() {
        for name in source.types() {
            homes.entry(name).or_default().push(source.module.join("::"));
        }
    }
    assert!(homes.len() > 200, "the scan found only {} types", homes.len());
    homes.retain(|_, modules| modules.len() > 1);
    assert!(homes.is_empty(), "{homes:#?}");
}

/// What a statement does is read where it stands; only which engine it goes to may be a macro.
#[test]
fn the_store_has_at_most_two_macros() {
    let macros: Vec<String> = Crate::read()
        .sources
        .values()
        .filter(|source| source.layer() == "store")
        .flat_map(|source| source.tokens.windows(3))
        .filter(|three| three[0].is("macro_rules"))
        .filter_map(|three| three[2].name().map(str::to_owned))
        .collect();
    assert!(macros.len() <= 2, "{macros:?}");
}

#[test]
fn every_module_opens_with_what_it_is_for() {
    for file in rust_files(&src()) {
        assert!(
            std::fs::read_to_string(&file).unwrap().starts_with("//! "),
            "{}",
            file.display()
        );
    }
}

/// The source with its tests, the operator's files, the pages: nothing in them is a key, and nobody
/// adds the program's own secrets by mistake.
#[test]
fn no_private_key_is_kept_with_the_source() {
    let listed = std::process::Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let files: Vec<&str> = std::str::from_utf8(&listed.stdout)
        .unwrap()
        .split('\0')
        .filter(|name| !name.is_empty())
        .collect();
    assert!(files.len() > 100);
    for name in files {
        let ending = Path::new(name).extension().unwrap_or_default();
        assert!(
            !["db", "secret", "pem", "key", "env"]
                .iter()
                .any(|private| ending == *private),
            "{name}"
        );
        let content = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
        let text = String::from_utf8_lossy(&content);
        let key = text.split("PRIVATE KEY-----").skip(1).any(|rest| {
            rest.trim_start_matches(['\\', 'n', 'r', '\n', '\r'])
                .starts_with("MI")
        });
        assert!(!key, "{name} holds a private key");
    }
    let ignored = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".gitignore")).unwrap();
    assert!(
        [".db", ".secret"].iter().all(|ending| ignored.contains(ending)),
        "{ignored}"
    );
}
