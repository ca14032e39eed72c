//! Partitions that a killed static member leaves to nobody: the workers find them and share them out themselves.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use nix::sys::signal::Signal;

use super::lost_answers::{self, Line};
use super::{DISTINCT, SOON, Worker, events};
use crate::harness::{World, wait_until};

const FOUND: &str = "no member of the group has these partitions";

/// Partitions of which the worker has said where it begins.
fn begun(worker: &Worker) -> usize {
    worker.log().matches(" position=").count()
}

#[test]
fn what_a_member_was_giving_up_when_it_was_killed_is_read_again() {
    let mut world = World::new("orphans", 4);
    world.set("KAFKA__SESSION_MS_MAX", "60000");
    world.set("SHUTDOWN__DRAIN_MS_MAX", "10000");
    let line = Arc::new(Line::default());
    let direct = world.engines.clickhouse_url.clone();
    world.set("CLICKHOUSE__URL", lost_answers::start(&direct, &line));
    world.set("KAFKA__INSTANCE", "a");
    let killed = Worker::start(&world);
    world.produce(&events(40, 4));
    wait_until("the first worker has stored what there is", SOON, || world.committed() == [10; 4]);

    // It cannot store what it reads now, so it holds on to the partitions that it shall give to another.
    line.down.store(true, Ordering::SeqCst);
    world.produce(&events(80, 4)[40..]);
    wait_until("a batch cannot be inserted", SOON, || killed.log().contains("insert failed"));
    world.set("CLICKHOUSE__URL", direct);
    world.set("KAFKA__INSTANCE", "b");
    let second = Worker::start(&world);
    wait_until("the first worker is to give up partitions", SOON, || killed.log().contains(r#"kind="revoked""#));
    killed.signal(Signal::SIGKILL);
    killed.end();
    world.set("KAFKA__INSTANCE", "a");
    let first = Worker::start(&world);
    wait_until("it has the others again", SOON, || begun(&first) == 2);

    wait_until("what came into those is stored", SOON, || world.number(DISTINCT) >= 60);
    assert_eq!(world.number(DISTINCT), 60, "the rest lies in partitions that are nobody's");

    let found = || [&first, &second].map(|worker| worker.log().matches(FOUND).count());
    wait_until("a worker finds partitions to be nobody's", SOON, || found() != [0, 0]);
    wait_until("all events are stored", SOON, || world.number(DISTINCT) == 80);
    world.produce(&events(120, 4)[80..]);
    wait_until("what comes later is stored, too", SOON, || world.number(DISTINCT) == 120);
    wait_until("all offsets are committed", SOON, || world.committed() == world.ends());
    let logs = format!("{}{}", first.log(), second.log());
    assert_eq!(found(), [1, 0], "the member with the smallest id acts, once: {logs}");
    for worker in [first, second] {
        worker.stop();
    }
}
