//! Device tickets end: with the password, with the logout of all sessions, with time. What they are
//! good for is in `throttle`.

use std::path::Path;
use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use super::throttle::login_with;
use crate::support::process::output;
use crate::support::{self, Engine, PASSWORD, TestApp};

const EMAIL: &str = "alice@example.com";
const DAY: Duration = Duration::from_hours(24);

/// The ticket of a login from a new device.
async fn ticket(app: &TestApp, password: &str) -> String {
    let login = app.login(EMAIL, password).await.expect(200);
    login.header("doorward-device").to_owned()
}

/// Whether a ticket is known at a login, which then brings no other one.
async fn is_known(app: &TestApp, ticket: &str, password: &str) -> bool {
    let login = login_with(app, ticket, EMAIL, password).await.expect(200);
    login.header("doorward-device").is_empty()
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_change_of_password_voids_every_ticket(#[case] engine: Engine) {
    const NEW: &str = "two owls keep two doors";
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    let before = ticket(&app, PASSWORD).await;
    assert!(is_known(&app, &before, PASSWORD).await);
    let change = json!({"current_password": PASSWORD, "new_password": NEW});
    alice.send_json("PUT", "/me/password", change).await.expect(200);
    assert!(!is_known(&app, &before, NEW).await);
    let after = ticket(&app, NEW).await;
    assert!(is_known(&app, &after, NEW).await);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_logout_of_all_sessions_voids_every_ticket(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let alice = app.registered("alice").await;
    let id = alice.get("/me").await.expect(200).json()["id"].clone();
    let first = ticket(&app, PASSWORD).await;
    let others = app.logged_in(EMAIL).await;
    others.send("POST", "/logout?scope=others").await.expect(204);
    others.send("POST", "/logout").await.expect(204);
    assert!(
        is_known(&app, &first, PASSWORD).await,
        "one session ended, or the others"
    );

    let all = app.logged_in(EMAIL).await;
    all.send("POST", "/logout?scope=all").await.expect(204);
    assert!(!is_known(&app, &first, PASSWORD).await);

    let second = ticket(&app, PASSWORD).await;
    boss.send("DELETE", &format!("/users/{id}/sessions"))
        .await
        .expect(204);
    assert!(!is_known(&app, &second, PASSWORD).await);
}

/// A ticket lives for 90 days, the row of an ended session for one.
#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_logout_of_everyone_voids_the_tickets_of_accounts_without_a_session_too(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.registered("alice").await;
    let first = ticket(&app, PASSWORD).await;
    app.sql("DELETE FROM sessions").await;
    let settings = [
        ("DATABASE_URL", app.database.as_str()),
        ("DOORWARD_SECRET", support::SECRET),
    ];
    output(Path::new("."), &settings, &["user", "logout", "--everyone"]).expect(0);
    assert!(!is_known(&app, &first, PASSWORD).await);
}

#[tokio::test]
async fn a_ticket_lasts_for_90_days_and_is_renewed_by_the_logins_of_its_device() {
    let app = TestApp::start(Engine::Sqlite).await;
    app.registered("alice").await;
    let first = ticket(&app, PASSWORD).await;
    app.advance(DAY * 29);
    assert!(is_known(&app, &first, PASSWORD).await);
    app.advance(DAY * 2);
    let renewed = login_with(&app, &first, EMAIL, PASSWORD).await.expect(200);
    let second = renewed.header("doorward-device").to_owned();
    assert!(second.starts_with("dwd_") && second != first);
    app.advance(DAY * 60);
    // Both from a place that is shut: the first has ended, the second not.
    for _ in 0..7 {
        app.login(EMAIL, "wrong wrong").await;
    }
    login_with(&app, &first, EMAIL, PASSWORD).await.expect(429);
    login_with(&app, &second, EMAIL, PASSWORD).await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn all_tickets_of_an_account_share_one_count_of_guesses(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.registered("alice").await;
    let (one, two) = (ticket(&app, PASSWORD).await, ticket(&app, PASSWORD).await);
    assert!(one != two || one.starts_with("dwd_"));
    for _ in 0..5 {
        login_with(&app, &one, EMAIL, "wrong wrong").await.expect(401);
    }
    login_with(&app, &two, EMAIL, "wrong wrong").await.expect(429);
}
