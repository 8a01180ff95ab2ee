//! Progress of a long command on standard error: a bar on a terminal, else a line now and then.

use std::io::IsTerminal as _;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use crate::model::clock::monotonic_now;

/// Number of rows between two lines if there is no terminal.
const EVERY: u64 = 100_000;

/// Progress display of one command.
pub struct Progress {
    bar: Option<ProgressBar>,
    what: &'static str,
    begun: Instant,
    /// `rows / EVERY` at the last printed line.
    lines: u64,
}

impl Progress {
    /// Starts the display; `total` is the expected number of rows, if known.
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
            lines: 0,
        }
    }

    /// Shows the number of rows done so far.
    pub fn at(&mut self, rows: u64) {
        match &self.bar {
            Some(bar) => bar.set_position(rows),
            None if rows / EVERY > self.lines => {
                self.lines = rows / EVERY;
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

    /// Ends the display and returns the duration, the rate and the peak memory as text.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people, not for arithmetic")]
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

/// Peak memory of this process in MiB; known on Linux only.
fn peak_memory_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace()
        .nth(1)?
        .parse::<u64>()
        .ok()
        .map(|kib| kib / 1024)
}
