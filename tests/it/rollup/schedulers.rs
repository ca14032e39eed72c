//! `chiso-rollup run`: of several schedulers one works, and the figures follow the facts whoever it is.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{TODAY, fact, small_world};
use crate::harness::{World, wait_until};

/// More than the silence after which another takes over.
const PATIENCE: Duration = Duration::from_secs(90);

/// A `chiso-rollup run` that shows its metrics on a free port.
pub(crate) struct Scheduler {
    child: Child,
    log: PathBuf,
}

impl Scheduler {
    pub(crate) fn start(world: &World, folder: &Path, name: &str) -> Self {
        Self::every(world, folder, name, "100")
    }

    /// One that waits so many milliseconds between passes.
    pub(crate) fn every(world: &World, folder: &Path, name: &str, interval_ms: &str) -> Self {
        let log = folder.join(name);
        let mut command = world.command("chiso-rollup", &["run", "--today", TODAY]);
        command.env("CHISO__ROLLUP__INTERVAL_MS", interval_ms).env("CHISO__HTTP__LISTEN", "127.0.0.1:0");
        command.stdout(Stdio::null()).stderr(File::create(&log).unwrap());
        Self { child: command.spawn().unwrap(), log }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    fn has_said(&self, text: &str) -> bool {
        self.log().contains(text)
    }

    fn leads(&self) -> bool {
        self.has_said("leading")
    }

    pub(crate) fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let ended = self.child.wait().unwrap();
        assert!(ended.success(), "{ended}: {}", self.log());
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// States one more dossier of a day, ingests it, and waits until the year of the country counts that many.
fn count(world: &World, number: u32) {
    let event = fact(&format!("d{number}"), "dossiers-received", "00101", "2025-08-20", serde_json::json!({ "value": 1 }));
    world.publish_events([event]);
    world.catch_up();
    let sql =
        "SELECT ifNull(toInt64(max(value)), 0) FROM rollups WHERE calendar = 'civil' AND period = '2025-Y' AND level = 'country'";
    wait_until(&format!("{number} dossiers"), PATIENCE, || world.number(sql) == i64::from(number));
}

#[test]
fn one_scheduler_works_and_another_takes_over_when_it_is_silent_or_stops() {
    let world = small_world("schedulers");
    let folder = tempfile::tempdir().unwrap();
    let first = Scheduler::start(&world, folder.path(), "first");
    wait_until("the first leads", PATIENCE, || first.leads());
    let second = Scheduler::start(&world, folder.path(), "second");
    count(&world, 1);
    assert!(!second.leads());
    assert!(world.rollup(&["status"]).ok().contains("in epoch 1, alive"));

    // Silent, but not gone: what it does when it wakes up must not count.
    first.signal(Signal::SIGSTOP);
    count(&world, 2);
    assert!(second.leads());
    first.signal(Signal::SIGCONT);
    wait_until("the first sees that it was replaced", PATIENCE, || first.has_said("another scheduler has taken over"));
    count(&world, 3);

    // In good order: the other need not wait for silence.
    let begin = Instant::now();
    second.stop();
    wait_until("the first leads again", PATIENCE, || first.log().matches("leading").count() == 2);
    assert!(begin.elapsed() < Duration::from_secs(12), "{:?}", begin.elapsed());
    count(&world, 4);
    let passes = || world.number("SELECT count() FROM passes WHERE rows > 0");
    // Rows are seen before their pass is recorded.
    wait_until("the last pass is recorded", PATIENCE, || {
        world.number("SELECT toInt64(max(epoch)) FROM passes WHERE rows > 0") == 3
    });
    let before = passes();
    first.stop();
    assert_eq!(passes(), before);
    let status = world.rollup(&["status"]).ok();
    assert!(status.contains("0 with 0 cells") && status.contains("has stopped"), "{status}");
}
