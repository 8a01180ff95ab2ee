//! Imports go one way. A new arrow is a line in this table, which a reviewer sees.

use std::path::{Path, PathBuf};

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
    ("crypto", &["telemetry", "model"]),
    ("formats", &["model"]),
    ("model", &[]),
];

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

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The module at the top of the crate that a file belongs to.
fn layer(file: &Path) -> String {
    let relative = file.strip_prefix(src()).unwrap();
    relative
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_str()
        .unwrap()
        .trim_end_matches(".rs")
        .to_owned()
}

#[test]
fn imports_go_one_way() {
    let mut seen = 0;
    for file in rust_files(&src()) {
        let layer = layer(&file);
        let (_, allowed) = MAY_USE
            .iter()
            .find(|(name, _)| *name == layer)
            .unwrap_or_else(|| panic!("{layer} is not in the table"));
        let text = std::fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            for prefix in ["crate::", "doorward::"] {
                for used in line.split(prefix).skip(1) {
                    let used: String = used
                        .chars()
                        .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                        .collect();
                    let ours = MAY_USE.iter().any(|(name, _)| *name == used);
                    assert!(
                        !ours || used == layer || allowed.contains(&used.as_str()),
                        "{}:{}: {layer} may not use {used}",
                        file.display(),
                        number + 1
                    );
                    seen += usize::from(ours);
                }
            }
        }
    }
    assert!(seen > 50, "the scan found only {seen} imports");
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
