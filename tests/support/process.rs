//! The program as a process, started as a user starts it.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::child::{Finished, run};
use super::secrets;

/// How much of a server's log is shown when its test fails.
const LAST_LINES: usize = 20;

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// The program with an empty environment, to run in a folder.
pub fn doorward(folder: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(settings.iter().copied())
        .stdin(Stdio::null());
    command
}

/// Runs the program to its end.
#[must_use]
pub fn output(folder: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> Finished {
    run(&mut doorward(folder, settings, arguments))
}

pub fn scheme(settings: &[(&str, &str)]) -> &'static str {
    if settings.iter().any(|(name, _)| *name == "DOORWARD_TLS_CERT") {
        "https"
    } else {
        "http"
    }
}

/// A running server; killed when dropped.
pub struct Server {
    pub child: Child,
    pub address: String,
    /// What it said when it stood.
    pub greeting: String,
    /// What it has said since.
    pub log: Arc<Mutex<Vec<String>>>,
    /// Hears every line, for secrets.
    pub ear: Option<JoinHandle<()>>,
    pub scheme: &'static str,
}

impl Server {
    /// Starts it on a free port and waits for the line that says it stands.
    pub fn start(folder: &Path, settings: &[(&str, &str)]) -> Self {
        Self::start_on(folder, settings, &format!("127.0.0.1:{}", free_port()))
    }

    /// Starts it there; port 0 is one that nobody has, but no issuer to make tokens for.
    pub fn start_on(folder: &Path, settings: &[(&str, &str)], listen: &str) -> Self {
        Self::try_start_on(folder, settings, listen, &[])
            .unwrap_or_else(|said| panic!("it does not stand: {said:?}"))
    }

    /// On that address, perhaps within a wrapper such as `prlimit`; what it said and how it ended if
    /// it does not come to stand.
    pub fn try_start_on(
        folder: &Path,
        settings: &[(&str, &str)],
        listen: &str,
        wrapper: &[&str],
    ) -> Result<Self, (Vec<String>, ExitStatus)> {
        // All people of a test come from one address.
        let chosen = settings.iter().any(|(name, _)| *name == "RUST_LOG");
        let settings = [
            &[
                ("DOORWARD_LIMIT_LOGIN_IP", "off"),
                ("DOORWARD_LIMIT_REGISTER_IP", "off"),
                ("RUST_LOG", secrets::HEARD),
            ],
            settings,
        ]
        .concat();
        let mut command = doorward(folder, &settings, &["--listen", listen]);
        if let [outer, before @ ..] = wrapper {
            let mut around = Command::new(outer);
            around
                .args(before)
                .arg(command.get_program())
                .args(command.get_args());
            around
                .current_dir(folder)
                .env_clear()
                .envs(settings.iter().copied())
                .stdin(Stdio::null());
            command = around;
        }
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap())
            .lines()
            .inspect(|line| line.iter().for_each(|line| secrets::assert_none_told(line)));
        let mut said = Vec::new();
        let greeting = loop {
            match lines.next() {
                Some(line) if line.as_ref().unwrap().contains(" listens at ") => break line.unwrap(),
                Some(line) => said.push(line.unwrap()),
                None => return Err((said, child.wait().unwrap())),
            }
        };
        let address = greeting
            .split("://")
            .nth(1)
            .and_then(|rest| rest.split([',', '"']).next())
            .expect("the greeting names the address")
            .to_owned();
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&log);
        // What is heard of every server beyond what a user would hear is too much to keep.
        let worth_keeping = move |line: &String| {
            chosen || !(line.contains(r#""level":"trace""#) || line.contains(r#""level":"debug""#))
        };
        let text = settings.contains(&("DOORWARD_LOG_FORMAT", "text"));
        let lines = lines.map_while(Result::ok).inspect(move |line| {
            // What ends the program is said in words.
            if !text && !line.starts_with("doorward: ") {
                secrets::assert_well_formed(line);
            }
        });
        let ear = std::thread::spawn(move || {
            lines
                .filter(worth_keeping)
                .for_each(|line| kept.lock().unwrap().push(line));
        });
        Ok(Self {
            child,
            address,
            greeting,
            log,
            ear: Some(ear),
            scheme: scheme(&settings),
        })
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// How many lines of its log say this.
    pub fn said(&self, words: &str) -> usize {
        self.log
            .lock()
            .unwrap()
            .iter()
            .filter(|line| line.contains(words))
            .count()
    }

    /// Waits until its log says this, which another thread reads.
    #[track_caller]
    pub fn until_said(&self, words: &str) {
        let came = (0..200).any(|_| {
            self.said(words) > 0 || {
                std::thread::sleep(Duration::from_millis(50));
                false
            }
        });
        assert!(came, "it never said {words:?}: {:?}", self.log());
    }

    /// What it has said since it stood.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Resident memory in MiB.
    pub fn memory(&self) -> u64 {
        self.memory_kib() / 1024
    }

    pub fn memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn signal(&self, name: &str) {
        run(Command::new("kill").args(["-s", name, &self.child.id().to_string()])).expect(0);
    }

    /// Stops every thread of it until SIGCONT. The signal itself is only a request: on a busy
    /// machine some run on for a while.
    pub fn freeze(&self) {
        self.signal("STOP");
        let stopped = |task: std::io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap_or_default();
            stat.rsplit(") ")
                .next()
                .is_none_or(|state| state.starts_with('T'))
        };
        let all = || {
            std::fs::read_dir(format!("/proc/{}/task", self.child.id()))
                .unwrap()
                .all(stopped)
        };
        let frozen = (0..1000).any(|_| {
            all() || {
                std::thread::sleep(Duration::from_millis(10));
                false
            }
        });
        assert!(frozen, "it runs on after SIGSTOP");
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Waits for its end and fails unless it has this exit status.
    #[track_caller]
    pub fn expect_end(&mut self, code: i32) {
        let status = self.wait();
        assert_eq!(status.code(), Some(code), "{status}: {:?}", self.log());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_reaped = self.child.wait();
        if let Some(ear) = self.ear.take() {
            let _heard = ear.join();
        }
        if std::thread::panicking() {
            let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            let last = &log[log.len().saturating_sub(LAST_LINES)..];
            eprintln!(
                "a server said:\n{}\nand last:\n{}",
                self.greeting,
                last.join("\n")
            );
        }
    }
}
