//! Child processes of a test, of whatever program. A failing assertion on one shows its standard
//! error.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

/// Runs a program to its end.
#[must_use]
pub fn run(command: &mut Command) -> Finished {
    match command.output() {
        Ok(output) => Finished::new(command, output),
        Err(cause) => panic!("{command:?}: {cause}; `make tools-test` installs what the tests need"),
    }
}

/// Starts a program with both outputs captured, to be ended by [`finish`]; its standard input is a
/// pipe.
pub fn converse(command: &mut Command) -> Child {
    let begun = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    begun.unwrap_or_else(|cause| panic!("{command:?}: {cause}"))
}

/// Waits for the end of what [`converse`] started.
#[must_use]
pub fn finish(command: &Command, child: Child) -> Finished {
    Finished::new(command, child.wait_with_output().unwrap())
}

/// A program that has ended, with all that it printed.
pub struct Finished {
    command: String,
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    fn new(command: &Command, output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self {
            command: format!("{command:?}"),
            status: output.status,
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Fails unless it ended by itself with this exit status.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.status.code(),
            Some(code),
            "{}\n{}: {}{}",
            self.command,
            self.status,
            self.stdout,
            self.stderr
        );
        self
    }
}

/// A program that runs beside a test and is killed when dropped. Its standard error is shown if the
/// test fails.
pub struct Companion {
    pub child: Child,
    said: File,
}

impl Companion {
    pub fn start(command: &mut Command) -> Self {
        let said = tempfile::tempfile().unwrap();
        let begun = command.stderr(said.try_clone().unwrap()).spawn();
        let child = begun.unwrap_or_else(|cause| {
            panic!("{command:?}: {cause}; `make tools-test` installs what the tests need")
        });
        Self { child, said }
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_reaped = self.child.wait();
        if std::thread::panicking() {
            let mut text = Vec::new();
            let _what_there_is = self.said.rewind().and_then(|()| self.said.read_to_end(&mut text));
            eprintln!(
                "a program beside this test said: {}",
                String::from_utf8_lossy(&text)
            );
        }
    }
}
