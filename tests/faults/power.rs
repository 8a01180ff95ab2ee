//! The power fails at any moment: what was acknowledged is there, and what was not is whole or
//! absent.
//!
//! A shim writes down what the program does to the files of its folder. From that journal a disk is
//! made as a power cut at some point of it may leave it: all that was flushed is there; of the rest
//! some writes are, in any order, some of them torn at a sector; of the names (new, moved, removed)
//! those up to some point. Then the program starts on it.

mod disk;
mod recording;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::Connection as _;
use sqlx_sqlite::SqliteConnection;

use self::disk::{Disk, Lies};
use self::recording::{ISSUER, Promise, Recording};
use super::{Client, LEAST_COST, assert_quiet};
use crate::crashes::{rounds, seed, side_by_side};
use crate::support::chance::Chance;
use crate::support::process::{Server, output};

/// Cuts of one recording, for its access tokens last a quarter of an hour.
const CUTS_OF_A_RECORDING: usize = 100;
/// What costs a hash or a write is looked up for so many promises of a cut.
const DEAR: usize = 3;

/// A folder as a cut leaves it, and whatever of the promises that it breaks.
struct Cut<'a> {
    folder: &'a Path,
    recording: &'a Recording,
    /// Where in the journal the power failed.
    position: u64,
    wrong: Vec<String>,
}

impl Cut<'_> {
    fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(what());
        }
    }

    async fn verify(mut self, chance: &mut Chance) -> Vec<String> {
        self.files();
        let settings = [LEAST_COST, ISSUER];
        match Server::try_start_on(self.folder, &settings, "127.0.0.1:0", &[]) {
            Ok(mut server) => {
                self.promises(&server, chance).await;
                assert_quiet(&server);
                server.kill();
                self.whole().await;
                let chain = output(self.folder, &settings, &["audit", "verify"]);
                self.check(chain.status.success(), || {
                    format!("the chain of events does not verify: {}", chain.stderr)
                });
            }
            Err((said, _)) => self.wrong.push(format!("it does not start: {:?}", said.last())),
        }
        self.wrong
    }

    /// Files that are made once are as they were made, if they are there.
    fn files(&mut self) {
        for (name, made) in &self.recording.files {
            if let Ok(found) = fs::read(self.folder.join(name)) {
                self.check(found == *made, || format!("{name} is there in part"));
            } else {
                let promised = self.recording.promises.iter().any(|(promise, from, until)| {
                    (*from..*until).contains(&self.position)
                        && matches!(promise, Promise::File(promised) if promised == name)
                });
                self.check(!promised, || format!("{name} was acknowledged and is not there"));
            }
        }
    }

    async fn promises(&mut self, server: &Server, chance: &mut Chance) {
        let http = reqwest::Client::new();
        let client = Client { server, http: &http };
        let people = people(&self.folder.join("doorward.db")).await;
        let mut due: Vec<_> = self
            .recording
            .promises
            .iter()
            .filter(|(_, from, until)| (*from..*until).contains(&self.position))
            .map(|(promise, ..)| promise)
            .collect();
        for last in (1..due.len()).rev() {
            due.swap(last, chance.below(last + 1));
        }
        let (mut logins, mut refreshes) = (0, 0);
        for promise in due {
            let holds = match promise {
                Promise::File(_) => true,
                Promise::Account(email) => people.contains(email),
                Promise::NoAccount(email) => !people.contains(email),
                Promise::Password(email, password) => {
                    logins += 1;
                    logins > DEAR || client.login(email, password).await.0 == 200
                }
                Promise::Live(tokens) => {
                    refreshes += 1;
                    client.me(&tokens.access).await.0 == 200
                        && (refreshes > DEAR || client.refresh(&tokens.refresh).await.0 == 200)
                }
                Promise::Ended(access) => client.me(access).await.0 == 401,
            };
            self.check(holds, || format!("broken: {promise:?}"));
        }
    }

    async fn whole(&mut self) {
        let url = format!("sqlite://{}", self.folder.join("doorward.db").display());
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        let (verdict,): (String,) = sqlx::query_as("PRAGMA integrity_check")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        self.check(verdict == "ok", || format!("a damaged database: {verdict}"));
    }
}

async fn people(database: &Path) -> Vec<String> {
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", database.display()))
        .await
        .unwrap();
    let people: Vec<(String,)> = sqlx::query_as("SELECT email FROM users")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    people.into_iter().map(|(email,)| email).collect()
}

/// Cuts at this point of the journal, and tells what is wrong then.
async fn cut(recording: &Recording, at: usize, lies: Lies, chance: &mut Chance) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = Disk::default();
    for (number, deed) in recording.deeds[..at].iter().enumerate() {
        disk.take(&deed.what, lies.at(number));
    }
    disk.after_the_cut(chance, lies).write_to(folder.path());
    let position = at.checked_sub(1).map_or(0, |last| recording.deeds[last].end);
    let cut = Cut {
        folder: folder.path(),
        recording,
        position,
        wrong: Vec::new(),
    };
    cut.verify(chance).await
}

/// So many cuts of one recording, as many in each of its phases, at random points.
fn cuts(recording: &Recording, times: usize, seed: u64) -> Vec<String> {
    let wrong = side_by_side(2, times, async |number| {
        let mut chance = Chance::new(seed.wrapping_add(number as u64));
        let (phase, range) = &recording.phases[number % recording.phases.len()];
        // One in four at its end, when something was acknowledged a moment ago.
        let at = match chance.below(4) {
            0 => range.end,
            _ => range.start + chance.below(range.len() + 1),
        };
        let wrong = cut(recording, at, Lies::None, &mut chance).await;
        let told = wrong.into_iter().map(|wrong| {
            format!(
                "cut {number} at {at} of {}, {phase}: {wrong}",
                recording.deeds.len()
            )
        });
        told.collect::<Vec<_>>()
    });
    wrong.into_iter().flatten().collect()
}

fn torture(times: usize, seed: u64) {
    let (mut wrong, mut deeds, mut promises) = (Vec::new(), 0, 0);
    for done in (0..times).step_by(CUTS_OF_A_RECORDING) {
        let recording = recorded(seed.wrapping_add(done as u64));
        deeds += recording.deeds.len();
        promises += recording.promises.len();
        let seed = seed.wrapping_add(done as u64);
        wrong.extend(cuts(&recording, CUTS_OF_A_RECORDING.min(times - done), seed));
    }
    println!(
        "torture: power cuts={times} deeds={deeds} promises={promises} lost={} seed={seed}",
        wrong.len()
    );
    assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
}

/// Runs this on a thread that does nothing else.
fn alone<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work)
}

fn recorded(seed: u64) -> Recording {
    alone(Recording::new(seed))
}

#[test]
fn whenever_the_power_fails_nothing_acknowledged_is_lost_and_files_are_whole_or_absent() {
    torture(30, seed());
}

#[test]
#[ignore = "long: make torture"]
fn torture_whenever_the_power_fails_nothing_acknowledged_is_lost_and_files_are_whole_or_absent() {
    torture(rounds(1000), seed());
}

/// Nothing can be promised on a disk that loses what it said is flushed; these tests would notice.
#[test]
fn a_disk_that_drops_what_was_flushed_is_noticed_by_these_tests() {
    let seed = seed();
    let recording = recorded(seed);
    let noticed = AtomicUsize::new(0);
    let phase = |name: &str| recording.phase(name);
    // In a phase in which people work, the last third of which has promises of its own; and where
    // each file that the operator needs has just been acknowledged.
    let work = phase("work");
    let (first, backup) = (phase("first start"), phase("backup"));
    let (export, restore) = (phase("export"), phase("restore"));
    let lying = [
        (work.start + work.len() * 2 / 3, Lies::Files { from: work.start }),
        (
            work.end,
            Lies::Files {
                from: work.start + work.len() / 2,
            },
        ),
        (first.end, Lies::Files { from: first.start }),
        (first.end, Lies::Folder { from: first.start }),
        (backup.end, Lies::Files { from: backup.start }),
        (backup.end, Lies::Folder { from: backup.start }),
        (export.end, Lies::Files { from: export.start }),
        (export.end, Lies::Folder { from: export.start }),
        (restore.end, Lies::Folder { from: restore.start }),
    ];
    side_by_side(2, lying.len(), async |number| {
        let (at, lies) = lying[number];
        let wrong = cut(&recording, at, lies, &mut Chance::new(seed)).await;
        println!("torture: {lies:?} before {at} is noticed: {:?}", wrong.first());
        noticed.fetch_add(usize::from(!wrong.is_empty()), Ordering::SeqCst);
    });
    assert_eq!(noticed.into_inner(), lying.len(), "seed {seed}");
    // And an honest disk at the same places is not blamed.
    for (at, _) in lying {
        let wrong = alone(cut(&recording, at, Lies::None, &mut Chance::new(seed)));
        assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
    }
}

/// The files of a folder by name, without what SQLite makes anew at each start.
fn files(folder: &Path) -> HashMap<String, Vec<u8>> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .filter(|(name, _)| !name.ends_with("-shm"))
        .map(|(name, path)| (name, fs::read(path).unwrap()))
        .collect()
}
