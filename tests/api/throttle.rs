//! Guesses are slowed and ended; those who know their password, or whose device is known, are not.

use rstest::rstest;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Answer, Engine, PASSWORD, TestApp};

pub(super) const BEHIND_A_PROXY: (&str, &str) = ("DOORWARD_TRUSTED_PROXIES", "127.0.0.0/8, 10.0.0.0/8");

/// A login as the trusted proxy passes it on.
pub(super) async fn login_from(app: &TestApp, ip: &str, username: &str, password: &str) -> Answer {
    app.request("POST", "/login")
        .header("x-forwarded-for", ip)
        .form(&[("username", username), ("password", password)])
        .send()
        .await
}

pub(super) async fn login_with(app: &TestApp, ticket: &str, username: &str, password: &str) -> Answer {
    app.request("POST", "/login")
        .header("doorward-device", ticket)
        .form(&[("username", username), ("password", password)])
        .send()
        .await
}

async fn behind_a_proxy() -> TestApp {
    TestApp::start_with(Engine::Sqlite, &[BEHIND_A_PROXY]).await
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn after_five_failures_each_next_one_waits_twice_as_long(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.registered("alice").await;
    for _ in 0..5 {
        app.login("alice@example.com", "wrong wrong")
            .await
            .expect_problem(401, "bad_credentials");
    }
    for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
        let refused = app
            .login("alice@example.com", PASSWORD)
            .await
            .expect_problem(429, "throttled");
        assert_eq!(
            (refused.header("retry-after"), refused.header("cache-control")),
            (wait.to_string().as_str(), "no-store"),
            "also for the right password"
        );
        app.advance(Duration::from_millis(1000 * wait - 1));
        app.login("alice@example.com", "wrong wrong").await.expect(429);
        app.advance(Duration::from_millis(1));
        app.login("alice@example.com", "wrong wrong").await.expect(401);
    }
    app.advance(Duration::from_mins(15));
    app.login("alice@example.com", PASSWORD).await.expect(200);
    for _ in 0..5 {
        app.login("alice@example.com", "wrong wrong")
            .await
            .expect_problem(401, "bad_credentials");
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_unknown_address_is_slowed_alike(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.registered("alice").await;
    let story = async |email: &str| {
        let mut story = Vec::new();
        for _ in 0..8 {
            let answer = app.login(email, "wrong wrong").await;
            story.push((
                answer.status,
                answer.header("retry-after").to_owned(),
                answer.text.replace(answer.header("x-request-id"), "…"),
            ));
        }
        story
    };
    assert_eq!(
        story("alice@example.com").await,
        story("nobody@example.com").await
    );
    assert_eq!(
        story("ALICE@example.com").await[0].0,
        429,
        "in any case of letters"
    );
    assert_eq!(story("not an address").await, story("neither is this").await);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn of_64_guesses_at_once_at_most_20_are_evaluated(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.registered("alice").await;
    let answers = join_all((0..64).map(|_| app.login("alice@example.com", "wrong wrong"))).await;
    let evaluated = answers.iter().filter(|answer| answer.status == 401).count();
    assert!(
        answers.iter().all(|answer| [401, 429].contains(&answer.status)) && (1..=20).contains(&evaluated),
        "{evaluated}"
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn parallel_correct_logins_all_come_through(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.registered("alice").await;
    let answers = join_all((0..40).map(|_| app.login("alice@example.com", PASSWORD))).await;
    assert!(
        answers.iter().all(|answer| answer.status == 200),
        "{:?}",
        answers.iter().map(|answer| answer.status).collect::<Vec<_>>()
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn two_nodes_do_not_give_twice_the_guesses(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.registered("alice").await;
    let other = app
        .sibling(&[], Some(doorward::crypto::password_hash::Cost::cheapest()))
        .await;
    let mut evaluated = 0;
    for turn in 0..12 {
        let node = if turn % 2 == 0 { &app } else { &other };
        evaluated += usize::from(node.login("alice@example.com", "wrong wrong").await.status == 401);
    }
    assert_eq!(evaluated, 5);
    let answers = join_all(
        (0..64)
            .map(|turn| (if turn % 2 == 0 { &app } else { &other }).login("bob@example.com", "wrong wrong")),
    )
    .await;
    assert!(answers.iter().filter(|answer| answer.status == 401).count() <= 20);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_known_device_is_not_locked_out_by_strangers(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let first = app.register("alice@example.com", PASSWORD).await.expect(201);
    drop(first);
    let ticket = app
        .login("alice@example.com", PASSWORD)
        .await
        .expect(200)
        .header("doorward-device")
        .to_owned();
    assert!(ticket.starts_with("dwd_"));
    for _ in 0..7 {
        app.login("alice@example.com", "wrong wrong").await;
    }
    app.login("alice@example.com", PASSWORD).await.expect(429);
    let known = login_with(&app, &ticket, "alice@example.com", PASSWORD)
        .await
        .expect(200);
    assert_eq!(known.header("doorward-device"), "", "it has its ticket");
    app.register("bob@example.com", PASSWORD).await.expect(201);
    for _ in 0..7 {
        app.login("bob@example.com", "wrong wrong").await;
    }
    login_with(&app, &ticket, "bob@example.com", PASSWORD)
        .await
        .expect(429);
    // A stolen ticket is a budget of its own, not an open door.
    for _ in 0..5 {
        login_with(&app, &ticket, "alice@example.com", "wrong wrong")
            .await
            .expect(401);
    }
    login_with(&app, &ticket, "alice@example.com", PASSWORD)
        .await
        .expect(429);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn guesses_at_the_current_password_are_slowed_too(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    for _ in 0..5 {
        alice
            .send_json(
                "PUT",
                "/me/password",
                json!({"current_password": "wrong wrong", "new_password": "two owls keep two doors"}),
            )
            .await
            .expect(403);
    }
    alice
        .send_json(
            "PATCH",
            "/me",
            json!({"current_password": PASSWORD, "email": "a@example.com"}),
        )
        .await
        .expect_problem(429, "throttled");
    alice
        .send_json("DELETE", "/me", json!({"current_password": PASSWORD}))
        .await
        .expect_problem(429, "throttled");
    app.login("alice@example.com", PASSWORD).await.expect(200);
    app.advance(Duration::from_secs(1));
    alice
        .send_json(
            "PATCH",
            "/me",
            json!({"current_password": PASSWORD, "email": "a@example.com"}),
        )
        .await
        .expect(200);
}

#[tokio::test]
async fn only_a_trusted_proxy_names_the_client_and_only_its_last_hop_counts() {
    let seen_as = async |app: &TestApp, header: &str| {
        let email = "alice@example.com";
        let token = login_from(app, header, email, PASSWORD).await.expect(200).json()["access_token"]
            .as_str()
            .unwrap()
            .to_owned();
        let sessions = app
            .request("GET", "/me/sessions")
            .bearer(&token)
            .send()
            .await
            .json();
        let current = sessions
            .as_array()
            .unwrap()
            .iter()
            .find(|session| session["current"] == true)
            .unwrap()
            .clone();
        current["ip"].as_str().unwrap().to_owned()
    };
    let trusting = behind_a_proxy().await;
    trusting.registered("alice").await;
    for (header, ip) in [
        ("203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("10.9.9.9, 10.1.2.3", "10.9.9.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::7]:443, 127.0.0.1", "2001:db8::7"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, nonsense", "127.0.0.1"),
        ("203.0.113.9, nonsense, 10.0.0.1", "10.0.0.1"),
        ("", "127.0.0.1"),
    ] {
        assert_eq!(seen_as(&trusting, header).await, ip, "{header}");
    }
    let wary = TestApp::start(Engine::Sqlite).await;
    wary.registered("alice").await;
    assert_eq!(seen_as(&wary, "203.0.113.9").await, "127.0.0.1");
}

#[tokio::test]
async fn an_address_has_a_budget_and_is_told_what_is_left() {
    let app = TestApp::start_with(
        Engine::Sqlite,
        &[
            BEHIND_A_PROXY,
            ("DOORWARD_LIMIT_LOGIN_IP", "3/1m"),
            ("DOORWARD_LIMIT_REGISTER_IP", "2/1h"),
        ],
    )
    .await;
    app.register("alice@example.com", PASSWORD).await.expect(201);
    let last = app.register("bob@example.com", PASSWORD).await.expect(201);
    assert_eq!(
        (last.header("ratelimit"), last.header("ratelimit-policy")),
        ("\"default\";r=0;t=1800", "\"default\";q=2;w=3600")
    );
    let refused = app
        .register("carol@example.com", PASSWORD)
        .await
        .expect_problem(429, "throttled");
    assert_eq!(
        (refused.header("retry-after"), refused.header("cache-control")),
        ("1800", "no-store")
    );
    // The first right password of a minute gives its token back.
    for left in ["2;t=20", "2;t=20", "1;t=40", "0;t=20"] {
        let answer = login_from(&app, "2001:db8:1:2::1", "alice@example.com", PASSWORD)
            .await
            .expect(200);
        assert_eq!(answer.header("ratelimit"), format!("\"default\";r={left}"));
    }
    login_from(&app, "2001:db8:1:2:ffff::9", "bob@example.com", PASSWORD)
        .await
        .expect_problem(429, "throttled");
    login_from(&app, "2001:db8:1:3::1", "bob@example.com", PASSWORD)
        .await
        .expect(200);
    let strict = [
        ("grant_type", "password"),
        ("username", "bob@example.com"),
        ("password", PASSWORD),
    ];
    let refused = app
        .request("POST", "/oauth/token")
        .header("x-forwarded-for", "2001:db8:1:2::1")
        .form(&strict)
        .send()
        .await
        .expect(429);
    assert_eq!(refused.json()["error"], "slow_down");
    app.advance(Duration::from_secs(20));
    login_from(&app, "2001:db8:1:2::1", "alice@example.com", PASSWORD)
        .await
        .expect(200);
    assert_eq!(app.get("/health").await.expect(200).header("ratelimit"), "");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_session_asks_for_taken_addresses_no_more_often_than_a_stranger(#[case] engine: Engine) {
    let app = TestApp::start_with(engine, &[("DOORWARD_LIMIT_REGISTER_IP", "4/1h")]).await;
    let (alice, _bob) = (app.registered("alice").await, app.registered("bob").await);
    let change_to = |email: &'static str| {
        let change = serde_json::json!({"email": email, "current_password": PASSWORD});
        alice.send_json("PATCH", "/me", change)
    };
    let taken = change_to("bob@example.com")
        .await
        .expect_problem(400, "email_taken");
    assert_eq!(taken.header("ratelimit"), "\"default\";r=1;t=2700");
    change_to("alice2@example.com").await.expect(200);
    // The answer is the same for a taken address and for a free one.
    for email in ["bob@example.com", "nobody@example.com"] {
        change_to(email).await.expect_problem(429, "throttled");
    }
}

/// The attack that an owner should not notice: in an hour 10,000 guesses from 100 addresses, while
/// the owner logs in ten times from a new device, each time followed by a known one. Each such
/// login begins the count of a hundred anew, as NIST has it.
#[tokio::test]
async fn ten_thousand_guesses_from_a_hundred_addresses_leave_the_owner_alone() {
    let app = behind_a_proxy().await;
    app.registered("alice").await;
    let ticket = app
        .login("alice@example.com", PASSWORD)
        .await
        .header("doorward-device")
        .to_owned();
    let (mut evaluated, mut known, mut new) = (0, 0, 0);
    for round in 0..100 {
        let guesses = (0..100)
            .map(|address| format!("192.0.2.{address}"))
            .collect::<Vec<_>>();
        let answers = join_all(
            guesses
                .iter()
                .map(|ip| login_from(&app, ip, "alice@example.com", "wrong wrong")),
        )
        .await;
        evaluated += answers.iter().filter(|answer| answer.status == 401).count();
        app.advance(Duration::from_secs(36));
        if round % 10 == 5 {
            new += usize::from(
                login_from(&app, "198.51.100.7", "alice@example.com", PASSWORD)
                    .await
                    .status
                    == 200,
            );
            known += usize::from(
                login_with(&app, &ticket, "alice@example.com", PASSWORD)
                    .await
                    .status
                    == 200,
            );
        }
    }
    println!(
        "10,000 guesses from 100 addresses: {evaluated} evaluated; the owner came in {known} times of 10 from a known device, {new} of 10 from a new one"
    );
    assert!((100..=1100).contains(&evaluated), "{evaluated}");
    assert_eq!((known, new), (10, 10));
}
