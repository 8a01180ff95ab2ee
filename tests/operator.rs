//! What an operator does at the command line, and what it says.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::child::{Finished, converse, finish, run};
use crate::support::process::{doorward, free_port, output};

const ALICE: &str = "alice@example.com";
/// A column of each list.
const COLUMNS: [&str; 5] = ["E-MAIL", "DETAILS", "ROLE   ", "CLIENT  ", "ALG  "];

fn here(folder: &Path, command: &str) -> Finished {
    let arguments: Vec<_> = command.split(' ').collect();
    output(folder, &[], &arguments)
}

fn said(folder: &Path, command: &str) -> String {
    here(folder, command).expect(0).stdout
}

/// A folder with a database and two accounts.
fn installation() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    said(folder.path(), "user create alice@example.com --invite");
    said(folder.path(), "user create bob@example.com --invite --role admin");
    folder
}

#[test]
fn roles_are_listed_set_and_deleted() {
    let folder = installation();
    let folder = folder.path();
    said(folder, "role set clerk orders:refund orders:read");
    assert!(said(folder, "role list").contains("clerk         orders:read orders:refund\n"));
    said(folder, "role set clerk orders:read");
    let roles = said(folder, "role list --json");
    let clerk = roles.lines().find(|line| line.contains("clerk")).unwrap();
    let clerk: Value = serde_json::from_str(clerk).unwrap();
    assert_eq!(clerk["permissions"], serde_json::json!(["orders:read"]));
    said(folder, "user set-role alice@example.com clerk");
    assert_eq!(
        here(folder, "role delete clerk").expect(1).stderr,
        "doorward: accounts have the role\n"
    );
    said(folder, "user set-role alice@example.com user");
    said(folder, "role delete clerk");
    here(folder, "role delete admin").expect(1);
    let bad = here(folder, "role set clerk orders").expect(1).stderr;
    assert!(bad.starts_with("doorward: permissions: Each name"), "{bad}");
}

#[test]
fn an_account_is_shown_and_its_address_set() {
    let folder = installation();
    let folder = folder.path();
    let shown = said(folder, "user show alice@example.com");
    assert!(
        shown.contains("e-mail      alice@example.com\nstate       invited\n"),
        "{shown}"
    );
    let shown: Value = serde_json::from_str(&said(folder, "user show 1 --json")).unwrap();
    assert_eq!(shown["email"], ALICE);
    let subject = shown["subject"].as_str().unwrap();
    assert!(said(folder, "user show alice@example.com").contains(subject));
    said(folder, "user set-email alice@example.com alice.new@example.com");
    let taken = here(folder, "user set-email 1 bob@example.com").expect(1).stderr;
    assert_eq!(taken, "doorward: the address is taken\n");
    let bad = here(folder, "user set-email 1 alice").expect(1).stderr;
    assert!(
        bad.starts_with("doorward: email: value is not a valid email address"),
        "{bad}"
    );
    said(folder, "user disable alice.new@example.com");
    let disabled = said(folder, "user list --disabled");
    assert!(
        disabled.lines().count() == 1 && disabled.contains("alice.new@example.com"),
        "{disabled}"
    );
    here(folder, "user show nobody@example.com").expect(1);
}

#[test]
fn an_empty_list_says_so_and_rows_have_no_header_in_a_pipe() {
    let folder = installation();
    let folder = folder.path();
    for (command, words) in [
        ("user list --q zzz", "no accounts\n"),
        ("user sessions 1", "no sessions\n"),
        ("audit list --type token_reuse", "no events\n"),
        ("client list", "no clients\n"),
    ] {
        let done = here(folder, command).expect(0);
        assert_eq!(
            (done.stdout.as_str(), done.stderr.as_str()),
            ("", words),
            "{command}"
        );
        let done = here(folder, &format!("{command} --json")).expect(0);
        assert_eq!(
            (done.stdout.as_str(), done.stderr.as_str()),
            ("", ""),
            "{command}"
        );
    }
    said(folder, "client create orders --permission orders:read");
    for command in ["user list", "audit list", "role list", "client list", "keys list"] {
        let piped = said(folder, command);
        assert!(
            !COLUMNS.iter().any(|name| piped.contains(name)),
            "{command}: {piped}"
        );
        let shown = on_a_terminal(folder, command, "");
        let header = shown.lines().next().unwrap_or_default();
        assert!(
            COLUMNS.iter().any(|name| header.contains(name)),
            "{command}: {shown}"
        );
    }
}

#[test]
fn events_are_found_by_account_type_and_date() {
    let folder = installation();
    let folder = folder.path();
    said(folder, "user disable alice@example.com");
    let events = |command: &str| -> Vec<Value> {
        said(folder, &format!("audit list {command} --json"))
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let types = |command: &str| -> Vec<String> {
        let found = events(command);
        found
            .iter()
            .map(|event| event["type"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        types("--user alice@example.com"),
        ["user_updated", "user_created"]
    );
    assert_eq!(types("--user 1 --limit 1"), ["user_updated"]);
    assert_eq!(events("--type user_created").len(), 2);
    assert_eq!(events("--after 2020-01-01 --before 2020-01-02").len(), 0);
    assert!(events("--after 2020-01-01").len() >= 3);
    assert!(events("--after 2020-01-01T00:00:00Z").len() >= 3);
    assert!(said(folder, "audit list").contains("user_updated"));
    for (command, words) in [
        ("--type nothing", "--type: nothing is not a type of event"),
        (
            "--after yesterday",
            "--after: must be a date such as 2026-11-22 or an instant such as 2026-11-22T16:07:31Z",
        ),
    ] {
        let refused = here(folder, &format!("audit list {command}")).expect(1).stderr;
        assert_eq!(refused, format!("doorward: {words}\n"));
    }
}

/// Runs the program on a terminal of its own, with what a person types.
fn on_a_terminal(folder: &Path, command: &str, typed: &str) -> String {
    let line = format!("{} {command}", env!("CARGO_BIN_EXE_doorward"));
    let mut script = Command::new("script");
    script
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap());
    let mut child = converse(&mut script);
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    finish(&script, child).stdout
}

#[test]
fn what_cannot_be_undone_is_asked_for_on_a_terminal_alone() {
    let folder = installation();
    let folder = folder.path();
    said(folder, "role set clerk orders:read");
    said(folder, "client create orders --permission orders:read");
    for (command, question) in [
        (
            "user delete alice@example.com",
            "Delete alice@example.com and its sessions permanently? [y/N]",
        ),
        (
            "user logout --everyone",
            "End the sessions of all accounts? [y/N]",
        ),
        ("role delete clerk", "Delete the role clerk? [y/N]"),
        ("client delete orders", "Delete the client orders? [y/N]"),
    ] {
        for typed in ["n\n", "\n"] {
            let shown = on_a_terminal(folder, command, typed);
            assert!(
                shown.contains(question) && shown.contains("nothing was changed"),
                "{command}: {shown}"
            );
        }
    }
    assert!(said(folder, "user list").contains(ALICE));
    let shown = on_a_terminal(folder, "user delete alice@example.com", "y\n");
    assert!(shown.contains("alice@example.com is deleted"), "{shown}");
    let shown = on_a_terminal(folder, "role delete clerk --yes", "");
    assert!(
        shown.contains("clerk is deleted") && !shown.contains('?'),
        "{shown}"
    );
    said(folder, "user create carol@example.com --invite");
    said(folder, "user delete carol@example.com --yes");
}

#[test]
fn the_exit_status_of_an_import_says_whether_all_some_or_no_account_came() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let good = r#"{"email": "a@example.com", "is_active": true}"#;
    let bad = r#"{"email": "nonsense", "is_active": true}"#;
    fs::write(folder.join("good"), good).unwrap();
    fs::write(folder.join("mixed"), format!("{bad}\n{good}\n")).unwrap();
    fs::write(folder.join("bad"), format!("{bad}\n")).unwrap();
    let django = r#"[{"model": "auth.user", "pk": 1, "fields": {"email": "d@example.com", "username": "d", "password": "!", "is_active": true, "is_superuser": false, "date_joined": "2026-01-01T00:00:00Z", "last_login": null}}]"#;
    fs::write(folder.join("django.json"), django).unwrap();
    here(folder, "import good").expect(0);
    here(folder, "import good").expect(0);
    let partly = here(folder, "import mixed").expect(3);
    assert!(
        partly.stderr.contains("doorward: 1 of 2 records were refused\n"),
        "{}",
        partly.stderr
    );
    let none = here(folder, "import bad").expect(1).stderr;
    assert!(none.ends_with("doorward: no account was taken\n"), "{none}");
    let wrong = here(folder, "import django.json").expect(1).stderr;
    assert!(
        wrong.ends_with("doorward: no account was taken; the file looks like one of django: --from django\n"),
        "{wrong}"
    );
    here(folder, "import django.json --from django").expect(0);
}

#[test]
fn a_start_that_waits_for_its_database_ends_on_a_signal() {
    for signal in ["INT", "TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let nowhere = format!("postgres://doorward@127.0.0.1:{}/doorward", free_port());
        let settings = [
            ("DATABASE_URL", nowhere.as_str()),
            ("DOORWARD_SECRET", "a secret of more than thirty-two bytes"),
        ];
        let listen = format!("127.0.0.1:{}", free_port());
        let mut command = doorward(folder.path(), &settings, &["--listen", &listen]);
        let child = converse(&mut command);
        // The signal is heard from the moment on at which it says that it waits.
        std::thread::sleep(Duration::from_secs(2));
        run(Command::new("kill").args(["-s", signal, &child.id().to_string()])).expect(0);
        let ended = finish(&command, child).expect(0);
        assert!(
            ended.stderr.contains("waiting for PostgreSQL"),
            "{}",
            ended.stderr
        );
        assert!(
            ended.stderr.contains("stopped before it was ready"),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn a_terminal_hears_no_words_that_are_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = doorward(folder.path(), &[], &["user", "create", "a@example.com"]);
    let mut child = converse(&mut command);
    child.stdin.take().unwrap().write_all(b"password\n").unwrap();
    let refused = finish(&command, child).expect(1).stderr;
    assert!(
        refused.ends_with("doorward: password: password is one of the most common ones\n"),
        "{refused}"
    );
}
