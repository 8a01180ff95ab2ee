//! Settings of metrics and log lines.

use std::net::SocketAddr;

use super::row::settings;
use super::values::{ADDRESS_OR_NONE, By, Or};
use crate::telemetry::log::LogFormat;

const LOG_DEFAULT: &str = "text on a terminal, else json";

/// Format of log lines; the default depends on whether standard error is a terminal.
const FORMAT: Or<By<Option<LogFormat>>> = Or(By(parse_format, |format| show_format(*format)), || None);

settings! {
    /// Settings of metrics and log lines.
    TelemetrySettings {
        metrics_listen: Option<SocketAddr> = "DOORWARD_METRICS_LISTEN", "none", ADDRESS_OR_NONE,
            "address and port of a separate listener for GET /metrics in the Prometheus format";
        log_format: Option<LogFormat> = "DOORWARD_LOG_FORMAT", LOG_DEFAULT, FORMAT,
            "text or json: format of the log lines on standard error; RUST_LOG sets the levels";
    }
}

fn parse_format(text: &str) -> Result<Option<LogFormat>, String> {
    match text {
        "" => Ok(None),
        "text" => Ok(Some(LogFormat::Text)),
        "json" => Ok(Some(LogFormat::Json)),
        _ => Err("must be text or json".to_owned()),
    }
}

fn show_format(format: Option<LogFormat>) -> String {
    match format {
        Some(LogFormat::Text) => "text",
        Some(LogFormat::Json) => "json",
        None => LOG_DEFAULT,
    }
    .to_owned()
}
