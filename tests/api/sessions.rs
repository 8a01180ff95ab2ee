//! Logout, and the list of one's sessions: what is ended is dead on the very next request.

use rstest::rstest;
use serde_json::Value;

use crate::support::{Engine, PASSWORD, TestApp};

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn after_a_logout_neither_token_works(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    app.me(&alice.token).await.expect(200);
    let answer = alice.send("POST", "/logout").await.expect(204);
    assert_eq!(answer.text, "");
    app.me(&alice.token).await.expect_problem(401, "invalid_token");
    app.refresh(&alice.refresh_token)
        .await
        .expect_problem(400, "invalid_grant");
    alice.send("POST", "/logout").await.expect(401);
    app.login(&alice.email, PASSWORD).await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_logout_ends_this_the_others_or_all(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let first = app.registered("alice").await;
    let (second, third) = (
        app.logged_in(&first.email).await,
        app.logged_in(&first.email).await,
    );
    let bob = app.registered("bob").await;
    for person in [&first, &second, &third, &bob] {
        person.get("/me").await.expect(200);
    }
    second.send("POST", "/logout?scope=this").await.expect(204);
    first.get("/me").await.expect(200);
    second.get("/me").await.expect(401);
    first.send("POST", "/logout?scope=others").await.expect(204);
    first.get("/me").await.expect(200);
    third.get("/me").await.expect(401);
    app.refresh(&third.refresh_token).await.expect(400);
    let fourth = app.logged_in(&first.email).await;
    fourth.send("POST", "/logout?scope=all").await.expect(204);
    first.get("/me").await.expect(401);
    fourth.get("/me").await.expect(401);
    bob.get("/me").await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn another_scope_is_refused_and_ends_nothing(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    for query in ["scope=none", "scope=", "scope=all&scope=this", "x=1"] {
        let answer = alice.send("POST", &format!("/logout?{query}")).await.expect(422);
        assert_eq!(
            answer.json()["detail"][0]["loc"],
            serde_json::json!(["query", "scope"])
        );
    }
    alice.get("/me").await.expect(200);
    app.request("POST", "/logout")
        .send()
        .await
        .expect_problem(401, "not_authenticated");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn someone_sees_and_ends_their_own_sessions_only(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    let bob = app.registered("bob").await;
    let phone = app
        .request("POST", "/login")
        .header("user-agent", "Phone/1.0")
        .form(&[("username", "alice@example.com"), ("password", PASSWORD)])
        .send()
        .await
        .expect(200);
    let list = alice.get("/me/sessions").await.expect(200).json();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 2);
    let other = list
        .iter()
        .find(|session| session["current"] == Value::Bool(false))
        .unwrap();
    assert_eq!(
        (&other["user_agent"], &other["ip"]),
        (&"Phone/1.0".into(), &"127.0.0.1".into())
    );
    assert_eq!(other["created_at"], "2027-01-15T08:00:00.000000Z");
    let bobs = bob.get("/me/sessions").await.expect(200).json()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for nothing in [
        bobs.as_str(),
        "x",
        "9fa25cc3-e57e-4ce0-b722-bffc581f15fe",
        "1",
        "%00",
    ] {
        alice
            .send("DELETE", &format!("/me/sessions/{nothing}"))
            .await
            .expect_problem(404, "not_found");
    }
    bob.get("/me").await.expect(200);
    let id = other["id"].as_str().unwrap();
    app.me(phone.json()["access_token"].as_str().unwrap())
        .await
        .expect(200);
    alice
        .send("DELETE", &format!("/me/sessions/{id}"))
        .await
        .expect(204);
    app.me(phone.json()["access_token"].as_str().unwrap())
        .await
        .expect(401);
    alice
        .send("DELETE", &format!("/me/sessions/{id}"))
        .await
        .expect(404);
    assert_eq!(
        alice.get("/me/sessions").await.json().as_array().unwrap().len(),
        1
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_session_shows_where_it_was_last_refreshed(#[case] engine: Engine) {
    let app = TestApp::start_with(engine, &[("DOORWARD_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let alice = app.registered("alice").await;
    let shown = async || {
        let list = alice.get("/me/sessions").await.expect(200).json();
        let of = |name: &str| list[0][name].as_str().unwrap().to_owned();
        [of("ip"), of("last_ip"), of("user_agent"), of("last_user_agent")]
    };
    assert_eq!(shown().await, ["127.0.0.1", "127.0.0.1", "", ""]);
    app.request("POST", "/refresh")
        .header("x-forwarded-for", "203.0.113.7")
        .header("user-agent", &"p".repeat(300))
        .form(&[("refresh_token", &alice.refresh_token)])
        .send()
        .await
        .expect(200);
    assert_eq!(shown().await, ["127.0.0.1", "203.0.113.7", "", &"p".repeat(256)]);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn no_request_sent_after_the_logout_is_let_in(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.register("alice@example.com", PASSWORD).await.expect(201);
    for _ in 0..250 {
        let alice = app.logged_in("alice@example.com").await;
        let ended = std::sync::atomic::AtomicBool::new(false);
        let hammer = async || {
            loop {
                let sent_after = ended.load(std::sync::atomic::Ordering::SeqCst);
                let status = app.me(&alice.token).await.status;
                assert!(status == 200 || status == 401);
                assert!(
                    !(sent_after && status == 200),
                    "let in after the logout was acknowledged"
                );
                if sent_after {
                    return;
                }
            }
        };
        let logout = async {
            app.me(&alice.token).await.expect(200);
            alice.send("POST", "/logout").await.expect(204);
            ended.store(true, std::sync::atomic::Ordering::SeqCst);
        };
        tokio::join!(hammer(), hammer(), hammer(), hammer(), logout);
    }
}

#[tokio::test]
async fn a_login_beyond_the_cap_ends_the_session_used_longest_ago() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = TestApp::start_with(engine, &[("DOORWARD_SESSIONS_PER_USER", "2")]).await;
        let first = app.registered("alice").await;
        app.advance(std::time::Duration::from_secs(1));
        let second = app.logged_in(&first.email).await;
        app.advance(std::time::Duration::from_secs(1));
        app.refresh(&first.refresh_token).await.expect(200);
        first.get("/me").await.expect(200);
        second.get("/me").await.expect(200);
        let third = app.logged_in(&first.email).await;
        first.get("/me").await.expect(200);
        second.get("/me").await.expect(401);
        third.get("/me").await.expect(200);
    }
}
