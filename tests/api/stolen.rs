//! A copied pair of tokens: the thief comes from another address than the owner, and knows when the
//! owner refreshes.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::people::Person;
use crate::support::{Answer, Engine, PASSWORD, TestApp};

const OWNER: &str = "192.0.2.7";
const THIEF: &str = "203.0.113.9";

const NEW: &str = "two owls keep two doors";

fn change() -> Value {
    json!({"current_password": PASSWORD, "new_password": NEW})
}

async fn start(engine: Engine) -> TestApp {
    TestApp::start_with(engine, &[("DOORWARD_TRUSTED_PROXIES", "127.0.0.1")]).await
}

async fn refresh_from(app: &TestApp, ip: &str, token: &str) -> Answer {
    app.request("POST", "/refresh")
        .header("x-forwarded-for", ip)
        .header("user-agent", "Browser/1.0")
        .form(&[("refresh_token", token)])
        .send()
        .await
}

fn text(answer: &Answer, name: &str) -> String {
    answer.json()[name].as_str().unwrap().to_owned()
}

/// Events of a type, the newest first: their particulars.
async fn told(app: &TestApp, kind: &str) -> Vec<Value> {
    told_to(&app.admin().await, kind).await
}

async fn told_to(boss: &Person<'_>, kind: &str) -> Vec<Value> {
    let events = boss.get(&format!("/audit?type={kind}")).await.expect(200).json();
    events["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["details"].clone())
        .collect()
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_thief_who_shadows_every_refresh_is_caught(#[case] engine: Engine) {
    let app = start(engine).await;
    let mut owners = app.registered("alice").await.refresh_token;
    let mut shadowed = 0;
    for _ in 0..6 {
        app.advance(Duration::from_mins(10));
        let next = refresh_from(&app, OWNER, &owners).await;
        if next.status == 400 {
            break;
        }
        app.me(&text(&next, "access_token")).await.expect(200);
        app.advance(Duration::from_secs(1));
        let copied = refresh_from(&app, THIEF, &owners).await;
        shadowed += usize::from(copied.status == 200);
        owners = text(&next, "refresh_token");
    }
    assert_eq!(shadowed, 0, "rotations that the thief shared");
    refresh_from(&app, OWNER, &owners).await.expect(400);
    assert_eq!(told(&app, "token_reuse").await.len(), 1);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_thief_who_comes_first_is_caught_by_the_owner(#[case] engine: Engine) {
    let app = start(engine).await;
    let alice = app.registered("alice").await;
    let stolen = refresh_from(&app, THIEF, &alice.refresh_token).await.expect(200);
    app.me(&text(&stolen, "access_token")).await.expect(200);
    refresh_from(&app, OWNER, &alice.refresh_token)
        .await
        .expect_problem(400, "invalid_grant");
    app.me(&text(&stolen, "access_token")).await.expect(401);
    refresh_from(&app, THIEF, &text(&stolen, "refresh_token"))
        .await
        .expect(400);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_lost_answer_is_given_once_more_from_anywhere(#[case] engine: Engine) {
    let app = start(engine).await;
    let alice = app.registered("alice").await;
    let lost = refresh_from(&app, OWNER, &alice.refresh_token).await.expect(200);
    app.advance(Duration::from_secs(29));
    let again = refresh_from(&app, THIEF, &alice.refresh_token).await.expect(200);
    assert_eq!(text(&again, "refresh_token"), text(&lost, "refresh_token"));
    assert_eq!(told(&app, "token_repeated").await, [json!({"ground": "unused"})]);
    refresh_from(&app, OWNER, &alice.refresh_token).await.expect(400);
    app.me(&text(&again, "access_token")).await.expect(401);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn tabs_repeat_for_five_seconds_although_the_pair_is_in_use(#[case] engine: Engine) {
    let app = start(engine).await;
    let alice = app.registered("alice").await;
    let first = refresh_from(&app, OWNER, &alice.refresh_token).await.expect(200);
    app.me(&text(&first, "access_token")).await.expect(200);
    app.advance(Duration::from_millis(4999));
    for _ in 0..3 {
        let tab = refresh_from(&app, OWNER, &alice.refresh_token).await.expect(200);
        assert_eq!(text(&tab, "refresh_token"), text(&first, "refresh_token"));
    }
    app.advance(Duration::from_millis(1));
    refresh_from(&app, OWNER, &alice.refresh_token).await.expect(400);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn repeats_by_the_same_client_are_one_event_a_minute_and_session(#[case] engine: Engine) {
    let app = start(engine).await;
    let boss = app.admin().await;
    app.registered("alice").await;
    let mut tokens = Vec::new();
    for _ in 0..2 {
        tokens.push(app.logged_in("alice@example.com").await.refresh_token);
    }
    let same_client = |count| vec![json!({"ground": "same_client"}); count];
    // A client that refreshes as often as it can, and repeats each refresh.
    for token in &mut tokens {
        for _ in 0..4 {
            let next = refresh_from(&app, OWNER, token).await.expect(200);
            for _ in 0..3 {
                let again = refresh_from(&app, OWNER, token).await.expect(200);
                assert_eq!(text(&again, "refresh_token"), text(&next, "refresh_token"));
            }
            *token = text(&next, "refresh_token");
        }
    }
    assert_eq!(told_to(&boss, "token_repeated").await, same_client(2));
    app.advance(Duration::from_mins(1));
    refresh_from(&app, OWNER, &tokens[0]).await.expect(200);
    refresh_from(&app, OWNER, &tokens[0]).await.expect(200);
    assert_eq!(told_to(&boss, "token_repeated").await, same_client(3));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn repeats_of_unused_pairs_have_to_wait_for_each_other(#[case] engine: Engine) {
    let app = start(engine).await;
    let boss = app.admin().await;
    let mut token = app.registered("alice").await.refresh_token;
    let (mut before, mut repeated) = (String::new(), 0);
    // A client that refreshes as often as it can, and repeats each refresh from elsewhere.
    for _ in 0..5 {
        let next = refresh_from(&app, OWNER, &token).await.expect(200);
        let again = refresh_from(&app, THIEF, &token).await;
        if again.status == 200 {
            repeated += 1;
        } else {
            let refused = again.expect_problem(429, "throttled");
            assert_eq!(refused.header("retry-after"), "5");
        }
        before = std::mem::replace(&mut token, text(&next, "refresh_token"));
    }
    let events = told_to(&boss, "token_repeated").await.len();
    assert_eq!((repeated, events), (1, 1));
    app.advance(Duration::from_secs(5));
    let again = refresh_from(&app, THIEF, &before).await.expect(200);
    assert_eq!(text(&again, "refresh_token"), token, "the pair was not lost");
    assert_eq!(told_to(&boss, "token_repeated").await.len(), 2);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn another_node_knows_of_a_use_within_a_second(#[case] engine: Engine) {
    let app = start(engine).await;
    let there = app
        .sibling(&[("DOORWARD_TRUSTED_PROXIES", "127.0.0.1")], None)
        .await;
    let alice = app.registered("alice").await;
    let next = refresh_from(&app, OWNER, &alice.refresh_token).await.expect(200);
    app.me(&text(&next, "access_token")).await.expect(200);
    // The worker writes twice a second; on a busy machine it may come late.
    tokio::time::sleep(Duration::from_secs(2)).await;
    refresh_from(&there, THIEF, &alice.refresh_token)
        .await
        .expect_problem(400, "invalid_grant");
    app.until(&text(&next, "access_token"), 401).await;
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_introspection_proves_a_use(#[case] engine: Engine) {
    let app = start(engine).await;
    let boss = app.admin().await;
    let alice = app.registered("alice").await;
    let next = refresh_from(&app, OWNER, &alice.refresh_token).await.expect(200);
    let token = text(&next, "access_token");
    app.request("POST", "/oauth/introspect")
        .bearer(&boss.token)
        .form(&[("token", &token)])
        .send()
        .await
        .expect(200);
    refresh_from(&app, THIEF, &alice.refresh_token).await.expect(400);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_copied_pair_is_out_after_a_change_of_password(#[case] engine: Engine) {
    let app = start(engine).await;
    let there = app
        .sibling(&[("DOORWARD_TRUSTED_PROXIES", "127.0.0.1")], None)
        .await;
    let alice = app.registered("alice").await;
    there.me(&alice.token).await.expect(200);
    let next = alice.send_json("PUT", "/me/password", change()).await.expect(200);
    assert_eq!(
        (next.header("cache-control"), next.header("pragma")),
        ("no-store", "no-cache")
    );
    app.me(&alice.token).await.expect_problem(401, "invalid_token");
    there.until(&alice.token, 401).await;
    for node in [&app, &there] {
        refresh_from(node, THIEF, &alice.refresh_token)
            .await
            .expect_problem(400, "invalid_grant");
    }
    // The thief cannot end the session with it either.
    for node in [&app, &there] {
        node.me(&text(&next, "access_token")).await.expect(200);
    }
    let last = refresh_from(&app, OWNER, &text(&next, "refresh_token"))
        .await
        .expect(200);
    app.me(&text(&last, "access_token")).await.expect(200);
    assert_eq!(told(&app, "token_reuse").await.len(), 0);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_token_from_before_a_change_of_password_revokes_nothing(#[case] engine: Engine) {
    let app = start(engine).await;
    let boss = app.admin().await;
    let alice = app.registered("alice").await;
    let next = alice.send_json("PUT", "/me/password", change()).await.expect(200);
    let revoke = async |token: &str| {
        let answer = app.request("POST", "/oauth/revoke").form(&[("token", token)]);
        answer.send().await.expect(200)
    };
    for stolen in [&alice.refresh_token, &alice.token] {
        revoke(stolen).await;
        app.me(&text(&next, "access_token")).await.expect(200);
    }
    assert_eq!(told_to(&boss, "token_revoked").await.len(), 0);
    let last = refresh_from(&app, OWNER, &text(&next, "refresh_token"))
        .await
        .expect(200);
    revoke(&text(&next, "refresh_token")).await;
    app.me(&text(&last, "access_token")).await.expect(401);
    assert_eq!(told_to(&boss, "token_revoked").await.len(), 1);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_request_in_flight_does_not_outlive_the_change_of_password(#[case] engine: Engine) {
    let app = start(engine).await;
    let alice = app.registered("alice").await;
    let body = json!({"email": "mallory@example.com", "current_password": NEW}).to_string();
    let mut held = std::net::TcpStream::connect(&app.address).unwrap();
    let head = format!(
        "PATCH /me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        alice.token,
        body.len()
    );
    held.write_all(head.as_bytes()).unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    alice.send_json("PUT", "/me/password", change()).await.expect(200);
    held.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    held.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}
