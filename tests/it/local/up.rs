//! A `chiso-local up` of a test's own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::processes::{is_gone, processes};
use crate::harness::{Engines, program, wait_until};

/// How long a start may take on a busy machine.
pub(super) const UP: Duration = Duration::from_secs(120);
/// How long a stop may take: longer than chiso-local's own deadline.
pub(super) const DOWN: Duration = Duration::from_secs(30);

/// A `chiso-local up` of a test's own; killed with the test.
pub(super) struct Up {
    child: Child,
    pub(super) engines: Engines,
    pub(super) env_file: PathBuf,
    said: PathBuf,
}

impl Up {
    /// Starts it and waits for the env file.
    pub(super) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let (mut child, env_file, said) = spawn(folder, arguments);
        wait_until("chiso-local is up", UP, || {
            assert_eq!(child.try_wait().unwrap(), None, "{}", fs::read_to_string(&said).unwrap());
            env_file.exists()
        });
        let engines = Engines::from_env_file(&env_file);
        Self { child, engines, env_file, said }
    }

    pub(super) fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap()
    }

    pub(super) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// The two engine processes.
    pub(super) fn engine_pids(&self) -> Vec<i32> {
        let pids: Vec<i32> =
            processes().into_iter().filter(|process| process.parent == self.pid()).map(|process| process.pid).collect();
        assert_eq!(pids.len(), 2, "Kafka and ClickHouse");
        pids
    }

    /// Sends a signal, waits for the end, and checks that both engines are gone.
    pub(super) fn end(mut self, signal: Signal) -> ExitStatus {
        let engines = self.engine_pids();
        kill(Pid::from_raw(self.pid()), signal).unwrap();
        let status = self.wait();
        wait_until("both engines are gone", DOWN, || engines.iter().all(|pid| is_gone(*pid)));
        status
    }

    pub(super) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("chiso-local has ended", DOWN, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Path, arguments: &[&str]) -> (Child, PathBuf, PathBuf) {
    let env_file = folder.join("engines.env");
    // One that was killed could not remove it.
    let _ = fs::remove_file(&env_file);
    let said = folder.join("said");
    let output = File::create(&said).unwrap();
    let child = Command::new(program("chiso-local"))
        .arg("up")
        .args(["--env-file", env_file.to_str().unwrap()])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .unwrap();
    (child, env_file, said)
}

/// Runs it to its end.
pub(super) fn run(arguments: &[&str], environment: &[(&str, &Path)]) -> (Option<i32>, String) {
    let mut command = Command::new(program("chiso-local"));
    command.args(arguments).env_remove("JAVA_HOME").envs(environment.iter().copied());
    let Output { status, stderr, .. } = command.output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}
