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
        Self::on(world, (folder, name), TODAY, interval_ms)
    }

    /// The same on another day.
    pub(crate) fn on(world: &World, (folder, name): (&Path, &str), today: &str, interval_ms: &str) -> Self {
        let log = folder.join(name);
        let mut command = world.command("chiso-rollup", &["run", "--today", today]);
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

    /// Its exit code, when it has ended by itself.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
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

#[test]
fn nobody_takes_over_when_a_newer_release_has_been_here() {
    let world = small_world("upgraded");
    let folder = tempfile::tempdir().unwrap();
    let first = Scheduler::start(&world, folder.path(), "first");
    wait_until("the first leads", PATIENCE, || first.leads());
    let second = Scheduler::start(&world, folder.path(), "second");
    wait_until("the second stands by", PATIENCE, || second.has_said("answering /metrics"));
    world.sql("INSERT INTO schema_versions (version, file, digest) VALUES (99, '99_future.sql', 'x')");
    for mut scheduler in [first, second] {
        assert_eq!(scheduler.ended(), Some(1), "{}", scheduler.log());
        assert!(scheduler.has_said("99_future.sql"), "{}", scheduler.log());
    }
    assert_eq!(world.number("SELECT max(epoch) FROM claims"), 1);
}

#[test]
fn a_pass_by_command_gives_signs_of_life_and_ends_in_good_order() {
    let world = small_world("by_command");
    let folder = tempfile::tempdir().unwrap();
    let scheduler = Scheduler::start(&world, folder.path(), "scheduler");
    wait_until("it leads", PATIENCE, || scheduler.leads());
    world.roll_up(TODAY);
    assert!(world.number("SELECT toInt64(max(over)) FROM beats WHERE epoch = 2") == 1);
    // It need not wait for silence.
    let begin = Instant::now();
    wait_until("it leads again", PATIENCE, || scheduler.log().matches("leading").count() == 2);
    assert!(begin.elapsed() < Duration::from_secs(12), "{:?}", begin.elapsed());
    scheduler.stop();
}
