//! The lock of an account: it is closed to networks that have failed on it, and no weapon against
//! its owner.

use std::time::Duration;

use doorward::crypto::password_hash::Cost;
use futures_util::future::join_all;
use rstest::rstest;
use serde_json::json;

use super::throttle::{BEHIND_A_PROXY, login_from, login_with};
use crate::support::{Answer, Engine, PASSWORD, TestApp};

const ALICE: &str = "alice@example.com";

async fn behind_a_proxy(engine: Engine, lock: &str) -> TestApp {
    TestApp::start_with(engine, &[BEHIND_A_PROXY, ("DOORWARD_ACCOUNT_LOCK", lock)]).await
}

/// The attacker's address of a number: of one /48, five guesses from each /64.
fn attacker(guess: usize) -> String {
    format!("2001:db8:bad:{:x}::1", guess / 5)
}

/// An address of another /48 for each number.
fn fresh(number: usize) -> String {
    format!("2001:db8:{number:x}::1")
}

/// Fails a hundred times from one /48.
async fn lock(app: &TestApp, email: &str) {
    for guess in 0..100 {
        login_from(app, &attacker(guess), email, "wrong wrong")
            .await
            .expect_problem(401, "bad_credentials");
    }
}

/// A right password from an attacker's address that has not been used yet.
async fn from_the_attacked_network(app: &TestApp) -> Answer {
    login_from(app, "2001:db8:bad:ffff::1", ALICE, PASSWORD).await
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_locked_account_is_closed_to_the_attackers_network_and_not_to_its_owner(
    #[case] engine: Engine,
    #[values(
        ["2001:db8:bad:", "::1", "2001:db8:bad:ffff::7", "2001:db8:600d::1"],
        ["192.0.2.", "", "192.0.2.200", "198.51.100.7"]
    )]
    network: [&str; 4],
) {
    let [before, after, neighbour, owner] = network;
    let app = TestApp::start_with(engine, &[BEHIND_A_PROXY]).await;
    app.registered("alice").await;
    let mut evaluated = 0;
    for guess in 0..125 {
        let ip = format!("{before}{}{after}", guess / 5);
        evaluated += usize::from(login_from(&app, &ip, ALICE, "wrong wrong").await.status == 401);
    }
    assert_eq!(evaluated, 100);
    for ip in [&format!("{before}1{after}"), neighbour] {
        let refused = login_from(&app, ip, ALICE, PASSWORD).await;
        refused.expect_problem(429, "throttled");
    }
    login_from(&app, owner, ALICE, PASSWORD).await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_locked_account_takes_twenty_attempts_an_hour_one_from_each_fresh_network(#[case] engine: Engine) {
    let app = TestApp::start_with(engine, &[BEHIND_A_PROXY]).await;
    app.registered("alice").await;
    let ticket = app
        .login(ALICE, PASSWORD)
        .await
        .header("doorward-device")
        .to_owned();
    lock(&app, ALICE).await;
    for number in 0..20 {
        let ip = fresh(number);
        login_from(&app, &ip, ALICE, "wrong wrong").await.expect(401);
        login_from(&app, &ip, ALICE, PASSWORD).await.expect(429);
    }
    let refused = login_from(&app, &fresh(20), ALICE, PASSWORD).await;
    let refused = refused.expect_problem(429, "throttled");
    assert_eq!(refused.header("retry-after"), "3600");
    app.advance(Duration::from_mins(59));
    login_from(&app, &fresh(20), ALICE, PASSWORD).await.expect(429);
    app.advance(Duration::from_mins(1));
    login_from(&app, &fresh(0), ALICE, PASSWORD)
        .await
        .expect_problem(429, "throttled");
    for number in 20..40 {
        login_from(&app, &fresh(number), ALICE, "wrong wrong")
            .await
            .expect(401);
    }
    login_from(&app, &fresh(40), ALICE, PASSWORD).await.expect(429);
    login_with(&app, &ticket, ALICE, PASSWORD).await.expect(200);
    from_the_attacked_network(&app).await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn of_guesses_at_once_from_fresh_networks_at_most_twenty_are_evaluated(#[case] engine: Engine) {
    let app = TestApp::start_with(engine, &[BEHIND_A_PROXY]).await;
    app.registered("alice").await;
    lock(&app, ALICE).await;
    // Two addresses of each network.
    let guesses = (0..60).map(|number| {
        let (app, ip) = (&app, format!("2001:db8:{:x}:{:x}::1", number / 2, number % 2));
        async move { login_from(app, &ip, ALICE, "wrong wrong").await.status }
    });
    let answers = join_all(guesses).await;
    let evaluated = answers.iter().filter(|status| **status == 401).count();
    assert!(
        (1..=20).contains(&evaluated) && answers.iter().all(|status| [401, 429].contains(status)),
        "{answers:?}"
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_lock_ends_after_a_day_and_no_failure_makes_it_longer(#[case] engine: Engine) {
    let app = TestApp::start_with(engine, &[BEHIND_A_PROXY]).await;
    app.registered("alice").await;
    lock(&app, ALICE).await;
    let refused = from_the_attacked_network(&app).await.expect(429);
    assert_eq!(refused.header("retry-after"), "86400");
    app.advance(Duration::from_hours(23));
    login_from(&app, &fresh(1), ALICE, "wrong wrong")
        .await
        .expect(401);
    let refused = from_the_attacked_network(&app).await.expect(429);
    assert_eq!(refused.header("retry-after"), "3600");
    app.advance(Duration::from_hours(1));
    login_from(&app, "2001:db8:bad:fffe::1", ALICE, "wrong wrong")
        .await
        .expect(401);
    let refused = from_the_attacked_network(&app).await.expect(429);
    assert_eq!(
        refused.header("retry-after"),
        "86400",
        "one failure locks it again"
    );
    app.advance(Duration::from_hours(24));
    from_the_attacked_network(&app).await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_shorter_setting_frees_whom_it_would_have_freed(
    #[case] engine: Engine,
    #[values("strict", "until-reset", "7d")] before: &str,
) {
    let app = behind_a_proxy(engine, before).await;
    app.registered("alice").await;
    lock(&app, ALICE).await;
    app.advance(Duration::from_hours(2));
    from_the_attacked_network(&app).await.expect(429);
    for (lock, status) in [("3h", 429), ("2h", 200)] {
        let settings = [BEHIND_A_PROXY, ("DOORWARD_ACCOUNT_LOCK", lock)];
        let restarted = app.sibling(&settings, Some(Cost::cheapest())).await;
        from_the_attacked_network(&restarted).await.expect(status);
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_address_that_was_locked_before_its_registration_is_open_after_it(
    #[case] engine: Engine,
    #[values("24h", "strict")] setting: &str,
) {
    let app = behind_a_proxy(engine, setting).await;
    lock(&app, ALICE).await;
    from_the_attacked_network(&app).await.expect(429);
    app.register(ALICE, PASSWORD).await.expect(201);
    login_from(&app, &fresh(1), ALICE, PASSWORD).await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_invited_account_that_was_locked_is_open_to_a_fresh_network(
    #[case] engine: Engine,
    #[values("before", "after")] locked: &str,
) {
    // Strict is no hindrance where the invitation came later.
    let setting = if locked == "before" { "strict" } else { "24h" };
    let app = behind_a_proxy(engine, setting).await;
    let boss = app.admin().await;
    if locked == "before" {
        lock(&app, ALICE).await;
    }
    let invited = boss.send_json("POST", "/users", json!({"email": ALICE})).await;
    let invited = invited.expect(201).json();
    if locked == "after" {
        lock(&app, ALICE).await;
    }
    let once = invited["invitation"]["one_time_password"].as_str().unwrap();
    let with_new_password = async |ip: &str| {
        app.request("POST", "/login")
            .header("x-forwarded-for", ip)
            .form(&[
                ("username", ALICE),
                ("password", once),
                ("new_password", PASSWORD),
            ])
            .send()
            .await
    };
    with_new_password(&fresh(1)).await.expect(200);
    login_from(&app, &fresh(2), ALICE, PASSWORD).await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_unknown_address_is_locked_alike(#[case] engine: Engine) {
    let app = TestApp::start_with(engine, &[BEHIND_A_PROXY]).await;
    app.registered("alice").await;
    let story = async |email: &str| {
        lock(&app, email).await;
        let mut story = Vec::new();
        for number in [1, 1, 2, 3, 3] {
            let answer = login_from(&app, &fresh(number), email, "wrong wrong").await;
            story.push((answer.status, answer.header("retry-after").to_owned()));
        }
        let answer = login_from(&app, "2001:db8:bad:ffff::1", email, "wrong wrong").await;
        story.push((answer.status, answer.header("retry-after").to_owned()));
        story
    };
    let told = story(ALICE).await;
    assert_eq!(
        told.iter().map(|(status, _)| *status).collect::<Vec<_>>(),
        [401, 429, 401, 401, 429, 429]
    );
    assert_eq!(told, story("nobody@example.com").await);
    assert_eq!(told, story("not an address").await);
}

#[tokio::test]
async fn where_the_lock_is_strict_only_known_devices_come_in_after_a_hundred_failures() {
    let app = behind_a_proxy(Engine::Sqlite, "strict").await;
    let boss = app.admin().await;
    let alice = app.registered("alice").await;
    let id = alice.get("/me").await.json()["id"].as_i64().unwrap();
    let mut evaluated = 0;
    for guess in 0..150 {
        evaluated += usize::from(
            login_from(
                &app,
                &format!("192.0.2.{}", guess / 5),
                "alice@example.com",
                "wrong wrong",
            )
            .await
            .status
                == 401,
        );
    }
    assert_eq!(evaluated, 100);
    login_from(&app, "198.51.100.7", "alice@example.com", PASSWORD)
        .await
        .expect_problem(429, "throttled");
    app.advance(Duration::from_hours(24 * 20));
    let boss = app.logged_in(&boss.email).await;
    login_from(&app, "198.51.100.7", "alice@example.com", PASSWORD)
        .await
        .expect(429);
    let told = boss
        .get(&format!("/audit?type=account_locked&user={id}"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        told["events"][0]["details"],
        json!({"reason": "wrong_password", "failures_here": 5, "failures_everywhere": 100})
    );
    boss.send("POST", &format!("/users/{id}/one-time-password"))
        .await
        .expect(200);
    let unlocked = boss.get(&format!("/audit?type=account_unlocked&user={id}")).await;
    assert_eq!(unlocked.expect(200).json()["events"].as_array().unwrap().len(), 1);
    assert_eq!(
        login_from(&app, "198.51.100.7", "alice@example.com", PASSWORD)
            .await
            .status,
        401,
        "it is tried again, and it is another now"
    );
}

#[tokio::test]
async fn where_the_lock_is_strict_a_known_device_comes_in_and_unlocks_its_account() {
    let app = behind_a_proxy(Engine::Sqlite, "strict").await;
    app.registered("alice").await;
    let ticket = app
        .login("alice@example.com", PASSWORD)
        .await
        .header("doorward-device")
        .to_owned();
    for guess in 0..100 {
        login_from(
            &app,
            &format!("192.0.2.{}", guess / 5),
            "alice@example.com",
            "wrong wrong",
        )
        .await
        .expect(401);
    }
    login_from(&app, "198.51.100.7", "alice@example.com", PASSWORD)
        .await
        .expect(429);
    login_with(&app, &ticket, "alice@example.com", "wrong wrong")
        .await
        .expect(401);
    login_from(&app, "198.51.100.7", "alice@example.com", PASSWORD)
        .await
        .expect(429);
    login_with(&app, &ticket, "alice@example.com", PASSWORD)
        .await
        .expect(200);
    login_from(&app, "198.51.100.7", "alice@example.com", PASSWORD)
        .await
        .expect(200);
}
