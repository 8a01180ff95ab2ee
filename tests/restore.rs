//! `doorward restore`: what has ended since the backup stays ended, and nothing is taken that is no
//! backup of ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use doorward::store::schema::TABLES;
use rstest::rstest;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use sqlx_sqlite::SqliteConnection;

use crate::support::app::fresh_database;
use crate::support::child::Finished;
use crate::support::process::{Server, output};
use crate::support::{self, Engine, PASSWORD};

const ALICE: &str = "alice@example.com";

fn restore(folder: &Path, arguments: &[&str]) -> Finished {
    output(folder, &[], &[&["restore"], arguments].concat())
}

async fn register(server: &Server, email: &str) -> u16 {
    let body = json!({"email": email, "password": PASSWORD});
    let answer = reqwest::Client::new()
        .post(server.url("/register"))
        .json(&body)
        .send();
    answer.await.unwrap().status().as_u16()
}

/// Status, body and device ticket of a login.
async fn login(server: &Server, form: &[(&str, &str)], ticket: &str) -> (u16, Value, String) {
    let asked = reqwest::Client::new()
        .post(server.url("/login"))
        .header("doorward-device", ticket)
        .form(form);
    let answer = asked.send().await.unwrap();
    let given = answer.headers().get("doorward-device");
    let given = given.map_or_else(String::new, |text| text.to_str().unwrap().to_owned());
    (answer.status().as_u16(), answer.json().await.unwrap(), given)
}

async fn login_alice(server: &Server, ticket: &str) -> (u16, Value, String) {
    login(server, &[("username", ALICE), ("password", PASSWORD)], ticket).await
}

async fn me(server: &Server, pair: &Value) -> u16 {
    let asked = reqwest::Client::new()
        .get(server.url("/me"))
        .bearer_auth(pair["access_token"].as_str().unwrap());
    asked.send().await.unwrap().status().as_u16()
}

/// Statuses of `/me` and `/refresh` with a pair.
async fn statuses(server: &Server, pair: &Value) -> (u16, u16) {
    let me = me(server, pair).await;
    let refresh = reqwest::Client::new()
        .post(server.url("/refresh"))
        .form(&[("refresh_token", pair["refresh_token"].as_str().unwrap())])
        .send();
    (me, refresh.await.unwrap().status().as_u16())
}

fn kids(folder: &Path, settings: &[(&str, &str)]) -> String {
    output(folder, settings, &["keys", "list"]).expect(0).stdout
}

/// A file, more settings, and words of the refusal.
type RefusedFile<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

/// The files of a folder with their content, without what SQLite keeps beside a database.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn nothing_from_before_a_restore_works_and_the_record_stays_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut server = Server::start(path, &[]);
    assert_eq!(register(&server, ALICE).await, 201);
    let (_, before, ticket) = login_alice(&server, "").await;
    assert!(!ticket.is_empty() && login_alice(&server, &ticket).await.2.is_empty());
    let invited = output(path, &[], &["user", "create", "bob@example.com", "--invite"]).expect(0);
    let one_time = invited
        .stdout
        .split_whitespace()
        .find(|word| word.len() == 23 && word.contains('-'));
    let one_time = one_time
        .unwrap_or_else(|| panic!("{}", invited.stdout))
        .to_owned();
    let old_kid = kids(path, &[]);
    let backup = path.join("backup.db");
    output(path, &[], &["backup", backup.to_str().unwrap()]).expect(0);
    // Since then: a logout, another login, another account.
    let out = reqwest::Client::new()
        .post(server.url("/logout"))
        .bearer_auth(before["access_token"].as_str().unwrap())
        .send();
    assert_eq!(out.await.unwrap().status(), 204);
    let (_, after, _) = login_alice(&server, "").await;
    assert_eq!(register(&server, "late@example.com").await, 201);

    // Not while a server has the database: then nothing changes.
    let held = restore(path, &["backup.db"]).expect(1);
    assert!(held.stderr.contains("stop it first"), "{}", held.stderr);
    assert!(!path.join("doorward.db.restoring").exists());
    assert_eq!(me(&server, &after).await, 200);
    server.signal("TERM");
    server.expect_end(0);

    let done = restore(path, &["backup.db"]).expect(0);
    assert!(
        done.stdout.contains("0 days, 0 h and 0 min ago")
            && done.stdout.contains("1 one-time passwords, 1 signing keys"),
        "{}",
        done.stdout
    );
    let server = Server::start(path, &[]);
    for pair in [&before, &after] {
        assert_eq!(statuses(&server, pair).await, (401, 400));
    }
    let new = kids(path, &[]);
    let revoked = new
        .lines()
        .find(|line| line.contains(old_kid.split_whitespace().next().unwrap()));
    assert!(
        new.lines().count() == 2 && revoked.unwrap().contains("revoked"),
        "{new}"
    );
    let bob = [
        ("username", "bob@example.com"),
        ("password", one_time.as_str()),
        ("new_password", "a heron stands still"),
    ];
    assert_eq!(
        login(&server, &bob, "").await.0,
        401,
        "the one-time password is void"
    );
    let (status, pair, given) = login_alice(&server, &ticket).await;
    assert!(
        status == 200 && !given.is_empty(),
        "the ticket is void, so a new one is given"
    );
    assert_eq!(statuses(&server, &pair).await, (200, 200));
    let late = [("username", "late@example.com"), ("password", PASSWORD)];
    assert_eq!(login(&server, &late, "").await.0, 401, "it is not in the backup");
    output(path, &[], &["audit", "verify"]).expect(0);
    let events = output(path, &[], &["audit", "export"]).expect(0).stdout;
    assert!(events.contains(r#""type":"restored""#), "{events}");

    // The database that was replaced is whole, its newest changes included.
    let aside = files(path).into_iter().map(|(file, _)| file);
    let aside = aside
        .filter(|file| file.to_str().unwrap().contains(".before-restore-"))
        .collect::<Vec<_>>();
    assert_eq!(aside.len(), 1, "{aside:?}");
    let mut old = SqliteConnection::connect(&format!("sqlite://{}", aside[0].display()))
        .await
        .unwrap();
    let (late,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM users WHERE email = 'late@example.com'")
        .fetch_one(&mut old)
        .await
        .unwrap();
    assert_eq!(late, 1);
}

/// A server that was killed leaves a `-wal`. Beside a file that is copied over the database by hand,
/// SQLite replays it, and the newer state is back.
#[tokio::test]
async fn what_a_killed_server_left_beside_the_database_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut server = Server::start(path, &[]);
    assert_eq!(register(&server, ALICE).await, 201);
    output(path, &[], &["backup", "backup.db"]).expect(0);
    assert_eq!(register(&server, "late@example.com").await, 201);
    server.kill();
    assert!(fs::metadata(path.join("doorward.db-wal")).unwrap().len() > 0);
    restore(path, &["backup.db"]).expect(0);
    let server = Server::start(path, &[]);
    assert_eq!(login_alice(&server, "").await.0, 200);
    let late = [("username", "late@example.com"), ("password", PASSWORD)];
    assert_eq!(login(&server, &late, "").await.0, 401);
    output(path, &[], &["audit", "verify"]).expect(0);
}

#[tokio::test]
async fn a_backup_goes_to_where_no_database_is_or_a_damaged_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut server = Server::start(path, &[]);
    assert_eq!(register(&server, ALICE).await, 201);
    output(path, &[], &["backup", "backup.db"]).expect(0);
    server.signal("TERM");
    server.expect_end(0);
    for damaged in [false, true] {
        if damaged {
            fs::write(path.join("doorward.db"), "no database any more").unwrap();
        } else {
            fs::remove_file(path.join("doorward.db")).unwrap();
        }
        let done = restore(path, &["backup.db"]).expect(0);
        assert_eq!(
            done.stdout.contains("the database before it is now"),
            damaged,
            "{}",
            done.stdout
        );
        let mut server = Server::start(path, &[]);
        assert_eq!(login_alice(&server, "").await.0, 200);
        server.signal("TERM");
        server.expect_end(0);
    }
}

#[tokio::test]
async fn what_is_no_whole_backup_of_this_installation_is_refused_and_nothing_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut server = Server::start(path, &[]);
    assert_eq!(register(&server, ALICE).await, 201);
    output(path, &[], &["backup", "backup.db"]).expect(0);
    fs::copy(path.join("doorward.db"), path.join("cut.db")).unwrap();
    fs::copy(path.join("doorward.db-wal"), path.join("cut.db-wal")).unwrap();
    server.signal("TERM");
    server.expect_end(0);

    fs::write(path.join("text.db"), "dear diary").unwrap();
    fs::write(path.join("empty.db"), "").unwrap();
    let whole = fs::read(path.join("backup.db")).unwrap();
    fs::write(path.join("short.db"), &whole[..whole.len() / 2]).unwrap();
    let open = async |name: &str| {
        let url = format!("sqlite://{}", path.join(name).display());
        SqliteConnection::connect(&format!("{url}?mode=rwc"))
            .await
            .unwrap()
    };
    let mut other = open("other.db").await;
    other.execute("CREATE TABLE users (id INTEGER)").await.unwrap();
    other.close().await.unwrap();
    fs::copy(path.join("backup.db"), path.join("forged.db")).unwrap();
    let mut forged = open("forged.db").await;
    forged
        .execute("UPDATE events SET ip = '203.0.113.9' WHERE id = 2")
        .await
        .unwrap();
    forged.close().await.unwrap();
    fs::copy(path.join("backup.db"), path.join("newer.db")).unwrap();
    let mut newer = open("newer.db").await;
    newer
        .execute("INSERT INTO _sqlx_migrations VALUES (9999, 'later', '2030-01-01', TRUE, x'00', 1)")
        .await
        .unwrap();
    newer.close().await.unwrap();

    let before = files(path);
    let elsewhere = ("DOORWARD_SECRET", support::SECRET);
    let postgres = ("DATABASE_URL", "postgres://doorward@127.0.0.1:1/doorward");
    let cases: [RefusedFile<'_>; 11] = [
        ("text.db", &[], "text.db: not a SQLite database"),
        ("empty.db", &[], "empty.db: not a SQLite database"),
        (".", &[], "not a SQLite database"),
        ("nothing.db", &[], "nothing.db: No such file"),
        ("short.db", &[], "short.db: "),
        ("other.db", &[], "other.db: not a database of Doorward"),
        ("cut.db", &[], "cut.db has a -wal file beside it"),
        ("forged.db", &[], "audit record is damaged"),
        ("newer.db", &[], "schema version 9999, newer than this program"),
        ("backup.db", &[elsewhere], "secret"),
        ("backup.db", &[postgres, elsewhere], "pg_restore"),
    ];
    for (file, settings, words) in cases {
        let refused = output(path, settings, &["restore", file]).expect(1);
        assert!(
            refused.stderr.to_lowercase().contains(&words.to_lowercase()),
            "{file}: {}",
            refused.stderr
        );
        assert_eq!(refused.stdout, "", "{file}");
        let left = files(path);
        let names =
            |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|(file, _)| file.clone()).collect::<Vec<_>>();
        assert_eq!(names(&left), names(&before), "{file}");
        assert!(left == before, "{file} changed something");
    }
    let leftover = path.join("doorward.db.restoring");
    fs::copy(path.join("backup.db"), &leftover).unwrap();
    let refused = restore(path, &["doorward.db.restoring"]).expect(1);
    assert!(
        refused.stderr.contains("an interrupted restore left"),
        "{}",
        refused.stderr
    );
    assert!(leftover.exists());
    for arguments in [&["restore"] as &[&str], &["restore", "backup.db", "--in-place"]] {
        output(path, &[], arguments).expect(2);
    }
    fs::rename(path.join("doorward.secret"), path.join("elsewhere.secret")).unwrap();
    let refused = restore(path, &["backup.db"]).expect(1);
    assert!(
        refused.stderr.contains("doorward.secret is missing"),
        "{}",
        refused.stderr
    );
}

/// For a database that was restored by tools of PostgreSQL. A node that runs meanwhile hears of it.
#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn in_place_all_that_was_live_ends_on_running_nodes_too(#[case] engine: Engine) {
    let (url, folder) = fresh_database(engine).await;
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("DOORWARD_SECRET", support::SECRET),
    ];
    let server = Server::start(folder.path(), &settings);
    assert_eq!(register(&server, ALICE).await, 201);
    let (_, pair, ticket) = login_alice(&server, "").await;
    assert_eq!(me(&server, &pair).await, 200);
    let done = output(folder.path(), &settings, &["restore", "--in-place"]).expect(0);
    assert!(done.stdout.contains("ended: 1 sessions"), "{}", done.stdout);
    for _ in 0..200 {
        if me(&server, &pair).await == 401 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(statuses(&server, &pair).await, (401, 400));
    let (status, pair, given) = login_alice(&server, &ticket).await;
    assert!(status == 200 && !given.is_empty(), "the ticket is void");
    assert_eq!(statuses(&server, &pair).await, (200, 200));
    output(folder.path(), &settings, &["audit", "verify"]).expect(0);
}

/// The rows of a table, each as text.
async fn rows(database: &mut SqliteConnection, table: &str) -> Vec<String> {
    let columns: Vec<(String,)> = sqlx::query_as("SELECT name FROM pragma_table_info($1)")
        .bind(table)
        .fetch_all(&mut *database)
        .await
        .unwrap();
    let columns: Vec<String> = columns.iter().map(|(name,)| format!("quote({name})")).collect();
    let text = format!("SELECT {} FROM {table} ORDER BY 1", columns.join(" || ' ' || "));
    let rows: Vec<(String,)> = sqlx::query_as(AssertSqlSafe(text))
        .fetch_all(database)
        .await
        .unwrap();
    rows.into_iter().map(|(row,)| row).collect()
}

#[tokio::test]
async fn a_restore_changes_the_tables_that_the_schema_says_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut server = Server::start(path, &[]);
    assert_eq!(register(&server, ALICE).await, 201);
    login_alice(&server, "").await;
    login(
        &server,
        &[("username", ALICE), ("password", "not the password")],
        "",
    )
    .await;
    let client = ["client", "create", "orders", "--permission", "tokens:introspect"];
    output(path, &[], &client).expect(0);
    output(path, &[], &["backup", "backup.db"]).expect(0);
    server.signal("TERM");
    server.expect_end(0);
    restore(path, &["backup.db"]).expect(0);
    let open = async |name: &str| {
        let url = format!("sqlite://{}", path.join(name).display());
        SqliteConnection::connect(&url).await.unwrap()
    };
    let (mut before, mut after) = (open("backup.db").await, open("doorward.db").await);
    for table in TABLES {
        let (before, after) = (
            rows(&mut before, table.name).await,
            rows(&mut after, table.name).await,
        );
        let kept = before.iter().all(|row| after.contains(row));
        assert!(
            !before.is_empty() || table.name == "changes",
            "{} shows nothing",
            table.name
        );
        // The ends of the chain move with the event of the restore.
        if table.name != "audit_chain" {
            assert_eq!(
                kept,
                table.voided.is_none(),
                "{}: {before:?} {after:?}",
                table.name
            );
        }
    }
}

/// As `docs/operating.md` says, with the secrets in files.
#[test]
fn a_backup_from_before_a_new_root_secret_is_restored_with_the_previous_one() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    Server::start(folder, &[]).kill();
    output(folder, &[], &["backup", "old.db"]).expect(0);
    fs::rename(folder.join("doorward.secret"), folder.join("old.secret")).unwrap();
    doorward::crypto::root_secret::RootSecret::generate()
        .unwrap()
        .write(&folder.join("doorward.secret"))
        .unwrap();
    let both = [("DOORWARD_SECRET_PREVIOUS_FILE", "old.secret")];
    output(folder, &both, &["secret", "rotate"]).expect(0);
    output(folder, &[], &["audit", "verify"]).expect(0);

    let refused = restore(folder, &["old.db"]).expect(1).stderr;
    assert!(
        refused.contains("is not the one that this database was made with"),
        "{refused}"
    );
    output(folder, &[], &["audit", "verify"]).expect(0);
    output(folder, &both, &["restore", "old.db"]).expect(0);
    output(folder, &both, &["secret", "rotate"]).expect(0);
    output(folder, &[], &["audit", "verify"]).expect(0);
    Server::start(folder, &[]).kill();
}
