//! Who asks, from where, on whose behalf: spoofed addresses, foreign pages, and ids and origins
//! that want to become headers.

use super::ring::{ORIGIN, Ring};
use super::wire::{Attack, CANARY, attack, bearer, get, request, with_body};

pub fn attacks(ring: &Ring) -> Vec<Attack> {
    [addresses(), request_ids(), cors(ring)]
        .into_iter()
        .flatten()
        .collect()
}

/// Headers that claim another peer, scheme or host. Each login succeeds; a look at the end shows
/// that no session has an address but the peer's.
fn addresses() -> Vec<Attack> {
    let claims = [
        "X-Forwarded-For: 203.0.113.77",
        "X-Forwarded-For: 127.0.0.1, 203.0.113.77",
        "X-Forwarded-For: ::1",
        "X-Forwarded-For: qzcanaryqz",
        "X-Forwarded-For: 203.0.113.77\r\nX-Forwarded-For: 198.51.100.1",
        "X-Forwarded-For: \"\" , ,",
        "X-Real-IP: 203.0.113.77",
        "X-Client-IP: 203.0.113.77",
        "True-Client-IP: 203.0.113.77",
        "CF-Connecting-IP: 203.0.113.77",
        "X-Cluster-Client-IP: 203.0.113.77",
        "Fastly-Client-IP: 203.0.113.77",
        "Client-IP: 203.0.113.77",
        "Via: 1.1 qzcanaryqz",
        "Forwarded: for=203.0.113.77",
        "Forwarded: for=\"[2001:db8::1]\";host=qzcanaryqz;proto=https",
        "Forwarded: for=_qzcanaryqz",
        "X-Forwarded-Host: qzcanaryqz",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Prefix: /qzcanaryqz",
        "X-Forwarded-Server: qzcanaryqz",
        "X-Forwarded-Port: 443",
        "X-Host: qzcanaryqz",
        "X-Original-Host: qzcanaryqz",
    ];
    let mut rows = Vec::new();
    for claim in claims {
        let headers = format!("{claim}\r\n");
        let login = with_body(
            "POST",
            "/login",
            &headers,
            "application/x-www-form-urlencoded",
            b"username=alice%40example.com&password=an+owl+keeps+the+door",
        );
        rows.push(
            attack(format!("logging in with {claim:?}"), login, &[200])
                .holding("access_token")
                .lacking("203.0.113.77"),
        );
        let metadata = get("/.well-known/oauth-authorization-server", &headers);
        rows.push(
            attack(format!("the metadata with {claim:?}"), metadata, &[200])
                .holding(r#""issuer":"http://127.0.0.1:8000""#)
                .lacking("203.0.113.77")
                .lacking("strict-transport-security"),
        );
    }
    rows
}

fn request_ids() -> Vec<Attack> {
    let long = "x".repeat(65);
    let ids = [
        "",
        "qzcanaryqz qzcanaryqz",
        "qzcanaryqz\"",
        "<script>qzcanaryqz</script>",
        "qzcanaryqz%0d%0aX: y",
        "${jndi:ldap://qzcanaryqz}",
        "qzcanaryqz\u{e9}",
        "qzcanaryqz\u{1f989}",
        "qzcanaryqz/..",
        "qzcanaryqz;x",
        "qzcanaryqz,x",
        "qzcanaryqz\tx",
        "{qzcanaryqz}",
        "qzcanaryqz\\r\\n",
        "qzcanaryqz\\u001b[31m",
    ];
    let mut rows: Vec<Attack> = ids
        .iter()
        .map(|id| {
            attack(
                format!("X-Request-Id {id:?}"),
                get("/me", &format!("X-Request-Id: {id}\r\n")),
                &[401],
            )
        })
        .collect();
    rows.push(
        attack(
            "an X-Request-Id of 65 characters",
            get("/me", &format!("X-Request-Id: {long}\r\n")),
            &[401],
        )
        .lacking(&long),
    );
    rows.push(attack(
        "an X-Request-Id of 9 KB",
        get("/me", &format!("X-Request-Id: {}\r\n", CANARY.repeat(900))),
        &[401],
    ));
    for (name, byte) in [("CR", "\r"), ("NUL", "\0"), ("ESC", "\x1b")] {
        rows.push(attack(
            format!("an X-Request-Id with {name}"),
            get("/me", &format!("X-Request-Id: a{byte}b\r\n")),
            &[400],
        ));
    }
    for name in [
        "Origin",
        "Referer",
        "User-Agent",
        "Accept",
        "Accept-Language",
        "X-Forwarded-For",
        "Cookie",
        "If-None-Match",
        "If-Match",
        "Range",
    ] {
        rows.push(
            attack(
                format!("{name} with encoded line breaks"),
                get("/me", &format!("{name}: qzcanaryqz%0d%0aSet-Cookie: x=y\r\n")),
                &[401],
            )
            .lacking("set-cookie"),
        );
        rows.push(
            attack(
                format!("{name} with a raw line break"),
                get("/me", &format!("{name}: a\rSet-Cookie: x=y\r\n")),
                &[400],
            )
            .lacking("set-cookie"),
        );
    }
    rows
}

fn cors(ring: &Ring) -> Vec<Attack> {
    let foreign = [
        "https://qzcanaryqz.example",
        "null",
        "",
        "*",
        "https://app.example.com.qzcanaryqz.example",
        "https://qzcanaryqzapp.example.com",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com:443",
        "https://app.example.com/",
        "https://app.example.com/x",
        "https://sub.app.example.com",
        "https://APP.example.com",
        "https://app.example.com@qzcanaryqz.example",
        "https://app.example.com%60.qzcanaryqz.example",
        "https://app-example.com",
        "https://appxexample.com",
        "file://",
        "app.example.com",
        "https://app.example.com https://qzcanaryqz.example",
        "https://\u{e9}.example",
    ];
    let mut rows = Vec::new();
    for origin in foreign {
        let header = format!("Origin: {origin}\r\n");
        rows.push(
            attack(
                format!("a call from {origin:?}"),
                get("/me", &format!("{header}{}", bearer(ring.token()))),
                &[200],
            )
            .lacking("access-control-allow"),
        );
        let preflight = request(
            "OPTIONS",
            "/me",
            &format!(
                "{header}Access-Control-Request-Method: DELETE\r\nAccess-Control-Request-Headers: authorization\r\n"
            ),
        );
        rows.push(
            attack(format!("a preflight from {origin:?}"), preflight, &[204]).lacking("access-control-allow"),
        );
    }
    let listed = format!("Origin: {ORIGIN}\r\n");
    let ask = |more: &str| request("OPTIONS", "/me", &format!("{listed}{more}"));
    rows.push(
        attack(
            "the listed origin with a foreign one",
            get(
                "/health",
                &format!("{listed}Origin: https://qzcanaryqz.example\r\n"),
            ),
            &[200],
        )
        .lacking("allow-credentials"),
    );
    rows.push(
        attack(
            "a foreign origin with the listed one",
            get(
                "/health",
                &format!("Origin: https://qzcanaryqz.example\r\n{listed}"),
            ),
            &[200],
        )
        .lacking("access-control-allow"),
    );
    rows.push(
        attack(
            "the listed origin asks for TRACE",
            ask("Access-Control-Request-Method: TRACE\r\n"),
            &[200, 204, 400],
        )
        .lacking("trace"),
    );
    rows.push(attack(
        "the listed origin asks for a method of its own",
        ask("Access-Control-Request-Method: QZCANARYQZ\r\n"),
        &[200, 204, 400],
    ));
    // An empty method makes no preflight: the request is an OPTIONS like any other, which is not
    // for those without a token.
    rows.push(attack(
        "the listed origin asks for no method",
        ask("Access-Control-Request-Method: \r\n"),
        &[401],
    ));
    rows.push(attack(
        "the listed origin asks for an odd header",
        ask("Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: qzcanaryqz\r\n"),
        &[200, 204, 400],
    ));
    rows.push(attack(
        "the listed origin asks for bad headers",
        ask("Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: \u{e9}, ,\"\r\n"),
        &[200, 204, 400],
    ));
    rows.push(
        attack(
            "the listed origin asks for a private network",
            ask("Access-Control-Request-Method: GET\r\nAccess-Control-Request-Private-Network: true\r\n"),
            &[200, 204],
        )
        .lacking("allow-private-network"),
    );
    rows.push(
        attack(
            "the listed origin is let in, without credentials",
            get("/me", &format!("{listed}Cookie: x=y\r\n{}", bearer(ring.token()))),
            &[200],
        )
        .holding(format!("access-control-allow-origin: {ORIGIN}"))
        .lacking("allow-credentials"),
    );
    rows.push(attack(
        "a preflight of what is not there",
        request(
            "OPTIONS",
            "/qzcanaryqz",
            &format!("{listed}Access-Control-Request-Method: GET\r\n"),
        ),
        &[404],
    ));
    rows
}
