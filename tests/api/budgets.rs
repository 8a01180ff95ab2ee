//! Every try at a password costs the budget of the caller's address, wherever it is made.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use super::throttle::login_from;
use crate::support::people::Person;
use crate::support::{Answer, Engine, PASSWORD, TestApp};

const BEHIND_A_PROXY: (&str, &str) = ("DOORWARD_TRUSTED_PROXIES", "127.0.0.0/8");
const WRONG: &str = "wrong wrong";

async fn with_a_budget(engine: Engine, budget: &str) -> TestApp {
    TestApp::start_with(engine, &[BEHIND_A_PROXY, ("DOORWARD_LIMIT_LOGIN_IP", budget)]).await
}

/// Each change of the own account that asks for the password.
async fn changes_from(ip: &str, person: &Person<'_>, password: &str) -> [Answer; 3] {
    let send = async |token: &str, method, path, body| {
        let request = person.app.request(method, path).bearer(token);
        request.header("x-forwarded-for", ip).json(&body).send().await
    };
    let email = json!({"current_password": password, "email": person.email});
    let next = json!({"current_password": password, "new_password": "two owls keep two doors"});
    let email = send(&person.token, "PATCH", "/me", email).await;
    let next = send(&person.token, "PUT", "/me/password", next).await;
    let pair: Value = serde_json::from_str(&next.text).unwrap();
    let token = pair["access_token"].as_str().unwrap_or(&person.token);
    let deletion = send(token, "DELETE", "/me", json!({"current_password": password})).await;
    [email, next, deletion]
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_change_of_the_own_account_costs_the_login_budget_of_its_address(#[case] engine: Engine) {
    let app = with_a_budget(engine, "3/1m").await;
    let alice = app.registered("alice").await;
    let mut left = Vec::new();
    for answer in changes_from("192.0.2.7", &alice, WRONG).await {
        let answer = answer.expect_problem(403, "wrong_password");
        left.push(answer.header("ratelimit").to_owned());
        assert_eq!(answer.header("ratelimit-policy"), "\"default\";q=3;w=60");
    }
    assert_eq!(
        left,
        [
            "\"default\";r=2;t=20",
            "\"default\";r=1;t=40",
            "\"default\";r=0;t=20"
        ]
    );
    for answer in changes_from("192.0.2.7", &alice, PASSWORD).await {
        let answer = answer.expect_problem(429, "throttled");
        assert_eq!(
            (answer.header("retry-after"), answer.header("ratelimit")),
            ("20", "\"default\";r=0;t=20"),
            "also for the right password"
        );
    }
    login_from(&app, "192.0.2.7", "alice@example.com", PASSWORD)
        .await
        .expect_problem(429, "throttled");
    let me = alice.get("/me").await.expect(200);
    assert_eq!(me.header("ratelimit"), "", "it tries no password");
    let elsewhere = changes_from("198.51.100.7", &alice, PASSWORD).await;
    assert_eq!(elsewhere[0].status, 200, "{}", elsewhere[0].text);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_right_password_gives_its_token_back_once_a_minute_an_account(#[case] engine: Engine) {
    let app = with_a_budget(engine, "60/1h").await;
    app.registered("alice").await;
    let bob = app.registered("bob").await;
    let ip = "192.0.2.7";
    let left = |answer: &Answer| answer.header("ratelimit").split(';').nth(1).unwrap().to_owned();
    let login = async |name: &str| left(&login_from(&app, ip, name, PASSWORD).await.expect(200));
    app.advance(Duration::from_mins(1));
    assert_eq!(login("alice@example.com").await, "r=59");
    assert_eq!(
        login("alice@example.com").await,
        "r=59",
        "the first one gave it back"
    );
    assert_eq!(login("alice@example.com").await, "r=58", "the second one did not");
    let changed = &changes_from(ip, &bob, PASSWORD).await;
    assert_eq!(left(&changed[0]), "r=57");
    assert_eq!(
        left(&changed[1]),
        "r=57",
        "the change of his address gave his back"
    );
    assert_eq!(left(&changed[2]), "r=56", "and only that");
    app.advance(Duration::from_mins(1));
    assert_eq!(login("alice@example.com").await, "r=56", "a minute brings one");
    assert_eq!(login("alice@example.com").await, "r=56", "and a refund");
}

#[tokio::test]
async fn moving_within_a_network_multiplies_no_budget() {
    let app = with_a_budget(Engine::Sqlite, "2/1m").await;
    let attempt = async |ip: String| login_from(&app, &ip, "nobody@example.com", WRONG).await;
    let mut evaluated = [0, 0];
    for number in 0..40_u8 {
        let hosts = [format!("192.0.2.{number}"), format!("2001:db8:1:{number:x}00::1")];
        for (evaluated, host) in evaluated.iter_mut().zip(hosts) {
            *evaluated += usize::from(attempt(host).await.status == 401);
        }
    }
    assert_eq!(
        evaluated,
        [8, 32],
        "four times the budget in a /24, sixteen times in a /48"
    );
    let refused = attempt("2001:db8:1:ffff::1".to_owned())
        .await
        .expect_problem(429, "throttled");
    assert_eq!(
        (refused.header("ratelimit-policy"), refused.header("ratelimit")),
        ("\"default\";q=32;w=60", "\"default\";r=0;t=2"),
        "the tightest budget is told"
    );
    for elsewhere in ["192.0.3.1", "2001:db8:2::1"] {
        attempt(elsewhere.to_owned()).await.expect(401);
    }
}
