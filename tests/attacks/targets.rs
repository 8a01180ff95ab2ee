//! Targets and methods in disguise: whatever a path is written like, it is guarded or it is not
//! there.

use super::ring::Ring;
use super::wire::{Attack, CANARY, CLOSED, attack, bearer, get, request, with_body};

pub fn attacks(ring: &Ring) -> Vec<Attack> {
    [disguised(ring), forms(), methods(ring), ids(ring), queries(ring)]
        .into_iter()
        .flatten()
        .collect()
}

/// One path in many spellings.
fn spellings(path: &str) -> Vec<String> {
    let name = &path[1..];
    let encoded = name
        .bytes()
        .map(|byte| format!("%{byte:02x}"))
        .collect::<Vec<_>>()
        .concat();
    let first = format!("%{:02x}{}", name.as_bytes()[0], &name[1..]);
    let fullwidth: String = name
        .bytes()
        .filter_map(|byte| char::from_u32(u32::from(byte) + 0xfee0))
        .collect();
    let fullwidth = fullwidth
        .bytes()
        .map(|byte| format!("%{byte:02X}"))
        .collect::<Vec<_>>()
        .concat();
    vec![
        format!("/{}", name.to_ascii_uppercase()),
        format!("/{}{}", name[..1].to_ascii_uppercase(), &name[1..]),
        format!("/{first}"),
        format!("/{}", first.to_ascii_uppercase()),
        format!("/{encoded}"),
        format!("/{}", first.replace('%', "%25")),
        format!("{path}/"),
        format!("{path}//"),
        format!("/{path}"),
        format!("//{path}"),
        format!("/.{path}"),
        format!("/health/..{path}"),
        format!("/health/%2e%2e{path}"),
        format!("/health/..%2f{name}"),
        format!("/health;x{path}"),
        format!("/..{path}"),
        format!("%2f{name}"),
        format!("{path}%2f"),
        format!("{path};x=1"),
        format!("{path};.css"),
        format!("{path}%00"),
        format!("{path}%20"),
        format!("{path}%09"),
        format!("{path}%0d%0aX:{CANARY}"),
        format!("{path}%3f"),
        format!("{path}%23"),
        format!("{path}.json"),
        format!("{path}."),
        format!("{path}~"),
        format!("{path}/."),
        format!("{path}/.."),
        format!("/health{path}"),
        format!("/docs/..{path}"),
        format!("/docs/%2e%2e{path}"),
        format!("\\{name}"),
        format!("/%c0%af{name}"),
        format!("/{fullwidth}"),
        format!("{path}%ff"),
        format!("{path}%"),
        format!("{path}%u0000"),
    ]
}

/// With a token, so that a path which reaches what is guarded shows itself by a 200.
fn disguised(ring: &Ring) -> Vec<Attack> {
    let mut rows = Vec::new();
    for (path, token) in [
        ("/me", ring.token()),
        ("/users", &ring.admin),
        ("/audit", &ring.admin),
    ] {
        for spelling in spellings(path) {
            let row = attack(
                format!("the path {spelling}"),
                get(&spelling, &bearer(token)),
                &[400, 404],
            );
            rows.push(row.lacking("alice@").lacking("boss@").lacking("next_cursor"));
            rows.push(attack(
                format!("the path {spelling}, without a token"),
                get(&spelling, ""),
                &[400, 401, 404],
            ));
        }
    }
    rows
}

fn forms() -> Vec<Attack> {
    let mut rows = vec![
        // A server must accept the absolute form (RFC 9112 section 3.2.2); the path in it is
        // guarded like any other.
        attack("absolute form", get("http://qzcanaryqz/me", ""), &[401]),
        attack(
            "absolute form of another scheme",
            get("ftp://qzcanaryqz/me", ""),
            &[400, 401, 404],
        ),
        attack(
            "absolute form without a path",
            get("http://qzcanaryqz", ""),
            &[400, 404],
        ),
        attack(
            "absolute form with a user",
            get("http://user:qzcanaryqz@x/me", ""),
            &[400, 401],
        ),
        attack(
            "absolute form with dots",
            get("http://x/health/../me", ""),
            &[400, 404],
        ),
        attack("authority form", get("qzcanaryqz:80", ""), &[400, 404]),
        attack(
            "CONNECT",
            request("CONNECT", "qzcanaryqz:443", ""),
            &[400, 404, 405],
        ),
        attack(
            "CONNECT of a path",
            request("CONNECT", "/health", ""),
            &[400, 405],
        ),
        attack("asterisk form", get("*", ""), &[400, 404]),
        attack("OPTIONS *", request("OPTIONS", "*", ""), &[200, 204, 400, 404]),
        attack(
            "OPTIONS of nothing",
            request("OPTIONS", "/qzcanaryqz", ""),
            &[404],
        ),
    ];
    for target in [
        "http://[",
        "http://",
        "//",
        "://x",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "/%",
        "/%zz",
        "/%f",
        "/%ff",
        "/%00",
        "/a%0d%0aSet-Cookie:%20qzcanaryqz",
        "/<script>qzcanaryqz</script>",
        "/{id}",
        "/.git/config",
        "/.env",
        "/metrics",
        "/debug",
        "/config",
        "/admin",
        "/actuator/health",
        "/server-status",
        "/doorward.db",
        "/doorward.secret",
        "/docs/../../etc/passwd",
        "/docs/..%2f..%2fdoorward.secret",
        "/docs/%2e%2e/openapi.json",
        "/docs/....//",
        "/docs/C:/x",
        "/docs/\\x",
        "/docs/%00",
        "/docs/swagger-ui.css/x",
    ] {
        rows.push(attack(
            format!("the target {target}"),
            get(target, ""),
            &[400, 404],
        ));
    }
    rows
}

fn methods(ring: &Ring) -> Vec<Attack> {
    let mut rows = Vec::new();
    for method in [
        "TRACE",
        "TRACK",
        "DEBUG",
        "PROPFIND",
        "COPY",
        "LOCK",
        "PURGE",
        "SEARCH",
        "get",
        "Get",
        "GETT",
        "QZCANARYQZ",
        "M-SEARCH",
        "X!#$%&'*+.^_`|~",
    ] {
        for path in ["/health", "/me"] {
            let headers = format!(
                "Max-Forwards: 0\r\nX-Secret: {CANARY}\r\n{}",
                bearer(ring.token())
            );
            rows.push(
                attack(
                    format!("{method} {path}"),
                    request(method, path, &headers),
                    &[400, 405],
                )
                .lacking("alice@"),
            );
        }
    }
    for method in ["", "GE(T", "GE:T", "G,T", "G\u{e9}T", "\"GET\""] {
        rows.push(attack(
            format!("the method {method:?}"),
            request(method, "/health", ""),
            &[400],
        ));
    }
    rows
}

fn ids(ring: &Ring) -> Vec<Attack> {
    let mut rows = Vec::new();
    for id in [
        "0",
        "-1",
        "+1x",
        "1.0",
        "1e1",
        "0x1",
        "9007199254740993",
        "9223372036854775808",
        "99999999999999999999",
        "NaN",
        "null",
        "1%00",
        "%31%00",
        "1'--",
        "1%20OR%201=1",
        "1;DROP",
        "*",
        "1,2",
        "..",
        "%2e",
        "%ff",
        "\u{ff11}",
    ] {
        rows.push(
            attack(
                format!("the user {id}"),
                get(&format!("/users/{id}"), &bearer(&ring.admin)),
                &[400, 404],
            )
            .lacking("alice@"),
        );
        rows.push(attack(
            format!("the session {id}"),
            request("DELETE", &format!("/me/sessions/{id}"), &bearer(ring.token())),
            &[400, 404],
        ));
    }
    for name in ["admin", "user"] {
        rows.push(attack(
            format!("deleting the role {name}"),
            request("DELETE", &format!("/roles/{name}"), &bearer(&ring.admin)),
            &[409],
        ));
    }
    for name in [
        "Admin",
        "%61dmin%00",
        "a%20b",
        "qzcanaryqz%0d%0a",
        "..%2fadmin",
        "%ff",
    ] {
        let row = with_body(
            "PUT",
            &format!("/roles/{name}"),
            &bearer(&ring.admin),
            "application/json",
            br#"{"permissions":[]}"#,
        );
        rows.push(attack(format!("making the role {name}"), row, &[400, 404, 422]));
    }
    for tag in [
        "qzcanaryqz",
        "\"qzcanaryqz\"",
        "W/\"1\"",
        "\"98\", \"99\"",
        "*, \"1\"",
        "\"99999999999999999999\"",
        "\"-1\"",
    ] {
        let row = with_body(
            "PATCH",
            "/users/1",
            &format!("{}If-Match: {tag}\r\n", bearer(&ring.admin)),
            "application/json",
            br#"{"is_active":true}"#,
        );
        rows.push(attack(format!("If-Match {tag}"), row, &[400, 412]));
    }
    rows
}

fn queries(ring: &Ring) -> Vec<Attack> {
    let mut rows = Vec::new();
    for query in [
        "limit=0",
        "limit=-1",
        "limit=201",
        "limit=1000000000",
        "limit=99999999999999999999",
        "limit=x",
        "limit=1.5",
        "limit=1&limit=2",
        "limit=%ff",
        "limit=1%00",
        "cursor=qzcanaryqz",
        "cursor=%00",
        "cursor=====",
        "cursor=aTk5OTk5OTk5OTk5OTk5OTk5OTk5OQ",
        "cursor=_w",
        "is_active=qzcanaryqz",
        "is_active=1",
        "email=qzcanaryqz",
        "email=a@b&q=a",
        "email[]=a",
        "%ff=1",
        "q=a&q=b",
        "q=%ff",
        "q=%zz%ff",
    ] {
        rows.push(attack(
            format!("/users?{query}"),
            get(&format!("/users?{query}"), &bearer(&ring.admin)),
            &[422],
        ));
    }
    // Nothing is found, however it is written: the text goes to the database as a value.
    for query in [
        "q=%25",
        "q=_",
        "q=%27%20OR%20%271%27=%271",
        "q=%27;DROP%20TABLE%20users--",
        "q=%5c",
        "role=%27%20OR%201=1--",
        "role=qzcanaryqz",
        "q=%00",
        "role=%00",
        "q=%f0%9f%a6%89",
    ] {
        rows.push(
            attack(
                format!("/users?{query}"),
                get(&format!("/users?{query}"), &bearer(&ring.admin)),
                &[200, 422],
            )
            .lacking("alice@")
            .lacking("boss@"),
        );
    }
    for query in [
        "type=qzcanaryqz",
        "user=x",
        "user=99999999999999999999",
        "after=yesterday",
        "before=%00",
        "after=99999-01-01T00:00:00Z",
        "cursor=x",
        "cursor=99999999999999999999",
        "limit=0",
    ] {
        rows.push(attack(
            format!("/audit?{query}"),
            get(&format!("/audit?{query}"), &bearer(&ring.admin)),
            &[422],
        ));
    }
    for query in [
        "user=-1",
        "after=0000-01-01T00:00:00Z",
        "before=9999-12-31T23:59:60Z",
        "cursor=-1",
        "cursor=9223372036854775807",
        "sort=qzcanaryqz",
    ] {
        rows.push(attack(
            format!("/audit?{query}"),
            get(&format!("/audit?{query}&limit=1"), &bearer(&ring.admin)),
            &[200, 422],
        ));
    }
    for query in [
        "scope=qzcanaryqz",
        "scope=all&scope=this",
        "scope=ALL",
        "scope=%61ll",
        "scope=",
        "scope",
        "x=scope=all",
    ] {
        rows.push(attack(
            format!("/logout?{query}"),
            request("POST", &format!("/logout?{query}"), &bearer(ring.token())),
            &[422],
        ));
    }
    // The token is not where RFC 6750 section 2.3 warns of it.
    for name in ["access_token", "token", "bearer", "authorization"] {
        rows.push(
            attack(
                format!("the token in the query as {name}"),
                get(&format!("/me?{name}={}", ring.token()), ""),
                &[401],
            )
            .lacking("alice@"),
        );
        rows.push(
            attack(
                format!("the token in a cookie as {name}"),
                get("/me", &format!("Cookie: {name}={}\r\n", ring.token())),
                &[401],
            )
            .lacking("alice@"),
        );
    }
    rows.push(attack(
        "credentials in the query of a login",
        request(
            "POST",
            "/login?username=alice@example.com&password=an%20owl%20keeps%20the%20door",
            "Content-Length: 0\r\n",
        ),
        &[415, 422, CLOSED],
    ));
    rows
}
