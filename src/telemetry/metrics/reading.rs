//! Figures that are read when somebody asks, in Prometheus' text form 0.0.4.

use std::fmt::{Display, Write as _};

use super::Family;

/// The text of the figures read so far.
#[derive(Debug, Default)]
pub struct Reading {
    text: String,
    /// The family of the last line: its series stand together, below one head.
    last: &'static str,
}

impl Reading {
    /// Writes a figure that rises and falls. `labels` are the values of the family's labels, in
    /// their order.
    pub fn gauge(&mut self, family: &Family, labels: &[&str], value: impl Display) {
        self.write(family, "gauge", labels, &value);
    }

    /// Writes a total since the start of the process.
    pub fn counter(&mut self, family: &Family, total: impl Display) {
        self.write(family, "counter", &[], &total);
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn write(&mut self, family: &Family, kind: &str, labels: &[&str], value: &dyn Display) {
        let Family { name, help, .. } = *family;
        if self.last != name {
            self.last = name;
            self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
        }
        // Labels are words of ours: none has a character that would have to be escaped.
        let pairs: Vec<_> = family
            .labels
            .iter()
            .zip(labels)
            .map(|(label, value)| format!("{label}=\"{value}\""))
            .collect();
        if pairs.is_empty() {
            self.line(format_args!("{name} {value}"));
        } else {
            self.line(format_args!("{name}{{{}}} {value}", pairs.join(",")));
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a text cannot fail.
        let _written = writeln!(self.text, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_of_a_family_stand_below_one_head() {
        const HELD: Family = Family::new("held", "Sessions held");
        const OPEN: Family = Family::labelled("open", "Open connections", &["pool", "state"]);
        let mut reading = Reading::default();
        reading.counter(&HELD, 3);
        reading.gauge(&OPEN, &["read", "busy"], 1);
        reading.gauge(&OPEN, &["read", "idle"], 0.5);
        assert_eq!(
            reading.into_text(),
            "# HELP held Sessions held\n\
             # TYPE held counter\n\
             held 3\n\
             # HELP open Open connections\n\
             # TYPE open gauge\n\
             open{pool=\"read\",state=\"busy\"} 1\n\
             open{pool=\"read\",state=\"idle\"} 0.5\n"
        );
    }
}
