//! The process: CPU time, memory, threads and file descriptors, under the names that each client
//! library of Prometheus uses.
//!
//! Prometheus' own collector does the same with the crates `procfs` and a second `rustix`, which are
//! a tenth of the build's work; here it is six readings.

use std::fs;

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::family::Family;
use super::reading::Reading;
use crate::model::clock::Timestamp;

const CPU: Family = Family::new(
    "process_cpu_seconds_total",
    "Total user and system CPU time spent in seconds.",
);
const OPEN_FDS: Family = Family::new("process_open_fds", "Number of open file descriptors.");
const MAX_FDS: Family = Family::new("process_max_fds", "Maximum number of open file descriptors.");
const VIRTUAL: Family = Family::new("process_virtual_memory_bytes", "Virtual memory size in bytes.");
const RESIDENT: Family = Family::new("process_resident_memory_bytes", "Resident memory size in bytes.");
const START: Family = Family::new(
    "process_start_time_seconds",
    "Start time of the process since unix epoch in seconds.",
);
const THREADS: Family = Family::new("process_threads", "Number of OS threads in the process.");

/// This process, as the kernel sees it.
#[derive(Debug)]
pub(super) struct Process {
    started: Timestamp,
}

impl Process {
    /// The process that calls, which started then.
    pub(super) const fn started(started: Timestamp) -> Self {
        Self { started }
    }

    /// Reads its figures. A figure that the system does not show, such as `/proc` outside Linux, is
    /// left out.
    pub(super) fn read(&self, reading: &mut Reading) {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let hundredths = cpu.tv_nsec / 10_000_000;
        reading.counter(&CPU, format_args!("{}.{hundredths:02}", cpu.tv_sec));
        if let Some(open) = entries("/proc/self/fd") {
            // One of them is the folder that was just read.
            reading.gauge(&OPEN_FDS, &[], open.saturating_sub(1));
        }
        if let Some(max) = getrlimit(Resource::Nofile).current {
            reading.gauge(&MAX_FDS, &[], max);
        }
        if let Some((virtual_size, resident)) = memory() {
            reading.gauge(&VIRTUAL, &[], virtual_size);
            reading.gauge(&RESIDENT, &[], resident);
        }
        reading.gauge(&START, &[], self.started.secs());
        if let Some(threads) = entries("/proc/self/task") {
            reading.gauge(&THREADS, &[], threads);
        }
    }
}

/// The number of entries of a folder.
fn entries(folder: &str) -> Option<usize> {
    Some(fs::read_dir(folder).ok()?.count())
}

/// Virtual and resident memory in bytes. The file's first two numbers are in pages (proc(5)).
fn memory() -> Option<(u64, u64)> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let page = u64::try_from(rustix::param::page_size()).ok()?;
    let mut pages = text.split(' ').map_while(|word| word.parse::<u64>().ok());
    Some((pages.next()? * page, pages.next()? * page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seven_figures_are_those_of_this_process() {
        let process = Process::started(Timestamp::from_secs(1_800_000_000));
        let _open = fs::File::open("/proc/self/statm").unwrap();
        let mut reading = Reading::default();
        process.read(&mut reading);
        let text = reading.into_text();
        let value = |name: &str| -> f64 {
            let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
            line.unwrap_or_else(|| panic!("{name}\n{text}"))[name.len() + 1..]
                .parse()
                .unwrap()
        };
        assert!(value("process_cpu_seconds_total") < 3600.0);
        assert!(value("process_open_fds") >= 4.0, "three standard streams and one");
        assert!(value("process_max_fds") >= value("process_open_fds"));
        assert!(value("process_resident_memory_bytes") > 1e6);
        assert!(value("process_virtual_memory_bytes") > value("process_resident_memory_bytes"));
        assert_eq!(value("process_start_time_seconds").to_string(), "1800000000");
        assert!(value("process_threads") >= 1.0);
    }
}
