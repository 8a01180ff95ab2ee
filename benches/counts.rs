//! `make counts`: instructions per request by callgrind, the figure that no other work on the
//! machine moves; kept in `counts.txt` and compared by `make test`.
//!
//! User space only: what the kernel does for a request is not in it, and is the same for ours and
//! for the bare handler. One core is shown to the program, so that it has one worker; one
//! connection asks, one request after the other. What runs beside the requests (the feed is read a
//! few times a second) is counted too and is below a hundredth.

#[allow(dead_code, reason = "a part of what the other benchmarks stand on")]
mod process;
#[allow(dead_code, reason = "a part of what the other benchmarks stand on")]
mod service;

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use service::Service;

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/counts.txt");
/// In percent. The libraries choose by the CPU how they copy and hash, so machines differ by some.
const MARGIN: f64 = 5.0;
/// How many requests are counted, after so many that warm it up.
const REQUESTS: u32 = 2000;
const WARM_UP: u32 = 300;
const HEAD: &str = "# Instructions per request, in user space, counted by callgrind. Written by `make counts`, compared by `make test`.\n";

fn main() {
    // `cargo bench` passes flags for a harness that this is not.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    if let [mode, port] = arguments.as_slice()
        && mode == "bare-actix"
    {
        return service::bare_actix(port.parse().expect("a port"));
    }
    let (hs256, request) = me(&[]);
    let counts = [
        ("a bare actix handler", bare(&request)),
        ("GET /me, HS256", hs256),
        ("GET /me, EdDSA", me(&[("DOORWARD_JWT_ALGORITHM", "EdDSA")]).0),
        ("POST /refresh, SQLite", refresh()),
    ];
    if arguments == ["write"] {
        let lines = counts.iter().fold(HEAD.to_owned(), |mut text, (name, count)| {
            let _never_fails = writeln!(text, "{count:>8} {name}");
            text
        });
        std::fs::write(KEPT, &lines).expect("a file");
        return print!("{lines}");
    }
    let kept = std::fs::read_to_string(KEPT).expect("benches/counts.txt; `make counts` writes it");
    let mut moved = false;
    for (name, count) in counts {
        let line = kept
            .lines()
            .find_map(|line| line.trim_start().split_once(' ').filter(|(_, of)| *of == name));
        let before: f64 = line
            .and_then(|(count, _)| count.parse().ok())
            .expect("a row of counts.txt for each figure; `make counts` writes them");
        #[expect(clippy::cast_precision_loss, reason = "a count far below 2^52")]
        let percent = (count as f64 / before - 1.0) * 100.0;
        println!("{count:>8} {name}: {percent:+.1} %");
        moved |= percent.abs() > MARGIN;
    }
    assert!(
        !moved,
        "a count moved by more than {MARGIN} %: if it is meant to, for better or worse, `make counts` writes benches/counts.txt anew"
    );
}

fn me(settings: &[(&str, &str)]) -> (u64, String) {
    let folder = Arc::new(tempfile::tempdir().expect("a folder"));
    let service = Service::start_under(&callgrind(folder.path()), &folder, settings);
    let request = service.account("alice@example.com").me_request();
    (
        per_request(&service, folder.path(), |connection| {
            drop(answer_to(connection, &request));
        }),
        request,
    )
}

fn bare(request: &str) -> u64 {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::start_bare_under(&callgrind(folder.path()));
    per_request(&service, folder.path(), |connection| {
        drop(answer_to(connection, request));
    })
}

fn refresh() -> u64 {
    let folder = Arc::new(tempfile::tempdir().expect("a folder"));
    let service = Service::start_under(&callgrind(folder.path()), &folder, &[]);
    let mut token = service.account("alice@example.com").refresh;
    per_request(&service, folder.path(), |connection| {
        let request = service::post(
            "/refresh",
            "application/x-www-form-urlencoded",
            &format!("refresh_token={token}"),
        );
        token = service::text_in(&answer_to(connection, &request), "refresh_token");
    })
}

/// What the program is started by: one core, and every instruction counted.
fn callgrind(folder: &Path) -> Vec<String> {
    let out = format!("--callgrind-out-file={}", folder.join("counts").display());
    [
        "taskset",
        "-c",
        "0",
        "valgrind",
        "--quiet",
        "--tool=callgrind",
        "--separate-threads=no",
        &out,
    ]
    .map(str::to_owned)
    .into()
}

/// callgrind writes what it has counted and begins at zero, when it is asked to: once before and
/// once after the requests.
fn per_request(service: &Service, folder: &Path, mut ask: impl FnMut(&mut TcpStream)) -> u64 {
    let mut connection = TcpStream::connect(&service.address).expect("a server");
    connection.set_nodelay(true).expect("a socket");
    for _ in 0..WARM_UP {
        ask(&mut connection);
    }
    dump(service);
    for _ in 0..REQUESTS {
        ask(&mut connection);
    }
    dump(service);
    let text = std::fs::read_to_string(folder.join("counts.2")).expect("the second part");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("summary: "))
        .expect("its sum");
    line.trim().parse::<u64>().expect("a number") / u64::from(REQUESTS)
}

fn dump(service: &Service) {
    let status = Command::new("vgdb")
        .arg(format!("--pid={}", service.id()))
        .args(["dump"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("vgdb").success(), "vgdb reaches callgrind");
}

fn answer_to(connection: &mut TcpStream, request: &str) -> String {
    connection
        .write_all(request.as_bytes())
        .expect("the server reads");
    let mut answer = vec![0; 4096];
    let mut length = 0;
    loop {
        length += connection
            .read(&mut answer[length..])
            .expect("the server answers");
        let text = std::str::from_utf8(&answer[..length]).expect("UTF-8");
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        // Ours and the bare handler's are objects, and nothing in the headers ends like one.
        if text.ends_with('}') {
            return text.to_owned();
        }
    }
}
