//! HTTP itself: methods, headers, limits, and what must never get through.

use rstest::rstest;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::raw::raw;
use crate::support::document::document;
use crate::support::{Engine, PASSWORD, TestApp};

/// Every documented path with its methods, and what is served beside the document.
fn map() -> Vec<(String, Vec<String>)> {
    let documented = document()["paths"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(path, item)| {
            let methods = item
                .as_object()
                .unwrap()
                .keys()
                .map(|method| method.to_ascii_uppercase());
            (path.clone(), methods.collect::<Vec<_>>())
        });
    let beside = ["/openapi.json", "/docs", "/docs/", "/docs/swagger-ui.css"]
        .map(|path| (path.to_owned(), vec!["GET".to_owned()]));
    documented.chain(beside).collect()
}

#[tokio::test]
async fn every_path_answers_to_its_methods_and_names_them_to_others() {
    let app = TestApp::start(Engine::Sqlite).await;
    for (path, methods) in map() {
        let mut allowed = methods.clone();
        if methods.contains(&"GET".to_owned()) {
            allowed.push("HEAD".to_owned());
        }
        allowed.push("OPTIONS".to_owned());
        allowed.sort();
        let named = |answer: &crate::support::Answer| {
            let mut named: Vec<String> = answer.header("allow").split(", ").map(str::to_owned).collect();
            named.sort();
            named
        };
        for method in [
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND",
        ] {
            let answer = app.request(method, &path).send().await;
            if allowed.contains(&method.to_owned()) {
                assert!(
                    answer.status != 405 && answer.status != 404,
                    "{method} {path}: {}",
                    answer.status
                );
            } else {
                let answer = answer.expect(405);
                assert_eq!(named(&answer), allowed, "{method} {path}");
            }
        }
        let options = app.request("OPTIONS", &path).send().await.expect(204);
        assert_eq!((named(&options), options.text.as_str()), (allowed, ""), "{path}");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let app = TestApp::start(Engine::Sqlite).await;
    for path in [
        "/health",
        "/ready",
        "/me",
        "/openapi.json",
        "/docs",
        "/docs/",
        "/docs/swagger-ui.css",
    ] {
        let (get, head) = (app.get(path).await, app.request("HEAD", path).send().await);
        assert_eq!(
            (get.status, get.header("content-type")),
            (head.status, head.header("content-type")),
            "{path}"
        );
        assert_eq!(get.length.to_string(), head.header("content-length"), "{path}");
        assert_eq!(head.text, "", "{path}");
    }
}

#[tokio::test]
async fn unknown_and_disguised_paths_are_not_found() {
    let app = TestApp::start(Engine::Sqlite).await;
    let alice = app.registered("alice").await;
    for path in [
        "/",
        "/nope",
        "/me/",
        "/ME",
        "/me/nope",
        "/%6de",
        "/me%2f",
        "//me",
        "/./me/../nope",
        "/me;x=1",
        "/login/",
        "/register.json",
        "/docsx",
        "/.well-known/nope",
        "/openapi.yaml",
    ] {
        let raw_answer = raw(
            &app.address,
            format!(
                "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
                alice.token
            )
            .as_bytes(),
        );
        assert!(raw_answer.starts_with("HTTP/1.1 404 "), "{path}: {raw_answer}");
        assert!(
            raw_answer.contains(r#""code":"not_found""#) && !raw_answer.contains("alice@"),
            "{path}: {raw_answer}"
        );
    }
    app.get("/docs/nope.js").await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_request_id_is_kept_if_well_formed_and_made_if_not() {
    let app = TestApp::start(Engine::Sqlite).await;
    let answer = app
        .request("GET", "/me")
        .header("x-request-id", "trace-7_a.B")
        .send()
        .await;
    assert_eq!(
        (answer.header("x-request-id"), &answer.json()["request_id"]),
        ("trace-7_a.B", &"trace-7_a.B".into())
    );
    let mut made = std::collections::HashSet::new();
    for bad in ["", "a b", "a\"b", "<script>", &"x".repeat(65), "é"] {
        let answer = app
            .request("GET", "/health")
            .header("x-request-id", bad)
            .send()
            .await;
        assert!(
            made.insert(answer.header("x-request-id").to_owned()) && answer.header("x-request-id") != bad,
            "{bad:?}"
        );
    }
}

#[tokio::test]
async fn an_error_is_problem_json_for_whoever_asks_for_it_by_name() {
    let app = TestApp::start(Engine::Sqlite).await;
    for (accept, media_type) in [
        ("application/problem+json, */*", "application/problem+json"),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
    ] {
        for path in ["/me", "/nope"] {
            assert_eq!(
                app.request("GET", path)
                    .header("accept", accept)
                    .send()
                    .await
                    .header("content-type"),
                media_type
            );
        }
    }
}

#[tokio::test]
async fn only_listed_origins_may_call_from_a_browser() {
    let app = TestApp::start_with(
        Engine::Sqlite,
        &[(
            "DOORWARD_CORS_ORIGINS",
            "https://app.example.com, http://localhost:3000",
        )],
    )
    .await;
    let preflight = |origin: &'static str| {
        app.request("OPTIONS", "/me")
            .header("origin", origin)
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization")
            .send()
    };
    let listed = preflight("https://app.example.com").await;
    assert_eq!(
        listed.header("access-control-allow-origin"),
        "https://app.example.com"
    );
    assert!(
        listed.header("access-control-allow-methods").contains("GET")
            && listed
                .header("access-control-allow-headers")
                .contains("authorization")
    );
    assert!(!listed.headers.contains_key("access-control-allow-credentials"));
    for origin in [
        "https://evil.example",
        "https://app.example.com.evil.example",
        "null",
        "http://app.example.com",
    ] {
        let answer = preflight(origin).await.expect(204);
        assert!(
            !answer.headers.contains_key("access-control-allow-origin"),
            "{origin}"
        );
    }
    let called = app
        .request("GET", "/health")
        .header("origin", "http://localhost:3000")
        .send()
        .await
        .expect(200);
    assert_eq!(
        (
            called.header("access-control-allow-origin"),
            called
                .header("access-control-expose-headers")
                .contains("x-request-id")
        ),
        ("http://localhost:3000", true)
    );
    assert!(
        !app.request("GET", "/health")
            .header("origin", "https://evil.example")
            .send()
            .await
            .expect(200)
            .headers
            .contains_key("access-control-allow-origin")
    );
    let closed = TestApp::start(Engine::Sqlite).await;
    let answer = closed
        .request("OPTIONS", "/me")
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", "GET")
        .send()
        .await
        .expect(204);
    assert!(
        answer
            .headers
            .keys()
            .all(|name| !name.as_str().starts_with("access-control"))
    );
}

#[tokio::test]
async fn browsers_are_told_to_stay_on_https_only_where_it_is() {
    let plain = TestApp::start(Engine::Sqlite).await;
    assert!(
        !plain
            .get("/health")
            .await
            .headers
            .contains_key("strict-transport-security")
    );
    let tls = TestApp::start_with(Engine::Sqlite, &[("DOORWARD_ISSUER", "https://id.example.com")]).await;
    assert!(
        tls.get("/health")
            .await
            .header("strict-transport-security")
            .contains("max-age=")
    );
}

#[tokio::test]
async fn the_docs_can_be_switched_off_and_load_nothing_from_elsewhere() {
    let app = TestApp::start(Engine::Sqlite).await;
    assert_eq!(app.get("/docs").await.expect(307).header("location"), "/docs/");
    let page = app.get("/docs/").await.expect(200);
    assert!(
        !page.text.contains("http://") && !page.text.contains("https://"),
        "{}",
        page.text
    );
    assert!(
        page.header("content-security-policy")
            .contains("script-src 'self';")
            && !page.header("content-security-policy").contains("unsafe")
    );
    let without = TestApp::start_with(Engine::Sqlite, &[("DOORWARD_DOCS", "off")]).await;
    without.get("/docs").await.expect(404);
    without.get("/docs/").await.expect(404);
    without.get("/openapi.json").await.expect(200);
}

#[tokio::test]
async fn a_browser_at_the_root_gets_to_the_docs_where_they_are_on() {
    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let app = TestApp::start(Engine::Sqlite).await;
    let root = |accept: &'static str| app.request("GET", "/").header("accept", accept).send();
    let redirect = root(BROWSER).await.expect(307);
    assert_eq!(redirect.header("location"), "/docs/");
    assert_eq!(redirect.header("cache-control"), "no-store");
    for program in ["*/*", "application/json", "text/html;q=0, application/json"] {
        root(program).await.expect_problem(404, "not_found");
    }
    app.get("/").await.expect_problem(404, "not_found");
    app.request("POST", "/")
        .header("accept", BROWSER)
        .send()
        .await
        .expect_problem(404, "not_found");

    let without = TestApp::start_with(Engine::Sqlite, &[("DOORWARD_DOCS", "off")]).await;
    without
        .request("GET", "/")
        .header("accept", BROWSER)
        .send()
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn swagger_ui_is_packed_only_for_clients_that_accept_it() {
    let app = TestApp::start(Engine::Sqlite).await;
    for page in ["/docs/", "/docs/swagger-ui.css"] {
        let sent = |accepted: &'static str| {
            app.request("GET", page)
                .header("accept-encoding", accepted)
                .send()
        };
        let plain = app.get(page).await.expect(200);
        assert!(
            !plain.headers.contains_key("content-encoding"),
            "{:?}",
            plain.headers
        );
        assert!(
            plain.text.starts_with("<!--") || plain.text.starts_with(".swagger-ui"),
            "{page}: {}",
            &plain.text[..40]
        );
        for accepted in ["identity", "br", "gzip;q=0"] {
            assert_eq!(sent(accepted).await.expect(200).text, plain.text, "{accepted}");
        }
        for accepted in ["gzip", "gzip, deflate, br, zstd"] {
            let packed = sent(accepted).await.expect(200);
            assert_eq!(packed.header("content-encoding"), "gzip", "{accepted}");
            assert_eq!(packed.header("vary"), "accept-encoding");
            assert!(packed.length < plain.length);
        }
    }
}

#[tokio::test]
async fn the_served_document_is_the_kept_one() {
    let kept = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/openapi.json")).unwrap();
    assert!(
        kept == doorward::http::openapi::text(),
        "openapi/openapi.json is out of date; mend it with: make openapi"
    );
    assert_eq!(
        TestApp::start(Engine::Sqlite)
            .await
            .get("/openapi.json")
            .await
            .expect(200)
            .text,
        kept
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn too_much_is_refused_before_it_is_read(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let json = app
        .request("POST", "/register")
        .body("application/json", vec![b' '; 16 * 1024 + 1])
        .send()
        .await;
    json.expect_problem(413, "too_large");
    let form = app
        .request("POST", "/login")
        .body("application/x-www-form-urlencoded", vec![b'a'; 8 * 1024 + 1])
        .send()
        .await;
    form.expect_problem(413, "too_large");
    let announced = raw(&app.address, b"POST /register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n");
    assert!(announced.starts_with("HTTP/1.1 413 "), "{announced}");
    let chunked = format!(
        "POST /register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        format!("1000\r\n{}\r\n", " ".repeat(4096)).repeat(5)
    );
    assert!(raw(&app.address, chunked.as_bytes()).starts_with("HTTP/1.1 413 "));
    app.register("alice@example.com", PASSWORD).await.expect(201);
}

#[tokio::test]
async fn a_client_that_asks_first_is_not_told_to_send_a_body_over_the_limit() {
    let app = TestApp::start(Engine::Sqlite).await;
    let ask = |request: &str, length: usize| {
        let head = "Host: x\r\nExpect: 100-continue\r\nContent-Type: application/json";
        let text = format!("{request} HTTP/1.1\r\n{head}\r\nContent-Length: {length}\r\n\r\n");
        raw(&app.address, text.as_bytes()).to_lowercase()
    };
    let may_be_sent = ask("POST /register", 16 * 1024);
    assert_eq!(may_be_sent, "http/1.1 100 continue\r\n\r\n");
    let refused = ask("POST /register", 16 * 1024 + 1);
    assert!(refused.starts_with("http/1.1 413 "), "{refused}");
    for part in [
        "\r\nconnection: close\r\n",
        "\r\nx-request-id: ",
        "\r\nx-content-type-options: nosniff\r\n",
        "\"code\":\"too_large\"",
    ] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    assert!(ask("POST /logout", 99_999).starts_with("http/1.1 401 "));
    assert!(ask("GET /health", 99_999).starts_with("http/1.1 200 "));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn other_media_types_and_encodings_are_refused(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let body = serde_json::json!({"email": "alice@example.com", "password": PASSWORD}).to_string();
    for media_type in [
        "text/plain",
        "application/x+json",
        "application/jsonx",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/json; charset=utf-16",
        "",
    ] {
        app.request("POST", "/register")
            .body(media_type, body.clone())
            .send()
            .await
            .expect_problem(415, "unsupported_media_type");
    }
    app.request("POST", "/register")
        .header("content-encoding", "gzip")
        .body("application/json", body.clone())
        .send()
        .await
        .expect(415);
    app.request("POST", "/register")
        .body("Application/JSON; charset=\"UTF-8\"", body)
        .send()
        .await
        .expect(201);
    let none = raw(
        &app.address,
        b"POST /register HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
    );
    assert!(none.starts_with("HTTP/1.1 415 "), "{none}");
}

#[tokio::test]
async fn ambiguous_requests_are_refused_with_one_answer_and_the_connection() {
    let app = TestApp::start(Engine::Sqlite).await;
    let hidden = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
    for head in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: +5",
        "Content-Length: -1",
        "Content-Length: 0x5",
        "Content-Length: 5, 5",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding : chunked",
        "X: a\rb",
        "X: a\0b",
        " folded: x",
        "Upgrade: websocket\r\nContent-Length: 5",
    ] {
        let answer = raw(
            &app.address,
            format!("POST /login HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n{hidden}").as_bytes(),
        );
        assert!(answer.starts_with("HTTP/1.1 400 "), "{head:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{head:?}: {answer}");
    }
    for line in [
        "GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /health HTTP/1.1\r\n\r\n",
        "GET /health\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        "GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        assert!(!raw(&app.address, line.as_bytes()).contains(" 200 "), "{line:?}");
    }
    for huge in [
        format!(
            "GET /health HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
            "x".repeat(140_000)
        ),
        format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(70_000)),
        format!(
            "GET /health HTTP/1.1\r\nHost: x\r\n{}\r\n",
            "X: y\r\n".repeat(200)
        ),
    ] {
        let answer = raw(&app.address, huge.as_bytes());
        assert!(
            ["400", "414", "431", ""]
                .iter()
                .any(|status| answer.get(9..12).unwrap_or_default() == *status),
            "{}",
            answer.get(..80).unwrap_or(&answer)
        );
    }
    app.get("/health").await.expect(200);
}

#[tokio::test]
async fn any_bytes_get_a_refusal_and_never_a_5xx() {
    let app = TestApp::start(Engine::Sqlite).await;
    let bodies: [&[u8]; 8] = [
        b"\0",
        b"\xff\xfe",
        b"{\"email\":",
        b"username=%00&password=%00",
        b"username=%zz&password=%",
        b"[[[[",
        b"{\"email\":{\"$gt\":\"\"},\"password\":{}}",
        b"username=a&password[]=b",
    ];
    for path in ["/register", "/login"] {
        for media_type in ["application/json", "application/x-www-form-urlencoded"] {
            for body in bodies {
                let status = app
                    .request("POST", path)
                    .body(media_type, body.to_vec())
                    .send()
                    .await
                    .status;
                assert!(
                    (400..500).contains(&status),
                    "{path} {media_type} {body:?}: {status}"
                );
            }
        }
    }
    let deep = format!("{{\"email\":{}", "[".repeat(16_000));
    app.request("POST", "/register")
        .body("application/json", deep)
        .send()
        .await
        .expect(422);
}

/// How long the server keeps a client that sends `first` and then a byte a second, and what it
/// answers.
fn patience(address: &str, first: &str) -> (Duration, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(first.as_bytes()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut waited = Duration::ZERO;
    let mut answer = [0; 4096];
    while waited < Duration::from_mins(1) {
        match stream.read(&mut answer) {
            Ok(length) => return (waited, String::from_utf8_lossy(&answer[..length]).into_owned()),
            Err(_still_waiting) => waited += Duration::from_millis(500),
        }
        if stream.write_all(b"x").is_err() {
            return (waited, String::new());
        }
    }
    (waited, "kept".to_owned())
}

#[tokio::test]
async fn a_slow_header_and_a_slow_body_are_ended() {
    let app = TestApp::start(Engine::Sqlite).await;
    let cases = [
        "GET /health HTTP/1.1\r\nHost: x\r\nX: ",
        "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 5000\r\n\r\nu",
        "POST /register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{",
    ];
    let waits: Vec<_> = cases
        .into_iter()
        .map(|case| {
            (case, {
                let address = app.address.clone();
                std::thread::spawn(move || patience(&address, case))
            })
        })
        .collect();
    for (case, wait) in waits {
        let (_, answer) = tokio::task::spawn_blocking(|| wait.join().unwrap())
            .await
            .unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 408 ") || answer.is_empty(),
            "{case}: {answer}"
        );
    }
    app.get("/health").await.expect(200);
}

#[tokio::test]
async fn idle_connections_do_not_keep_others_out() {
    let app = TestApp::start_with(Engine::Sqlite, &[("DOORWARD_CONNECTIONS_PER_ADDRESS", "1000")]).await;
    let idle: Vec<TcpStream> = (0..300)
        .map(|_| TcpStream::connect(&app.address).unwrap())
        .collect();
    for _ in 0..20 {
        app.get("/health").await.expect(200);
    }
    drop(idle);
}
