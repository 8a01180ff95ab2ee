//! What no line of a log may tell, at any level, and the ears that hear every line: of servers in
//! this process and of those that a test starts.
//!
//! A line that tells ends the whole run at once, for whoever reads logs has no test to fail.

use std::collections::HashSet;
use std::io::Write;
use std::sync::{Once, RwLock};

use doorward::telemetry;
use doorward::telemetry::log::LogFormat;
use env_logger::{Builder, WriteStyle};
use serde_json::Value;

/// Beginnings of tokens, tickets and hashes, each followed by what is secret.
const BEGINNINGS: &[&str] = &[
    "eyJ",
    "dwr_",
    "dwd_",
    "$argon2",
    "$2a$",
    "$2b$",
    "$2y$",
    "$scrypt$",
    "$pbkdf2",
    "pbkdf2_sha256$",
    "-----BEGIN",
];
/// Words of the tests' passwords and root secrets.
const WORDS: &[&str] = &[
    "an owl",
    "an+owl",
    "an%20owl",
    "owls keep",
    "owls+keep",
    "owls%20keep",
    "own secret",
    "forty bytes",
    "hush",
];
/// What is heard of a server: all that it says itself, and of its libraries what they say with a
/// value in it. Everything at trace level would make the tests three times as dear; that is heard
/// in `logs`.
pub const HEARD: &str = "debug,doorward=trace";
/// The clients of the tests log in this process too. So does their own SQL; that of servers is
/// heard where they are processes.
const CLIENTS: &str = "fantoccini=off,h2=off,hyper=off,hyper_util=off,reqwest=off,rustls=off,sqlx=info";

/// Passwords that tests have sent, in every form of an URL or a body.
static SENT: RwLock<Option<HashSet<String>>> = RwLock::new(None);

/// Remembers a password. One that is a plain word or number stands in honest lines too, so it is
/// left out.
pub fn sent(password: &str) {
    if password.len() < 8
        || password.len() > 200
        || password.chars().all(|c| c.is_ascii_lowercase())
        || password.chars().all(|c| c.is_ascii_digit())
    {
        return;
    }
    let forms = [
        password.to_owned(),
        password.replace(' ', "+"),
        password.replace(' ', "%20"),
        password.escape_default().to_string(),
    ];
    let mut sent = SENT.write().unwrap();
    sent.get_or_insert_default().extend(forms);
}

/// What a line tells that it should not.
pub fn told(line: &str) -> Option<String> {
    let secret = |c: char| c.is_ascii_alphanumeric() || "-_$=.,".contains(c);
    let begun = BEGINNINGS.iter().find(|beginning| {
        line.split(**beginning)
            .skip(1)
            .any(|rest| rest.chars().take_while(|c| secret(*c)).count() >= 8 || beginning.starts_with('-'))
    });
    let word = WORDS.iter().find(|word| line.contains(**word)).copied();
    let address = ["@", "%40"].into_iter().find(|at| {
        let mut parts = line.split(at).peekable();
        std::iter::from_fn(|| parts.next().zip(parts.peek().copied())).any(|(before, after)| {
            before.ends_with(|c: char| c.is_alphanumeric() || "._%+-".contains(c))
                && after.starts_with(char::is_alphanumeric)
        })
    });
    let sent = || {
        SENT.read().unwrap().as_ref().and_then(|sent| {
            sent.iter()
                .find(|password| line.contains(password.as_str()))
                .cloned()
        })
    };
    begun
        .copied()
        .or(word)
        .or(address)
        .map(str::to_owned)
        .or_else(sent)
}

/// Ends the run if a line tells a secret. Past the capture of the test that caused it, which nobody
/// would print.
pub fn assert_none_told(line: &str) {
    if let Some(secret) = told(line) {
        let _nobody_listens = writeln!(
            std::io::stderr(),
            "\na log line tells a secret ({secret}): {line}"
        );
        std::process::exit(101);
    }
}

/// What a line in the form of JSON lacks of what every line has.
pub fn lacking(line: &str) -> Option<&'static str> {
    let Ok(line) = serde_json::from_str::<Value>(line) else {
        return Some("the form of JSON");
    };
    let is_time = line["time"]
        .as_str()
        .is_some_and(|time| time.len() == "2026-11-22T12:00:00.000000Z".len() && time.ends_with('Z'));
    let is_level =
        ["error", "warn", "info", "debug", "trace"].contains(&line["level"].as_str().unwrap_or_default());
    let of_request = line["request_id"].is_string() == line["route"].is_string();
    let of_answer = line["message"] != "request answered"
        || (line["request_id"].is_string()
            && line["method"].is_string()
            && line["status"].is_u64()
            && line["duration_us"].is_u64());
    let has = [
        (is_time, "time"),
        (is_level, "level"),
        (line["message"].is_string(), "message"),
        (line["target"].is_string(), "target"),
        (of_request, "request_id with route"),
        (of_answer, "what an answer has"),
    ];
    has.into_iter().find(|(has, _)| !has).map(|(_, what)| what)
}

/// Ends the run if a line in the form of JSON is none, or lacks something.
pub fn assert_well_formed(line: &str) {
    if let Some(what) = lacking(line) {
        let _nobody_listens = writeln!(std::io::stderr(), "\na log line lacks {what}: {line}");
        std::process::exit(101);
    }
}

/// Hears what the servers in this process log, in the form that the program gives it.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let mut builder = Builder::new();
        builder
            .parse_filters(&format!("{HEARD},{CLIENTS}"))
            .write_style(WriteStyle::Never);
        telemetry::log::write_to(&mut builder, LogFormat::Json, Ear);
        builder.init();
    });
}

struct Ear;

impl Write for Ear {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        assert_none_told(&text);
        assert_well_formed(&text);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
