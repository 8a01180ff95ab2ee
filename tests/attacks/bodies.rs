//! Bodies that are not what they say, say too much, or want more than they may.

use super::ring::Ring;
use super::wire::{Attack, CANARY, attack, bearer, with_body};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
/// Fields are missing, of the wrong kind, or it is no JSON or form at all.
const INVALID: &[u16] = &[422];

pub fn attacks(ring: &Ring) -> Vec<Attack> {
    [
        json(ring),
        values(ring),
        mass_assignment(),
        forms(),
        oauth_forms(),
        media_types(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Every operation that takes JSON, with a token that may call it.
fn takers(ring: &Ring) -> Vec<(&'static str, &'static str, String)> {
    vec![
        ("POST", "/register", String::new()),
        ("PATCH", "/me", bearer(ring.token())),
        ("PUT", "/me/password", bearer(ring.token())),
        ("POST", "/users", bearer(&ring.admin)),
        ("PUT", "/roles/auditor", bearer(&ring.admin)),
    ]
}

fn json(ring: &Ring) -> Vec<Attack> {
    let nested = |open: &str, close: &str, depth: usize| {
        format!("{{\"email\":{}{}}}", open.repeat(depth), close.repeat(depth)).into_bytes()
    };
    let text = |text: &str| text.as_bytes().to_vec();
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", vec![]),
        ("blanks", text("   ")),
        (
            "an array for the object",
            text(r#"["qzcanaryqz@example.com","an owl keeps the door"]"#),
        ),
        (
            "an object in an array",
            text(r#"[{"email":"qzcanaryqz@example.com","password":"an owl keeps the door"}]"#),
        ),
        ("null", text("null")),
        ("true", text("true")),
        ("a number", text("1")),
        ("a text", text(r#""qzcanaryqz""#)),
        ("an empty object", text("{}")),
        ("two objects", text("{}{}")),
        ("an object and more", text("{}qzcanaryqz")),
        ("an object that is not closed", text(r#"{"email":"qzcanaryqz""#)),
        ("a trailing comma", text(r#"{"email":"qzcanaryqz",}"#)),
        ("a comment", text(r#"{/*qzcanaryqz*/"email":"x"}"#)),
        ("single quotes", text("{'email':'qzcanaryqz'}")),
        ("names without quotes", text("{email:\"qzcanaryqz\"}")),
        ("NaN", text(r#"{"email":NaN}"#)),
        ("Infinity", text(r#"{"email":-Infinity}"#)),
        ("a huge number", text(r#"{"email":1e999999}"#)),
        (
            "a number of 8,000 digits",
            format!("{{\"email\":{}}}", "9".repeat(8000)).into_bytes(),
        ),
        ("arrays 7,000 deep", nested("[", "]", 7000)),
        ("arrays 16,000 deep and open", nested("[", "", 16_000)),
        ("objects 2,500 deep", nested("{\"a\":", "}", 2500)),
        (
            "a byte order mark",
            [b"\xef\xbb\xbf", &br#"{"email":"qzcanaryqz"}"#[..]].concat(),
        ),
        (
            "UTF-16",
            "{\"email\":\"x\"}"
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect(),
        ),
        (
            "UTF-16 with its mark",
            "\u{feff}{}".encode_utf16().flat_map(u16::to_be_bytes).collect(),
        ),
        ("bad UTF-8 in a value", b"{\"email\":\"qzcanaryqz\xff\"}".to_vec()),
        ("overlong UTF-8", b"{\"email\":\"\xc0\xaf\"}".to_vec()),
        ("a surrogate in UTF-8", b"{\"email\":\"\xed\xa0\x80\"}".to_vec()),
        ("a lone surrogate", text(r#"{"email":"\ud800"}"#)),
        (
            "a surrogate pair the wrong way round",
            text(r#"{"email":"\udc00\ud800"}"#),
        ),
        ("bad UTF-8 in a name", b"{\"em\xffail\":\"x\"}".to_vec()),
        ("a raw NUL", b"{\"email\":\"\0\"}".to_vec()),
        ("a raw line break", b"{\"email\":\"a\nb\"}".to_vec()),
        (
            "a name twice",
            text(
                r#"{"email":"a@example.com","email":"qzcanaryqz@example.com","password":"an owl keeps the door"}"#,
            ),
        ),
        (
            "a name twice, once escaped",
            text(r#"{"email":"a@example.com","\u0065mail":"qzcanaryqz@example.com"}"#),
        ),
        (
            "an unknown name twice",
            text(r#"{"qzcanaryqz":1,"qzcanaryqz":2}"#),
        ),
        (
            "a thousand names",
            format!(
                "{{{}\"z\":1}}",
                (0..1000)
                    .map(|n| format!("\"{n}\":1,"))
                    .collect::<Vec<_>>()
                    .concat()
            )
            .into_bytes(),
        ),
        ("a form", text("email=qzcanaryqz&password=x")),
        (
            "XML",
            text("<!DOCTYPE x [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><x>&x;</x>"),
        ),
        ("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec()),
    ];
    let mut rows = Vec::new();
    for (method, path, headers) in takers(ring) {
        for (name, body) in &bodies {
            rows.push(attack(
                format!("{method} {path} with {name}"),
                with_body(method, path, &headers, JSON, body),
                INVALID,
            ));
        }
        let long = format!("{{\"email\":\"{}\"}}", CANARY.repeat(1700));
        rows.push(attack(
            format!("{method} {path} with 17 KB"),
            with_body(method, path, &headers, JSON, long.as_bytes()),
            &[413],
        ));
    }
    rows
}

fn values(ring: &Ring) -> Vec<Attack> {
    let mut rows = Vec::new();
    for value in [
        "null",
        "1",
        "true",
        "[]",
        "{}",
        r#"["qzcanaryqz"]"#,
        r#"{"$gt":""}"#,
        r#"{"$ne":null}"#,
        "1.5",
        "-1",
        r#"[["qzcanaryqz"]]"#,
    ] {
        for (method, path, headers) in takers(ring).into_iter().take(4) {
            let body = format!(
                r#"{{"email":{value},"password":{value},"current_password":{value},"new_password":{value}}}"#
            );
            rows.push(attack(
                format!("{method} {path} with {value} for a text"),
                with_body(method, path, &headers, JSON, body.as_bytes()),
                INVALID,
            ));
        }
    }
    let emails = [
        r"a@b\u0000.example",
        r"a\r\nBcc: qzcanaryqz@example.com",
        r"a@example.com\r\nX: y",
        "qzcanaryqz",
        "@",
        "a@",
        "@qzcanaryqz",
        "a@b@qzcanaryqz.example",
        "a@[127.0.0.1]",
        r#"\"qzcanaryqz\"@example.com"#,
        "a(qzcanaryqz)@example.com",
        "qzcanaryqz@example.com,b@example.com",
        "qzcanaryqz@example.com;b@example.com",
        "<qzcanaryqz@example.com>",
        "mailto:qzcanaryqz@example.com",
        "a@-qzcanaryqz.example",
        "a@qzcanaryqz..example",
        r"a\uff20qzcanaryqz.example",
        r"a\u202eb@qzcanaryqz.example",
        "../../qzcanaryqz@x",
        "' OR 1=1--@qzcanaryqz",
        "a@xn--qzcanaryqz-.example",
        r"a@\u2488.example",
        " qzcanaryqz@example.com",
        "{{7*7}}@qzcanaryqz",
        "<script>@qzcanaryqz.example",
    ];
    for email in emails {
        let body = format!(r#"{{"email":"{email}","password":"an owl keeps the door"}}"#);
        rows.push(attack(
            format!("registering {email}"),
            with_body("POST", "/register", "", JSON, body.as_bytes()),
            INVALID,
        ));
    }
    for password in [
        r"qzcanary\u0000qz and more",
        r"qzcanary\nqz and more",
        r"qzcanary\u007fqz and more",
        r"qzcanary\u009fqz and more",
        "short",
        "",
        "password123",
        &"x".repeat(1025),
        &CANARY.repeat(200),
    ] {
        let body = format!(r#"{{"email":"bad.password@example.com","password":"{password}"}}"#);
        let name: String = password.chars().take(30).collect();
        rows.push(attack(
            format!("the password {name} of {} characters", password.len()),
            with_body("POST", "/register", "", JSON, body.as_bytes()),
            INVALID,
        ));
    }
    for permissions in [
        r#"["*"]"#,
        r#"["users:*"]"#,
        r#"["qzcanaryqz"]"#,
        r#"["a:b\u0000"]"#,
        r#"["a:b", 1]"#,
        r#"["a:b c:d"]"#,
        r#"[""]"#,
        r#"{"0":"users:write"}"#,
        r#""users:write""#,
    ] {
        let body = format!(r#"{{"permissions":{permissions}}}"#);
        rows.push(attack(
            format!("a role of {permissions}"),
            with_body(
                "PUT",
                "/roles/auditor",
                &bearer(&ring.admin),
                JSON,
                body.as_bytes(),
            ),
            INVALID,
        ));
    }
    for role in ["qzcanaryqz", "Admin", " admin", r"admin\u0000", "admin' --", ""] {
        let body = format!(r#"{{"role":"{role}"}}"#);
        rows.push(attack(
            format!("giving the role {role:?}"),
            with_body("PATCH", "/users/2", &bearer(&ring.admin), JSON, body.as_bytes()),
            INVALID,
        ));
    }
    rows
}

/// More is sent than may be chosen: what is more has no effect, which the answer and a look at the
/// end show.
fn mass_assignment() -> Vec<Attack> {
    let more = [
        r#""role":"admin""#,
        r#""roles":["admin"]"#,
        r#""is_active":false"#,
        r#""id":1"#,
        r#""id":999"#,
        r#""is_admin":true"#,
        r#""is_superuser":true"#,
        r#""email_verified":true"#,
        r#""permissions":["users:write"]"#,
        r#""scope":"users:write""#,
        r#""password_hash":"$argon2id$qzcanaryqz""#,
        r#""subject":"00000000-0000-0000-0000-000000000001""#,
        r#""created_at":"1970-01-01T00:00:00Z""#,
        r#""version":9"#,
        r#""__proto__":{"role":"admin"}"#,
        r#""constructor":{"prototype":{"role":"admin"}}"#,
        r#""user":{"role":"admin"}"#,
        r#""Role":"admin""#,
        r#""role ":"admin""#,
        r#""rol\u00e9":"admin""#,
        r#""account":["admin"]"#,
    ];
    let rows = more.iter().enumerate().map(|(number, more)| {
        let body =
            format!(r#"{{{more},"email":"mass{number}@example.com","password":"an owl keeps the door"}}"#);
        let row = attack(
            format!("registering with {more}"),
            with_body("POST", "/register", "", JSON, body.as_bytes()),
            &[201],
        );
        row.holding(format!(
            r#""email":"mass{number}@example.com","is_active":true,"role":"user"}}"#
        ))
        .lacking(r#""id":1,"#)
        .lacking(r#""id":999,"#)
    });
    rows.collect()
}

fn forms() -> Vec<Attack> {
    let text = |text: &str| text.as_bytes().to_vec();
    let good = "username=alice%40example.com&password=an+owl+keeps+the+door";
    let bodies: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("nothing", vec![], INVALID),
        ("no password", text("username=qzcanaryqz"), INVALID),
        (
            "an empty password",
            text("username=qzcanaryqz&password="),
            INVALID,
        ),
        ("arrays", text("username[]=qzcanaryqz&password[]=x"), INVALID),
        (
            "objects",
            text("username[$ne]=qzcanaryqz&password[$ne]=x"),
            INVALID,
        ),
        (
            "a user name twice",
            text(&format!("{good}&username=qzcanaryqz")),
            INVALID,
        ),
        (
            "a password twice",
            text(&format!("{good}&password=qzcanaryqz")),
            INVALID,
        ),
        (
            "a password twice, once encoded",
            text(&format!("{good}&p%61ssword=qzcanaryqz")),
            INVALID,
        ),
        (
            "a password twice, the same",
            text(&format!("{good}&password=an+owl+keeps+the+door")),
            INVALID,
        ),
        (
            "an unknown field twice",
            text(&format!("{good}&x=1&x=2")),
            INVALID,
        ),
        (
            "another grant",
            text(&format!("{good}&grant_type=client_credentials")),
            INVALID,
        ),
        ("semicolons", text("username=qzcanaryqz;password=x"), INVALID),
        (
            "bad UTF-8, encoded",
            text("username=qzcanaryqz%ff%fe&password=x"),
            INVALID,
        ),
        (
            "bad UTF-8, raw",
            b"username=qzcanaryqz\xff&password=x".to_vec(),
            INVALID,
        ),
        (
            "bad UTF-8 in a name",
            text("user%ffname=qzcanaryqz&password=x"),
            INVALID,
        ),
        ("overlong UTF-8", text("username=%c0%ae&password=x"), INVALID),
        ("a surrogate", text("username=%ed%a0%80&password=x"), INVALID),
        (
            "JSON",
            text(r#"{"username":"qzcanaryqz","password":"x"}"#),
            INVALID,
        ),
        ("only ampersands", text(&"&".repeat(8000)), INVALID),
        ("only equals signs", text(&"=".repeat(8000)), INVALID),
        (
            "two thousand fields",
            text(&(0..1100).map(|n| format!("{n}=1&")).collect::<Vec<_>>().concat()),
            INVALID,
        ),
        (
            "NUL in the user name",
            text("username=alice%40example.com%00&password=an+owl+keeps+the+door"),
            &[401],
        ),
        (
            "NUL in the password",
            text("username=alice%40example.com&password=an+owl+keeps+the+door%00"),
            &[401],
        ),
        (
            "a line break after the user name",
            text("username=alice%40example.com%0d%0a&password=an+owl+keeps+the+door"),
            &[401],
        ),
        (
            "a blank before the user name",
            text("username=+alice%40example.com&password=an+owl+keeps+the+door"),
            &[401],
        ),
        (
            "a full-width @",
            text("username=alice%EF%BC%A0example.com&password=an+owl+keeps+the+door"),
            &[401],
        ),
        (
            "a Kelvin sign in the user name",
            text("username=alice%E2%84%AA%40example.com&password=an+owl+keeps+the+door"),
            &[401],
        ),
        (
            "a dotless i in the user name",
            text("username=al%C4%B1ce%40example.com&password=an+owl+keeps+the+door"),
            &[401],
        ),
        (
            "a Cyrillic a in the user name",
            text("username=%D0%B0lice%40example.com&password=an+owl+keeps+the+door"),
            &[401],
        ),
        (
            "a tag in the user name",
            text("username=alice%2Bqzcanaryqz%40example.com&password=an+owl+keeps+the+door"),
            &[401],
        ),
        (
            "SQL for the user name",
            text("username='+OR+'1'='1'--&password='+OR+'1'='1"),
            &[401],
        ),
        (
            "SQL for the password",
            text("username=alice%40example.com&password='+OR+'1'='1"),
            &[401],
        ),
        (
            "LDAP for the user name",
            text("username=*)(uid=*))(|(uid=*&password=x"),
            &[401],
        ),
        (
            "a wildcard for the user name",
            text("username=%25%40example.com&password=an+owl+keeps+the+door"),
            &[401],
        ),
        (
            "a bad percent",
            text("username=qzcanaryqz%zz%&password=%"),
            &[401],
        ),
        (
            "the password in another case",
            text("username=alice%40example.com&password=AN+OWL+KEEPS+THE+DOOR"),
            &[401],
        ),
        (
            "the password with a blank after it",
            text("username=alice%40example.com&password=an+owl+keeps+the+door+"),
            &[401],
        ),
        (
            "the start of the password",
            text("username=alice%40example.com&password=an+owl+keeps+the+doo"),
            &[401],
        ),
        (
            "a password of 7 KB",
            text(&format!(
                "username=alice%40example.com&password={}",
                CANARY.repeat(700)
            )),
            &[401, 422],
        ),
        (
            "a password of combining marks",
            text(&format!(
                "username=alice%40example.com&password=a{}",
                "%cc%81".repeat(1000)
            )),
            &[401, 422],
        ),
        (
            "a body of 9 KB",
            text(&format!("username={}&password=x", CANARY.repeat(900))),
            &[413],
        ),
    ];
    bodies
        .into_iter()
        .map(|(name, body, allowed)| {
            attack(
                format!("logging in with {name}"),
                with_body("POST", "/login", "", FORM, &body),
                allowed,
            )
        })
        .collect()
}

fn oauth_forms() -> Vec<Attack> {
    let mut rows = Vec::new();
    for body in [
        "",
        "grant_type=",
        "grant_type=qzcanaryqz",
        "grant_type=authorization_code&code=qzcanaryqz",
        "grant_type=client_credentials",
        "grant_type=implicit",
        "grant_type=PASSWORD&username=a&password=b",
        "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=qzcanaryqz",
        "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=qzcanaryqz",
        "grant_type=password",
        "grant_type=password&username=qzcanaryqz",
        "grant_type=password&grant_type=refresh_token",
        "grant_type[]=password",
        "grant_type=refresh_token",
        "grant_type=refresh_token&refresh_token=qzcanaryqz",
        "grant_type=refresh_token&refresh_token=dwr_qzcanaryqz",
        "grant_type=refresh_token&refresh_token=%00",
        "grant_type=password&username=a%00&password=b",
        "grant_type=%ff",
    ] {
        rows.push(
            attack(
                format!("/oauth/token with {body:?}"),
                with_body("POST", "/oauth/token", "", FORM, body.as_bytes()),
                &[400],
            )
            .holding(r#""error":""#),
        );
    }
    for header in [
        "Authorization: Basic cXpjYW5hcnlxejp4\r\n",
        "Authorization: Bearer qzcanaryqz\r\n",
    ] {
        rows.push(
            attack(
                format!("/oauth/token with {}", header.trim()),
                with_body(
                    "POST",
                    "/oauth/token",
                    header,
                    FORM,
                    b"grant_type=password&username=a&password=b",
                ),
                &[401],
            )
            .holding("invalid_client"),
        );
    }
    for token in [
        "",
        "qzcanaryqz",
        "dwr_",
        "dwr_qzcanaryqz",
        "%00",
        "dwr_%ff",
        "a.b.c",
        "../../x",
        "dwr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let refresh = with_body(
            "POST",
            "/refresh",
            "",
            FORM,
            format!("refresh_token={token}").as_bytes(),
        );
        rows.push(attack(format!("refreshing with {token:?}"), refresh, &[400, 422]));
        let revoke = with_body(
            "POST",
            "/oauth/revoke",
            "",
            FORM,
            format!("token={token}").as_bytes(),
        );
        rows.push(attack(format!("revoking {token:?}"), revoke, &[200, 400]));
        let introspect = with_body(
            "POST",
            "/oauth/introspect",
            "",
            FORM,
            format!("token={token}").as_bytes(),
        );
        rows.push(attack(
            format!("introspecting {token:?} as nobody"),
            introspect,
            &[401],
        ));
    }
    rows
}

fn media_types() -> Vec<Attack> {
    let mut rows = Vec::new();
    for media_type in [
        "",
        "text/plain",
        "text/json",
        "application/x+json",
        "application/json-patch+json",
        "application/ld+json",
        "application/jsonx",
        "application /json",
        "application/json; charset=utf-16",
        "application/json; charset=qzcanaryqz",
        "application/json, text/plain",
        "multipart/form-data; boundary=qzcanaryqz",
        FORM,
        "application/xml",
        "*/*",
        "qzcanaryqz",
        ";application/json",
        "application/json/",
        "\"application/json\"",
    ] {
        let body = br#"{"email":"media@example.com","password":"an owl keeps the door"}"#;
        rows.push(attack(
            format!("registering as {media_type:?}"),
            with_body("POST", "/register", "", media_type, body),
            &[415],
        ));
    }
    for media_type in [
        "",
        "text/plain",
        "multipart/form-data; boundary=x",
        JSON,
        "application/x-www-form-urlencoded; charset=utf-7",
        "application/x-www-form-urlencodedx",
        "qzcanaryqz",
    ] {
        rows.push(attack(
            format!("logging in as {media_type:?}"),
            with_body(
                "POST",
                "/login",
                "",
                media_type,
                b"username=alice%40example.com&password=an+owl+keeps+the+door",
            ),
            &[415],
        ));
    }
    rows
}
