//! An acknowledged write survives the process: kill -9 right after the answer, start again, log in.

use std::path::Path;

use super::{serve, settings};
use crate::support::app::fresh_database;
use crate::support::{Engine, PASSWORD};

const ROUNDS: usize = 10;

async fn killed_after_each_answer(engine: Engine) {
    let (url, folder) = fresh_database(engine).await;
    let settings = settings(&url);
    let client = reqwest::Client::new();
    let start = |folder: &Path| serve(folder, &settings);
    let mut server = start(folder.path());
    for round in 0..ROUNDS {
        let email = format!("user{round}@example.com");
        let registered = client
            .post(server.url("/register"))
            .json(&serde_json::json!({"email": email, "password": PASSWORD}))
            .send()
            .await
            .unwrap();
        server.kill();
        assert_eq!(registered.status(), 201);
        server = start(folder.path());
        let login = client
            .post(server.url("/login"))
            .form(&[("username", email.as_str()), ("password", PASSWORD)])
            .send()
            .await
            .unwrap();
        assert_eq!(login.status(), 200, "{email}");
        let token = login.json::<serde_json::Value>().await.unwrap()["access_token"]
            .as_str()
            .unwrap()
            .to_owned();
        server.kill();
        server = start(folder.path());
        assert_eq!(
            client
                .get(server.url("/me"))
                .bearer_auth(&token)
                .send()
                .await
                .unwrap()
                .status(),
            200,
            "{email}'s session"
        );
    }
}

#[tokio::test]
async fn what_sqlite_acknowledged_survives_kill_9() {
    killed_after_each_answer(Engine::Sqlite).await;
}

#[tokio::test]
async fn what_postgres_acknowledged_survives_kill_9() {
    killed_after_each_answer(Engine::Postgres).await;
}

/// A refresh is sent and the server killed a little later, before, while or after it rotates; the
/// client has no answer and tries again.
async fn killed_around_a_refresh(engine: Engine) {
    let (url, folder) = fresh_database(engine).await;
    let settings = settings(&url);
    let client = reqwest::Client::new();
    let mut server = serve(folder.path(), &settings);
    client
        .post(server.url("/register"))
        .json(&serde_json::json!({"email": "alice@example.com", "password": PASSWORD}))
        .send()
        .await
        .unwrap();
    let login = client
        .post(server.url("/login"))
        .form(&[("username", "alice@example.com"), ("password", PASSWORD)])
        .send()
        .await
        .unwrap();
    let mut token = login.json::<serde_json::Value>().await.unwrap()["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned();
    for round in 0..2 * ROUNDS {
        let lost = tokio::spawn(
            client
                .post(server.url("/refresh"))
                .form(&[("refresh_token", token.as_str())])
                .send(),
        );
        tokio::time::sleep(std::time::Duration::from_micros(300 * round as u64)).await;
        server.kill();
        drop(lost.await.unwrap());
        server = serve(folder.path(), &settings);
        let again = client
            .post(server.url("/refresh"))
            .form(&[("refresh_token", token.as_str())])
            .send()
            .await
            .unwrap();
        assert_eq!(again.status(), 200, "round {round}");
        let body: serde_json::Value = again.json().await.unwrap();
        body["refresh_token"].as_str().unwrap().clone_into(&mut token);
    }
}

#[tokio::test]
async fn a_refresh_cut_short_by_kill_9_on_sqlite_works_the_second_time() {
    killed_around_a_refresh(Engine::Sqlite).await;
}

#[tokio::test]
async fn a_refresh_cut_short_by_kill_9_on_postgres_works_the_second_time() {
    killed_around_a_refresh(Engine::Postgres).await;
}
