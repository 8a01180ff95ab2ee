//! The README keeps its word: its shell lines give the answers that it prints, and its tables name
//! what there is.

use std::process::Command;

use doorward::config::SETTINGS;

use crate::support::document::document;
use crate::support::process::Server;

const README: &str = include_str!("../README.md");

/// Every `console` block: the commands, each with the output that it promises.
fn sessions() -> Vec<Vec<(String, String)>> {
    let blocks = README
        .split("```console\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    let commands = |block: &str| {
        let parts = block.split("$ ").skip(1).map(|part| {
            // A command goes on while its lines end in a backslash.
            let mut lines = part.lines();
            let mut command = Vec::new();
            for line in lines.by_ref() {
                command.push(line);
                if !line.ends_with('\\') {
                    break;
                }
            }
            (command.join("\n"), lines.collect::<Vec<_>>().join("\n"))
        });
        parts.collect()
    };
    blocks.map(commands).collect()
}

/// Whether `text` is `promised`, where `…` stands for whatever is different each time.
fn keeps(promised: &str, text: &str) -> bool {
    let mut parts = promised.split('…');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut last = "";
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        last = part;
    }
    rest.is_empty() || (last.is_empty() && promised.ends_with('…'))
}

#[test]
fn the_shell_lines_pasted_give_the_answers_that_it_prints() {
    const MARK: &str = "--- next command ---";
    let sessions = sessions();
    assert!(sessions.iter().flatten().count() >= 6);
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let script: Vec<String> = sessions
        .iter()
        .flatten()
        .map(|(command, _)| format!("{command}\necho; echo '{MARK}'"))
        .collect();
    let script = script.join("\n").replace("127.0.0.1:8000", &server.address);
    let output = Command::new("bash")
        .arg("-c")
        .arg(&script)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let output = String::from_utf8(output.stdout)
        .unwrap()
        .replace('\r', "")
        .replace(&server.address, "127.0.0.1:8000");
    let answers: Vec<&str> = output.split(MARK).map(str::trim).collect();
    for ((command, promised), answer) in sessions.iter().flatten().zip(answers) {
        assert!(
            keeps(promised.trim(), answer),
            "{command}\npromises: {promised}\nanswers:  {answer}"
        );
    }
}

#[test]
fn the_tables_name_every_setting_and_every_operation() {
    for setting in SETTINGS {
        assert!(
            README.contains(&format!("| `{}` | ", setting.name)),
            "{}",
            setting.name
        );
    }
    for (path, item) in document()["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            assert!(
                README.contains(&format!("| `{} {path}` | ", method.to_ascii_uppercase())),
                "{method} {path}"
            );
        }
    }
}

#[test]
fn every_make_target_that_it_names_is_there() {
    let makefile = include_str!("../Makefile");
    for word in README
        .split("`make ")
        .skip(1)
        .map(|rest| rest.split(['`', ' ']).next().unwrap())
    {
        assert!(
            makefile.contains(&format!("\n{word}: ")) || makefile.contains(&format!("\n{word}:")),
            "make {word}"
        );
    }
}
