//! Header fields and the target at and beyond their limits, and with every byte that does not
//! belong in them.

use super::wire::{Attack, CANARY, CLOSED, attack, get, with_body};

/// Too much of something: refused in one of the ways that HTTP has for it.
const TOO_MUCH: &[u16] = &[400, 414, 431, CLOSED];

pub fn attacks() -> Vec<Attack> {
    [bytes(), limits(), twins(), hosts()]
        .into_iter()
        .flatten()
        .collect()
}

fn bytes() -> Vec<Attack> {
    let mut rows = Vec::new();
    // No token characters (RFC 9110 section 5.6.2).
    for byte in *b"()<>@,;\\\"/[]?={} \t\x7f\x01\x1f\x80\xff" {
        let name = [
            b"GET /health HTTP/1.1\r\nHost: x\r\nX",
            &[byte][..],
            b"Y: qzcanaryqz\r\n\r\n",
        ]
        .concat();
        rows.push(attack(
            format!("byte {byte:#04x} in a header's name"),
            name,
            &[400],
        ));
    }
    for byte in (0..=0x1f_u8)
        .chain([0x7f])
        .filter(|byte| !b"\t\r\n".contains(byte))
    {
        let value = [
            b"GET /health HTTP/1.1\r\nHost: x\r\nX: qzcanaryqz",
            &[byte][..],
            b"y\r\n\r\n",
        ]
        .concat();
        rows.push(attack(
            format!("byte {byte:#04x} in a header's value"),
            value,
            &[400],
        ));
    }
    for byte in (0..=0x20_u8)
        .chain([0x7f, 0x80, 0xff])
        .filter(|byte| !b"\r\n".contains(byte))
    {
        let target = [b"GET /qzcanaryqz", &[byte][..], b"y HTTP/1.1\r\nHost: x\r\n\r\n"].concat();
        // A raw byte beyond ASCII is taken as part of a path that there is not.
        rows.push(attack(
            format!("byte {byte:#04x} in the target"),
            target,
            if byte >= 0x80 { &[400, 404] } else { &[400] },
        ));
    }
    rows
}

fn limits() -> Vec<Attack> {
    let (long, longer) = (CANARY.repeat(400), CANARY.repeat(14_000));
    vec![
        attack(
            "90 headers",
            get("/health", &format!("X: {CANARY}\r\n").repeat(90)),
            &[200],
        ),
        attack(
            "97 headers",
            get("/health", &format!("X: {CANARY}\r\n").repeat(97)),
            TOO_MUCH,
        ),
        attack(
            "10,000 headers",
            get("/health", &format!("X: {CANARY}\r\n").repeat(10_000)),
            TOO_MUCH,
        ),
        attack(
            "1,000 headers of different names",
            get(
                "/health",
                &(0..1000)
                    .map(|n| format!("X-{n}: {CANARY}\r\n"))
                    .collect::<Vec<_>>()
                    .concat(),
            ),
            TOO_MUCH,
        ),
        attack(
            "a header of 4 KB",
            get("/health", &format!("X: {long}\r\n")),
            &[200],
        ),
        attack(
            "a header of 140 KB",
            get("/health", &format!("X: {longer}\r\n")),
            TOO_MUCH,
        ),
        attack(
            "a header's name of 4 KB",
            get("/health", &format!("{long}: y\r\n")),
            &[200, 400, 431],
        ),
        attack(
            "a header's name of 140 KB",
            get("/health", &format!("{longer}: y\r\n")),
            TOO_MUCH,
        ),
        attack("a path of 4 KB", get(&format!("/{long}"), ""), &[404]),
        attack("a path of 140 KB", get(&format!("/{longer}"), ""), TOO_MUCH),
        attack(
            "a path of 65 KB",
            get(&format!("/{}", "x".repeat(65_000)), ""),
            &[400, 404, 414],
        ),
        attack("a path of 1,000 segments", get(&"/x".repeat(1000), ""), &[404]),
        attack("a path of 10,000 slashes", get(&"/".repeat(10_000), ""), &[404]),
        attack(
            "a query of 30 KB",
            get(&format!("/health?x={}", CANARY.repeat(3000)), ""),
            &[200],
        ),
        attack(
            "a query of 140 KB",
            get(&format!("/health?{longer}"), ""),
            TOO_MUCH,
        ),
        attack(
            "a query of 10,000 parameters",
            get(&format!("/health?{}", "a=b&".repeat(10_000)), ""),
            &[200],
        ),
        attack(
            "a method of 8 KB",
            format!(
                "{} /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                "X".repeat(8192)
            ),
            &[400, 405],
        ),
        attack(
            "a header's value of blanks",
            get("/health", &format!("X: {}\r\n", " ".repeat(10_000))),
            &[200, 400],
        ),
        attack(
            "a Range of a thousand parts",
            get(
                "/docs/swagger-ui.css",
                &format!("Range: bytes=0-1{}\r\n", ",0-1".repeat(1000)),
            ),
            &[200, 206, 416],
        ),
        attack(
            "1,000 members of Accept",
            get(
                "/me",
                &format!("Accept: {}\r\n", "application/problem+json;q=0.1,".repeat(1000)),
            ),
            &[401],
        ),
        attack(
            "an odd If-None-Match",
            get(
                "/.well-known/jwks.json",
                &format!("If-None-Match: \"{CANARY}, W/\"\r\n"),
            ),
            &[200, 304],
        ),
        attack(
            "1,000 members of If-None-Match",
            get(
                "/.well-known/jwks.json",
                &format!("If-None-Match: {}\"\"\r\n", "\"x\",".repeat(1000)),
            ),
            &[200],
        ),
        attack(
            "an Accept-Encoding of nonsense",
            get("/health", &format!("Accept-Encoding: {CANARY};q=nan, *;q=-1\r\n")),
            &[200],
        ),
        attack(
            "a Cookie of 8 KB",
            get("/me", &format!("Cookie: access_token={}\r\n", CANARY.repeat(800))),
            &[401],
        ),
        attack(
            "obs-text in a value",
            get("/health", "X: \u{e9}\u{fc}\r\n"),
            &[200],
        ),
    ]
}

fn twins() -> Vec<Attack> {
    let form = b"username=qzcanaryqz&password=b";
    let post = |headers: &str| {
        with_body(
            "POST",
            "/login",
            headers,
            "application/x-www-form-urlencoded",
            form,
        )
    };
    vec![
        // The first is taken, and the body is read as what it is; a second means nothing.
        attack(
            "two Content-Type, the good one last",
            post("Content-Type: text/plain\r\n"),
            &[400, 415],
        ),
        attack(
            "two Content-Type, the good one first",
            post("content-type: application/x-www-form-urlencoded\r\n"),
            &[400, 401, 415],
        ),
        attack(
            "a Content-Encoding of gzip",
            post("Content-Encoding: gzip\r\n"),
            &[415],
        ),
        attack(
            "two Content-Encoding, identity last",
            post("Content-Encoding: br\r\nContent-Encoding: identity\r\n"),
            &[415],
        ),
        attack(
            "two Content-Encoding, identity first",
            post("Content-Encoding: identity\r\nContent-Encoding: br\r\n"),
            &[400, 401, 415],
        ),
        attack(
            "a Content-Encoding of two",
            post("Content-Encoding: identity, gzip\r\n"),
            &[415],
        ),
        attack(
            "a Content-Encoding of nonsense",
            post(&format!("Content-Encoding: {CANARY}\r\n")),
            &[415],
        ),
        attack(
            "a method override",
            post("X-HTTP-Method-Override: DELETE\r\nX-Method-Override: DELETE\r\nX-HTTP-Method: DELETE\r\n"),
            &[401],
        ),
        attack(
            "a path override",
            post(&format!("X-Original-URL: /{CANARY}\r\nX-Rewrite-URL: /users\r\n")),
            &[401],
        ),
        attack(
            "two Connection",
            get("/health", "Connection: keep-alive\r\n"),
            &[200, 400],
        ),
        attack(
            "two X-Request-Id",
            get("/health", "X-Request-Id: qzcanaryqz!\r\nX-Request-Id: good\r\n"),
            &[200],
        ),
    ]
}

fn hosts() -> Vec<Attack> {
    let hosts = [
        "",
        "qzcanaryqz",
        "qzcanaryqz:99999",
        "qzcanaryqz:x",
        "user@qzcanaryqz",
        "qzcanaryqz/path",
        "qzcanaryqz?x",
        "qzcanaryqz#x",
        "qzcanaryqz qzcanaryqz",
        "[::1",
        "[qzcanaryqz]",
        "qz%63anaryqz",
        "\u{e9}qzcanaryqz",
        "qzcanaryqz,other",
        "http://qzcanaryqz",
        "..",
        "*",
        "qzcanaryqz\\",
        "<qzcanaryqz>",
    ];
    let rows = hosts.iter().flat_map(|host| {
        ["/health", "/.well-known/oauth-authorization-server", "/docs"].map(|path| {
            let bytes = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            attack(format!("{path} at Host {host:?}"), bytes, &[200, 307, 400])
        })
    });
    rows.collect()
}
