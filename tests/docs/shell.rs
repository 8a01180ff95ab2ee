//! Shell lines: each `console` block is run, and each command must print what the page promises.

use std::path::Path;
use std::process::Command;

use super::pages;
use crate::pattern::fits;
use crate::support::child;
use crate::support::process::Server;

/// Every `console` block: the commands, each with the output that it promises.
fn sessions(text: &str) -> Vec<Vec<(String, String)>> {
    let blocks = text
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

/// Runs the blocks of a page in a folder with a server of its own, the program on the path.
fn run(page: &str, sessions: &[Vec<(String, String)>]) {
    const MARK: &str = "--- next command ---";
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let script: Vec<String> = sessions
        .iter()
        .flatten()
        .map(|(command, _)| format!("{command}\necho; echo '{MARK}'"))
        .collect();
    let script = script.join("\n").replace("127.0.0.1:8000", &server.address);
    let program = Path::new(env!("CARGO_BIN_EXE_doorward")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let done = child::run(
        Command::new("bash")
            .arg("-c")
            .arg(&script)
            .env("PATH", path)
            .env("DOORWARD_LISTEN", &server.address)
            .current_dir(folder.path()),
    );
    let errors = done.stderr;
    let output = done
        .stdout
        .replace('\r', "")
        .replace(&server.address, "127.0.0.1:8000");
    let answers: Vec<&str> = output.split(MARK).map(str::trim).collect();
    for ((command, promised), answer) in sessions.iter().flatten().zip(answers) {
        assert!(
            fits(promised.trim(), answer),
            "{page}: {command}\npromises: {promised}\nanswers:  {answer}\nerrors:   {errors}"
        );
    }
}

#[test]
fn the_shell_lines_pasted_give_the_answers_that_they_print() {
    let mut commands = 0;
    for page in pages() {
        let sessions = sessions(&page.text);
        if !sessions.is_empty() {
            run(&page.name, &sessions);
            commands += sessions.iter().flatten().count();
        }
    }
    assert!(commands >= 12, "only {commands} commands");
}

#[test]
fn every_make_target_that_a_page_names_exists() {
    let makefile = include_str!("../../Makefile");
    for page in pages() {
        for rest in page.text.split("make ").skip(1) {
            let Some(word) = rest.split(['`', ' ', '\n', '.', ',', ')']).next() else {
                continue;
            };
            let is_target = page.text.contains(&format!("`make {word}")) && !word.is_empty();
            assert!(
                !is_target || makefile.contains(&format!("\n{word}:")),
                "{}: make {word}",
                page.name
            );
        }
    }
}
