//! A small OTLP receiver, and what it gets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use super::{posts, someone};
use crate::support::Engine;
use crate::support::PASSWORD;
use crate::support::app::fresh_database;
use crate::support::process::Server;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

struct Receiver {
    address: String,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Receiver {
    fn start() -> Self {
        let spans = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&spans);
        let address = posts::taken_by(move |body| {
            let request = ExportTraceServiceRequest::decode(body).unwrap();
            let service = |key: &str| {
                request.resource_spans[0]
                    .resource
                    .as_ref()
                    .unwrap()
                    .attributes
                    .iter()
                    .any(|fact| fact.key == key)
            };
            assert!(service("service.name") && service("service.version"));
            kept.lock().unwrap().extend(
                request
                    .resource_spans
                    .into_iter()
                    .flat_map(|of| of.scope_spans)
                    .flat_map(|of| of.spans),
            );
        });
        Self { address, spans }
    }

    /// The spans of a trace by name, once there is one of this name.
    async fn trace(&self, trace: &str, awaited: &str) -> HashMap<String, Span> {
        for _ in 0..200 {
            let spans = self.spans.lock().unwrap().clone();
            let of_trace: HashMap<_, _> = spans
                .into_iter()
                .filter(|span| hex(&span.trace_id) == trace)
                .map(|span| (span.name.clone(), span))
                .collect();
            if of_trace.contains_key(awaited) {
                return of_trace;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no span {awaited} in the trace {trace}");
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

async fn sends_spans(receiver: &Receiver, more: &[(&str, &str)]) -> (Server, tempfile::TempDir) {
    let (url, folder) = fresh_database(Engine::Sqlite).await;
    let endpoint = format!("http://{}", receiver.address);
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ];
    (Server::start(folder.path(), &[&settings, more].concat()), folder)
}

#[tokio::test]
async fn a_login_is_one_trace_of_the_callers_in_the_right_nesting() {
    let receiver = Receiver::start();
    let (server, _folder) = sends_spans(&receiver, &[]).await;
    let client = reqwest::Client::new();
    let token = someone(&server, &client, "alice@example.com").await;
    let parent = format!("00-{TRACE}-{CALLER}-01");
    let login = client
        .post(server.url("/login"))
        .header("traceparent", &parent)
        .form(&[("username", "alice@example.com"), ("password", PASSWORD)]);
    let answer = login.send().await.unwrap();
    let spans = receiver.trace(TRACE, "POST /login").await;
    let root = &spans["POST /login"];
    assert_eq!(hex(&root.parent_span_id), CALLER);
    let told = answer.headers()["traceparent"].to_str().unwrap();
    assert_eq!(
        told,
        format!("00-{TRACE}-{}-01", hex(&root.span_id)),
        "the answer names its span"
    );
    for (child, parent) in [
        ("store user_by_email", "POST /login"),
        ("store admit", "POST /login"),
        ("hash queue", "POST /login"),
        ("hash", "POST /login"),
        ("hash wait", "hash"),
        ("hash work", "hash"),
        ("store start_session", "POST /login"),
    ] {
        let (child, parent) = (&spans[child], &spans[parent]);
        assert_eq!(
            child.parent_span_id, parent.span_id,
            "{} in {}",
            child.name, parent.name
        );
        assert!(
            parent.start_time_unix_nano <= child.start_time_unix_nano
                && child.end_time_unix_nano <= parent.end_time_unix_nano,
            "{}",
            child.name
        );
    }
    assert!(spans["hash wait"].end_time_unix_nano <= spans["hash work"].start_time_unix_nano);
    assert_eq!(spans.len(), 8, "{:?}", spans.keys());
    // GET /me is answered from the registry.
    let me = "11111111111111111111111111111111";
    let asked = client
        .get(server.url("/me"))
        .bearer_auth(token)
        .header("traceparent", format!("00-{me}-{CALLER}-01"));
    assert_eq!(asked.send().await.unwrap().status(), 200);
    let spans = receiver.trace(me, "GET /me").await;
    assert_eq!(spans["registry look-up"].parent_span_id, spans["GET /me"].span_id);
    let text = format!("{:?}", receiver.spans.lock().unwrap());
    assert!(
        !text.contains("alice") && !text.contains("owl"),
        "no span tells whom it is about"
    );
}

#[tokio::test]
async fn the_standard_variables_sample_and_switch_off() {
    let receiver = Receiver::start();
    let (server, _folder) = sends_spans(&receiver, &[("OTEL_TRACES_SAMPLER", "always_off")]).await;
    let client = reqwest::Client::new();
    someone(&server, &client, "alice@example.com").await;
    let (off, _other) = sends_spans(&receiver, &[("OTEL_SDK_DISABLED", "true")]).await;
    let answer = client.get(off.url("/health")).send().await.unwrap();
    assert!(!answer.headers().contains_key("traceparent"));
    // An unsampled caller is followed, not recorded.
    let (parented, _third) = sends_spans(&receiver, &[]).await;
    client
        .get(parented.url("/health"))
        .header("traceparent", format!("00-{TRACE}-{CALLER}-00"))
        .send()
        .await
        .unwrap();
    client
        .get(parented.url("/health"))
        .header("traceparent", format!("00-{}-{CALLER}-01", "2".repeat(32)))
        .send()
        .await
        .unwrap();
    receiver.trace(&"2".repeat(32), "GET /health").await;
    assert_eq!(receiver.spans.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_collector_that_is_away_is_no_harm() {
    let gone = Receiver {
        address: format!("127.0.0.1:{}", crate::support::process::free_port()),
        spans: Arc::default(),
    };
    let (mut server, _folder) = sends_spans(&gone, &[]).await;
    let client = reqwest::Client::new();
    let token = someone(&server, &client, "alice@example.com").await;
    assert_eq!(
        client
            .get(server.url("/me"))
            .bearer_auth(token)
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    server.signal("TERM");
    server.expect_end(0);
}
