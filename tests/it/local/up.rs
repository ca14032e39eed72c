//! A `chiso-local up` of a test's own.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::time::Duration;

use chiso_tests::engines::Local;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::processes::{is_gone, processes};
use crate::harness::{Engines, World, program, small_country, wait_until};

/// How long a start may take on a busy machine.
pub(super) const UP: Duration = Duration::from_secs(120);
/// How long a stop may take: longer than chiso-local's own deadline.
pub(super) const DOWN: Duration = Duration::from_secs(30);

/// A `chiso-local up` of a test's own; stopped with the test.
pub(super) struct Up {
    local: Local,
    pub(super) engines: Engines,
    pub(super) env_file: PathBuf,
}

impl Up {
    /// Starts it and waits for the env file.
    pub(super) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let local = Local::up(&program("chiso-local"), &folder.join("engines"), arguments).unwrap();
        let (engines, env_file) = (Engines::of(local.servers().unwrap()), local.env_file().to_owned());
        Self { local, engines, env_file }
    }

    /// A topic of these engines, and the database `chiso` with the reference data of the small country.
    pub(super) fn world(&self) -> World {
        let engines = Box::leak(Box::new(Engines::of(self.local.servers().unwrap())));
        let mut world = World::on(engines, "own", 2);
        world.database = "chiso".to_owned();
        world.migrate_from(&small_country()).ok();
        world
    }

    pub(super) fn said(&self) -> String {
        self.local.said()
    }

    pub(super) fn pid(&self) -> i32 {
        self.local.id()
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
            status = self.local.ended().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

/// Runs it to its end.
pub(super) fn run(arguments: &[&str], environment: &[(&str, &Path)]) -> (Option<i32>, String) {
    let mut command = Command::new(program("chiso-local"));
    command.args(arguments).env_remove("JAVA_HOME").envs(environment.iter().copied());
    let Output { status, stderr, .. } = command.output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}
