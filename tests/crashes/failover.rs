//! A failover to a standby that lags: what the primary took with it is live again on all nodes alike,
//! and what is ended from then on is ended everywhere.

use std::time::Duration;

use doorward::crypto::password_hash::Cost;
use sqlx::Connection as _;
use sqlx_postgres::PgConnection;

use super::rounds;
use super::wire::{State, Wire};
use crate::support::TestApp;
use crate::support::child::run;
use crate::support::people::Person;
use crate::support::postgres::{Postgres, shell};

impl Postgres {
    /// A standby that follows the server at a port of this machine.
    fn standby_of(primary: &str) -> Self {
        let copy = format!(
            "$AS \"$BIN/pg_basebackup\" -d 'postgres://doorward@{primary}/postgres' -D \"$FOLDER/data\" \
                -R -X stream -c fast --no-sync"
        );
        Self::start_in("off", &copy)
    }

    /// Makes a standby the primary.
    fn promote(&self) {
        let script = "$AS \"$BIN/pg_ctl\" -D \"$FOLDER/data\" -w promote";
        let _said = run(&mut shell(&self.folder, self.port, script)).expect(0);
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

async fn waited<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// The moment at which the standby takes over.
#[derive(Debug, Clone, Copy)]
enum Promotion {
    AfterThePrimaryDied,
    /// No reading of the feed need fail between the two.
    WhileThePrimaryLives,
}

async fn fail_over(promotion: Promotion) {
    let mut primary = waited(Postgres::start).await;
    let stream = Wire::to(primary.address()).await;
    let from = stream.address.clone();
    let standby = waited(move || Postgres::standby_of(&from)).await;

    let direct = TestApp::start_on_postgres(&primary).await;
    let wire = Wire::to(primary.address()).await;
    let url = direct.database.replace(&primary.address(), &wire.address);
    let node = async || {
        direct
            .sibling(&[("DATABASE_URL", &url)], Some(Cost::cheapest()))
            .await
    };
    let (here, there) = (node().await, node().await);
    let on_both = async |person: &Person<'_>, status: u16| {
        here.until(&person.token, status).await;
        there.until(&person.token, status).await;
    };
    let alice = here.registered("alice").await;
    let (lost, kept) = (
        [
            here.logged_in(&alice.email).await,
            here.logged_in(&alice.email).await,
        ],
        here.logged_in(&alice.email).await,
    );
    for person in lost.iter().chain([&alice, &kept]) {
        on_both(person, 200).await;
    }
    until_received(&primary, &standby).await;

    stream.becomes(State::Silent);
    for person in &lost {
        person.send("POST", "/logout").await.expect(204);
        on_both(person, 401).await;
    }
    let stop = waited(move || {
        if matches!(promotion, Promotion::AfterThePrimaryDied) {
            primary.stop();
        }
        primary
    });
    let mut primary = stop.await;
    let standby = waited(move || {
        standby.promote();
        standby
    })
    .await;
    stream.becomes(State::Cut);
    wire.leads_to(standby.address());
    if matches!(promotion, Promotion::WhileThePrimaryLives) {
        primary = waited(move || {
            primary.stop();
            primary
        })
        .await;
    }
    here.until_ready().await;
    there.until_ready().await;

    alice.send("POST", "/logout").await.expect(204);
    on_both(&alice, 401).await;
    for person in lost.iter().chain([&kept]) {
        on_both(person, 200).await;
    }
    for person in &lost {
        person.send("POST", "/logout").await.expect(204);
        on_both(person, 401).await;
    }
    waited(move || drop((primary, standby))).await;
}

/// Waits until the standby has all that the primary has written.
async fn until_received(primary: &Postgres, standby: &Postgres) {
    let connect = async |server: &Postgres| PgConnection::connect(&server.url("postgres")).await.unwrap();
    let (mut writer, mut reader) = (connect(primary).await, connect(standby).await);
    let (written,): (String,) = sqlx::query_as("SELECT pg_current_wal_lsn()::text")
        .fetch_one(&mut writer)
        .await
        .unwrap();
    for _ in 0..200 {
        let (behind,): (bool,) = sqlx::query_as("SELECT pg_last_wal_replay_lsn() < $1::pg_lsn")
            .bind(&written)
            .fetch_one(&mut reader)
            .await
            .unwrap();
        if !behind {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the standby does not follow");
}

#[tokio::test]
async fn after_a_failover_to_a_standby_that_lags_what_is_ended_is_ended_on_all_nodes() {
    fail_over(Promotion::AfterThePrimaryDied).await;
    fail_over(Promotion::WhileThePrimaryLives).await;
}

#[tokio::test]
#[ignore = "long: make torture"]
async fn torture_by_failovers_to_standbys_that_lag() {
    let rounds = rounds(20);
    for round in 0..rounds {
        fail_over(if round % 2 == 0 {
            Promotion::AfterThePrimaryDied
        } else {
            Promotion::WhileThePrimaryLives
        })
        .await;
    }
    println!("torture: failovers={rounds}");
}
