//! One event as one line: as text or as a JSON object, with the fields of the request that it
//! belongs to.

use std::collections::BTreeMap;
use std::io::Write as _;

use env_logger::fmt::Formatter;
use log::Record;
use log::kv::{Key, Value, VisitSource};

use crate::model::clock::Clock;
use crate::telemetry::request_context;

/// Writes an event for a person: time, level, message, key-values.
pub fn write_text(out: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
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

/// Writes an event as one JSON object; the line's own members win over key-values of the same name.
pub fn write_json(out: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
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
    request_context::log_fields(|key, value| {
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
