//! What the program did to its files, and what it promised meanwhile.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::disk::{Content, Deed, Disk, Lies, NameChange};
use super::files;
use crate::faults::shim::compiled;
use crate::faults::{Client, LEAST_COST, Tokens};
use crate::support::PASSWORD;
use crate::support::chance::Chance;
use crate::support::process::{Server, output};

/// The servers listen wherever there is a port.
pub const ISSUER: (&str, &str) = ("DOORWARD_ISSUER", "https://id.example.com");
/// People who do something at the same time, and how many accounts each makes between two stops.
const CLIENTS: usize = 3;
const ACCOUNTS: usize = 3;
/// Files that are made once and then never changed.
const MADE_ONCE: [&str; 3] = ["doorward.secret", "backup.db", "export.jsonl"];

/// What was acknowledged.
#[derive(Debug, Clone)]
pub enum Promise {
    Account(String),
    /// Of one that a restore took back.
    NoAccount(String),
    Password(String, String),
    Live(Tokens),
    /// An access token that must not work any more.
    Ended(String),
    File(String),
}

/// One deed, and where its record ends in the journal.
pub struct Recorded {
    pub what: Deed,
    pub end: u64,
}

pub struct Recording {
    pub deeds: Vec<Recorded>,
    /// With the lengths of the journal from which and up to which it holds.
    pub promises: Vec<(Promise, u64, u64)>,
    /// Names, and deeds by their numbers.
    pub phases: Vec<(&'static str, Range<usize>)>,
    /// Files that are made once.
    pub files: Vec<(String, Vec<u8>)>,
}

/// Promises in the making.
struct Notes<'a> {
    journal: &'a Path,
    promises: Vec<(Promise, u64, u64)>,
}

impl Notes<'_> {
    fn length(&self) -> u64 {
        fs::metadata(self.journal).unwrap().len()
    }

    /// It was answered just now; gives its number.
    fn promised(&mut self, promise: Promise) -> usize {
        self.promises.push((promise, self.length(), u64::MAX));
        self.promises.len() - 1
    }

    /// It is asked just now that this holds no longer.
    fn in_doubt(&mut self, number: usize) {
        self.promises[number].2 = self.length();
    }
}

impl Recording {
    /// A first start, work, a stop, work, a backup and an export beside a server that is then
    /// killed, work, and a restore.
    pub async fn new(seed: u64) -> Self {
        let (folder, outside) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let at = fs::canonicalize(folder.path()).unwrap();
        let journal = outside.path().join("journal");
        fs::write(&journal, "").unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let (library, written, watched) = (text(library()), text(&journal), text(&at));
        let settings = [
            ("LD_PRELOAD", library.as_str()),
            ("POWER_JOURNAL", &written),
            ("POWER_FOLDER", &watched),
            LEAST_COST,
            ISSUER,
        ];
        let serve = || Server::start_on(&at, &settings, "127.0.0.1:0");
        let mut notes = Notes {
            journal: &journal,
            promises: Vec::new(),
        };
        let mut marks = vec![("", 0)];
        let mut chance = Chance::new(seed);
        let http = reqwest::Client::new();

        let mut server = serve();
        notes.promised(Promise::File("doorward.secret".to_owned()));
        marks.push(("first start", notes.length()));
        work(&mut notes, &server, &http, &mut chance, "first").await;
        marks.push(("work", notes.length()));
        server.signal("TERM");
        server.expect_end(0);
        server = serve();
        marks.push(("a second start", notes.length()));
        work(&mut notes, &server, &http, &mut chance, "second").await;
        marks.push(("more work", notes.length()));
        let until_backup = notes.promises.len();
        output(&at, &settings, &["backup", "backup.db"]).expect(0);
        notes.promised(Promise::File("backup.db".to_owned()));
        marks.push(("backup", notes.length()));
        output(&at, &settings, &["export", "export.jsonl"]).expect(0);
        notes.promised(Promise::File("export.jsonl".to_owned()));
        marks.push(("export", notes.length()));
        server.kill();
        server = serve();
        marks.push(("a start after kill -9", notes.length()));
        let late = Client {
            server: &server,
            http: &http,
        };
        assert_eq!(late.register("late@example.com", PASSWORD).await, 201);
        let is_there = notes.promised(Promise::Account("late@example.com".to_owned()));
        server.signal("TERM");
        server.expect_end(0);
        marks.push(("a stop", notes.length()));
        notes.in_doubt(is_there);
        let begun = notes.length();
        output(&at, &settings, &["restore", "backup.db"]).expect(0);
        notes.promised(Promise::NoAccount("late@example.com".to_owned()));
        // It ends every session; accounts, passwords and what had ended are in the backup.
        for (promise, _, until) in &mut notes.promises[..until_backup] {
            if matches!(promise, Promise::Live(_)) {
                *until = (*until).min(begun);
            }
        }
        marks.push(("restore", notes.length()));

        let deeds = read(&fs::read(&journal).unwrap());
        let mut all = Disk::default();
        for deed in &deeds {
            all.take(&deed.what, Lies::None.at(0));
        }
        let made = files(&at);
        let Content(replayed) = all.without_a_cut();
        let differing: Vec<_> = made
            .iter()
            .filter(|(name, bytes)| replayed.get(*name) != Some(*bytes))
            .map(|(name, _)| name)
            .collect();
        assert!(
            differing.is_empty() && made.len() == replayed.len(),
            "not all is in the journal: {differing:?}"
        );
        let number = |length: u64| deeds.partition_point(|deed| deed.end <= length);
        let phases = marks
            .windows(2)
            .map(|pair| (pair[1].0, number(pair[0].1)..number(pair[1].1)))
            .collect();
        let files = MADE_ONCE.map(|name| (name.to_owned(), made[name].clone()));
        Self {
            deeds,
            promises: notes.promises,
            phases,
            files: files.into(),
        }
    }

    pub fn phase(&self, name: &str) -> Range<usize> {
        let found = self.phases.iter().find(|(phase, _)| *phase == name);
        found.unwrap().1.clone()
    }
}

/// Compiles the shim, once a run.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| compiled("power"))
}

/// Several people register, log in, refresh, log out and change passwords.
async fn work(
    notes: &mut Notes<'_>,
    server: &Server,
    http: &reqwest::Client,
    chance: &mut Chance,
    name: &str,
) {
    let people = (0..CLIENTS).map(|number| {
        let (client, journal) = (Client { server, http }, notes.journal);
        let mut chance = Chance::new(chance.next());
        async move {
            let mut notes = Notes {
                journal,
                promises: Vec::new(),
            };
            for account in 0..ACCOUNTS {
                let email = format!("{name}-{number}-{account}@example.com");
                one_account(&mut notes, &client, &mut chance, email).await;
            }
            notes.promises
        }
    });
    for promises in futures_util::future::join_all(people).await {
        notes.promises.extend(promises);
    }
}

async fn one_account(notes: &mut Notes<'_>, client: &Client<'_>, chance: &mut Chance, email: String) {
    assert_eq!(client.register(&email, PASSWORD).await, 201);
    notes.promised(Promise::Account(email.clone()));
    let password = notes.promised(Promise::Password(email.clone(), PASSWORD.to_owned()));
    let mut tokens = client.logged_in(&email, PASSWORD).await;
    let mut live = notes.promised(Promise::Live(tokens.clone()));
    let other = client.logged_in(&email, PASSWORD).await;
    let other_live = notes.promised(Promise::Live(other.clone()));

    notes.in_doubt(live);
    let (status, next) = client.refresh(&tokens.refresh).await;
    assert_eq!(status, 200);
    tokens = next.unwrap();
    live = notes.promised(Promise::Live(tokens.clone()));
    if chance.below(2) == 0 {
        notes.in_doubt(other_live);
        assert_eq!(client.logout(&other.access).await, 204);
        notes.promised(Promise::Ended(other.access));
    } else {
        let new = format!("{PASSWORD} and more");
        for number in [password, live, other_live] {
            notes.in_doubt(number);
        }
        let (status, next) = client.change_password(&tokens.access, PASSWORD, &new).await;
        assert_eq!(status, 200);
        notes.promised(Promise::Password(email, new));
        notes.promised(Promise::Live(next.unwrap()));
        notes.promised(Promise::Ended(other.access));
    }
}

/// The records of `power.c`: four numbers of 64 bits, then bytes as many as the last one says.
fn read(journal: &[u8]) -> Vec<Recorded> {
    let (mut deeds, mut place) = (Vec::new(), 0);
    while place < journal.len() {
        let word = |number: usize| {
            let at = place + 8 * number;
            u64::from_ne_bytes(journal[at..at + 8].try_into().unwrap())
        };
        let size = |number: usize| usize::try_from(word(number)).unwrap();
        let (file, at) = (word(1), size(2));
        let bytes = &journal[place + 32..place + 32 + size(3)];
        let name = || String::from_utf8(bytes.to_vec()).unwrap();
        let names = || {
            let names = name();
            let (old, new) = names.split_once('/').unwrap();
            (old.to_owned(), new.to_owned())
        };
        let what = match word(0) {
            1 => Deed::Write {
                file,
                at,
                bytes: bytes.to_vec(),
            },
            2 => Deed::Truncate { file, length: at },
            3 => Deed::Sync { file },
            4 => Deed::SyncFolder,
            5 => Deed::Create { file, name: name() },
            6 => Deed::Name(NameChange::Unlink { name: name() }),
            7 => {
                let (old, new) = names();
                Deed::Name(NameChange::Rename { old, new })
            }
            8 => {
                let (old, new) = names();
                Deed::Name(NameChange::Link { old, new })
            }
            kind => panic!("a record of kind {kind}"),
        };
        place += 32 + bytes.len();
        deeds.push(Recorded {
            what,
            end: place as u64,
        });
    }
    deeds
}
