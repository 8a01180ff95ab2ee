//! Forms of values. A form parses the text of a setting, explains a fault, and shows a value as text
//! that parses to the same value. A form of one area only is defined in that area's file.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::setting::Sources;
use crate::model::throttle::Rate;

/// Textual form of a setting.
pub(super) trait ValueForm {
    /// Type of the value.
    type Value;
    /// Allowed sources of the value.
    const SOURCES: Sources = Sources::FlagOrVariable;

    /// Parses a text. The error says the expected form and never repeats a secret.
    fn parse(&self, text: &str) -> Result<Self::Value, String>;

    /// Shows a value as text; a secret is masked.
    fn show(&self, value: &Self::Value) -> String;

    /// The default value; `text` is the default in the row of the setting.
    fn default(&self, text: &str) -> Self::Value {
        self.parse(text)
            .unwrap_or_else(|why| unreachable!("the default {text} {why}"))
    }
}

/// A form from a parse function and a show function.
pub(super) struct By<T>(pub fn(&str) -> Result<T, String>, pub fn(&T) -> String);

impl<T> ValueForm for By<T> {
    type Value = T;

    fn parse(&self, text: &str) -> Result<T, String> {
        self.0(text)
    }

    fn show(&self, value: &T) -> String {
        self.1(value)
    }
}

/// A form with a computed default; the row of the setting only describes the default.
pub(super) struct Or<F: ValueForm>(pub F, pub fn() -> F::Value);

impl<F: ValueForm> ValueForm for Or<F> {
    type Value = F::Value;
    const SOURCES: Sources = F::SOURCES;

    fn parse(&self, text: &str) -> Result<F::Value, String> {
        self.0.parse(text)
    }

    fn show(&self, value: &F::Value) -> String {
        self.0.show(value)
    }

    fn default(&self, _text: &str) -> F::Value {
        self.1()
    }
}

/// A whole number from a minimum to a maximum, both included.
pub(super) struct Whole(pub usize, pub usize);

impl ValueForm for Whole {
    type Value = usize;

    fn parse(&self, text: &str) -> Result<usize, String> {
        let &Self(least, most) = self;
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| format!("must be a whole number from {least} to {most}"))
    }

    fn show(&self, value: &usize) -> String {
        value.to_string()
    }
}

/// One of two words: the first for true, the second for false.
pub(super) struct Switch(pub &'static str, pub &'static str);

impl ValueForm for Switch {
    type Value = bool;

    fn parse(&self, text: &str) -> Result<bool, String> {
        let &Self(yes, no) = self;
        match text {
            _ if text == yes => Ok(true),
            _ if text == no => Ok(false),
            _ => Err(format!("must be {yes} or {no}")),
        }
    }

    fn show(&self, value: &bool) -> String {
        if *value { self.0 } else { self.1 }.to_owned()
    }
}

/// A word for `None`, or a duration of at least an hour; the second text is an example duration.
pub(super) struct DurationOr(pub &'static str, pub &'static str);

impl ValueForm for DurationOr {
    type Value = Option<Duration>;

    fn parse(&self, text: &str) -> Result<Option<Duration>, String> {
        let &Self(word, example) = self;
        match parse_duration(text) {
            _ if text == word => Ok(None),
            Ok(duration) if duration >= Duration::from_hours(1) => Ok(Some(duration)),
            Ok(_) | Err(_) => Err(format!("must be {word}, or at least 1h, such as {example}")),
        }
    }

    fn show(&self, value: &Option<Duration>) -> String {
        value.as_ref().map_or_else(|| self.0.to_owned(), show_duration)
    }
}

/// A duration from a second to ten years.
pub(super) const DURATION: By<Duration> = By(parse_duration, show_duration);
/// An address and a port.
pub(super) const ADDRESS: By<SocketAddr> = By(parse_address, ToString::to_string);
/// An address and a port, or `none`.
pub(super) const ADDRESS_OR_NONE: By<Option<SocketAddr>> =
    By(parse_address_or_none, |address| show_or_none(address.as_ref()));
/// The path of a PEM file, or `none`.
pub(super) const FILE_OR_NONE: By<Option<PathBuf>> = By(parse_file, |path| {
    show_or_none(path.as_ref().map(|path| path.display()))
});
/// A number per period, such as `100/5m`, or `off`.
pub(super) const RATE: By<Option<Rate>> = By(parse_rate, |rate| show_rate(rate.as_ref()));
/// Networks; the default is an empty list.
pub(super) const NETWORKS: Or<By<Vec<IpNet>>> = Or(By(parse_networks, |list| show_list(list)), Vec::new);

const UNITS: &[(&str, u64)] = &[("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// A whole number with its unit: `30s`, `15m`, `12h`, `30d`; at least a second, at most ten years.
///
/// # Errors
/// The rule, in words that follow the name of the value.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let parsed = UNITS
        .iter()
        .find_map(|(unit, secs)| text.strip_suffix(unit)?.parse::<u64>().ok()?.checked_mul(*secs));
    match parsed {
        Some(secs @ 1..=315_360_000) => Ok(Duration::from_secs(secs)),
        _ => Err("must be a whole number with a unit s, m, h or d, such as 15m, from 1s to 3650d".to_owned()),
    }
}

pub(super) fn show_duration(duration: &Duration) -> String {
    let secs = duration.as_secs();
    let unit = UNITS
        .iter()
        .find(|(_, unit)| secs > 0 && secs.is_multiple_of(*unit));
    unit.map_or_else(
        || format!("{secs}s"),
        |(name, unit)| format!("{}{name}", secs / unit),
    )
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "must be an address and port such as 127.0.0.1:8000".to_owned())
}

fn parse_address_or_none(text: &str) -> Result<Option<SocketAddr>, String> {
    if text == "none" {
        return Ok(None);
    }
    let address = text.parse().map(Some);
    address.map_err(|_| "must be none, or an address and port such as 127.0.0.1:9100".to_owned())
}

fn show_or_none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

/// The path of a file. A pasted PEM is refused without repeating it.
fn parse_file(text: &str) -> Result<Option<PathBuf>, String> {
    match text {
        "none" => Ok(None),
        _ if text.contains("-----BEGIN") => Err("must be the path of a PEM file, not its content".to_owned()),
        _ => Ok(Some(PathBuf::from(text))),
    }
}

/// `100/5m`: a hundred in five minutes.
fn parse_rate(text: &str) -> Result<Option<Rate>, String> {
    if text == "off" {
        return Ok(None);
    }
    let rate = text.split_once('/').and_then(|(quota, window)| {
        Some(Rate {
            quota: quota.parse().ok()?,
            window: parse_duration(window).ok()?,
        })
    });
    rate.filter(|rate| (1..=1_000_000).contains(&rate.quota))
        .map(Some)
        .ok_or_else(|| "must be off, or a number and a period such as 100/5m".to_owned())
}

fn show_rate(rate: Option<&Rate>) -> String {
    rate.map_or_else(
        || "off".to_owned(),
        |rate| format!("{}/{}", rate.quota, show_duration(&rate.window)),
    )
}

/// Parts of a comma-separated list, without empty parts.
pub(super) fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

pub(super) fn show_list(list: &[impl ToString]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Networks in CIDR notation; an address alone is a network of one address.
fn parse_networks(text: &str) -> Result<Vec<IpNet>, String> {
    let network = |text: &str| {
        text.parse()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| format!("{text:?} is not a network such as 10.0.0.0/8"))
    };
    parts(text).map(network).collect()
}
