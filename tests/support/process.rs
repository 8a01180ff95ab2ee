//! The program as a process, started as a user starts it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
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

fn scheme(settings: &[(&str, &str)]) -> &'static str {
    if settings.iter().any(|(name, _)| *name == "DOORWARD_TLS_CERT") {
        "https"
    } else {
        "http"
    }
}

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    pub address: String,
    /// What it said when it stood.
    pub greeting: String,
    /// What it has said since.
    log: Arc<Mutex<Vec<String>>>,
    /// Hears every line, for secrets.
    ear: Option<JoinHandle<()>>,
    scheme: &'static str,
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

    /// As [`Self::start`], perhaps within a wrapper such as `prlimit`; what it said and how it
    /// ended if it does not come to stand.
    pub fn try_start(
        folder: &Path,
        settings: &[(&str, &str)],
        wrapper: &[&str],
    ) -> Result<Self, (Vec<String>, ExitStatus)> {
        Self::try_start_on(folder, settings, &format!("127.0.0.1:{}", free_port()), wrapper)
    }

    fn try_start_on(
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

    /// Starts it with nobody who reads what it says, and waits until it answers.
    pub fn start_unheard(folder: &Path, settings: &[(&str, &str)], stdout: Stdio, stderr: Stdio) -> Self {
        let settings = [
            &[
                ("DOORWARD_LIMIT_LOGIN_IP", "off"),
                ("DOORWARD_LIMIT_REGISTER_IP", "off"),
            ],
            settings,
        ]
        .concat();
        let address = format!("127.0.0.1:{}", free_port());
        let child = doorward(folder, &settings, &["--listen", &address])
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .unwrap();
        let stands = (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            TcpStream::connect(&address).is_ok()
        });
        assert!(stands, "the server does not stand");
        Self {
            child,
            address,
            greeting: String::new(),
            log: Arc::default(),
            ear: None,
            scheme: scheme(&settings),
        }
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

    /// The lines of its log, as soon as one says this.
    pub fn lines_until(&self, words: &str) -> Vec<String> {
        for _ in 0..200 {
            if self.said(words) > 0 {
                return self.log.lock().unwrap().clone();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("it never says {words}: {:?}", self.log.lock().unwrap());
    }

    /// What it has said since it stood.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
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
            eprintln!("the server at {} said last:\n{}", self.address, last.join("\n"));
        }
    }
}

/// Sends bytes as they are and reads until the server closes or says no more.
pub fn raw(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    // The server may refuse and close before it has read everything.
    let _refused = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _until_closed_or_silent = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}
