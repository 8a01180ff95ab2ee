//! Loading, refusal and display of the settings as a whole.

use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;

use super::http::{TLS_CERT, TLS_KEY};
use super::values::{parse_duration, show_duration};
use super::*;

fn load(environment: &[(&str, &str)]) -> Result<Config, Vec<BadSetting>> {
    let environment: Vec<_> = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Config::load(&SettingSource {
        flags: &|_| None,
        environment: &environment,
    })
}

fn refusals(environment: &[(&str, &str)]) -> Vec<String> {
    load(environment)
        .err()
        .unwrap_or_default()
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn nothing_need_be_set() {
    let config = load(&[]).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8000");
    assert_eq!(config.tokens.issuer, "http://127.0.0.1:8000");
    assert_eq!(config.secret_file(), Some(PathBuf::from("doorward.secret")));
}

#[test]
fn the_shown_settings_are_the_table_and_load_again_to_the_same() {
    let shown = load(&[]).unwrap().to_string();
    let names: Vec<&str> = shown
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect();
    assert_eq!(names, settings().map(|setting| setting.name).collect::<Vec<_>>());
    let plain: Vec<_> = shown
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| !name.contains("SECRET") && !name.contains("LOG_FORMAT"))
        .collect();
    assert_eq!(load(&plain).unwrap().to_string(), shown);
}

#[test]
fn an_unknown_name_says_which_was_meant() {
    assert_eq!(
        refusals(&[("DOORWARD_LISTNE", "x")]),
        ["DOORWARD_LISTNE: is not a setting; did you mean DOORWARD_LISTEN?"]
    );
    assert_eq!(refusals(&[("DOORWARD_SESSION_TTL_IDLE", "x")]).len(), 1);
    assert!(
        refusals(&[("DOORWARD_LISTEN_FILE", "x")])[0].contains("is not a setting"),
        "only secrets come from files"
    );
}

#[test]
fn every_bad_value_is_named_at_once() {
    let bad = [
        ("DOORWARD_LISTEN", "nowhere"),
        ("DATABASE_URL", "mysql://x"),
        ("DOORWARD_SECRET", "short"),
        ("DOORWARD_SECRET_PREVIOUS", "short too"),
        ("DOORWARD_ISSUER", "ftp://x"),
        ("DOORWARD_AUDIENCE", "a b"),
        ("DOORWARD_ACCESS_TOKEN_TTL", "15"),
        ("DOORWARD_SESSION_IDLE_TTL", "0s"),
        ("DOORWARD_SESSION_MAX_AGE", "forever"),
        ("DOORWARD_JWT_ALGORITHM", "none"),
        ("DOORWARD_JWT_SECRET", "secret"),
        ("DOORWARD_KEY_ROTATION", "1m"),
        ("DOORWARD_SESSIONS_PER_USER", "0"),
        ("DOORWARD_REFRESH_GRACE", "61s"),
        ("DOORWARD_REGISTRATION", "maybe"),
        ("DOORWARD_PASSWORD_GRANT", "yes"),
        ("DOORWARD_PASSWORD_MIN_LENGTH", "7"),
        ("DOORWARD_HASH_THREADS", "0"),
        ("DOORWARD_HASH_QUEUE", "-1"),
        ("DOORWARD_ARGON2", "m=1,t=1,p=1"),
        ("DOORWARD_LIMIT_LOGIN_IP", "100"),
        ("DOORWARD_LIMIT_REGISTER_IP", "0/1h"),
        ("DOORWARD_ACCOUNT_LOCK", "1s"),
        ("DOORWARD_CONNECTIONS_PER_ADDRESS", "0"),
        ("DOORWARD_TRUSTED_PROXIES", "proxy"),
        ("DOORWARD_AUDIT_RETENTION", "1h"),
        ("DOORWARD_REGISTRY_SIZE", "0"),
        ("DOORWARD_CORS_ORIGINS", "*"),
        (TLS_CERT, "-----BEGIN CERTIFICATE-----"),
        (TLS_KEY, "-----BEGIN PRIVATE KEY-----"),
        ("DOORWARD_METRICS_LISTEN", "9100"),
        ("DOORWARD_HTTP2", "yes"),
        ("DOORWARD_DOCS", "1"),
        ("DOORWARD_LOG_FORMAT", "xml"),
    ];
    let mut named: Vec<String> = load(&bad).unwrap_err().into_iter().map(|bad| bad.name).collect();
    let mut all: Vec<String> = settings().map(|setting| setting.name.to_owned()).collect();
    named.sort();
    all.sort();
    assert_eq!(named, all);
}

#[test]
fn secrets_are_masked_and_never_repeated() {
    let secret = "0123456789abcdef-0123456789abcdef-x";
    let shown = load(&[
        ("DOORWARD_SECRET", secret),
        ("DOORWARD_SECRET_PREVIOUS", secret),
        (
            "DATABASE_URL",
            "postgres://door:pa@ss:w@db.example/doorward?sslmode=prefer&password=hush",
        ),
    ])
    .unwrap();
    assert!(
        shown
            .to_string()
            .contains("DATABASE_URL=postgres://door:***@db.example/doorward?sslmode=prefer&password=***"),
        "{shown}"
    );
    assert!(!shown.to_string().contains(secret) && !format!("{shown:?}").contains(secret));
    assert!(!refusals(&[("DOORWARD_SECRET", "too-short-a-secret")])[0].contains("too-short-a-secret"));
}

#[test]
fn postgres_needs_the_secret_and_a_flag_no_password() {
    assert!(
        refusals(&[("DATABASE_URL", "postgres://door@localhost/doorward")])[0]
            .starts_with("DOORWARD_SECRET: is required")
    );
    let flags =
        |name: &str| (name == "DATABASE_URL").then(|| "postgres://door:hush@localhost/doorward".to_owned());
    let refused = Config::load(&SettingSource {
        flags: &flags,
        environment: &[(
            "DOORWARD_SECRET".to_owned(),
            "a secret of more than thirty-two bytes".to_owned(),
        )],
    })
    .unwrap_err();
    assert!(refused[0].to_string().contains("contains a password"));
}

#[test]
fn tls_needs_both_files_and_makes_the_issuer_https() {
    assert_eq!(
        refusals(&[(TLS_CERT, "cert.pem")]),
        ["DOORWARD_TLS_KEY: is needed with DOORWARD_TLS_CERT"]
    );
    assert_eq!(
        refusals(&[(TLS_KEY, "key.pem")]),
        ["DOORWARD_TLS_CERT: is needed with DOORWARD_TLS_KEY"]
    );
    assert_eq!(
        load(&[(TLS_CERT, "cert.pem"), (TLS_KEY, "key.pem")])
            .unwrap()
            .tokens
            .issuer,
        "https://127.0.0.1:8000"
    );
}

#[test]
fn durations_are_read_and_shown() {
    for (text, secs) in [
        ("1s", 1),
        ("90s", 90),
        ("15m", 900),
        ("12h", 43_200),
        ("30d", 2_592_000),
    ] {
        assert_eq!(parse_duration(text), Ok(Duration::from_secs(secs)));
    }
    assert_eq!(show_duration(&Duration::from_mins(15)), "15m");
    assert_eq!(show_duration(&Duration::from_secs(90)), "90s");
    for bad in [
        "",
        "m",
        "1",
        "1.5h",
        "-1s",
        "1w",
        "99999999999999999999d",
        "3651d",
    ] {
        assert!(parse_duration(bad).is_err(), "{bad}");
    }
}

/// Pieces of text that have a meaning in some setting.
const PIECES: &str = "[0-9]{0,20}|[a-zA-Z:/.@?#%,=\\[\\]*-]{0,12}|[smhd]|on|off|never|m=|,t=|,p=|http://|https://\
                      |sqlite:|postgres://u:p@h/d|\\PC{0,4}";
const HUNTER: &str = "hunter2, but thirty-two bytes long";

/// A setting with a value made of pieces, or with a secret.
fn given() -> impl Strategy<Value = (&'static str, String)> {
    let setting = prop::sample::select(settings().collect::<Vec<_>>());
    let value = prop::collection::vec(PIECES, 0..4);
    let text = |setting: &Setting, pieces: Vec<String>| {
        if setting.sources.has_flag() {
            pieces.concat()
        } else {
            HUNTER.to_owned()
        }
    };
    (setting, value).prop_map(move |(setting, pieces)| (setting.name, text(setting, pieces)))
}

proptest! {
    #[test]
    fn no_secret_is_told_and_what_loads_shows_itself_and_loads_again(
        values in prop::collection::vec(given(), 1..4),
    ) {
        let environment: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        match load(&environment) {
            Ok(config) => {
                let shown = config.to_string();
                let whole = shown.lines().count() == settings().count();
                prop_assert!(!shown.contains("hunter2") && whole, "{}", shown);
                // What is set, as it is shown; defaults and the place of a generated secret are
                // words for people.
                let defaults = load(&[]).unwrap().to_string();
                let again: Vec<(&str, &str)> = shown.lines()
                    .filter(|line| defaults.lines().all(|default| default != *line))
                    .filter_map(|line| line.split_once('='))
                    .map(|(name, value)| (name, if value == "***" { HUNTER } else { value }))
                    .filter(|(name, value)| *name != server::SECRET || *value == HUNTER)
                    .collect();
                let reloaded = load(&again).map(|config| config.to_string());
                prop_assert_eq!(reloaded, Ok(shown));
            }
            Err(refused) => for bad in refused {
                let line = bad.to_string();
                prop_assert!(!line.contains("hunter2") && !line.contains('\n') && !line.is_empty(), "{}", line);
            },
        }
    }

    #[test]
    fn a_duration_is_shown_as_it_is_read(secs in 1..=315_360_000_u64) {
        let duration = Duration::from_secs(secs);
        prop_assert_eq!(parse_duration(&show_duration(&duration)), Ok(duration));
    }
}
