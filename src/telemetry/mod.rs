//! Logs, by `log` and `env_logger`: text on a terminal, one JSON object a line elsewhere.
//!
//! A message reads alone; what varies goes into key-values. Never a token, a password or an address
//! in clear. Whatever came from outside is escaped, so that one event is one line (ASVS 16.4.1).

mod collector;
pub mod metrics;
pub mod scope;
mod sink;
pub mod traces;

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write};

use env_logger::fmt::Formatter;
use env_logger::{Builder, Env, Target};
use log::kv::{Key, Value, VisitSource};
use log::{LevelFilter, Record};

use crate::model::clock::Clock;
use sink::Sink;

/// The form of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line an event.
    Text,
    /// One JSON object an event.
    Json,
}

const LEVELS: &str = "info,actix_server=warn,sqlx=warn";
/// Where a library repeats what it was given, which may be a secret, and from which level on it
/// still speaks, whatever `RUST_LOG` says: the first a client's headers that it cannot use, the
/// second a parameter of `DATABASE_URL` that it does not know.
const TELLING: &[(&str, LevelFilter)] = &[
    ("actix_http::h1::decoder", LevelFilter::Warn),
    ("sqlx_postgres::options", LevelFilter::Error),
];

/// A running log; dropped, it waits for its last lines, a second at most.
pub struct Log(Sink);

impl Drop for Log {
    fn drop(&mut self) {
        self.0.flush();
    }
}

/// Starts logging to standard error; `RUST_LOG` sets the levels, `info` without it. A panic is a
/// line of the log too.
///
/// # Errors
/// There is no thread to be had.
pub fn start(format: Option<LogFormat>) -> std::io::Result<Log> {
    let terminal = std::io::stderr().is_terminal();
    let format = format.unwrap_or(if terminal {
        LogFormat::Text
    } else {
        LogFormat::Json
    });
    let colours = if terminal && std::env::var_os("NO_COLOR").is_none() {
        "always"
    } else {
        "never"
    };
    let sink = Sink::start(std::io::stderr())?;
    let mut builder = Builder::from_env(
        Env::default()
            .default_filter_or(LEVELS)
            .default_write_style_or(colours),
    );
    write_to(&mut builder, format, sink.clone());
    // A second start keeps the first logger.
    let _already_started = builder.try_init();
    // The hook that there was writes to standard error, where a thread of requests could wait for
    // ever.
    std::panic::set_hook(Box::new(|panic| log::error!("{panic}")));
    Ok(Log(sink))
}

/// Gives the lines their form, and `out` the lines, each by one `write`.
pub fn write_to(builder: &mut Builder, format: LogFormat, out: impl Write + Send + 'static) {
    let write_line = match format {
        LogFormat::Text => write_text,
        LogFormat::Json => write_json,
    };
    builder.target(Target::Pipe(Box::new(out)));
    builder.format(move |out, record| {
        if tells(record) {
            Ok(())
        } else {
            write_line(out, record)
        }
    });
}

fn tells(record: &Record<'_>) -> bool {
    TELLING
        .iter()
        .any(|(target, from)| record.target().starts_with(target) && record.level() > *from)
}

fn write_text(out: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    let level = record.level();
    let style = out.default_level_style(level);
    write!(
        out,
        "{} {style}{level:<5}{style:#} {}",
        Clock::System.now().rfc3339(),
        one_line(&record.args().to_string())
    )?;
    for (key, value) in key_values(record) {
        let value = value.as_str().map_or_else(|| value.to_string(), one_line);
        write!(out, " {key}={value}")?;
    }
    writeln!(out)
}

fn write_json(out: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    let mut line = serde_json::Map::new();
    line.insert("time".to_owned(), Clock::System.now().rfc3339().into());
    line.insert(
        "level".to_owned(),
        record.level().as_str().to_ascii_lowercase().into(),
    );
    line.insert("message".to_owned(), record.args().to_string().into());
    line.insert("target".to_owned(), record.target().into());
    for (key, value) in key_values(record) {
        line.entry(key).or_insert(value);
    }
    writeln!(out, "{}", serde_json::Value::Object(line))
}

fn one_line(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            if c.is_control() {
                c.escape_default().collect::<Vec<_>>()
            } else {
                vec![c]
            }
        })
        .collect()
}

fn key_values(record: &Record<'_>) -> BTreeMap<String, serde_json::Value> {
    struct Collect(BTreeMap<String, serde_json::Value>);
    impl<'kvs> VisitSource<'kvs> for Collect {
        fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
            let json = value
                .to_i64()
                .map_or_else(|| value.to_string().into(), serde_json::Value::from);
            self.0.insert(key.to_string(), json);
            Ok(())
        }
    }
    let mut collect = Collect(BTreeMap::new());
    // Collecting cannot fail; a source that does is cut short, and the message still stands.
    let _complete = record.key_values().visit(&mut collect);
    scope::log_fields(|key, value| {
        collect.0.entry(key.to_owned()).or_insert(value);
    });
    collect.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_never_break_a_line() {
        assert_eq!(one_line("a\r\nb\u{1b}[31mc\u{85}"), "a\\r\\nb\\u{1b}[31mc\\u{85}");
    }
}
