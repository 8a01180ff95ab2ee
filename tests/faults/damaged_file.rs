//! What lies on the disk is not what was written there: the file has gone, is cut short, has other
//! bits, is no database. Nobody is let in by it.

use std::fs;
use std::path::Path;

use super::{
    Client, LEAST_COST, Tokens, assert_ends_clearly, assert_quiet, database, healed, last_words, our_panic,
    stands,
};
use crate::support::chance::Chance;
use crate::support::process::Server;

const PAGE: usize = 4096;
const PEOPLE: [(&str, &str); 2] = [
    ("alice@example.com", "an owl keeps the door"),
    ("bob@example.com", "a badger keeps the cellar"),
];
const SETTINGS: [(&str, &str); 2] = [LEAST_COST, ("DOORWARD_ISSUER", "https://id.example.com")];

/// The files of a database with two accounts, each with a session; the second session of each is in
/// the write-ahead log alone.
struct Original {
    files: Vec<(&'static str, Vec<u8>)>,
    sessions: Vec<Tokens>,
}

impl Original {
    async fn new(http: &reqwest::Client) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Server::start(folder.path(), &SETTINGS);
        let client = Client {
            server: &server,
            http,
        };
        let mut sessions = Vec::new();
        for (email, password) in PEOPLE {
            sessions.push(client.registered(email, password).await);
        }
        server.signal("TERM");
        server.wait();
        let mut server = Server::start(folder.path(), &SETTINGS);
        let client = Client {
            server: &server,
            http,
        };
        for (email, password) in PEOPLE {
            client.logged_in(email, password).await;
        }
        server.kill();
        let read = |name: &'static str| (name, fs::read(folder.path().join(name)).unwrap());
        Self {
            files: ["doorward.db", "doorward.db-wal", "doorward.secret"]
                .map(read)
                .into(),
            sessions,
        }
    }

    fn file(&self, name: &str) -> &[u8] {
        &self.files.iter().find(|(file, _)| *file == name).unwrap().1
    }

    /// A copy in which one file is other.
    fn copy(&self, name: &str, other: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (file, bytes) in &self.files {
            let path = folder.path().join(file);
            fs::write(&path, if *file == name { other } else { bytes }).unwrap();
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
        folder
    }

    /// Starts on a copy: it refuses with a line, or serves, and whatever it answers lets nobody in
    /// who should not be.
    async fn probe(&self, folder: &Path, http: &reqwest::Client) -> Seen {
        let mut server = match Server::try_start(folder, &SETTINGS, &[]) {
            Ok(server) => server,
            Err(refusal) => {
                assert_ends_clearly(&refusal);
                return Seen::Refused;
            }
        };
        if !stands(&mut server, http).await {
            return Seen::Refused;
        }
        let client = Client {
            server: &server,
            http,
        };
        let mut seen = Seen::Whole;
        for (number, session) in self.sessions.iter().enumerate() {
            let ((email, password), (stranger, strange_password)) = (PEOPLE[number], PEOPLE[1 - number]);
            let mut look = |status: u16| seen = if status == 200 { seen } else { Seen::Damaged };
            let (status, whose) = client.me(&session.access).await;
            assert_ne!(whose, stranger, "{email} sees another's account");
            look(status);
            let (status, tokens) = client.login(email, password).await;
            look(status);
            let (refreshed, next) = client.refresh(&session.refresh).await;
            look(refreshed);
            for tokens in tokens.into_iter().chain(next) {
                assert_ne!(
                    client.me(&tokens.access).await.1,
                    stranger,
                    "{email} sees another's account"
                );
            }
            assert_ne!(
                client.login(email, strange_password).await.0,
                200,
                "{email} gets in by another's password"
            );
        }
        assert_eq!(our_panic(&server.log()), None);
        assert!(server.ended().is_none(), "{:?}", last_words(&server));
        seen
    }
}

/// What came of a damaged file.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Seen {
    /// The program did not start.
    Refused,
    /// Someone was refused.
    Damaged,
    /// Everybody was served as if nothing had happened.
    Whole,
}

#[tokio::test]
async fn nothing_is_acknowledged_into_a_file_that_has_gone_and_putting_it_back_heals() {
    let folder = tempfile::tempdir().unwrap();
    let http = reqwest::Client::new();
    let server = Server::start(folder.path(), &SETTINGS);
    let client = Client {
        server: &server,
        http: &http,
    };
    let alice = client.registered(PEOPLE[0].0, PEOPLE[0].1).await;
    let (there, elsewhere) = (database(&folder), folder.path().join("elsewhere.db"));
    let gone = async || {
        assert_eq!(client.register(PEOPLE[1].0, PEOPLE[1].1).await, 503);
        assert_eq!(client.login(PEOPLE[0].0, PEOPLE[0].1).await.0, 503);
        assert_eq!(client.refresh(&alice.refresh).await.0, 503);
        assert_eq!(client.logout(&alice.access).await, 503);
        assert_eq!(http.get(server.url("/ready")).send().await.unwrap().status(), 503);
    };
    fs::rename(&there, &elsewhere).unwrap();
    gone().await;
    fs::copy(&elsewhere, &there).unwrap();
    gone().await;
    fs::rename(&elsewhere, &there).unwrap();
    let (status, _) = healed(async || client.login(PEOPLE[0].0, PEOPLE[0].1).await).await;
    assert_eq!(status, 200);
    fs::remove_file(&there).unwrap();
    gone().await;
    server.until_said("was moved, replaced or deleted; put it back, or restart on what is there");
    assert_quiet(&server);
}

#[tokio::test]
async fn a_truncated_file_is_refused_or_lets_nobody_in_wrongly() {
    let http = reqwest::Client::new();
    let original = Original::new(&http).await;
    let whole = original.file("doorward.db");
    let mut told = 0;
    for length in [
        1,
        99,
        100,
        512,
        PAGE - 1,
        PAGE,
        2 * PAGE,
        whole.len() / 2,
        whole.len() - PAGE,
        whole.len() - 1,
    ] {
        let folder = original.copy("doorward.db", &whole[..length]);
        told += usize::from(original.probe(folder.path(), &http).await != Seen::Whole);
    }
    assert!(told > 0, "no damage was noticed");
    let log = original.file("doorward.db-wal");
    for length in [0, 1, 31, 32, PAGE, log.len() / 2, log.len() - 1] {
        let folder = original.copy("doorward.db-wal", &log[..length]);
        original.probe(folder.path(), &http).await;
    }
}

#[tokio::test]
async fn a_file_that_is_truncated_beneath_a_running_server_answers_503() {
    let http = reqwest::Client::new();
    let original = Original::new(&http).await;
    for length in [0, 100, PAGE, original.file("doorward.db").len() / 2] {
        let folder = original.copy("", &[]);
        let server = Server::start(folder.path(), &SETTINGS);
        fs::File::options()
            .write(true)
            .open(database(&folder))
            .unwrap()
            .set_len(u64::try_from(length).unwrap())
            .unwrap();
        let client = Client {
            server: &server,
            http: &http,
        };
        for ((email, password), session) in PEOPLE.iter().zip(&original.sessions) {
            assert!([200, 503].contains(&client.me(&session.access).await.0));
            assert!([200, 503].contains(&client.login(email, password).await.0));
            assert!([401, 503].contains(&client.login(email, "not the password").await.0));
        }
        assert_quiet(&server);
    }
}

#[tokio::test]
async fn what_is_no_database_of_ours_is_refused_and_left_as_it_is() {
    use sqlx::{Connection as _, Executor as _};
    let http = reqwest::Client::new();
    let original = Original::new(&http).await;
    let other = tempfile::tempdir().unwrap();
    let file = other.path().join("other.db");
    let mut connection =
        sqlx_sqlite::SqliteConnection::connect(&format!("sqlite://{}?mode=rwc", file.display()))
            .await
            .unwrap();
    connection
        .execute("CREATE TABLE users (name TEXT); INSERT INTO users VALUES ('someone')")
        .await
        .unwrap();
    connection.close().await.unwrap();
    let mut noise = Chance::new(1);
    let noise: Vec<u8> = std::iter::repeat_with(|| noise.next().to_be_bytes()[7])
        .take(3 * PAGE)
        .collect();
    for (what, bytes) in [
        ("noise", noise),
        (
            "a text",
            b"these are not the rows you are looking for\n".repeat(200),
        ),
        ("another's", fs::read(file).unwrap()),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(database(&folder), &bytes).unwrap();
        assert_eq!(
            original.probe(folder.path(), &http).await,
            Seen::Refused,
            "{what}"
        );
        if what != "another's" {
            assert_eq!(fs::read(database(&folder)).unwrap(), bytes, "{what}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(database(&folder)).unwrap();
    assert_eq!(
        original.probe(folder.path(), &http).await,
        Seen::Refused,
        "a folder"
    );
}

/// One kind of damage after the other: a bit, many bits, a sector of zeros, two pages in each
/// other's place.
fn damage(bytes: &mut [u8], round: u64, chance: &mut Chance) {
    let mut below = |limit| chance.below(limit);
    match round % 4 {
        kind @ (0 | 1) => {
            for _ in 0..[1, 32][usize::from(kind == 1)] {
                // Most of a file is nothing: look for something.
                let place = std::iter::repeat_with(|| below(bytes.len()))
                    .find(|place| bytes[*place] != 0)
                    .unwrap();
                bytes[place] ^= 1 << below(8);
            }
        }
        2 => {
            let sector = 512 * below(bytes.len().div_ceil(512));
            let end = bytes.len().min(sector + 512);
            bytes[sector..end].fill(0);
        }
        _ => {
            let (one, other) = (PAGE * below(bytes.len() / PAGE), PAGE * below(bytes.len() / PAGE));
            let (low, high) = (one.min(other), one.max(other));
            if low < high {
                let (before, after) = bytes.split_at_mut(high);
                before[low..low + PAGE].swap_with_slice(&mut after[..PAGE]);
            }
        }
    }
}

async fn damaged(seeds: std::ops::Range<u64>) {
    let http = reqwest::Client::new();
    let original = Original::new(&http).await;
    let (mut refused, mut noticed, mut whole) = (0, 0, 0);
    for seed in seeds.clone() {
        let mut chance = Chance::new(seed + 1);
        let name = if chance.next().is_multiple_of(8) {
            "doorward.db-wal"
        } else {
            "doorward.db"
        };
        let mut bytes = original.file(name).to_vec();
        damage(&mut bytes, seed, &mut chance);
        let folder = original.copy(name, &bytes);
        println!("seed {seed}, {name}");
        match original.probe(folder.path(), &http).await {
            Seen::Refused => refused += 1,
            Seen::Damaged => noticed += 1,
            Seen::Whole => whole += 1,
        }
    }
    assert!(
        refused > 0 && whole > 0,
        "{refused} refused, {whole} whole: the damage is always of one kind"
    );
    println!(
        "torture: damaged-file seeds={seeds:?}, start refused={refused}, someone refused={noticed}, unnoticed={whole}, let in wrongly=0"
    );
}

#[tokio::test]
async fn a_file_with_other_bits_is_refused_or_lets_nobody_in_wrongly() {
    damaged(0..24).await;
}

#[tokio::test]
#[ignore = "long: make torture"]
async fn torture_a_file_with_other_bits_is_refused_or_lets_nobody_in_wrongly() {
    damaged(0..1000).await;
}
