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

struct Scheduler {
    child: Child,
    log: PathBuf,
}

impl Scheduler {
    fn start(world: &World, folder: &Path, name: &str) -> Self {
        let log = folder.join(name);
        let mut command = world.command("chiso-rollup", &["run", "--today", TODAY]);
        command.env("CHISO__ROLLUP__INTERVAL_MS", "100").stdout(Stdio::null()).stderr(File::create(&log).unwrap());
        Self { child: command.spawn().unwrap(), log }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    fn has_said(&self, text: &str) -> bool {
        std::fs::read_to_string(&self.log).unwrap().contains(text)
    }

    fn leads(&self) -> bool {
        self.has_said("leading")
    }

    fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let ended = self.child.wait().unwrap();
        assert!(ended.success(), "{ended}: {}", std::fs::read_to_string(&self.log).unwrap());
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
    wait_until("the first leads again", PATIENCE, || {
        std::fs::read_to_string(&first.log).unwrap().matches("leading").count() == 2
    });
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
