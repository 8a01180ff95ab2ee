//! A real Prometheus scrapes the program; `promtool` reads its form and the rules.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::someone;
use crate::raw::raw;
use crate::support::app::fresh_database;
use crate::support::child::{Companion, converse, finish};
use crate::support::process::{Server, free_port};
use crate::support::{Engine, PASSWORD, SECRET};

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ops/prometheus-rules.yml");
const DASHBOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ops/grafana-dashboard.json");

/// Debian's, installed or unpacked by `make tools-test`.
fn program(name: &str) -> PathBuf {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/prometheus/usr/bin")
        .join(name);
    let installed = Path::new("/usr/bin").join(name);
    [unpacked, installed]
        .into_iter()
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("{name} is missing; `make test` fetches it"))
}

/// A server with metrics on a port of their own.
fn measured(folder: &Path, url: &str) -> (Server, String) {
    let metrics = format!("127.0.0.1:{}", free_port());
    let server = Server::start(
        folder,
        &[
            ("DATABASE_URL", url),
            ("DOORWARD_METRICS_LISTEN", &metrics),
            ("DOORWARD_SECRET", SECRET),
        ],
    );
    (server, metrics)
}

async fn scrape(metrics: &str) -> String {
    let answer = reqwest::get(format!("http://{metrics}/metrics")).await.unwrap();
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.headers()["content-type"].to_str().unwrap()
        ),
        (200, "text/plain; version=0.0.4")
    );
    answer.text().await.unwrap()
}

/// The names and labels of every series.
fn series(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.rsplit_once(' ').unwrap().0.to_owned())
        .collect()
}

fn value(text: &str, series: &str) -> f64 {
    let line = text
        .lines()
        .find(|line| line.rsplit_once(' ').is_some_and(|(name, _)| name == series));
    line.unwrap_or_else(|| panic!("no {series} in\n{text}"))
        .rsplit_once(' ')
        .unwrap()
        .1
        .parse()
        .unwrap()
}

#[tokio::test]
async fn what_happens_is_counted_and_nothing_that_a_client_sends_becomes_a_series() {
    let (url, folder) = fresh_database(Engine::Sqlite).await;
    let (server, metrics) = measured(folder.path(), &url);
    let client = reqwest::Client::new();
    let token = someone(&server, &client, "alice@example.com").await;
    let before = series(&scrape(&metrics).await);
    let login = async |name: &str, password: &str| {
        client
            .post(server.url("/login"))
            .form(&[("username", name), ("password", password)])
            .send()
            .await
            .unwrap()
    };
    login("nobody@example.com", "wrong wrong").await;
    login("bob@example.com", &"x".repeat(2000)).await;
    for _ in 0..5 {
        login("alice@example.com", "wrong wrong").await;
    }
    // At once: the fifth failure closes the account to this address for one second.
    let throttled = tokio::join!(
        login("alice@example.com", "wrong wrong"),
        login("alice@example.com", "wrong wrong"),
        login("alice@example.com", PASSWORD),
    );
    for answer in [throttled.0, throttled.1, throttled.2] {
        assert_eq!(answer.status(), 429);
    }
    for path in [
        "/me",
        "/users/17",
        "/users/0x17/sessions",
        "/nowhere/%00",
        "/docs/../me",
        "/docs/index.html",
        "/oauth/introspect",
        "/roles/x",
    ] {
        for method in ["GET", "POST", "PUT", "BREW", "alice@example.com"] {
            raw(&server.address, format!("{method} {path} HTTP/1.1\r\nHost: {path}\r\nAuthorization: Bearer {token}\r\nUser-Agent: {method}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes());
        }
    }
    client
        .post(server.url("/refresh"))
        .form(&[("refresh_token", "dwr_nonsense")])
        .send()
        .await
        .unwrap();
    let text = scrape(&metrics).await;
    let after = series(&text);
    assert_eq!(
        after.symmetric_difference(&before).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "the series are those of the start"
    );
    assert!(after.len() < 2000, "{}", after.len());
    for (name, expected) in [
        (r#"doorward_logins_total{outcome="ok"}"#, 1.0_f64),
        (r#"doorward_logins_total{outcome="wrong_password"}"#, 5.0),
        (r#"doorward_logins_total{outcome="throttled"}"#, 3.0),
        (r#"doorward_logins_total{outcome="unknown_account"}"#, 1.0),
        (r#"doorward_logins_total{outcome="impossible_password"}"#, 1.0),
        (r#"doorward_throttled_total{limit="account"}"#, 3.0),
        (r#"doorward_registrations_total{outcome="ok"}"#, 1.0),
        (r#"doorward_refreshes_total{outcome="not_ours"}"#, 1.0),
        (
            r#"doorward_http_requests_total{method="POST",route="/register",status="2xx"}"#,
            1.0,
        ),
        ("doorward_sessions_live", 1.0),
        ("doorward_registry_sessions", 1.0),
        ("doorward_http_requests_in_flight", 0.0),
        (r#"doorward_ready{check="database"}"#, 1.0),
    ] {
        assert_eq!(
            value(&text, name).to_bits(),
            expected.to_bits(),
            "{name} is {}",
            value(&text, name)
        );
    }
    assert!(
        value(&text, "doorward_registry_hits_total") >= 1.0
            && value(&text, "doorward_hash_duration_seconds_count") >= 7.0
    );
    assert!(
        value(&text, "process_resident_memory_bytes") > 1e6
            && value(&text, "doorward_feed_lag_seconds") < 5.0
    );
    assert!(!text.contains("alice") && !text.contains("BREW"));
    // The public listener tells none of it.
    assert_eq!(
        client.get(server.url("/metrics")).send().await.unwrap().status(),
        404
    );
    assert_eq!(
        reqwest::get(format!("http://{metrics}/me"))
            .await
            .unwrap()
            .status(),
        404
    );
}

fn promtool(arguments: &[&str], input: &str) {
    use std::io::Write as _;
    let mut command = Command::new(program("promtool"));
    let mut child = converse(command.args(arguments));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    finish(&command, child).expect(0);
}

struct Prometheus {
    _program: Companion,
    address: String,
}

impl Prometheus {
    fn start(folder: &Path, scraped: &[&str]) -> Self {
        let targets = scraped
            .iter()
            .map(|address| format!("'{address}'"))
            .collect::<Vec<_>>()
            .join(", ");
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{RULES}']\nscrape_configs:\n  - job_name: doorward\n    static_configs: [{{targets: [{targets}]}}]\n"
        );
        std::fs::write(folder.join("prometheus.yml"), config).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(program("prometheus"));
        command
            .args([
                &format!("--config.file={}", folder.join("prometheus.yml").display()),
                &format!("--storage.tsdb.path={}", folder.join("tsdb").display()),
            ])
            .args([&format!("--web.listen-address={address}"), "--log.level=error"])
            .stdout(Stdio::null());
        Self {
            _program: Companion::start(&mut command),
            address,
        }
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Option<Value> {
        let url = reqwest::Url::parse_with_params(&format!("http://{}{path}", self.address), query).unwrap();
        reqwest::get(url).await.ok()?.json().await.ok()
    }

    /// The result of a query, as soon as there is any.
    async fn answers(&self, query: &str) -> Vec<Value> {
        for _ in 0..300 {
            let found = self.get("/api/v1/query", &[("query", query)]).await;
            if let Some(found) = found {
                assert_eq!(found["status"], "success", "{query}: {found}");
                let result = found["data"]["result"].as_array().unwrap().clone();
                if !result.is_empty() {
                    return result;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no answer to {query}");
    }
}

/// Every selector of a series in a query, with its labels.
fn selectors(query: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let bytes = query.as_bytes();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    for prefix in ["doorward_", "process_", "up{"] {
        for (start, _) in query.match_indices(prefix) {
            if start > 0 && is_name(bytes[start - 1]) {
                continue;
            }
            let mut end = start + query[start..].bytes().take_while(|byte| is_name(*byte)).count();
            if query[end..].starts_with('{') {
                end += query[end..].find('}').unwrap() + 1;
            }
            found.insert(query[start..end].to_owned());
        }
    }
    found
}

#[tokio::test]
async fn a_real_prometheus_scrapes_and_answers_what_dashboard_and_rules_ask() {
    let (url, folder) = fresh_database(Engine::Postgres).await;
    let (server, metrics) = measured(folder.path(), &url);
    let client = reqwest::Client::new();
    let token = someone(&server, &client, "alice@example.com").await;
    client
        .get(server.url("/me"))
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    promtool(&["check", "rules", RULES], "");
    promtool(&["check", "metrics"], &scrape(&metrics).await);
    let prometheus = Prometheus::start(folder.path(), &[&metrics]);
    prometheus.answers("up == 1").await;
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(DASHBOARD).unwrap()).unwrap();
    let panels = dashboard["panels"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap());
    let drawn: Vec<String> = panels
        .map(|target| {
            target["expr"]
                .as_str()
                .unwrap()
                .replace("$__rate_interval", "1m")
                .replace("$instance", ".*")
        })
        .collect();
    let rules = prometheus.get("/api/v1/rules", &[]).await.unwrap();
    let rules = rules["data"]["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
        .cloned()
        .collect::<Vec<_>>();
    let watched: Vec<String> = rules
        .iter()
        .map(|rule| rule["query"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        drawn.len() > 20 && watched.len() > 8,
        "{} and {}",
        drawn.len(),
        watched.len()
    );
    for query in drawn.iter().chain(&watched) {
        // The query is understood, and each series in it is there, whether or not its condition
        // holds now.
        assert_eq!(
            prometheus
                .get("/api/v1/query", &[("query", query)])
                .await
                .unwrap()["status"],
            "success",
            "{query}"
        );
        let used = selectors(query);
        assert!(!used.is_empty(), "{query}");
        for selector in used {
            prometheus.answers(&selector).await;
        }
    }
    let failing: Vec<&Value> = rules
        .iter()
        .filter(|rule| rule["health"] == "err" || rule["state"] == "firing")
        .collect();
    assert!(failing.is_empty(), "{failing:?}");
}
