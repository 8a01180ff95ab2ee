//! Where one request ends and the next begins: request smuggling, versions, and what is no HTTP at
//! all (RFC 9112).

use std::time::Duration;

use super::ring::Ring;
use super::wire::{Attack, CANARY, CLOSED, WAITS, attack, bearer};

/// Refused as ambiguous.
const REFUSED: &[u16] = &[400];
/// Refused, or by the body that is left if the framing is read by the letter.
const REFUSED_OR_READ: &[u16] = &[400, 413, 415, 422];

/// A request that must never be answered on its own.
fn hidden(ring: &Ring) -> String {
    format!("GET /me HTTP/1.1\r\nHost: x\r\n{}\r\n", bearer(ring.token()))
}

fn post(head: &str, body: &str) -> String {
    format!(
        "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n{head}\r\n\r\n{body}"
    )
}

pub fn attacks(ring: &Ring) -> Vec<Attack> {
    [
        lengths(ring),
        encodings(ring),
        chunks(ring),
        lines(ring),
        bodies_where_none_belong(ring),
        versions(),
        no_http(),
        slow(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn lengths(ring: &Ring) -> Vec<Attack> {
    let hidden = hidden(ring);
    let bad = [
        "+5",
        "-1",
        "0x5",
        "5, 5",
        "5,6",
        "5 5",
        "5;x",
        "1e1",
        "5.0",
        "5_0",
        "\u{665}",
        "99999999999999999999",
        "18446744073709551616",
        "five",
        "0, 5",
        "5,",
        ",5",
        "'5'",
        "\"5\"",
        "5\t5",
        "-0",
        "+0",
        "0+",
        "\u{b}5",
        "5\u{c}",
    ];
    let single = bad.iter().map(|value| {
        attack(
            format!("Content-Length {value:?}"),
            post(&format!("Content-Length: {value}"), &hidden),
            REFUSED,
        )
    });
    let double = [
        ("5", "6"),
        ("5", "5"),
        ("0", "5"),
        ("5", "0"),
        ("0", "0"),
        ("5", "x"),
        ("5", ""),
    ]
    .map(|(one, other)| {
        (
            format!("Content-Length: {one}\r\nContent-Length: {other}"),
            format!("two Content-Length, {one:?} and {other:?}"),
        )
    })
    .map(|(head, name)| attack(name, post(&head, &hidden), REFUSED));
    let apart = attack(
        "two Content-Length in different cases, apart",
        post("CONTENT-LENGTH: 5\r\nX: y\r\nX: z\r\ncontent-length: 0", &hidden),
        REFUSED,
    );
    single
        .chain(double)
        .chain([
            apart,
            attack(
                "an empty Content-Length",
                post("Content-Length: ", &hidden),
                REFUSED,
            ),
        ])
        .collect()
}

fn encodings(ring: &Ring) -> Vec<Attack> {
    let hidden = hidden(ring);
    let chunked = format!("0\r\n\r\n{hidden}");
    let mut rows = Vec::new();
    // CL.TE and TE.CL: whichever a proxy believes, the other is there too.
    for encoding in [
        "chunked",
        "Chunked",
        "CHUNKED",
        "identity",
        "gzip, chunked",
        "x",
        "",
    ] {
        let (first, last) = (
            format!(
                "Content-Length: {}\r\nTransfer-Encoding: {encoding}",
                chunked.len()
            ),
            format!("Transfer-Encoding: {encoding}\r\nContent-Length: 4"),
        );
        rows.push(attack(
            format!("CL.TE with {encoding:?}"),
            post(&first, &chunked),
            REFUSED,
        ));
        rows.push(attack(
            format!("TE.CL with {encoding:?}"),
            post(&last, &format!("5c\r\n{hidden}\r\n0\r\n\r\n")),
            REFUSED,
        ));
    }
    // TE.TE: an encoding that one side does not recognise.
    for encoding in [
        "xchunked",
        "chunked, identity",
        "identity, chunked",
        "chunked, chunked",
        "chunked;q=1",
        "chunked;x",
        "chunked x",
        "\u{b}chunked",
        "chunked\u{b}",
        "\u{c}chunked",
        "\"chunked\"",
        "'chunked'",
        "cow",
        ",chunked",
        "chunked,",
        ", chunked",
        "chunked\0",
        "chu nked",
        "chunk\u{e9}d",
        "deflate",
        "chunked, gzip",
        "\u{a0}chunked",
        "chunked\r\n\tidentity",
        "ch\tunked",
    ] {
        rows.push(attack(
            format!("TE {encoding:?}"),
            post(&format!("Transfer-Encoding: {encoding}"), &chunked),
            REFUSED,
        ));
        let both = format!("Transfer-Encoding: chunked\r\nTransfer-Encoding: {encoding}");
        rows.push(attack(
            format!("TE chunked and TE {encoding:?}"),
            post(&both, &chunked),
            REFUSED,
        ));
    }
    // A name that a proxy might fold into the real one: here it means nothing, so the length holds
    // and the hidden request is in the body.
    for name in [
        "Transfer_Encoding",
        "Transfer-Encoding-",
        "X-Transfer-Encoding",
        "TransferEncoding",
        "Transfer.Encoding",
        "TE",
    ] {
        let head = format!("{name}: chunked\r\nContent-Length: {}", chunked.len());
        rows.push(attack(
            format!("the header {name}"),
            post(&head, &chunked),
            &[400, 422],
        ));
    }
    for name in [
        "Transfer-Encoding ",
        " Transfer-Encoding",
        "Transfer-Encoding\t",
        "Transfer\0-Encoding",
        "Transfer-Encoding\u{b}",
        "Transfer Encoding",
        "\u{feff}Transfer-Encoding",
    ] {
        let head = format!("{name}: chunked\r\nContent-Length: {}", chunked.len());
        rows.push(attack(
            format!("the header {name:?}"),
            post(&head, &chunked),
            REFUSED,
        ));
    }
    rows.push(attack(
        "an encoding in HTTP/1.0",
        post("Transfer-Encoding: chunked", &chunked)
            .replace("HTTP/1.1\r\nHost: x\r\nContent", "HTTP/1.0\r\nHost: x\r\nContent"),
        REFUSED,
    ));
    rows
}

fn chunks(ring: &Ring) -> Vec<Attack> {
    let hidden = hidden(ring);
    let chunked = |body: &str| post("Transfer-Encoding: chunked", body);
    let bad = [
        "5x",
        "-5",
        "+5",
        "0x5",
        " 5",
        "5 5",
        "ffffffffffffffffff",
        "fffffffffffffffff",
        "",
        "\0",
        "5\0",
        "g",
        "\u{665}",
        "5.0",
        "5,5",
        "5\t\u{b}",
    ];
    let mut rows: Vec<Attack> = bad
        .iter()
        .map(|size| {
            attack(
                format!("chunk of size {size:?}"),
                chunked(&format!("{size}\r\nusern\r\n0\r\n\r\n{hidden}")),
                &[400, 413, CLOSED],
            )
        })
        .collect();
    for (name, body) in [
        (
            "a chunk longer than it says",
            format!("3\r\nusername\r\n0\r\n\r\n{hidden}"),
        ),
        ("a chunk without its end", format!("5\r\nusern0\r\n\r\n{hidden}")),
        (
            "a chunk that ends in LF",
            format!("5\r\nusern\n0\r\n\r\n{hidden}"),
        ),
        (
            "a chunk that ends in CR",
            format!("5\r\nusern\r0\r\n\r\n{hidden}"),
        ),
        (
            "a chunk size that ends in LF",
            format!("5\nusern\r\n0\r\n\r\n{hidden}"),
        ),
        (
            "a chunk size that ends in CR CR LF",
            format!("5\r\r\nusern\r\n0\r\n\r\n{hidden}"),
        ),
        (
            "an extension with LF in it",
            format!("5;{CANARY}\nusern\r\n0\r\n\r\n{hidden}"),
        ),
        (
            "an extension with CR in it",
            format!("5;a\rb\r\nusern\r\n0\r\n\r\n{hidden}"),
        ),
        (
            "an extension with NUL in it",
            format!("5;a\0b\r\nusern\r\n0\r\n\r\n{hidden}"),
        ),
        (
            "a quoted extension with CR LF in it",
            format!("5;a=\"\r\nusern\"\r\n0\r\n\r\n{hidden}"),
        ),
        (
            "a last chunk that ends in LF",
            format!("5\r\nusern\r\n0\n\n{hidden}"),
        ),
    ] {
        rows.push(attack(name, chunked(&body), &[400, CLOSED]));
    }
    for (name, body) in [
        ("an extension", format!("5;{CANARY}=1\r\nusern\r\n0\r\n\r\n")),
        (
            "a quoted extension",
            format!("5;a=\"{CANARY}\"\r\nusern\r\n0\r\n\r\n"),
        ),
        (
            "a last chunk of many zeros",
            "5\r\nusern\r\n00000\r\n\r\n".to_owned(),
        ),
        (
            "a size with many zeros before it",
            "0000000000000000000005\r\nusern\r\n0\r\n\r\n".to_owned(),
        ),
        ("blanks after the size", "5  \r\nusern\r\n0\r\n\r\n".to_owned()),
    ] {
        // RFC 9112 allows them; they are skipped, and the body is a form without a user name.
        rows.push(attack(name, chunked(&body), REFUSED_OR_READ));
    }
    for trailer in [
        "X-Request-Id: qzcanaryqz",
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        "Authorization: Bearer qzcanaryqz",
        "Host: evil.example",
    ] {
        // Trailers are refused or dropped, never merged into the headers (RFC 9110 section 6.5.1).
        rows.push(attack(
            format!("a trailer {trailer}"),
            chunked(&format!("5\r\nusern\r\n0\r\n{trailer}\r\n\r\n")),
            &[400, 422, CLOSED],
        ));
    }
    let long = "x".repeat(200_000);
    rows.push(attack(
        "an endless extension",
        chunked(&format!("5;{long}\r\nusern\r\n0\r\n\r\n")),
        &[400, 408, 413, 422, CLOSED],
    ));
    rows.push(attack(
        "ten thousand chunks of a byte",
        chunked(&"1\r\na\r\n".repeat(10_000)),
        &[400, 413],
    ));
    // Any size is believed that fits in 64 bits, and zeros before it are skipped. Harmless: the
    // body is refused as soon as the bytes that really came pass the limit, or after 30 seconds,
    // and what follows is the body of a connection that closes.
    for size in ["7fffffffffffffff", "8000000000000000", "ffffffffffffffff"] {
        rows.push(attack(
            format!("chunk of size {size}"),
            chunked(&format!("{size}\r\nusern\r\n0\r\n\r\n{hidden}")),
            &[400, 413, WAITS],
        ));
    }
    rows.push(attack(
        "an endless size",
        chunked(&"0".repeat(200_000)),
        &[400, CLOSED, WAITS],
    ));
    // The trailer goes on to the first line that is empty by CR LF: the hidden request is taken for
    // trailers, which are dropped.
    rows.push(attack(
        "a trailer with LF",
        chunked(&format!("5\r\nusern\r\n0\r\nX: y\n\n{hidden}")),
        &[400, 422],
    ));
    rows.push(attack(
        "a size over the limit, nothing sent",
        chunked("fffff\r\n"),
        &[413, WAITS],
    ));
    rows
}

fn lines(ring: &Ring) -> Vec<Attack> {
    let hidden = hidden(ring);
    let refused: Vec<(&str, String)> = vec![
        (
            "CR alone ends a line",
            format!("GET /health HTTP/1.1\rHost: x\r\r{hidden}"),
        ),
        (
            "CR in a value",
            format!("GET /health HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n{hidden}"),
        ),
        (
            "CR CR LF",
            format!("GET /health HTTP/1.1\r\r\nHost: x\r\n\r\n{hidden}"),
        ),
        (
            "a folded header",
            format!("GET /health HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n{hidden}"),
        ),
        (
            "a header folded by a tab",
            format!("GET /health HTTP/1.1\r\nHost: x\r\nX: a\r\n\tb\r\n\r\n{hidden}"),
        ),
        (
            "a first header that is folded",
            format!("GET /health HTTP/1.1\r\n X: a\r\nHost: x\r\n\r\n{hidden}"),
        ),
        (
            "a space before the colon",
            format!("GET /health HTTP/1.1\r\nHost : x\r\n\r\n{hidden}"),
        ),
        (
            "a tab before the colon",
            format!("GET /health HTTP/1.1\r\nHost: x\r\nX\t: y\r\n\r\n{hidden}"),
        ),
        (
            "a header without a colon",
            format!("GET /health HTTP/1.1\r\nHost: x\r\n{CANARY}\r\n\r\n{hidden}"),
        ),
        (
            "a header without a name",
            format!("GET /health HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n{hidden}"),
        ),
        (
            "NUL in a value",
            format!("GET /health HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n{hidden}"),
        ),
        (
            "NUL in a name",
            format!("GET /health HTTP/1.1\r\nHost: x\r\nX\0: a\r\n\r\n{hidden}"),
        ),
        (
            "NUL in the target",
            format!("GET /health\0 HTTP/1.1\r\nHost: x\r\n\r\n{hidden}"),
        ),
        (
            "NUL in the method",
            format!("GE\0T /health HTTP/1.1\r\nHost: x\r\n\r\n{hidden}"),
        ),
        (
            "a tab between method and target",
            format!("GET\t/health HTTP/1.1\r\nHost: x\r\n\r\n{hidden}"),
        ),
        (
            "a second space in the request line",
            format!("GET /health  HTTP/1.1\r\nHost: x\r\n\r\n{hidden}"),
        ),
        (
            "a space in the target",
            format!("GET /health x HTTP/1.1\r\nHost: x\r\n\r\n{hidden}"),
        ),
        (
            "a space after the version",
            format!("GET /health HTTP/1.1 \r\nHost: x\r\n\r\n{hidden}"),
        ),
        ("no target", format!("GET HTTP/1.1\r\nHost: x\r\n\r\n{hidden}")),
        (
            "no method",
            format!(" /health HTTP/1.1\r\nHost: x\r\n\r\n{hidden}"),
        ),
        ("no Host", format!("GET /health HTTP/1.1\r\n\r\n{hidden}")),
        (
            "two Host",
            format!("GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n{hidden}"),
        ),
        (
            "two Host of one value",
            format!("GET /health HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n{hidden}"),
        ),
    ];
    let mut rows: Vec<Attack> = refused
        .into_iter()
        .map(|(name, bytes)| attack(name, bytes, REFUSED))
        .collect();
    // A recipient may take a bare LF for the end of a line (RFC 9112 section 2.2). It is harmless
    // while both readings end the request at the same byte: there is no body, the server closes,
    // and what follows is never read as a request.
    for (name, bytes) in [
        (
            "LF alone ends every line",
            "GET /health HTTP/1.1\nHost: x\nConnection: close\n\n".to_owned(),
        ),
        (
            "LF alone ends the request line",
            "GET /health HTTP/1.1\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
        ),
        (
            "LF alone ends a header",
            format!("GET /health HTTP/1.1\r\nHost: x\r\nX: {CANARY}\nConnection: close\r\n\r\n"),
        ),
        (
            "an empty line first",
            "\r\nGET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
        ),
        (
            "twenty empty lines first",
            format!(
                "{}GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                "\r\n".repeat(20)
            ),
        ),
    ] {
        rows.push(attack(name, bytes, &[200, 400]));
    }
    // The length that a bare LF hides or shows must be read the same way as by whoever sees one
    // header there: here it is a header, and its body the rest.
    let smuggled = format!("X: y\nContent-Length: {}", hidden.len());
    rows.push(attack(
        "a Content-Length behind a bare LF",
        post(&smuggled, &hidden),
        REFUSED_OR_READ,
    ));
    rows.push(attack(
        "a Transfer-Encoding behind a bare LF",
        post(
            &format!(
                "Content-Length: {}\r\nX: y\nTransfer-Encoding: chunked",
                hidden.len()
            ),
            &hidden,
        ),
        REFUSED,
    ));
    rows
}

fn bodies_where_none_belong(ring: &Ring) -> Vec<Attack> {
    let hidden = hidden(ring);
    let length = hidden.len();
    let mut rows = Vec::new();
    for method in ["GET", "HEAD", "OPTIONS", "DELETE", "TRACE", "PUT"] {
        for path in ["/health", "/nope"] {
            let allowed: &[u16] = &[200, 204, 400, 404, 405];
            let sized =
                format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{hidden}");
            rows.push(attack(format!("{method} {path} with a body"), sized, allowed));
            let chunked = format!(
                "{method} {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{hidden}\r\n0\r\n\r\n"
            );
            rows.push(attack(format!("{method} {path} with chunks"), chunked, allowed));
        }
    }
    for (name, head) in [
        ("Expect: 100-continue", "Expect: 100-continue"),
        ("an unknown Expect", "Expect: qzcanaryqz"),
        (
            "an upgrade to h2c",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
        ),
        (
            "a Connection that names Content-Length",
            "Connection: content-length",
        ),
        (
            "a Connection that names Authorization",
            "Connection: authorization",
        ),
    ] {
        let head = format!("{head}\r\nContent-Length: {length}");
        rows.push(attack(
            format!("{name}, with a body"),
            post(&head, &hidden),
            &[400, 413, 415, 417, 422],
        ));
    }
    // actix-http reads such a request's body to the end of the connection, whatever its length
    // says, so it is refused.
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: cXpjYW5hcnlxeg==";
    for (name, head) in [
        ("a whole", upgrade),
        ("a bare", "Upgrade: websocket"),
        ("an upper-case", "Upgrade: WEBSOCKET"),
        ("a second", "Upgrade: h2c\r\nUpgrade: websocket"),
    ] {
        rows.push(attack(
            format!("{name} upgrade to a WebSocket, with a body"),
            post(&format!("{head}\r\nContent-Length: {length}"), &hidden),
            REFUSED,
        ));
        rows.push(attack(
            format!("{name} upgrade to a WebSocket, with a request after it"),
            format!("GET /health HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n{hidden}"),
            REFUSED,
        ));
    }
    rows.push(attack(
        "a refused media type with the hidden request as body",
        format!("POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{hidden}"),
        &[415],
    ));
    rows.push(attack(
        "a body over the limit that holds requests",
        format!(
            "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{}",
            length * 100,
            hidden.repeat(100)
        ),
        &[413],
    ));
    rows
}

fn versions() -> Vec<Attack> {
    let refused = [
        "HTTP/0.9",
        "HTTP/1.2",
        "HTTP/1.10",
        "HTTP/2.0",
        "HTTP/2",
        "HTTP/3",
        "http/1.1",
        "HTTP/1.",
        "HTTP/1,1",
        "HTTP/11",
        "HTP/1.1",
        "HTTP/-1.1",
        "HTTP/1.1x",
        "HTTP/ 1.1",
        "HTTP",
        CANARY,
    ];
    let mut rows: Vec<Attack> = refused
        .iter()
        .map(|version| {
            attack(
                format!("version {version}"),
                format!("GET /health {version}\r\nHost: x\r\n\r\n"),
                REFUSED,
            )
        })
        .collect();
    rows.push(attack("HTTP/0.9 without a version", "GET /health\r\n", REFUSED));
    rows.push(attack(
        "HTTP/1.0 without Host",
        "GET /health HTTP/1.0\r\n\r\n",
        &[200, 400],
    ));
    rows.push(attack(
        "HTTP/1.0 that stays",
        "GET /health HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
        &[200],
    ));
    rows.push(attack(
        "HTTP/1.0 with a body of no length",
        "POST /login HTTP/1.0\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\nusername=a&password=b",
        &[400, 422],
    ));
    rows
}

fn no_http() -> Vec<Attack> {
    let refused: Vec<(&str, Vec<u8>)> = vec![
        ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec()),
        ("a TLS hello", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03qzcanaryqz\r\n\r\n".to_vec()),
        ("an SSH banner", b"SSH-2.0-qzcanaryqz\r\n\r\n".to_vec()),
        ("the PROXY protocol", b"PROXY TCP4 203.0.113.9 192.0.2.1 1 2\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        (
            "the PROXY protocol 2",
            b"\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c\xcb\0q\x09\xc0\0\x02\x01\0\x01\0\x02GET /health HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        ),
        ("Redis", b"*1\r\n$4\r\nPING\r\n\r\n".to_vec()),
        ("SMTP", b"EHLO qzcanaryqz\r\n\r\n".to_vec()),
        ("NULs", vec![0; 4096]),
        ("high bytes", vec![0xff; 4096]),
        ("an answer", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()),
    ];
    let mut rows: Vec<Attack> = refused
        .into_iter()
        .map(|(name, bytes)| attack(name, bytes, &[400, CLOSED]))
        .collect();
    rows.push(attack(
        "PostgreSQL's request for TLS",
        b"\0\0\0\x08\x04\xd2\x16\x2f".to_vec(),
        &[400, CLOSED, WAITS],
    ));
    rows.push(attack("nothing", "", &[WAITS, CLOSED]));
    rows.push(attack("half a request line", "GET /hea", &[WAITS]));
    rows
}

fn slow() -> Vec<Attack> {
    let tenth = Duration::from_millis(100);
    let whole = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let form = post("Content-Length: 21\r\nConnection: close", "username=a&password=b");
    vec![
        attack("a request a few bytes at a time", whole, &[200]).slowly(4, tenth),
        attack("a form a few bytes at a time", form, &[401]).slowly(12, tenth),
        attack(
            "a header that never ends",
            format!("GET /health HTTP/1.1\r\nHost: x\r\nX: {}", "y".repeat(20)),
            &[WAITS],
        )
        .slowly(16, tenth),
        attack(
            "a body that never ends",
            post("Content-Length: 5000", "username=a"),
            &[WAITS],
        )
        .slowly(40, tenth),
        attack(
            "a chunk that never ends",
            post("Transfer-Encoding: chunked", "5\r\nus"),
            &[WAITS],
        )
        .slowly(40, tenth),
    ]
}
