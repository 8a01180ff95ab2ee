//! A PostgreSQL of the tests' own: initdb in a temporary folder, as an ordinary user, stopped and
//! removed when the test process ends, however it ends.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{Connection, Executor};
use sqlx_postgres::PgConnection;

use super::child::run;

/// The server that all tests share.
static SHARED: OnceLock<Postgres> = OnceLock::new();

pub struct Postgres {
    pub folder: PathBuf,
    pub port: u16,
    fsync: &'static str,
    /// Its standard input is our life line: the shell around the server stops it when the pipe
    /// closes.
    guardian: Child,
}

/// A fresh, empty database on the shared server.
pub async fn database() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let server = tokio::task::spawn_blocking(|| SHARED.get_or_init(Postgres::start))
        .await
        .unwrap();
    let name = format!("doorward_{}", NUMBER.fetch_add(1, Ordering::SeqCst));
    let mut admin = PgConnection::connect(&server.url("postgres")).await.unwrap();
    admin
        .execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await
        .unwrap();
    server.url(&name)
}

impl Postgres {
    /// Fast, for what is tested is not PostgreSQL's own durability.
    pub fn start() -> Self {
        Self::start_with("off")
    }

    /// With `fsync` on or off.
    pub fn start_with(fsync: &'static str) -> Self {
        Self::start_in(
            fsync,
            "$AS \"$BIN/initdb\" -D \"$FOLDER/data\" -U doorward -A trust --no-sync -E UTF8 --locale=C",
        )
    }

    /// In a folder of its own that the script fills.
    pub fn start_in(fsync: &'static str, script: &str) -> Self {
        let made = run(Command::new("mktemp").args(["-d", "/tmp/doorward-postgres-XXXXXX"])).expect(0);
        let folder = PathBuf::from(made.stdout.trim());
        if as_root() {
            run(Command::new("chown").arg("postgres").arg(&folder)).expect(0);
        }
        let port = super::process::free_port();
        run(&mut shell(&folder, port, script)).expect(0);
        let server = Self {
            guardian: guarded(&folder, port, fsync),
            folder,
            port,
            fsync,
        };
        server.wait_until_ready();
        server
    }

    /// Ends it as a power cut would, connections and all.
    pub fn stop(&mut self) {
        run(&mut shell(
            &self.folder,
            self.port,
            "$AS \"$BIN/pg_ctl\" -D \"$FOLDER/data\" -m immediate -w stop",
        ))
        .expect(0);
    }

    pub fn start_again(&mut self) {
        let mut dead = std::mem::replace(&mut self.guardian, guarded(&self.folder, self.port, self.fsync));
        self.wait_until_ready();
        // Only now: its shell removes the folder unless a server lives there.
        drop(dead.stdin.take());
        let _ended = dead.wait();
    }

    fn wait_until_ready(&self) {
        let mut is_ready = Command::new(bin_folder().join("pg_isready"));
        is_ready.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        for _ in 0..600 {
            if run(&mut is_ready).status.success() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let said = run(&mut is_ready);
        panic!(
            "PostgreSQL in {} did not start: {}{}",
            self.folder.display(),
            said.stdout,
            said.stderr
        );
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://doorward@127.0.0.1:{}/{database}", self.port)
    }
}

fn as_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A shell that knows where everything is; `$AS` is empty or the change to an ordinary user,
/// without a process between.
pub fn shell(folder: &Path, port: u16, script: &str) -> Command {
    let change = if as_root() {
        "setpriv --reuid=postgres --regid=postgres --clear-groups"
    } else {
        ""
    };
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(script)
        .current_dir("/")
        .env("AS", change)
        .env("BIN", bin_folder())
        .env("FOLDER", folder)
        .env("PORT", port.to_string());
    command
}

/// The server, and the shell that ends it when our end of the pipe closes.
fn guarded(folder: &Path, port: u16, fsync: &str) -> Child {
    let script = "$AS \"$BIN/postgres\" -D \"$FOLDER/data\" -p $PORT -k \"$FOLDER\" -c listen_addresses=127.0.0.1 -c fsync=$FSYNC -c max_connections=400 -c log_min_messages=panic < /dev/null &
        cat; kill -INT $! 2> /dev/null; wait; sleep 0.1; [ -e \"$FOLDER/data/postmaster.pid\" ] || rm -rf \"$FOLDER\"";
    shell(folder, port, script)
        .env("FSYNC", fsync)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.guardian.stdin.take());
        let _ended = self.guardian.wait();
    }
}

/// Debian keeps the server's programs out of the path, in a folder for each version.
fn bin_folder() -> PathBuf {
    let in_path = std::env::var_os("PATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"));
    let whole = |folder: &PathBuf| {
        ["initdb", "pg_ctl", "pg_isready", "postgres"]
            .iter()
            .all(|program| folder.join(program).exists())
    };
    in_path
        .chain(versions)
        .filter(whole)
        .last()
        .expect("PostgreSQL is not installed; `make test` installs it")
}
