//! The `Authorization` header in every form but the right one.

use super::ring::Ring;
use super::wire::{Attack, CANARY, attack, bearer, get, request, with_body};

pub fn attacks(ring: &Ring) -> Vec<Attack> {
    [values(ring), several(ring), doors(ring)]
        .into_iter()
        .flatten()
        .collect()
}

fn values(ring: &Ring) -> Vec<Attack> {
    let token = ring.token();
    let me = |name: String, value: &str, allowed: &[u16]| {
        attack(name, get("/me", &format!("Authorization: {value}\r\n")), allowed).lacking("alice@")
    };
    let mut rows: Vec<Attack> = [
        "",
        "Bearer",
        "Bearer ",
        "bearer",
        "Basic YTpi",
        "Digest qzcanaryqz",
        "Negotiate qzcanaryqz",
        "DPoP qzcanaryqz",
        "Token qzcanaryqz",
        "Bearer: x",
        "Bearer=x",
        "BearerBearer x",
        "Bearer qzcanaryqz",
        "Bearer a.b.c",
        "Bearer ..",
        "Bearer null",
        "Bearer undefined",
        "Bearer \"\"",
        "Bearer %00",
        "Bearer \u{e9}",
        "Bearer ===",
        "Bearer \u{1f989}",
    ]
    .iter()
    .map(|value| me(format!("Authorization {value:?}"), value, &[401]))
    .collect();
    for (name, value) in [
        ("a tab for the blank", format!("Bearer\t{token}")),
        ("no blank", format!("Bearer{token}")),
        ("no scheme", token.to_owned()),
        ("another scheme", format!("Basic {token}")),
        ("two schemes", format!("Bearer Bearer {token}")),
        ("a scheme with a colon", format!("Bearer: {token}")),
        ("quotes", format!("Bearer \"{token}\"")),
        ("a comma after it", format!("Bearer {token},")),
        (
            "another behind a comma",
            format!("Bearer {token}, Bearer {token}"),
        ),
        (
            "a blank in it",
            format!("Bearer {} {}", &token[..40], &token[40..]),
        ),
        ("more behind it", format!("Bearer {token} x")),
        ("a parameter behind it", format!("Bearer {token}; role=admin")),
        ("a tab before it", format!("Bearer \t{token}")),
        ("token=", format!("Bearer token={token}")),
        (
            "percent encoding",
            format!("Bearer {}", token.replace('.', "%2e")),
        ),
        ("a byte order mark", format!("Bearer \u{feff}{token}")),
        ("a Kelvin sign before it", format!("\u{212a}Bearer {token}")),
        ("upper case", format!("Bearer {}", token.to_ascii_uppercase())),
        ("8 KB more", format!("Bearer {token}{}", "A".repeat(8192))),
        ("60 KB", format!("Bearer {}", CANARY.repeat(6000))),
        ("60 KB of dots", format!("Bearer {}", ".".repeat(60_000))),
        ("the refresh token", format!("Bearer {}", ring.refresh_token)),
    ] {
        rows.push(me(format!("a token with {name}"), &value, &[400, 401]));
    }
    rows
}

/// More than one header, and other headers.
fn several(ring: &Ring) -> Vec<Attack> {
    let token = ring.token();
    let mut rows = Vec::new();
    for (name, headers) in [
        ("two good ones", format!("{0}{0}", bearer(token))),
        (
            "a good and a bad one",
            format!("{}Authorization: Bearer x\r\n", bearer(token)),
        ),
        (
            "a bad and a good one",
            format!("Authorization: Bearer x\r\n{}", bearer(token)),
        ),
        (
            "an empty and a good one",
            format!("Authorization: \r\n{}", bearer(token)),
        ),
        (
            "a Basic and a Bearer",
            format!("Authorization: Basic YTpi\r\n{}", bearer(token)),
        ),
        (
            "two that differ in case",
            format!("authorization: Bearer {token}\r\nAUTHORIZATION: Bearer {token}\r\n"),
        ),
        ("one folded", format!("Authorization: Bearer\r\n {token}\r\n")),
        (
            "one with a space before the colon",
            format!("Authorization : Bearer {token}\r\n"),
        ),
    ] {
        rows.push(attack(format!("Authorization: {name}"), get("/me", &headers), &[400]).lacking("alice@"));
    }
    for name in [
        "Proxy-Authorization",
        "X-Authorization",
        "X-Access-Token",
        "X-Forwarded-Authorization",
        "Authorization_",
        "Authorization-",
        "X-Forwarded-User",
        "X-Remote-User",
        "Remote-User",
        "X-Auth-Request-Email",
        "X-User",
        "WWW-Authenticate",
    ] {
        for value in [
            format!("Bearer {token}"),
            "boss@example.com".to_owned(),
            token.to_owned(),
        ] {
            let name = format!("{name}: {}", &value[..10]);
            let headers = format!("{}: {value}\r\n", name.split(':').next().unwrap());
            rows.push(
                attack(format!("the header {name}…"), get("/me", &headers), &[401])
                    .lacking("alice@")
                    .lacking("boss@"),
            );
        }
    }
    rows
}

/// A plain account's token at every door that is not for it.
fn doors(ring: &Ring) -> Vec<Attack> {
    let token = ring.token();
    let mut rows = Vec::new();
    for (method, path) in [
        ("GET", "/users"),
        ("GET", "/users/1"),
        ("GET", "/users/2"),
        ("GET", "/users/999"),
        ("DELETE", "/users/1"),
        ("GET", "/users/1/sessions"),
        ("DELETE", "/users/1/sessions"),
        ("GET", "/roles"),
        ("DELETE", "/roles/user"),
        ("GET", "/audit"),
        ("POST", "/users/1/one-time-password"),
    ] {
        let (named, nobody) = (request(method, path, &bearer(token)), request(method, path, ""));
        rows.push(attack(format!("{method} {path} by a plain account"), named, &[403]).lacking("boss@"));
        rows.push(attack(format!("{method} {path} by nobody"), nobody, &[401]).lacking("boss@"));
    }
    for (method, path, body) in [
        ("PATCH", "/users/2", r#"{"role":"admin"}"#),
        ("POST", "/users", r#"{"email":"x@example.com","role":"admin"}"#),
        ("PUT", "/roles/user", r#"{"permissions":["users:write"]}"#),
        ("PUT", "/roles/mine", r#"{"permissions":["users:write"]}"#),
    ] {
        rows.push(attack(
            format!("{method} {path} {body} by a plain account"),
            with_body(method, path, &bearer(token), "application/json", body.as_bytes()),
            &[403],
        ));
    }
    let introspect = with_body(
        "POST",
        "/oauth/introspect",
        &bearer(token),
        "application/x-www-form-urlencoded",
        format!("token={}", ring.admin).as_bytes(),
    );
    rows.push(
        attack(
            "introspecting an admin's token by a plain account",
            introspect,
            &[403],
        )
        .lacking("active"),
    );
    rows
}
