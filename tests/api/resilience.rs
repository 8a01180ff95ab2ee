//! What happens when something breaks: a panic, a stop, a database that goes away.

use rstest::rstest;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::web::{self, Data};
use actix_web::{HttpResponse, HttpServer};
use doorward::app::App;
use doorward::config::{Config, SettingSource};
use doorward::model::clock::Clock;
use doorward::server::{Shared, http_app};

use crate::raw::raw;
use crate::support::postgres::Postgres;
use crate::support::{Engine, PASSWORD, TestApp};

impl TestApp {
    /// Stops as SIGTERM would and waits for the end.
    pub fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(server) = self.server.take() {
            server.join().unwrap();
        }
    }

    /// Asks it to stop and does not wait.
    pub fn begin_to_stop(&mut self) {
        drop(self.stop.take());
    }
}

/// The real application, middleware and all, with one more route under `/docs/`, where the method
/// map lets it through.
async fn with_a_panicking_route() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (built, building) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let environment = [("DATABASE_URL".to_owned(), "sqlite::memory:".to_owned())];
            let config = Config::load(&SettingSource {
                flags: &|_| None,
                environment: &environment,
            })
            .unwrap();
            let app = Data::new(App::build(config, Clock::System).await.unwrap());
            let shared = Shared::new(&app, panicking).unwrap();
            let server = HttpServer::new(move || http_app(app.clone(), shared.clone()))
                .workers(1)
                .listen(listener)
                .unwrap()
                .run();
            built.send(()).unwrap();
            server.await.unwrap();
        });
    });
    building.await.unwrap();
    address
}

fn panicking(service: &mut web::ServiceConfig) {
    async fn handler() -> HttpResponse {
        panic!("a secret that the caller must not see")
    }
    service.route("/docs/panic", web::get().to(handler));
}

#[tokio::test]
async fn a_panic_answers_500_and_the_process_lives() {
    let address = with_a_panicking_route().await;
    for _ in 0..20 {
        let answer = raw(
            &address,
            b"GET /docs/panic HTTP/1.1\r\nHost: x\r\nX-Request-Id: here\r\nConnection: close\r\n\r\n",
        );
        assert!(
            answer.starts_with("HTTP/1.1 500 ")
                && answer.contains(r#""code":"internal","request_id":"here""#),
            "{answer}"
        );
        assert!(
            answer.contains("x-content-type-options: nosniff") && !answer.contains("secret"),
            "{answer}"
        );
    }
    assert!(
        raw(
            &address,
            b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .starts_with("HTTP/1.1 200 ")
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_stopping_server_answers_what_it_has_begun(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let mut app = app;
    app.register("alice@example.com", PASSWORD).await.expect(201);
    let dearer = app
        .sibling(
            &[("DOORWARD_HASH_THREADS", "1")],
            Some(doorward::crypto::password_hash::Cost::parse("m=65536,t=3,p=1").unwrap()),
        )
        .await;
    let mut dearer = dearer;
    let logins: Vec<_> = (0..4)
        .map(|_| {
            dearer
                .request("POST", "/login")
                .form(&[("username", "alice@example.com"), ("password", PASSWORD)])
        })
        .collect();
    let logins: Vec<_> = logins
        .into_iter()
        .map(|login| tokio::spawn(login.send()))
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    dearer.begin_to_stop();
    for login in logins {
        login.await.unwrap().expect(200);
    }
    tokio::task::spawn_blocking(move || dearer.stop()).await.unwrap();
    app.stop();
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn ready_names_its_checks(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let answer = app.until_ready().await;
    assert_eq!(
        answer.text,
        r#"{"status":"ok","checks":{"database":"ok","feed":"ok","keys":"ok","migrations":"ok","serving":"ok"}}"#
    );
    assert_eq!(app.get("/health").await.expect(200).text, r#"{"status":"ok"}"#);
}

#[tokio::test]
async fn while_postgres_is_away_the_answer_is_503_and_it_heals_by_itself() {
    let mut server = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    let app = TestApp::start_on_postgres(&server).await;
    let alice = app.registered("alice").await;
    alice.get("/me").await.expect(200);
    let unseen = app.login(&alice.email, PASSWORD).await.json()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    server.stop();
    for _ in 0..3 {
        for answer in [
            app.register("bob@example.com", PASSWORD).await,
            app.login(&alice.email, PASSWORD).await,
            app.request("GET", "/me").bearer(&unseen).send().await,
            app.get("/ready").await,
        ] {
            assert_eq!(
                (answer.status, answer.header("retry-after")),
                (503, "2"),
                "{}",
                answer.text
            );
        }
        app.get("/health").await.expect(200);
        app.request("GET", "/me")
            .bearer("nonsense")
            .send()
            .await
            .expect(401);
    }
    // RFC 7009 section 2.2.1: never a 200 for what is not revoked.
    let revoked = app
        .request("POST", "/oauth/revoke")
        .form(&[("token", &alice.refresh_token)])
        .send()
        .await;
    assert_eq!(
        (revoked.status, revoked.header("retry-after")),
        (503, "2"),
        "{}",
        revoked.text
    );
    server.start_again();
    app.until_ready().await;
    app.request("GET", "/me").bearer(&unseen).send().await.expect(200);
    app.register("bob@example.com", PASSWORD).await.expect(201);
}

#[tokio::test]
async fn a_sqlite_file_that_another_process_locks_answers_503_and_heals() {
    use sqlx::{Connection as _, Executor as _};
    let app = TestApp::start(Engine::Sqlite).await;
    let alice = app.registered("alice").await;
    let mut other = sqlx_sqlite::SqliteConnection::connect(&app.database)
        .await
        .unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    app.register("bob@example.com", PASSWORD)
        .await
        .expect_problem(503, "unavailable");
    alice.get("/me").await.expect(200);
    other.execute("ROLLBACK").await.unwrap();
    app.register("bob@example.com", PASSWORD).await.expect(201);
}

/// What one client does over and over, and what it was promised.
async fn busy_client(app: &TestApp, number: usize, stop: &std::sync::atomic::AtomicBool) -> Vec<String> {
    let mut promised = Vec::new();
    for round in 0.. {
        if stop.load(std::sync::atomic::Ordering::SeqCst) {
            break;
        }
        let email = format!("client{number}-{round}@example.com");
        let registered = app.register(&email, PASSWORD).await;
        assert!([201, 503].contains(&registered.status), "{}", registered.text);
        if registered.status == 503 {
            continue;
        }
        promised.push(email.clone());
        let login = app.login(&email, PASSWORD).await;
        assert!([200, 503].contains(&login.status), "{}", login.text);
        if login.status == 200 {
            let body = login.json();
            let access = body["access_token"].as_str().unwrap();
            let me = app.me(access).await;
            assert!([200, 503].contains(&me.status), "{}", me.text);
            let refresh = app.refresh(body["refresh_token"].as_str().unwrap()).await;
            assert!([200, 503].contains(&refresh.status), "{}", refresh.text);
            let logout = app.request("POST", "/logout").bearer(access).send().await;
            assert!([204, 503].contains(&logout.status), "{}", logout.text);
            if logout.status == 204 {
                let after = app.me(access).await;
                assert!([401, 503].contains(&after.status), "{}", after.text);
            }
        }
    }
    promised
}

#[tokio::test]
async fn postgres_stopped_and_started_under_load_loses_nothing_that_was_promised() {
    let mut server = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    let app = TestApp::start_on_postgres(&server).await;
    let stop = std::sync::atomic::AtomicBool::new(false);
    let trouble = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        server = tokio::task::spawn_blocking(move || {
            server.stop();
            server
        })
        .await
        .unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        server = tokio::task::spawn_blocking(move || {
            server.start_again();
            server
        })
        .await
        .unwrap();
        tokio::time::sleep(Duration::from_secs(4)).await;
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        server
    };
    let clients = futures_util::future::join_all((0..8).map(|number| busy_client(&app, number, &stop)));
    let (promised, _server) = tokio::join!(clients, trouble);
    let promised: Vec<String> = promised.into_iter().flatten().collect();
    assert!(promised.len() > 20, "{}", promised.len());
    app.until_ready().await;
    for email in promised {
        app.login(&email, PASSWORD).await.expect(200);
    }
}
