//! Paths in `DATABASE_URL` that are no database of Doorward: each is refused with its cure, and mode
//! and content of everything stay as they were. Commands that only read make no database.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

use sqlx::{Connection as _, Executor as _};
use sqlx_sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::support::child::{Finished, run};
use crate::support::process::{Server, free_port, output};

/// A user that owns nothing here.
const OTHER_USER: u32 = 65_534;
const FOREIGN: &str = "is the database of another program, nothing in it was changed: name a new file";
const NO_DATABASE: &str = "is not a SQLite database and was not changed: name a new file";

/// Every entry below a folder: its mode, and the content of a regular file.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let found = fs::symlink_metadata(&path).unwrap();
            let content = if found.is_file() {
                fs::read(&path).unwrap()
            } else {
                Vec::new()
            };
            if found.is_dir() {
                folders.push(path.clone());
            }
            all.insert(path, (found.permissions().mode(), content));
        }
    }
    all
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::write(path, content).unwrap();
    set_mode(path, 0o644);
}

/// Makes a database with these statements, and takes away what SQLite keeps beside it.
async fn database(path: &Path, statements: &str) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    connection
        .execute(sqlx::AssertSqlSafe(statements.to_owned()))
        .await
        .unwrap();
    connection.close().await.unwrap();
    set_mode(path, 0o644);
}

/// Runs the program on a path, as another user if asked.
fn start(program: &Path, path: &Path, user: Option<u32>, arguments: &[&str]) -> Finished {
    // A server that started in spite of it would run for ever.
    let mut command = std::process::Command::new("timeout");
    command
        .arg("20")
        .arg(program)
        .args(arguments)
        .current_dir("/")
        .env_clear()
        .env("DATABASE_URL", format!("sqlite://{}", path.display()))
        .env("DOORWARD_LISTEN", format!("127.0.0.1:{}", free_port()));
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    run(&mut command)
}

/// Where the program is, for every user.
fn program_for_all(folder: &Path) -> PathBuf {
    let program = folder.join("doorward");
    fs::copy(env!("CARGO_BIN_EXE_doorward"), &program).unwrap();
    set_mode(&program, 0o755);
    program
}

/// Paths below a folder, and what the refusal says of each.
async fn wrong_paths(folder: &Path) -> Vec<(PathBuf, &'static str)> {
    let at = |name: &str| folder.join(name);
    fs::create_dir(at("folder")).unwrap();
    fs::create_dir(at("full")).unwrap();
    write(&at("full/notes"), "keep me");
    write(&at("text"), "this is no database, and never was one");
    write(&at("short"), "x");
    write(&at("header"), "SQLite format 3\0 and then other words");
    write(&at("zeroes"), [0; 8192]);
    write(&at("picture"), b"\x89PNG\r\n\x1a\n");
    database(
        &at("other.db"),
        "CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('keep me')",
    )
    .await;
    database(
        &at("wal.db"),
        "PRAGMA journal_mode = WAL; CREATE TABLE notes (text TEXT)",
    )
    .await;
    database(
        &at("sqlx.db"),
        "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, installed_on TIMESTAMP, \
         success BOOLEAN NOT NULL, checksum BLOB NOT NULL, execution_time BIGINT NOT NULL); \
         INSERT INTO _sqlx_migrations VALUES (1, 'accounts', '2026-01-01', TRUE, X'0102', 1)",
    )
    .await;
    database(
        &at("django.db"),
        "CREATE TABLE users (id INTEGER); CREATE TABLE sessions (id TEXT); CREATE TABLE signing_keys (kid TEXT)",
    )
    .await;
    symlink(at("text"), at("link")).unwrap();
    symlink(at("nowhere"), at("dangling")).unwrap();
    symlink(at("other.db"), at("link.db")).unwrap();
    symlink(at("folder"), at("link-to-folder")).unwrap();
    let _listener = UnixListener::bind(at("socket")).unwrap();
    run(std::process::Command::new("mkfifo").arg(at("pipe"))).expect(0);
    vec![
        (at("folder"), "is a directory: name a file, such as sqlite:///"),
        (at("full"), "/full/doorward.db"),
        (at("full/"), "is a directory"),
        (PathBuf::from("/etc"), "/etc/doorward.db"),
        (
            at("missing/doorward.db"),
            "missing does not exist: make it, or name another file",
        ),
        (at("text/doorward.db"), "text is not a directory"),
        (at("text"), NO_DATABASE),
        (at("short"), NO_DATABASE),
        (at("zeroes"), NO_DATABASE),
        (at("picture"), NO_DATABASE),
        (at("header"), "is not a SQLite database"),
        (at("other.db"), FOREIGN),
        (at("wal.db"), FOREIGN),
        (at("sqlx.db"), FOREIGN),
        (at("django.db"), FOREIGN),
        (at("link"), "is a symbolic link to "),
        (at("link.db"), "other.db: name the file itself"),
        (at("dangling"), "is a symbolic link to "),
        (at("link-to-folder"), "is a symbolic link to "),
        (at("socket"), "is not a regular file"),
        (at("pipe"), "is not a regular file"),
        (PathBuf::from("/dev/null"), "is not a regular file"),
    ]
}

#[tokio::test]
async fn what_is_not_ours_keeps_its_mode_and_content() {
    let folder = tempfile::tempdir().unwrap();
    set_mode(folder.path(), 0o755);
    let programs = tempfile::tempdir().unwrap();
    set_mode(programs.path(), 0o755);
    let program = program_for_all(programs.path());
    let paths = wrong_paths(folder.path()).await;
    let etc = fs::metadata("/etc").unwrap().permissions();
    let before = snapshot(folder.path());
    let is_root = rustix::process::geteuid().is_root();
    for user in [None].into_iter().chain(is_root.then_some(Some(OTHER_USER))) {
        for (path, words) in &paths {
            for arguments in [
                &[][..],
                &["user", "create", "a@example.com", "--invite"],
                &["user", "list"],
            ] {
                let refused = start(&program, path, user, arguments).expect(1).stderr;
                let last = refused.lines().last().unwrap_or_default();
                // Another user may be stopped by a permission before the content is read.
                assert!(
                    last.contains(words) || (user.is_some() && last.contains("may not write it")),
                    "{}: {refused}",
                    path.display()
                );
                assert!(last.starts_with("doorward: DATABASE_URL: "), "{refused}");
                assert_eq!(
                    before,
                    snapshot(folder.path()),
                    "{} {arguments:?}",
                    path.display()
                );
            }
        }
    }
    assert_eq!(fs::metadata("/etc").unwrap().permissions(), etc);
}

#[test]
fn a_place_that_may_not_be_written_is_named_with_its_owner_and_the_cure() {
    if !rustix::process::geteuid().is_root() {
        // Only root can make files of two owners.
        let folder = tempfile::tempdir().unwrap();
        set_mode(folder.path(), 0o500);
        let program = Path::new(env!("CARGO_BIN_EXE_doorward"));
        let said = start(program, &folder.path().join("doorward.db"), None, &[]).expect(1);
        assert!(said.stderr.contains("with mode 0500"), "{}", said.stderr);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.db");
    set_mode(folder.path(), 0o755);
    let programs = tempfile::tempdir().unwrap();
    set_mode(programs.path(), 0o755);
    let program = program_for_all(programs.path());
    let said = start(&program, &path, Some(OTHER_USER), &[]).expect(1).stderr;
    let shown = folder.path().display().to_string();
    assert!(
        said.contains(&format!(
            "{shown} belongs to user id 0 with mode 0755, so that user id 65534 may not write it: \
             run doorward as user id 0, or: chown 65534 {shown}"
        )),
        "{said}"
    );
    Server::start(folder.path(), &[]).kill();
    set_mode(folder.path(), 0o777);
    let said = start(&program, &path, Some(OTHER_USER), &["user", "list"])
        .expect(1)
        .stderr;
    assert!(
        said.contains("doorward.db belongs to user id 0 with mode 0600"),
        "{said}"
    );
    let mount = "mount -t tmpfs -o ro tmpfs \"$0\" && exec \"$1\" --database-url \"sqlite://$0/doorward.db\"";
    let read_only = folder.path().join("read-only");
    fs::create_dir(&read_only).unwrap();
    let said = run(std::process::Command::new("unshare")
        .args(["--mount", "sh", "-c", mount])
        .args([&read_only, &program])
        .current_dir("/")
        .env("DOORWARD_LISTEN", format!("127.0.0.1:{}", free_port())))
    .expect(1)
    .stderr;
    assert!(
        said.contains(&format!("{} is on a read-only disk", read_only.display())),
        "{said}"
    );
}

/// Runs a command in an empty folder.
fn in_an_empty_folder(settings: &[(&str, &str)], arguments: &[&str]) -> (Finished, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let done = output(folder.path(), settings, arguments);
    let mut files: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    (done, files)
}

#[test]
fn only_what_begins_an_installation_makes_a_database() {
    for command in [
        "user list",
        "user disable 1",
        "user logout --everyone",
        "user unlock a@example.com",
        "keys list",
        "keys rotate",
        "secret rotate",
        "audit verify",
        "audit export",
        "export there.jsonl",
        "backup there.db",
        "restore --in-place",
        "copy --to sqlite://there.db",
        "import - --dry-run",
    ] {
        let arguments: Vec<_> = command.split(' ').collect();
        for url in ["sqlite://doorward.db", "sqlite::memory:"] {
            let (refused, files) = in_an_empty_folder(&[("DATABASE_URL", url)], &arguments);
            let said = refused.expect(1).stderr;
            assert_eq!(
                said,
                format!("doorward: there is no database at {url}; set DATABASE_URL\n"),
                "{command}"
            );
            assert!(files.is_empty(), "{command}: {files:?}");
        }
    }
    for command in ["user create a@example.com --invite", "import -"] {
        let arguments: Vec<_> = command.split(' ').collect();
        let (done, files) = in_an_empty_folder(&[], &arguments);
        let said = done.expect(0).stderr;
        assert!(
            said.contains("created doorward.db and doorward.secret\n"),
            "{command}: {said}"
        );
        assert!(files.contains(&"doorward.db".to_owned()), "{files:?}");
    }
}

#[tokio::test]
async fn tables_that_another_program_has_only_in_its_wal_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    other
        .execute("PRAGMA journal_mode = WAL; CREATE TABLE notes (text TEXT)")
        .await
        .unwrap();
    set_mode(&path, 0o644);
    let program = Path::new(env!("CARGO_BIN_EXE_doorward"));
    let said = start(program, &path, None, &[]).expect(1).stderr;
    assert!(said.contains(FOREIGN), "{said}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    let (notes,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM notes")
        .fetch_one(&mut other)
        .await
        .unwrap();
    assert_eq!(notes, 0);
}

#[tokio::test]
async fn an_empty_file_and_an_empty_database_become_ours() {
    for is_database in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("doorward.db");
        if is_database {
            database(&path, "PRAGMA user_version = 0; VACUUM").await;
        } else {
            drop(File::create(&path).unwrap());
        }
        set_mode(&path, 0o644);
        Server::start(folder.path(), &[]).kill();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // What a killed server left in the -wal is its own.
        Server::start(folder.path(), &[]).kill();
    }
}

#[tokio::test]
async fn a_postgresql_database_of_another_program_is_refused_and_an_empty_one_is_none() {
    use crate::support::app::fresh_database;
    use crate::support::{Engine, SECRET};

    let (url, _folder) = fresh_database(Engine::Postgres).await;
    let settings = [("DATABASE_URL", url.as_str()), ("DOORWARD_SECRET", SECRET)];
    let (refused, _) = in_an_empty_folder(&settings, &["user", "list"]);
    let said = refused.expect(1).stderr;
    assert!(said.contains("there is no database at postgres://"), "{said}");
    let mut connection = sqlx_postgres::PgConnection::connect(&url).await.unwrap();
    let tables = "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'";
    let (made,): (i64,) = sqlx::query_as(tables).fetch_one(&mut connection).await.unwrap();
    assert_eq!(made, 0);
    connection
        .execute(
            "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
             installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), success BOOLEAN NOT NULL, checksum BYTEA NOT NULL, \
             execution_time BIGINT NOT NULL); INSERT INTO _sqlx_migrations VALUES (1, 'orders', now(), TRUE, '\\x0102', 1)",
        )
        .await
        .unwrap();
    for arguments in [
        &["user", "list"][..],
        &["user", "create", "a@example.com", "--invite"],
    ] {
        let (refused, _) = in_an_empty_folder(&settings, arguments);
        let said = refused.expect(1).stderr;
        assert!(
            said.contains("holds the tables of another program that uses sqlx"),
            "{said}"
        );
    }
    let (made,): (i64,) = sqlx::query_as(tables).fetch_one(&mut connection).await.unwrap();
    assert_eq!(made, 1);
}
