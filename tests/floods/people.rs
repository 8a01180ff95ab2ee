//! Honest people beside a flood: some with a known device, some with a new one in a network without
//! any attacker. Each logs in once before a flood and once while it runs, at least a minute later.

use std::time::Duration;

use doorward::model::clock::monotonic_now;

use super::client::{Door, FORM, JSON, Place, Reply, Request};
use crate::support::PASSWORD;

/// Longest pause before the second try.
const LONGEST_PAUSE: u64 = 5;

pub struct Person {
    pub email: String,
    pub place: Place,
    /// Of the known device, else empty.
    ticket: String,
    /// Of a session that was opened before, if there was one.
    refresh_token: String,
}

/// People of a flood's round.
pub struct People {
    pub known: Vec<Person>,
    pub others: Vec<Person>,
}

/// How a number of people fared.
#[derive(Default)]
pub struct Fared {
    pub of: usize,
    /// Who came in at the first try, and at the second.
    pub at_once: usize,
    pub at_second_try: usize,
    /// Sessions to refresh, and those that were.
    pub sessions: usize,
    pub refreshed: usize,
    pub times: Vec<Duration>,
    /// Answers other than 200.
    pub refusals: Vec<String>,
}

impl Fared {
    pub const fn came_in(&self) -> usize {
        self.at_once + self.at_second_try
    }
}

pub async fn login(door: &Door, place: &Place, email: &str, ticket: &str) -> std::io::Result<Reply> {
    let body = format!("username={email}&password={}", PASSWORD.replace(' ', "+"));
    let request = Request {
        method: "POST",
        path: "/login",
        fields: &[("Content-Type", FORM), ("Doorward-Device", ticket)],
        body: &body,
    };
    door.ask(place, &request).await
}

pub async fn register(door: &Door, place: &Place, email: &str) {
    let body = serde_json::json!({"email": email, "password": PASSWORD}).to_string();
    let request = Request {
        method: "POST",
        path: "/register",
        fields: &[("Content-Type", JSON)],
        body: &body,
    };
    let registered = door.ask(place, &request).await.unwrap();
    assert_eq!(registered.status, 201, "{email}");
}

impl People {
    /// So many of each kind, with accounts, each at an address of its own: those with a known device and
    /// a session in one network, the others in another.
    pub async fn register(door: &Door, each: u8, at: impl Fn(usize, u8) -> Place) -> Self {
        let mut kinds = Vec::new();
        for (kind, name) in ["known", "other"].into_iter().enumerate() {
            let mut people = Vec::new();
            for number in 1..=each {
                let (email, place) = (format!("{name}{number}@example.com"), at(kind, number));
                register(door, &place, &email).await;
                let mut person = Person {
                    email,
                    place,
                    ticket: String::new(),
                    refresh_token: String::new(),
                };
                if kind == 0 {
                    let reply = person.login(door).await.unwrap();
                    reply.header("doorward-device").clone_into(&mut person.ticket);
                    person.refresh_token = reply.text("refresh_token");
                }
                people.push(person);
            }
            kinds.push(people);
        }
        let others = kinds.pop().unwrap();
        let known = kinds.pop().unwrap();
        Self { known, others }
    }

    /// Everyone refreshes the older session and logs in; those with known devices one after the other,
    /// the others beside them with a second try.
    pub async fn come(&mut self, door: &Door) -> [Fared; 2] {
        let (known, others) = tokio::join!(come(&mut self.known, door, 1), come(&mut self.others, door, 2));
        [known, others]
    }
}

async fn come(people: &mut [Person], door: &Door, tries: usize) -> Fared {
    let mut fared = Fared::default();
    for person in people {
        fared.of += 1;
        if !person.refresh_token.is_empty() {
            fared.sessions += 1;
            match person.refresh(door).await {
                Ok(()) => fared.refreshed += 1,
                Err(refusal) => fared.refusals.push(format!("refresh: {refusal}")),
            }
        }
        for nth in 1..=tries {
            let begun = monotonic_now();
            let reply = person.login(door).await;
            let took = begun.elapsed();
            fared.times.push(took);
            let reply = match reply {
                Ok(reply) if reply.status == 200 => {
                    person.refresh_token = reply.text("refresh_token");
                    if nth == 1 {
                        fared.at_once += 1;
                    } else {
                        fared.at_second_try += 1;
                    }
                    break;
                }
                Ok(reply) => reply,
                Err(cause) => {
                    fared.refusals.push(format!("login: {cause} after {took:?}"));
                    continue;
                }
            };
            fared
                .refusals
                .push(format!("login: {} after {took:?}", reply.status));
            if nth < tries {
                let pause = reply.header("retry-after").parse().unwrap_or(1);
                tokio::time::sleep(Duration::from_secs(pause.min(LONGEST_PAUSE))).await;
            }
        }
    }
    fared.times.sort();
    fared
}

impl Person {
    async fn refresh(&mut self, door: &Door) -> Result<(), String> {
        let body = format!("refresh_token={}", self.refresh_token);
        let request = Request {
            method: "POST",
            path: "/refresh",
            fields: &[("Content-Type", FORM)],
            body: &body,
        };
        let reply = door.ask(&self.place, &request).await;
        let reply = reply.map_err(|cause| cause.to_string())?;
        if reply.status == 200 {
            self.refresh_token = reply.text("refresh_token");
            Ok(())
        } else {
            Err(reply.status.to_string())
        }
    }

    pub async fn login(&self, door: &Door) -> std::io::Result<Reply> {
        login(door, &self.place, &self.email, &self.ticket).await
    }
}
