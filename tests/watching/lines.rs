//! The log's lines, as a machine reads them.

use serde_json::Value;

use super::someone;
use crate::support::Engine;
use crate::support::app::fresh_database;
use crate::support::process::Server;

/// Asserts that each line is one JSON object with what every line has; gives them.
pub fn parsed(lines: &[String]) -> Vec<Value> {
    let read = |line: &String| serde_json::from_str::<Value>(line).unwrap_or_else(|cause| panic!("{cause}: {line}"));
    let lines: Vec<Value> = lines.iter().map(read).collect();
    for line in &lines {
        assert!(line["time"].as_str().is_some_and(|time| time.len() == 27 && time.ends_with('Z')), "{line}");
        assert!(["error", "warn", "info", "debug", "trace"].contains(&line["level"].as_str().unwrap_or_default()), "{line}");
        assert!(line["message"].is_string() && line["target"].is_string(), "{line}");
        if line["message"] == "request answered" {
            assert!(line["request_id"].is_string() && line["route"].is_string() && line["method"].is_string(), "{line}");
            assert!(line["status"].is_u64() && line["duration_us"].is_u64(), "{line}");
        }
    }
    lines
}

#[tokio::test]
async fn the_request_id_of_an_answer_finds_its_lines_its_event_and_its_body() {
    let (url, folder) = fresh_database(Engine::Sqlite).await;
    let server = Server::start(folder.path(), &[("DATABASE_URL", url.as_str()), ("RUST_LOG", "doorward=debug")]);
    let client = reqwest::Client::new();
    let token = someone(&server, &client, "alice@example.com").await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let me =
        client.get(server.url("/me")).bearer_auth(&token).header("x-request-id", "of-the-caller").header("traceparent", trace).send().await.unwrap();
    assert_eq!(me.headers()["x-request-id"], "of-the-caller");
    let wrong = client.post(server.url("/login")).form(&[("username", "alice@example.com"), ("password", "wrong wrong")]).send().await.unwrap();
    let id = wrong.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(wrong.json::<Value>().await.unwrap()["request_id"], id.as_str());
    client.get(server.url("/no/such/path?email=alice@example.com")).send().await.unwrap();
    let lines = parsed(&server.lines_until("route\":\"other"));
    let of = |id: &str| lines.iter().filter(|line| line["request_id"] == id).collect::<Vec<_>>();
    let mine = of("of-the-caller");
    assert_eq!(mine.len(), 1);
    assert_eq!((&mine[0]["route"], &mine[0]["method"], &mine[0]["status"]), (&"/me".into(), &"GET".into(), &200.into()));
    assert_eq!((&mine[0]["level"], &mine[0]["user"], &mine[0]["trace_id"]), (&"debug".into(), &1.into(), &"0af7651916cd43dd8448eb211c80319c".into()));
    assert_eq!(mine[0]["session"].as_str().unwrap().len(), 36);
    let refused: Vec<_> = of(&id).iter().map(|line| (line["message"].clone(), line["level"].clone())).collect();
    assert_eq!(refused, [("login refused".into(), "info".into()), ("request answered".into(), "info".into())]);
    assert!(lines.iter().all(|line| !line.to_string().contains("alice")), "no line tells an address");
    let strange = lines.iter().find(|line| line["route"] == "other").unwrap();
    assert_eq!((&strange["method"], &strange["status"]), (&"other".into(), &404.into()));
}
