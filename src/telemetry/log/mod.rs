//! Logs, by `log` and `env_logger`: text on a terminal, one JSON object a line elsewhere.
//!
//! A message reads alone; what varies goes into key-values. Never a token, a password or an address
//! in clear. What came from outside is escaped, so that one event is one line (ASVS 16.4.1).

mod lines;
mod sink;

use std::io::{IsTerminal as _, Write};

use env_logger::{Builder, Env, Target};
use log::{LevelFilter, Record};

pub use sink::DroppedLines;
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
/// Modules of libraries that repeat what they were given, which may be a secret, each with the
/// lowest level that is still logged, independent of `RUST_LOG`. The first repeats a client's
/// headers that it cannot use, the second a parameter of `DATABASE_URL` that it does not know.
const TELLING: &[(&str, LevelFilter)] = &[
    ("actix_http::h1::decoder", LevelFilter::Warn),
    ("sqlx_postgres::options", LevelFilter::Error),
];

/// A running log; dropped, it waits for its last lines, a second at most.
pub struct Log(Sink);

impl Log {
    /// The count of lines that did not get out; readable as long as the process runs.
    #[must_use]
    pub fn dropped_lines(&self) -> DroppedLines {
        self.0.dropped_lines()
    }
}

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
        LogFormat::Text => lines::write_text,
        LogFormat::Json => lines::write_json,
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
