//! The log's lines, as a machine reads them. That each line of every server in the tests has its
//! fields is heard in `support::secrets`.

use std::time::Duration;

use serde_json::Value;
use sqlx::{Connection as _, Executor as _};

use super::someone;
use crate::support::Engine;
use crate::support::app::fresh_database;
use crate::support::process::{Server, output};
use crate::support::secrets::lacking;

impl Server {
    /// The lines of its log, as soon as one says this.
    pub fn lines_until(&self, words: &str) -> Vec<String> {
        for _ in 0..200 {
            if self.said(words) > 0 {
                return self.log.lock().unwrap().clone();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("it never says {words}: {:?}", self.log.lock().unwrap());
    }
}

#[test]
fn a_line_without_its_fields_is_known() {
    let whole = r#"{"time":"2026-11-22T12:00:00.000000Z","level":"info","message":"request answered","target":"t","request_id":"r","route":"/me","method":"GET","status":200,"duration_us":3}"#;
    assert_eq!(lacking(whole), None);
    for (part, what) in [
        (r#""level":"info","#, "level"),
        (r#""target":"t","#, "target"),
        ("{", "the form of JSON"),
        (r#""route":"/me","#, "request_id with route"),
        (r#""status":200,"#, "what an answer has"),
        ("000Z", "time"),
    ] {
        assert_eq!(lacking(&whole.replacen(part, "", 1)), Some(what));
    }
}

#[tokio::test]
async fn the_request_id_of_an_answer_finds_its_lines_its_event_and_its_body() {
    let (url, folder) = fresh_database(Engine::Sqlite).await;
    let server = Server::start(
        folder.path(),
        &[("DATABASE_URL", url.as_str()), ("RUST_LOG", "doorward=debug")],
    );
    let client = reqwest::Client::new();
    let token = someone(&server, &client, "alice@example.com").await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let me = client
        .get(server.url("/me"))
        .bearer_auth(&token)
        .header("x-request-id", "of-the-caller")
        .header("traceparent", trace)
        .send()
        .await
        .unwrap();
    assert_eq!(me.headers()["x-request-id"], "of-the-caller");
    let wrong = client
        .post(server.url("/login"))
        .form(&[("username", "alice@example.com"), ("password", "wrong wrong")])
        .send()
        .await
        .unwrap();
    let id = wrong.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(wrong.json::<Value>().await.unwrap()["request_id"], id.as_str());
    client
        .get(server.url("/no/such/path?email=alice@example.com"))
        .send()
        .await
        .unwrap();
    let lines = server.lines_until("route\":\"other");
    let lines: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |id: &str| {
        lines
            .iter()
            .filter(|line| line["request_id"] == id)
            .collect::<Vec<_>>()
    };
    let mine = of("of-the-caller");
    assert_eq!(mine.len(), 1);
    assert_eq!(
        (&mine[0]["route"], &mine[0]["method"], &mine[0]["status"]),
        (&"/me".into(), &"GET".into(), &200.into())
    );
    assert_eq!(
        (&mine[0]["level"], &mine[0]["user"], &mine[0]["trace_id"]),
        (
            &"debug".into(),
            &1.into(),
            &"0af7651916cd43dd8448eb211c80319c".into()
        )
    );
    assert_eq!(mine[0]["session"].as_str().unwrap().len(), 36);
    let refused: Vec<_> = of(&id)
        .iter()
        .map(|line| (line["message"].clone(), line["level"].clone()))
        .collect();
    assert_eq!(
        refused,
        [
            ("login refused".into(), "info".into()),
            ("request answered".into(), "info".into())
        ]
    );
    assert!(
        lines.iter().all(|line| !line.to_string().contains("alice")),
        "no line tells an address"
    );
    let strange = lines.iter().find(|line| line["route"] == "other").unwrap();
    assert_eq!(
        (&strange["method"], &strange["status"]),
        (&"other".into(), &404.into())
    );
}

#[tokio::test]
async fn an_attempt_whose_outcome_is_not_stored_is_told() {
    let (url, folder) = fresh_database(Engine::Sqlite).await;
    let server = Server::start(folder.path(), &[("DATABASE_URL", url.as_str())]);
    let client = reqwest::Client::new();
    someone(&server, &client, "alice@example.com").await;
    let mut database = sqlx_sqlite::SqliteConnection::connect(&url).await.unwrap();
    database
        .execute(
            "CREATE TRIGGER no_refusals BEFORE INSERT ON events WHEN NEW.type = 'login_fail'
             BEGIN SELECT RAISE(ABORT, 'not stored'); END",
        )
        .await
        .unwrap();
    database.close().await.unwrap();
    let wrong = client
        .post(server.url("/login"))
        .form(&[("username", "alice@example.com"), ("password", "wrong wrong")])
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), 500);
    let lines = server.lines_until("\"status\":500");
    let told: Vec<Value> = lines
        .iter()
        .filter(|line| line.contains("a login attempt ended without an outcome"))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        told.len(),
        1,
        "the login that was stored is not among them: {lines:#?}"
    );
    assert_eq!(
        (&told[0]["level"], &told[0]["seconds"], &told[0]["request_id"]),
        (
            &"info".into(),
            &15.into(),
            &wrong.headers()["x-request-id"].to_str().unwrap().into()
        )
    );
}

/// The place that the log has noted, once it has.
fn noted(server: &Server) -> String {
    let lines = server.lines_until("newest audit event");
    let line = lines
        .iter()
        .find(|line| line.contains("newest audit event"))
        .unwrap();
    serde_json::from_str::<Value>(line).unwrap()["newest"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_place_of_the_audit_record_in_the_log_finds_an_older_state_that_was_put_back() {
    let (url, folder) = fresh_database(Engine::Sqlite).await;
    let settings = [("DATABASE_URL", url.as_str())];
    let older = Server::start(folder.path(), &settings);
    noted(&older);
    drop(older);
    let sql = async |statements: &'static str| {
        let mut database = sqlx_sqlite::SqliteConnection::connect(&url).await.unwrap();
        database.execute(statements).await.unwrap();
        database.close().await.unwrap();
    };
    sql("CREATE TABLE kept AS SELECT * FROM events; CREATE TABLE kept_chain AS SELECT * FROM audit_chain")
        .await;
    let server = Server::start(folder.path(), &settings);
    let place = noted(&server);
    let verify = || output(folder.path(), &settings, &["audit", "verify", "--since", &place]);
    assert_eq!(verify().status.code(), Some(0), "{}", verify().stderr);
    sql(
        "DELETE FROM events; DELETE FROM audit_chain; INSERT INTO events SELECT * FROM kept;
         INSERT INTO audit_chain SELECT * FROM kept_chain",
    )
    .await;
    assert_eq!(verify().status.code(), Some(1), "{}", verify().stdout);
    let lines = server.lines_until("a noted audit event is missing or changed");
    let line = lines.iter().find(|line| line.contains("a noted")).unwrap();
    assert!(
        line.contains("\"level\":\"error\"") && line.contains(&place),
        "{line}"
    );
}
