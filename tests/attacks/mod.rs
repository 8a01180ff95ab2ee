//! Attacks of our own over raw sockets, row by row: whatever is sent, one allowed answer comes,
//! nothing of the input in it, and the service lives on.

mod authorization;
mod bodies;
mod claims;
mod framing;
mod headers;
mod mutants;
mod origins;
mod ring;
mod targets;
mod wire;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::ring::Ring;
use self::wire::{Attack, CANARY, WAITS, attack, bearer, get};

/// As many attackers at once.
const ATTACKERS: usize = 8;

/// Carries every attack out, each followed by a look whether the service lives; says what was
/// wrong.
fn run(address: &str, attacks: &[Attack]) -> Vec<String> {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let alive = attack("the service lives", get("/health", ""), &[200]);
    std::thread::scope(|scope| {
        for _ in 0..ATTACKERS {
            scope.spawn(|| {
                while let Some(attack) = attacks.get(next.fetch_add(1, Ordering::SeqCst)) {
                    for outcome in [
                        attack.run(address),
                        alive
                            .run(address)
                            .map_err(|dead| format!("after {}: {dead}", attack.name)),
                    ] {
                        wrong.lock().unwrap().extend(outcome.err());
                    }
                }
            });
        }
    });
    wrong.into_inner().unwrap()
}

fn all(ring: &Ring) -> Vec<Attack> {
    [
        framing::attacks(ring),
        headers::attacks(),
        targets::attacks(ring),
        bodies::attacks(ring),
        authorization::attacks(ring),
        claims::attacks(ring),
        origins::attacks(ring),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The names of all rows.
pub async fn names() -> Vec<String> {
    let ring = Ring::start().await;
    all(&ring).into_iter().map(|attack| attack.name).collect()
}

#[tokio::test]
async fn every_attack_gets_one_allowed_answer_and_the_service_lives_on() {
    let ring = Ring::start().await;
    let attacks = all(&ring);
    let mut names: Vec<&str> = attacks.iter().map(|attack| attack.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), attacks.len(), "two rows of one name");
    let wrong = run(&ring.app.address, &attacks);
    println!("{} attacks, {} wrong answers", attacks.len(), wrong.len());
    assert!(attacks.len() >= 2300);
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        attacks.len(),
        wrong.join("\n\n")
    );
    ring.assert_untouched().await;
}

#[tokio::test]
async fn a_wrong_answer_would_be_noticed() {
    let ring = Ring::start().await;
    let two = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2);
    let wrong = [
        (attack("two answers", two, &[200]), "more than one answer"),
        (
            attack(
                "another status",
                "POST /login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                &[401],
            ),
            "answered 415",
        ),
        (
            attack(
                "an echo",
                get("/health", &format!("X-Request-Id: {CANARY}\r\n")),
                &[200],
            ),
            "with \"qzcanaryqz\"",
        ),
        (
            attack("a text that is not there", get("/health", ""), &[200]).holding("alice"),
            "without \"alice\"",
        ),
        (
            attack("no answer", "GET /hea", &[WAITS, 400]).holding("x"),
            "without",
        ),
        (
            attack("a genuine token", get("/me", &bearer(ring.token())), &[401]),
            "answered 200",
        ),
    ];
    for (attack, why) in wrong {
        let told = attack.run(&ring.app.address).unwrap_err();
        assert!(told.contains(why), "{}: {told}", attack.name);
    }
}
