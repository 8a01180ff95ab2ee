//! Genuine tokens bent by chance, by the million: none is let in.

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use doorward::crypto::inner_keys::InnerKeys;
use doorward::crypto::jwt::{AccessTokens, TokenIdentity};
use doorward::crypto::refresh_tokens::RefreshTokens;
use doorward::crypto::root_secret::RootSecret;
use doorward::crypto::signing_keys;
use doorward::model::clock::Timestamp;
use doorward::model::ids::{SessionId, Subject};
use doorward::model::permission::Permissions;
use doorward::model::signing_key::SigningAlgorithm;
use serde_json::Value;
use uuid::Uuid;

use super::ring::{NOW, Ring};
use super::wire::{answer, bearer};
use crate::support::chance::Chance;

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const WORKERS: u64 = 2;

/// Genuine tokens and what can be made of them.
struct Mutants {
    genuine: Vec<String>,
    known: HashSet<String>,
    chance: Chance,
}

impl Mutants {
    fn new(genuine: &[String], seed: u64) -> Self {
        Self {
            genuine: genuine.to_vec(),
            known: genuine.iter().cloned().collect(),
            chance: Chance::new(seed),
        }
    }

    /// A text that is none of the genuine tokens but once was one.
    fn next(&mut self) -> String {
        loop {
            let victim = self.chance.pick(&self.genuine).clone();
            let mutant = match self.chance.below(4) {
                0 => self.bent_text(&victim),
                1 => self.bent_encoding(&victim),
                2 => self.bent_json(&victim),
                _ => self.spliced(&victim),
            };
            if !self.known.contains(&mutant) {
                return mutant;
            }
        }
    }

    fn bent_text(&mut self, victim: &str) -> String {
        let mut bytes = victim.as_bytes().to_vec();
        let at = self.chance.below(bytes.len());
        let other = self.chance.below(bytes.len());
        let letter = *self.chance.pick(ALPHABET);
        match self.chance.below(8) {
            0 => bytes[at] ^= 1 << self.chance.below(7),
            1 => bytes[at] = letter,
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(..at)),
            4 => drop(bytes.remove(at)),
            5 => bytes.insert(at, letter),
            6 => bytes.swap(at, other),
            _ => bytes[at] ^= 0x20,
        }
        String::from_utf8(bytes).unwrap()
    }

    /// One part with other text for the same bytes, or with other bytes.
    fn bent_encoding(&mut self, victim: &str) -> String {
        let mut parts: Vec<String> = victim.split('.').map(str::to_owned).collect();
        let at = self.chance.below(parts.len());
        let part = &mut parts[at];
        let prefix = if part.starts_with("dwr_") { "dwr_" } else { "" };
        let mut bytes = URL_SAFE_NO_PAD.decode(part.trim_start_matches(prefix)).unwrap();
        match self.chance.below(6) {
            0 => part.push_str(
                self.chance
                    .pick::<&str>(&["=", "==", "===", " ", "\n", "\t", "\0", "%3D", "\r\n", "\u{200b}"]),
            ),
            1 => part.insert_str(
                0,
                self.chance
                    .pick::<&str>(&["=", " ", "\n", "\t", "\0", "%20", "\u{feff}"]),
            ),
            2 => {
                let last = part.pop().unwrap();
                let place = ALPHABET
                    .iter()
                    .position(|letter| char::from(*letter) == last)
                    .unwrap();
                part.push(char::from(ALPHABET[place ^ (1 << self.chance.below(2))]));
            }
            3 => *part = format!("{prefix}{}", STANDARD.encode(&bytes)) + "=",
            4 => {
                let byte = self.chance.below(bytes.len());
                bytes[byte] ^= 1 << self.chance.below(8);
                *part = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes));
            }
            _ => {
                bytes.rotate_left(1);
                *part = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes));
            }
        }
        parts.join(".")
    }

    /// Header or claims with other members, other blanks, or a member twice, under the old
    /// signature.
    fn bent_json(&mut self, victim: &str) -> String {
        let mut parts: Vec<String> = victim.split('.').map(str::to_owned).collect();
        if parts.len() < 3 {
            return self.bent_text(victim);
        }
        let at = self.chance.below(2);
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(&parts[at]).unwrap()).unwrap();
        let mut object: Value = serde_json::from_str(&text).unwrap();
        let names: Vec<String> = object.as_object().unwrap().keys().cloned().collect();
        let name = self.chance.pick(&names).clone();
        let bent = match self.chance.below(6) {
            0 => text.replacen('{', "{ ", 1),
            1 => text.replacen(',', " ,\n", 1),
            2 => text.replacen('{', &format!("{{\"{name}\":{},", object[&name]), 1),
            3 => {
                object.as_object_mut().unwrap().remove(&name);
                object.to_string()
            }
            4 => {
                let added = *self.chance.pick(&[
                    "crit", "jku", "jwk", "x5u", "x5c", "b64", "zip", "enc", "admin", "nbf",
                ]);
                object[added] = self.chance.next().into();
                object.to_string()
            }
            _ => {
                let values = [
                    Value::Null,
                    "none".into(),
                    "HS256".into(),
                    "admin".into(),
                    (NOW + 9_999_999).into(),
                    (-1).into(),
                    1.5.into(),
                    vec!["x"].into(),
                ];
                object[&name] = self.chance.pick(&values).clone();
                object.to_string()
            }
        };
        parts[at] = URL_SAFE_NO_PAD.encode(bent);
        parts.join(".")
    }

    /// Parts, or beginning and end, of two tokens.
    fn spliced(&mut self, victim: &str) -> String {
        let other = self.chance.pick(&self.genuine).clone();
        if self.chance.below(2) == 0 {
            let (ours, theirs): (Vec<&str>, Vec<&str>) =
                (victim.split('.').collect(), other.split('.').collect());
            let parts = ours
                .iter()
                .zip(theirs)
                .map(|(our, their)| if self.chance.below(2) == 0 { *our } else { their });
            return parts.collect::<Vec<_>>().join(".");
        }
        let at = self.chance.below(victim.len().min(other.len()));
        format!("{}{}", &victim[..at], &other[at..])
    }
}

/// How many of so many mutants are accepted; the work is shared among threads.
fn accepted(genuine: &[String], seed: u64, count: u64, accepts: impl Fn(&str) -> bool + Sync) -> Vec<String> {
    std::thread::scope(|scope| {
        let accepts = &accepts;
        let workers = (0..WORKERS).map(|worker| {
            scope.spawn(move || {
                let mut mutants = Mutants::new(genuine, seed ^ worker);
                (0..count / WORKERS)
                    .map(|_| mutants.next())
                    .filter(|mutant| accepts(mutant))
                    .collect::<Vec<_>>()
            })
        });
        workers
            .collect::<Vec<_>>()
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    })
}

#[test]
fn a_million_mutated_access_tokens_are_refused() {
    const EACH: u64 = 250_000;
    let now = Timestamp::from_secs(NOW);
    let root = RootSecret::generate().unwrap();
    let sealed: Vec<_> = (1..)
        .zip(SigningAlgorithm::ALL)
        .map(|(generation, algorithm)| {
            signing_keys::generate(&root, *algorithm, generation, now, now).unwrap()
        })
        .collect();
    // Each signs with its own algorithm and knows the keys of all four.
    let issuer_of = |algorithm: &SigningAlgorithm| {
        let keys = sealed
            .iter()
            .map(|key| signing_keys::open(key, &root).unwrap())
            .collect();
        AccessTokens::new(
            keys,
            *algorithm,
            "https://door.example".to_owned(),
            "doorward".to_owned(),
            Duration::from_mins(15),
        )
    };
    let issuers: Vec<_> = SigningAlgorithm::ALL.iter().map(issuer_of).collect();
    let issue = |issuer: &AccessTokens, number: u128| {
        let claimed = TokenIdentity {
            subject: Subject::from(Uuid::from_u128(number)),
            role: "user",
            permissions: &Permissions::default(),
            generation: 0,
        };
        issuer
            .issue(SessionId::from(Uuid::from_u128(number)), claimed, now)
            .unwrap()
    };
    for (seed, issuer) in (1..).zip(&issuers) {
        // Three of its own and one of each other's, to take parts from.
        let genuine: Vec<String> = (1..4)
            .map(|number| issue(issuer, number))
            .chain(issuers.iter().map(|other| issue(other, 9)))
            .collect();
        assert!(genuine.iter().all(|token| issuer.verify(token, now).is_ok()));
        let accepted = accepted(&genuine, seed, EACH, |mutant| issuer.verify(mutant, now).is_ok());
        println!(
            "{} mutated {} tokens, {} accepted",
            EACH,
            issuer.algorithm().name(),
            accepted.len()
        );
        assert!(accepted.is_empty(), "{accepted:?}");
    }
}

#[test]
fn a_hundred_thousand_mutated_refresh_tokens_are_refused() {
    let tokens = RefreshTokens::new(&InnerKeys::derive(&RootSecret::generate().unwrap()).unwrap());
    let genuine: Vec<String> = (0..8)
        .map(|counter| tokens.issue(SessionId::from(Uuid::from_u128(7)), counter))
        .collect();
    assert!(genuine.iter().all(|token| tokens.verify(token).is_some()));
    let accepted = accepted(&genuine, 5, 100_000, |mutant| tokens.verify(mutant).is_some());
    assert!(accepted.is_empty(), "{accepted:?}");
}

/// The statuses of `GET /me` with each token, sent one after the other without waiting.
fn asked(stream: &mut TcpStream, tokens: &[String]) -> Vec<u16> {
    let requests: String = tokens
        .iter()
        .map(|token| format!("GET /me HTTP/1.1\r\nHost: x\r\n{}\r\n", bearer(token)))
        .collect::<Vec<_>>()
        .concat();
    stream.write_all(requests.as_bytes()).unwrap();
    let (mut received, mut statuses, mut buffer) = (Vec::new(), Vec::new(), [0; 16 * 1024]);
    while statuses.len() < tokens.len() {
        while let Some((status, length)) = answer(&received, false) {
            statuses.push(status);
            received.drain(..length);
        }
        if statuses.len() < tokens.len() {
            let length = stream.read(&mut buffer).unwrap();
            assert!(length > 0, "the connection stays while tokens are refused");
            received.extend_from_slice(&buffer[..length]);
        }
    }
    assert!(received.is_empty(), "an answer to nothing");
    statuses
}

#[tokio::test]
async fn twenty_thousand_mutated_tokens_on_kept_connections_are_refused() {
    const CONNECTIONS: u64 = 8;
    const BATCHES: usize = 50;
    const BATCH: usize = 50;
    let ring = Ring::start().await;
    let genuine: Vec<String> = ring.tokens.iter().map(|(_, token)| token.clone()).collect();
    std::thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            let (genuine, address) = (&genuine, &ring.app.address);
            scope.spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                let mut mutants = Mutants::new(genuine, 100 + connection);
                for _ in 0..BATCHES {
                    // Blanks around a value are no part of it (RFC 9110 section 5.5), and other
                    // bytes would end the line.
                    let mut batch: Vec<String> = std::iter::repeat_with(|| mutants.next())
                        .filter(|mutant| mutant.bytes().all(|byte| byte.is_ascii_graphic()))
                        .take(BATCH)
                        .collect();
                    batch.push(genuine[0].clone());
                    let statuses = asked(&mut stream, &batch);
                    for (mutant, status) in batch.iter().zip(&statuses).take(BATCH) {
                        assert_eq!(*status, 401, "{mutant}");
                    }
                    assert_eq!(statuses[BATCH], 200, "the genuine one among them");
                }
            });
        }
    });
}
