//! The command line of the program: commands, settings, exit statuses, files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::process::{Server, free_port, output};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn without_settings_it_creates_its_files_and_prints_its_address() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    for file in ["doorward.db", "doorward.secret"] {
        assert_eq!(mode(&folder.path().join(file)), 0o600, "{file}");
    }
    assert!(
        server
            .greeting
            .contains(&format!("http://{}/docs/", server.address)),
        "{}",
        server.greeting
    );
}

#[test]
fn it_stops_on_sigterm_and_on_sigint() {
    for signal in ["TERM", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Server::start(folder.path(), &[]);
        server.signal(signal);
        server.expect_end(0);
    }
}

#[test]
fn a_bad_setting_ends_every_command_with_status_2_and_one_line() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["config"][..], &["serve"], &[]] {
        let refused = output(folder.path(), &[("DOORWARD_LISTNE", "127.0.0.1:1")], arguments);
        assert_eq!(
            (refused.status.code(), refused.stderr.as_str()),
            (
                Some(2),
                "doorward: DOORWARD_LISTNE: is not a setting; did you mean DOORWARD_LISTEN?\n"
            )
        );
    }
    let refused = output(
        folder.path(),
        &[
            ("DOORWARD_ACCESS_TOKEN_TTL", "soon"),
            ("DOORWARD_SECRET", "hunter2"),
        ],
        &["config"],
    );
    assert_eq!(
        (refused.status.code(), refused.stderr.lines().count()),
        (Some(2), 2)
    );
    assert!(!refused.stderr.contains("hunter2"));
    output(folder.path(), &[], &["--listne", "x"]).expect(2);
    // A secret has no flag.
    output(folder.path(), &[], &["--secret", "x"]).expect(2);
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "no file is created"
    );
}

#[test]
fn config_prints_the_settings_in_use_and_masks_secrets() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("secret"),
        "a secret in a file, forty bytes of it ok\n",
    )
    .unwrap();
    fs::set_permissions(folder.path().join("secret"), fs::Permissions::from_mode(0o440)).unwrap();
    let settings = [
        ("DOORWARD_SECRET_FILE", "secret"),
        ("DATABASE_URL", "postgres://door:hush@db.example/doorward"),
        ("DOORWARD_LISTEN", "127.0.0.1:1"),
    ];
    let shown = output(folder.path(), &settings, &["config", "--listen", "127.0.0.1:2"]);
    let text = shown.expect(0).stdout;
    assert!(
        text.contains("DOORWARD_LISTEN=127.0.0.1:2\n")
            && text.contains("DATABASE_URL=postgres://door:***@db.example/doorward\n")
            && text.contains("DOORWARD_SECRET=***\n"),
        "{text}"
    );
    assert!(!text.contains("hush") && !text.contains("forty bytes"));
}

#[test]
fn a_secret_in_a_file_that_others_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    for (setting, text) in [
        ("DOORWARD_SECRET", "a secret in a file, forty bytes of it ok"),
        ("DATABASE_URL", "sqlite://elsewhere.db"),
    ] {
        fs::write(&file, text).unwrap();
        for (mode, status) in [
            (0o400, 0),
            (0o640, 0),
            (0o440, 0),
            (0o644, 2),
            (0o604, 2),
            (0o660, 2),
        ] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let variable = format!("{setting}_FILE");
            let shown = output(folder.path(), &[(&variable, "secret")], &["config"]).expect(status);
            if status == 2 {
                assert_eq!(
                    shown.stderr,
                    format!(
                        "doorward: {variable}: secret is open to others (mode {mode:o}); run: chmod 640 secret\n"
                    )
                );
            }
        }
    }
}

#[test]
fn a_crash_leaves_no_core_with_secrets_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.child.id())).unwrap();
    let core = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"));
    let words: Vec<&str> = core.unwrap().split_whitespace().collect();
    assert_eq!(words, ["0", "0", "bytes"]);
}

#[test]
fn openapi_prints_the_kept_document() {
    let printed = output(Path::new("."), &[], &["openapi"]);
    assert!(
        printed.stdout
            == fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/openapi.json")).unwrap()
    );
}

#[test]
fn health_asks_the_running_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let well = output(
        folder.path(),
        &[
            ("DOORWARD_LISTEN", &server.address),
            ("HTTP_PROXY", "http://127.0.0.1:1"),
        ],
        &["health"],
    );
    let well = well.expect(0);
    assert!(well.stdout.contains(r#""status":"ok""#), "{}", well.stdout);
    let unreachable = output(
        folder.path(),
        &[("DOORWARD_LISTEN", &format!("127.0.0.1:{}", free_port()))],
        &["health"],
    );
    unreachable.expect(1);
}

#[test]
fn a_used_address_ends_the_start_before_any_file_is_created() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(here.path(), &[]);
    let second = output(there.path(), &[("DOORWARD_LISTEN", &server.address)], &[]).expect(1);
    assert!(second.stderr.contains("cannot listen on"), "{}", second.stderr);
    assert_eq!(fs::read_dir(there.path()).unwrap().count(), 0);
}

#[test]
fn a_public_lost_or_foreign_secret_refuses_the_start() {
    let folder = tempfile::tempdir().unwrap();
    Server::start(folder.path(), &[]).kill();
    let secret = folder.path().join("doorward.secret");
    let listen = format!("127.0.0.1:{}", free_port());
    let refusal = |settings: &[(&str, &str)]| {
        let refused = output(
            folder.path(),
            &[settings, &[("DOORWARD_LISTEN", listen.as_str())]].concat(),
            &[],
        );
        refused.expect(1).stderr
    };
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(refusal(&[]).contains("chmod 600"));
    fs::remove_file(&secret).unwrap();
    assert!(refusal(&[]).contains("doorward.secret is missing"));
    assert!(!secret.exists(), "no new secret is created in its place");
    assert!(
        refusal(&[("DOORWARD_SECRET", "another secret of more than 32 bytes")])
            .contains("is not the one that this database was made with")
    );
}

#[test]
fn a_database_that_cannot_be_opened_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let listen = format!("127.0.0.1:{}", free_port());
    let secret = ("DOORWARD_SECRET", "a secret of more than thirty-two bytes");
    let url = ("DATABASE_URL", "sqlite:///nowhere/at/all/doorward.db");
    let refused = output(folder.path(), &[url, ("DOORWARD_LISTEN", &listen), secret], &[]);
    assert_eq!(refused.expect(1).stderr.lines().count(), 1);
    fs::write(
        folder.path().join("doorward.db"),
        "this is no database, and never was one",
    )
    .unwrap();
    output(folder.path(), &[("DOORWARD_LISTEN", &listen)], &[]).expect(1);
}

#[test]
fn a_postgresql_that_is_not_there_is_named_while_it_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let refused = output(
        folder.path(),
        &[
            (
                "DATABASE_URL",
                &format!("postgres://doorward:hush@{address}/doorward"),
            ),
            ("DOORWARD_LISTEN", &format!("127.0.0.1:{}", free_port())),
            ("DOORWARD_SECRET", "a secret of more than thirty-two bytes"),
        ],
        &[],
    );
    let said = refused.expect(1).stderr;
    let lines: Vec<&str> = said.lines().collect();
    let (last, waiting) = lines.split_last().unwrap();
    assert!(
        waiting.len() > 1
            && waiting
                .iter()
                .all(|line| line.contains(&format!("waiting for PostgreSQL at {address}: "))),
        "{said}"
    );
    assert!(
        last.starts_with(&format!(
            "doorward: PostgreSQL at {address} did not answer within 30s: "
        )),
        "{said}"
    );
    assert!(!said.contains("hush"), "{said}");
}

#[test]
fn the_help_of_a_command_shows_its_own_options_and_points_to_the_settings() {
    let here = Path::new(".");
    for arguments in [
        &["--help"][..],
        &["serve", "--help"],
        &["user", "--help"],
        &["user", "list", "--help"],
        &["keys", "rotate", "--help"],
        &["import", "--help"],
        &["copy", "--help"],
    ] {
        let help = output(here, &[], arguments).stdout;
        assert!(
            help.trim_end().ends_with("doorward help settings") && !help.contains("--database-url"),
            "{arguments:?}: {help}"
        );
    }
    let listed = output(here, &[], &["help", "settings"]).stdout;
    for setting in doorward::config::settings() {
        assert!(
            listed.contains(&format!("  {}, ", setting.name)),
            "{}",
            setting.name
        );
    }
    assert!(listed.contains(output(here, &[], &["settings"]).stdout.trim_end()));
}

#[test]
fn a_setting_is_a_flag_of_every_command_before_and_after_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let url = "sqlite://elsewhere.db";
    for arguments in [
        &[
            "--database-url",
            url,
            "user",
            "create",
            "a@example.com",
            "--invite",
        ][..],
        &["user", "--database-url", url, "list"],
        &["user", "list", "--json", "--database-url", url],
    ] {
        output(folder.path(), &[], arguments).expect(0);
        assert!(folder.path().join("elsewhere.db").exists() && !folder.path().join("doorward.db").exists());
    }
}

/// A key id is base64url text, so one in 64 begins with a hyphen.
#[test]
fn a_key_id_that_begins_with_a_hyphen_is_no_option() {
    let folder = tempfile::tempdir().unwrap();
    let _server = Server::start(folder.path(), &[]);
    for kid in ["-hZz9", "-_x", "--yz", "-"] {
        let said = output(folder.path(), &[], &["keys", "revoke", kid])
            .expect(1)
            .stderr;
        assert!(said.contains("the key does not exist"), "{kid}: {said}");
    }
    let help = output(folder.path(), &[], &["keys", "revoke", "--help"]);
    assert!(help.stdout.contains("doorward keys list"));
}
