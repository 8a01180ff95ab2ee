//! Moving in, moving out, moving house: the program's own commands on real files and servers.

use rstest::rstest;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::Connection as _;
use sqlx_sqlite::SqliteConnection;

use crate::support::app::fresh_database;
use crate::support::child::{converse, finish, run};
use crate::support::process::{Server, doorward, output};
use crate::support::{self, Engine, PASSWORD, TestApp};

const SECRET: (&str, &str) = ("DOORWARD_SECRET", support::SECRET);
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/import/samples");

/// Runs a command on a database and gives what it printed; it must succeed.
fn command(database: &str, arguments: &[&str]) -> String {
    let done = output(Path::new("."), &[("DATABASE_URL", database), SECRET], arguments);
    done.expect(0).stdout
}

/// The counts of an import, whose exit status must say whether a record was refused.
fn import(database: &str, file: &str, more: &[&str]) -> Value {
    let arguments = [&["import", file, "--json"], more].concat();
    let done = output(Path::new("."), &[("DATABASE_URL", database), SECRET], &arguments);
    let counts: Value = serde_json::from_str(done.stdout.lines().last().unwrap()).unwrap();
    let taken = counts["imported"].as_u64().unwrap() + counts["already_there"].as_u64().unwrap();
    done.expect(match (counts["refused"].as_u64().unwrap(), taken) {
        (0, _) => 0,
        (_, 0) => 1,
        _ => 3,
    });
    counts
}

/// Whose export, its file, what else the command needs, and people in it with their passwords.
type Sample<'a> = (&'a str, &'a str, &'a [&'a str], &'a [(&'a str, &'a str)]);

/// What the systems themselves make of passwords: (format, hash, password).
fn hashes_of_other_systems() -> Vec<(String, String, String)> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/import/make_hashes.py");
    let packages = concat!(env!("CARGO_MANIFEST_DIR"), "/target/python");
    let made = run(Command::new("python3").arg(script).env("PYTHONPATH", packages)).expect(0);
    let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let lines = made
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .map(|line| {
            (
                text(&line, "format"),
                text(&line, "hash"),
                text(&line, "password"),
            )
        })
        .collect()
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn passwords_of_other_systems_log_in_and_become_argon2id(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let hashes = hashes_of_other_systems();
    let formats: BTreeSet<&str> = hashes.iter().map(|(format, _, _)| format.as_str()).collect();
    assert!(formats.len() >= 25, "{formats:?}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.jsonl");
    let line = |(place, (_, hash, _)): (usize, &(String, String, String))| {
        json!({"email": format!("user{place}@example.com"), "password_hash": hash, "is_active": true})
            .to_string()
    };
    fs::write(
        &file,
        hashes.iter().enumerate().map(line).collect::<Vec<_>>().join("\n"),
    )
    .unwrap();
    let report = import(&app.database, file.to_str().unwrap(), &[]);
    assert_eq!(
        (&report["imported"], &report["refused"]),
        (&hashes.len().into(), &0.into())
    );
    for (place, (format, _, password)) in hashes.iter().enumerate() {
        let email = format!("user{place}@example.com");
        assert_eq!(
            app.login(&email, "not the password").await.status,
            401,
            "{format}"
        );
        assert_eq!(
            app.login(&email, password).await.status,
            200,
            "{format}: {password}"
        );
        assert_eq!(
            app.login(&email, password).await.status,
            200,
            "{format}: {password}, by its new hash"
        );
    }
    let exported = command(&app.database, &["export", "-"]);
    assert_eq!(exported.lines().count(), hashes.len());
    for line in exported.lines() {
        assert!(
            line.contains(r#""password_hash":"$argon2id$v=19$m=8,t=1,p=1$"#),
            "{line}"
        );
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn exports_of_each_system_are_read(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let firebase = format!("{SAMPLES}/firebase-hash-config.txt");
    let root = [
        ("root@example.com", "correct horse battery staple"),
        ("alice@example.com", "alice-password-1"),
        ("dave@example.com", "dave-password-1"),
    ];
    let fastapi = [
        ("root@example.com", "root-password-1"),
        ("alice@example.com", "alice-password-1"),
    ];
    let keycloak = [
        ("sha512@example.com", "keycloak-password-1"),
        ("argon@example.com", "keycloak-password-1"),
    ];
    let sources: [Sample<'_>; 8] = [
        ("django", "django-dumpdata.json", &[], &root),
        ("django", "django-auth_user.csv", &[], &root),
        ("fastapi-users", "fastapi-users.csv", &[], &fastapi),
        ("fastapi-users", "fastapi-users.json", &[], &fastapi),
        (
            "supabase",
            "supabase.csv",
            &[],
            &[("alice@example.com", "alice-password-1")],
        ),
        (
            "supabase",
            "supabase.jsonl",
            &[],
            &[("alice@example.com", "alice-password-1")],
        ),
        (
            "firebase",
            "firebase-users.json",
            &["--firebase-parameters", &firebase],
            &[("alice@example.com", "user1password")],
        ),
        ("keycloak", "keycloak-realm.json", &[], &keycloak),
    ];
    for (source, file, more, people) in sources {
        let file = format!("{SAMPLES}/{file}");
        let more = [&["--from", source], more].concat();
        let rehearsed = import(&app.database, &file, &[more.as_slice(), &["--dry-run"]].concat());
        let done = import(&app.database, &file, &more);
        assert_eq!(
            rehearsed["imported"], done["imported"],
            "{file}: a rehearsal says what happens"
        );
        let again = import(&app.database, &file, &more);
        assert_eq!(
            command(&app.database, &["user", "list", "--role", "admin"]),
            "",
            "{file}: nobody becomes an admin unasked"
        );
        assert_eq!(
            (&again["imported"], &again["already_there"]),
            (&0.into(), &done["imported"]),
            "{file}: a second run changes nothing"
        );
        for (email, password) in people {
            assert_eq!(
                app.login(email, "not the password").await.status,
                401,
                "{file}: {email}"
            );
            assert_eq!(app.login(email, password).await.status, 200, "{file}: {email}");
        }
        app.sql("DELETE FROM users").await;
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn what_cannot_be_taken_is_named_and_the_rest_is_taken(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.jsonl");
    let lines = [
        r#"{"email":"good@example.com","password_hash":null,"is_active":true}"#,
        r#"{"email":"no address","is_active":true}"#,
        r#"{"email":"odd@example.com","password_hash":"plain text","is_active":true}"#,
        r#"{"email":"costly@example.com","password_hash":"$2b$31$V74rLEeS5y447SqQCToi3.ks7ZrMSSQg/qKDjJdOOnf/vTYGfj7yy","is_active":true}"#,
        r#"{"email":"role@example.com","is_active":true,"role":"nosuch"}"#,
        r#"{"email":"more@example.com","is_active":true,"is_admin":true}"#,
        "not JSON",
    ];
    fs::write(&file, lines.join("\n")).unwrap();
    let done = output(
        Path::new("."),
        &[("DATABASE_URL", &app.database), SECRET],
        &["import", file.to_str().unwrap()],
    );
    let (said, why) = (done.stdout, done.stderr);
    assert!(
        said.contains(
            "7 records read: 1 imported, 0 already exist, 0 are not accounts, 6 refused; 1 have no password"
        ),
        "{said}"
    );
    for record in 2..=7 {
        assert!(why.contains(&format!("record {record}: ")), "{why}");
    }
    assert!(
        !why.contains("plain text") && !why.contains("V74rLEeS"),
        "no hash is repeated"
    );
    app.login("good@example.com", PASSWORD)
        .await
        .expect_problem(401, "bad_credentials");
    assert_eq!(command(&app.database, &["export", "-"]).lines().count(), 1);
}

#[tokio::test]
async fn a_whole_installation_moves_to_postgresql_and_back_and_nobody_is_logged_out_postgres() {
    let app = TestApp::start(Engine::Sqlite).await;
    let boss = app.admin().await;
    let alice = app.registered("alice").await;
    let gone = app.registered("gone").await;
    gone.send_json("DELETE", "/me", json!({"current_password": PASSWORD}))
        .await
        .expect(204);
    boss.send_json("PUT", "/roles/support", json!({"permissions": ["orders:refund"]}))
        .await
        .expect(201);
    boss.send_json(
        "POST",
        "/users",
        json!({"email": "bob@example.com", "role": "support"}),
    )
    .await
    .expect(201);

    let (postgres, _folder) = fresh_database(Engine::Postgres).await;
    command(&app.database, &["copy", "--to", &postgres]);
    let moved = app.sibling(&[("DATABASE_URL", &postgres)], None).await;
    moved
        .request("GET", "/me")
        .bearer(&alice.token)
        .send()
        .await
        .expect(200);
    let next = moved.refresh(&alice.refresh_token).await.expect(200).json();
    moved
        .request("GET", "/users")
        .bearer(&boss.token)
        .send()
        .await
        .expect(200);
    moved.refresh(&gone.refresh_token).await.expect(400);
    assert_eq!(
        command(&postgres, &["export", "-"]),
        command(&app.database, &["export", "-"])
    );
    let fresh = moved
        .register("fresh@example.com", PASSWORD)
        .await
        .expect(201)
        .json();
    assert_eq!(
        fresh["id"], 5,
        "the number of a deleted account is not given again"
    );
    assert!(command(&postgres, &["audit", "verify"]).contains("none is missing or changed"));

    let folder = tempfile::tempdir().unwrap();
    let back = format!("sqlite://{}", folder.path().join("back.db").display());
    command(&postgres, &["copy", "--to", &back]);
    let home = app.sibling(&[("DATABASE_URL", &back)], None).await;
    home.request("GET", "/me")
        .bearer(next["access_token"].as_str().unwrap())
        .send()
        .await
        .expect(200);
    home.refresh(next["refresh_token"].as_str().unwrap())
        .await
        .expect(200);
    assert_eq!(
        command(&back, &["export", "-"]),
        command(&postgres, &["export", "-"])
    );
    assert!(command(&back, &["audit", "verify"]).contains("none is missing or changed"));
    let refused = output(
        Path::new("."),
        &[("DATABASE_URL", app.database.as_str()), SECRET],
        &["copy", "--to", &back],
    );
    assert!(refused.stderr.contains("is not empty"), "{}", refused.stderr);
}

#[tokio::test]
async fn a_copy_takes_no_password_from_the_command_line_postgres() {
    let app = TestApp::start(Engine::Sqlite).await;
    let (postgres, _folder) = fresh_database(Engine::Postgres).await;
    let copy = |to: &str, password: Option<&str>| {
        let mut environment = vec![("DATABASE_URL", app.database.as_str()), SECRET];
        environment.extend(password.map(|password| ("PGPASSWORD", password)));
        output(Path::new("."), &environment, &["copy", "--to", to])
    };
    let inline = postgres.replacen("doorward@", "doorward:hush@", 1);
    for url in [inline, format!("{postgres}?password=hush")] {
        let said = copy(&url, None).expect(1).stderr;
        assert!(said.contains("PGPASSWORD") && !said.contains("hush"), "{said}");
    }
    copy(&postgres, Some("hush")).expect(0);
}

#[tokio::test]
async fn a_locked_account_stays_locked_after_a_copy_to_postgresql_and_back_postgres() {
    let app = TestApp::start(Engine::Sqlite).await;
    app.registered("alice").await;
    for failures in ["UPDATE throttles SET failures = 99 WHERE of_account", "SELECT 1"] {
        app.login("alice@example.com", "not the password")
            .await
            .expect(401);
        app.sql(failures).await;
    }
    app.login("alice@example.com", PASSWORD)
        .await
        .expect_problem(429, "throttled");

    let (postgres, _folder) = fresh_database(Engine::Postgres).await;
    command(&app.database, &["copy", "--to", &postgres]);
    let moved = app.sibling(&[("DATABASE_URL", &postgres)], None).await;
    moved
        .login("alice@example.com", PASSWORD)
        .await
        .expect_problem(429, "throttled");

    let folder = tempfile::tempdir().unwrap();
    let back = format!("sqlite://{}", folder.path().join("back.db").display());
    command(&postgres, &["copy", "--to", &back]);
    let home = app.sibling(&[("DATABASE_URL", &back)], None).await;
    home.login("alice@example.com", PASSWORD)
        .await
        .expect_problem(429, "throttled");
}

#[tokio::test]
async fn a_backup_under_load_opens_and_holds_all_that_was_acknowledged_before_it_began() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[("DOORWARD_HASH_THREADS", "2")]);
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (stop, acknowledged, url) = (
                Arc::clone(&stop),
                Arc::clone(&acknowledged),
                server.url("/register"),
            );
            tokio::spawn(async move {
                let client = reqwest::Client::new();
                for count in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let body =
                        json!({"email": format!("w{writer}-{count}@example.com"), "password": PASSWORD});
                    let answer = client.post(&url).json(&body).send().await.unwrap();
                    acknowledged.fetch_add(usize::from(answer.status() == 201), Ordering::SeqCst);
                }
            })
        })
        .collect();
    for round in 0..5 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        // A machine that is busy with other work needs longer for as many.
        let mut looks = 0;
        while acknowledged.load(Ordering::SeqCst) < 3 * (round + 1) {
            looks += 1;
            assert!(looks < 1200, "no registration is acknowledged");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let before = acknowledged.load(Ordering::SeqCst);
        let file = folder.path().join(format!("backup-{round}.db"));
        let (from, to) = (folder.path().to_owned(), file.clone());
        let done = tokio::task::spawn_blocking(move || output(&from, &[], &["backup", to.to_str().unwrap()]))
            .await
            .unwrap();
        done.expect(0);
        let mut copy = SqliteConnection::connect(&format!("sqlite://{}", file.display()))
            .await
            .unwrap();
        let (whole,): (String,) = sqlx::query_as("PRAGMA integrity_check")
            .fetch_one(&mut copy)
            .await
            .unwrap();
        let (users,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM users")
            .fetch_one(&mut copy)
            .await
            .unwrap();
        assert!(
            whole == "ok" && usize::try_from(users).unwrap() >= before,
            "{whole}, {users} of {before}"
        );
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    stop.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.unwrap();
    }
    let last = folder.path().join("backup-4.db");
    // A file that is there is not overwritten.
    output(folder.path(), &[], &["backup", last.to_str().unwrap()]).expect(1);
    let url = format!("sqlite://{}", last.display());
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("DOORWARD_SECRET_FILE", "doorward.secret"),
    ];
    output(folder.path(), &settings, &["audit", "verify"]).expect(0);
}

#[tokio::test]
async fn the_first_admin_is_made_at_the_command_line_and_a_running_server_follows() {
    use std::io::Write as _;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let here = |arguments: &[&str]| output(folder.path(), &[], arguments);
    let said = |arguments: &[&str]| {
        let done = here(arguments);
        (done.status.code().unwrap(), [done.stdout, done.stderr].concat())
    };
    let create = |email: &str, password: &str| {
        let arguments = ["user", "create", email, "--role", "admin", "--json"];
        let mut command = doorward(folder.path(), &[], &arguments);
        let mut child = converse(&mut command);
        writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
        finish(&command, child)
    };
    let refused = create("boss@example.com", "short");
    assert!(
        refused.stderr.contains("at least 8 characters"),
        "{}",
        refused.stderr
    );
    let made = create("boss@example.com", PASSWORD).expect(0);
    assert_eq!(
        serde_json::from_str::<Value>(&made.stdout).unwrap()["role"],
        "admin"
    );
    let client = reqwest::Client::new();
    let form = [("username", "boss@example.com"), ("password", PASSWORD)];
    let login = client
        .post(server.url("/login"))
        .form(&form)
        .send()
        .await
        .unwrap();
    let token = login.json::<Value>().await.unwrap()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let status = async |path: &str| {
        client
            .get(server.url(path))
            .bearer_auth(&token)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(status("/users").await, 200);

    assert_eq!(
        said(&["user", "disable", "boss@example.com"]),
        (
            1,
            "doorward: refused: it is the last active admin; make another admin first\n".to_owned()
        )
    );
    let (code, invited) = said(&[
        "user",
        "create",
        "guest@example.com",
        "--role",
        "admin",
        "--invite",
        "--json",
    ]);
    assert_eq!(code, 0, "{invited}");
    assert!(serde_json::from_str::<Value>(&invited).unwrap()["one_time_password"].is_string());
    assert_eq!(
        said(&["user", "set-role", "1", "user"]).0,
        1,
        "one who was invited and has not come is no admin yet"
    );
    create("deputy@example.com", PASSWORD).expect(0);
    assert_eq!(said(&["user", "set-role", "boss@example.com", "nosuch"]).0, 1);
    assert_eq!(said(&["user", "set-role", "1", "user"]).0, 0);
    for _ in 0..100 {
        if status("/users").await == 403 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(status("/users").await, 403, "within a second");
    assert!(
        said(&["user", "sessions", "boss@example.com", "--json"])
            .1
            .contains("127.0.0.1")
    );
    assert_eq!(
        said(&["user", "logout", "--everyone"]),
        (0, "1 sessions ended\n".to_owned())
    );
    for _ in 0..100 {
        if status("/me").await == 401 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(status("/me").await, 401, "within a second");
    let (_, list) = said(&["user", "list", "--json"]);
    assert_eq!(
        list.lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["email"].clone())
            .collect::<Vec<_>>(),
        ["boss@example.com", "guest@example.com", "deputy@example.com"]
    );
    assert_eq!(
        said(&["user", "delete", "nobody@example.com"]),
        (1, "doorward: there is no account nobody@example.com\n".to_owned())
    );
    assert_eq!(said(&["user", "delete", "boss@example.com"]).0, 0);
    assert_eq!(said(&["audit", "verify"]).0, 0);
    let (_, told) = said(&["audit", "export"]);
    let kinds: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["type"].clone())
        .collect();
    assert_eq!(
        kinds,
        [
            "key_rotated",
            "server_started",
            "user_created",
            "login_success",
            "user_created",
            "user_created",
            "user_updated",
            "sessions_ended",
            "user_deleted"
        ]
    );
}
