//! Progress of long work, on standard error: a bar on a terminal, now and then a line elsewhere.

use std::io::IsTerminal as _;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use crate::model::clock::monotonic_now;

/// Rows between two lines where there is no terminal.
const EVERY: u64 = 100_000;

/// Shows how far some work is.
pub struct Progress {
    bar: Option<ProgressBar>,
    what: &'static str,
    begun: Instant,
    said: u64,
}

impl Progress {
    /// Begins; `total` is how many rows there will be, if that is known.
    pub fn new(what: &'static str, total: Option<u64>) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
            let form = if total.is_some() {
                "{bar:40} {human_pos} of {human_len} {msg}, {eta} left"
            } else {
                "{spinner} {human_pos} {msg}, {per_sec}"
            };
            bar.set_style(ProgressStyle::with_template(form).unwrap_or(ProgressStyle::default_bar()));
            bar.set_message(what);
            bar
        });
        Self {
            bar,
            what,
            begun: monotonic_now(),
            said: 0,
        }
    }

    /// Tells how many rows are done.
    pub fn at(&mut self, rows: u64) {
        match &self.bar {
            Some(bar) => bar.set_position(rows),
            None if rows / EVERY > self.said => {
                self.said = rows / EVERY;
                eprintln!("{rows} {}", self.what);
            }
            None => {}
        }
    }

    /// Writes a line without breaking the bar.
    pub fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    /// Ends; says how long it took, at what rate, and in how much memory.
    #[expect(clippy::cast_precision_loss, reason = "a rate to read")]
    pub fn end(self, rows: u64) -> String {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let seconds = self.begun.elapsed().as_secs_f64();
        let memory = peak_memory_mib()
            .map(|mib| format!(", {mib} MiB of memory at most"))
            .unwrap_or_default();
        format!(
            "{seconds:.1} s, {:.0} {}/s{memory}",
            rows as f64 / seconds.max(0.001),
            self.what
        )
    }
}

/// Linux says it; elsewhere it stays unsaid.
fn peak_memory_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace()
        .nth(1)?
        .parse::<u64>()
        .ok()
        .map(|kib| kib / 1024)
}
