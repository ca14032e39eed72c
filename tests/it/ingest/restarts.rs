//! Kills, stops, rebalances and transactions: everything is stored once, and nothing is committed before it is stored.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::{DISTINCT, SOON, Worker, events, said};
use crate::harness::{Outgoing, World, wait_until};

const PARTITIONS: i32 = 4;

/// What is committed is in the ledger, and what is in the ledger is in the tables.
fn assert_in_order(world: &World) {
    // Read against the order of writing, so that a worker that goes on cannot make it look wrong.
    let committed = world.committed();
    let covered = world.covered();
    for (partition, (committed, covered)) in committed.iter().zip(&covered).enumerate() {
        assert!(committed <= covered, "partition {partition}: {committed} is committed, {covered} is in the ledger");
        let (partition, end) = (i64::try_from(partition).unwrap(), *covered);
        let stored =
            world.number(&format!("SELECT uniqExact(offset) FROM event_log WHERE partition = {partition} AND offset < {end}"));
        assert_eq!(stored, end, "partition {partition}: every message of it is a distinct event");
    }
}

#[test]
fn killed_in_the_middle_again_and_again_each_event_is_stored_once() {
    const EVENTS: usize = 8_000;
    let mut world = World::new("killed", PARTITIONS);
    // Small batches, so that there are many moments to be killed at.
    world.set("BATCH__ROWS_MAX", "200");
    world.set("BATCH__AGE_MS_MAX", "50");
    // The group waits that long for a member that was killed.
    world.set("KAFKA__SESSION_MS_MAX", "6000");
    world.produce(&events(EVENTS, PARTITIONS));
    for kill in 1..=3 {
        let worker = Worker::start(&world);
        let enough = kill * i64::try_from(EVENTS).unwrap() / 6;
        wait_until("the worker has stored its part", SOON, || world.number("SELECT count() FROM event_log") >= enough);
        worker.signal(Signal::SIGKILL);
        worker.end();
        assert_in_order(&world);
    }
    let before = world.number(DISTINCT);
    assert!(before < i64::try_from(EVENTS).unwrap(), "the kills came before the end");
    world.catch_up();
    assert_eq!(world.sql(DISTINCT), EVENTS.to_string());
    assert_in_order(&world);
    assert_eq!(world.committed(), world.ends());
    assert_eq!(world.covered(), world.ends());
    // No cell is left without a mark of the batch that stored it.
    let unmarked = "SELECT count() FROM event_log WHERE (batch, indicator, ward, date) NOT IN (SELECT batch, indicator, ward, date FROM marks)
        AND batch IN (SELECT batch FROM ledger)";
    assert_eq!(world.sql(unmarked), "0");
}

#[test]
fn a_stopped_worker_stores_and_commits_what_it_has_read() {
    let mut world = World::new("stopped", 1);
    world.set("BATCH__ROWS_MAX", "600");
    world.set("BATCH__AGE_MS_MAX", "60000");
    world.produce(&events(1_000, 1));
    let worker = Worker::start(&world);
    wait_until("the full batch is stored", SOON, || world.number(DISTINCT) >= 600);
    // The rest came with the same fetch and is open, far from full and far from old.
    assert_eq!(world.number(DISTINCT), 600);
    let summary = worker.stop();
    assert_eq!((&summary["read"], &summary["stored"]), (&1_000.into(), &1_000.into()), "{summary}");
    assert_eq!(world.number(DISTINCT), 1_000);
    assert_eq!(world.committed(), [1_000]);
    assert_eq!(world.covered(), [1_000]);
}

#[test]
fn workers_share_a_group_and_all_of_them_catch_up() {
    const EVENTS: usize = 30_000;
    let mut world = World::new("shared", PARTITIONS);
    world.set("BATCH__ROWS_MAX", "1000");
    world.produce(&events(EVENTS, PARTITIONS));
    let first = Worker::start_with(&world, &["run", "--until-caught-up"]);
    wait_until("the first worker is at work", SOON, || world.number("SELECT count() FROM event_log") > 0);
    let others = [(); 2].map(|()| Worker::start_with(&world, &["run", "--until-caught-up"]));
    let mut stored = 0;
    for worker in std::iter::once(first).chain(others) {
        let output = worker.end();
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        stored += serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()["stored"].as_u64().unwrap();
    }
    assert!(stored >= u64::try_from(EVENTS).unwrap());
    assert_eq!(world.sql(DISTINCT), EVENTS.to_string());
    assert_in_order(&world);
    assert_eq!(world.committed(), world.ends());
}

#[test]
fn a_partition_that_moves_to_another_worker_loses_nothing() {
    const EVENTS: usize = 5_000;
    let mut world = World::new("moved", PARTITIONS);
    world.set("BATCH__ROWS_MAX", "100000");
    world.set("BATCH__AGE_MS_MAX", "60000");
    world.produce(&events(EVENTS, PARTITIONS));
    let first = Worker::start(&world);
    // Nothing makes the batch full, so only the rebalance stores it.
    wait_until("the first worker has joined", SOON, || in_group(&world) == 1);
    let second = Worker::start(&world);
    wait_until("the second worker has joined and what was open is stored", SOON, || {
        world.number(DISTINCT) > 0 && in_group(&world) == 2
    });
    let read = [first.stop(), second.stop()].map(|summary| summary["read"].as_i64().unwrap());
    assert!(read.iter().sum::<i64>() >= i64::try_from(EVENTS).unwrap(), "{read:?}");
    assert_in_order(&world);
    world.catch_up();
    assert_eq!(world.sql(DISTINCT), EVENTS.to_string());
}

#[test]
fn a_worker_whose_name_another_takes_ends_and_says_so() {
    const EVENTS: usize = 400;
    let mut world = World::new("fenced", PARTITIONS);
    world.set("KAFKA__INSTANCE", "district-1");
    world.produce(&events(EVENTS, PARTITIONS));
    let first = Worker::start(&world);
    wait_until("the first worker has stored what there is", SOON, || world.number(DISTINCT) == 400);
    let second = Worker::start(&world);
    let ended = first.end();
    let told = said(&ended);
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert!(told.contains("another worker has the same kafka.instance, so give each its own"), "{told}");
    world.produce(&events(2 * EVENTS, PARTITIONS)[EVENTS..]);
    wait_until("the second worker goes on", SOON, || world.number(DISTINCT) == 800);
    second.stop();
    assert_in_order(&world);
    assert_eq!(world.committed(), world.ends());
}

/// Members of the consumer group.
fn in_group(world: &World) -> usize {
    use rdkafka::consumer::{BaseConsumer, Consumer};
    let client: BaseConsumer = rdkafka::ClientConfig::new().set("bootstrap.servers", &world.engines.brokers).create().unwrap();
    let groups = client.fetch_group_list(Some(&world.group), Duration::from_secs(20)).unwrap();
    groups.groups().first().map_or(0, |group| if group.state() == "Stable" { group.members().len() } else { 0 })
}

#[test]
fn transactions_leave_gaps_that_are_covered_and_aborted_ones_leave_nothing() {
    let world = World::new("transactions", 2);
    let all = events(40, 2);
    world.produce(&all[..4]);
    world.produce_transaction(&all[4..14], false);
    world.produce_transaction(&all[14..24], true);
    world.produce_transaction(&all[24..34], false);
    let summary = world.catch_up();
    assert_eq!(summary["stored"], 14, "{summary}");
    // The last positions of both partitions are marks of transactions, which are no messages.
    assert_eq!(world.covered(), world.ends());
    assert_eq!(world.committed(), world.ends());
    assert!(world.ends().iter().sum::<i64>() > 34, "{:?}", world.ends());
    // Nothing new but another aborted transaction: caught up again without a single message.
    world.produce_transaction(&all[34..], false);
    assert_eq!(world.catch_up()["read"], 0);
    assert_eq!(world.covered(), world.ends());
    assert_eq!(world.committed(), world.ends());
    let seen = "SELECT count() FROM ledger WHERE next_offset >= observed_end AND observed_end > 0";
    assert!(world.number(seen) >= 2);
}

/// Catches up with topics that a pattern names, within a time; the summary.
fn catch_up_with(world: &mut World, pattern: &str) -> serde_json::Value {
    let topic = std::mem::replace(&mut world.topic, pattern.to_owned());
    let mut worker = Worker::start_with(world, &["run", "--until-caught-up"]);
    world.topic = topic;
    wait_until("the worker has caught up", SOON, || worker.has_ended());
    let output = worker.end();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The consumer says of an end which partition it is of, and not of which topic.
#[test]
fn topics_with_the_same_partition_numbers_are_caught_up_with_each_to_its_end() {
    let mut world = World::new("two_topics", 2);
    let first = world.topic.clone();
    let topics = [first.clone(), format!("{first}.b")];
    let pattern = format!(r"^{first}(\.b)?$");
    world.engines.create_topic(&topics[1], 2);
    let all = events(3_100, 2);
    // One ends long before the other, and both with marks of transactions, which are no messages.
    for (topic, own) in topics.iter().zip([&all[..60], &all[60..]]) {
        world.topic.clone_from(topic);
        let (committed, aborted) = (own.len() - 20, own.len() - 10);
        world.produce(&own[..committed]);
        world.produce_transaction(&own[committed..aborted], true);
        world.produce_transaction(&own[aborted..], false);
    }
    let assert_all_done = |world: &mut World| {
        for topic in &topics {
            world.topic.clone_from(topic);
            assert_eq!((world.covered(), world.committed()), (world.ends(), world.ends()), "{topic}");
        }
    };
    let summary = catch_up_with(&mut world, &pattern);
    assert_eq!((&summary["read"], &summary["stored"]), (&3_080.into(), &3_080.into()), "{summary}");
    assert_eq!(world.number(DISTINCT), 3_080);
    assert_all_done(&mut world);
    // Nothing new but marks, in one of the topics and then in both.
    for marked in [&topics[..1], &topics[..]] {
        for topic in marked {
            world.topic.clone_from(topic);
            world.produce_transaction(&all[..4], false);
        }
        assert_eq!(catch_up_with(&mut world, &pattern)["read"], 0);
        assert_all_done(&mut world);
    }
    // And nothing at all.
    assert_eq!(catch_up_with(&mut world, &pattern)["read"], 0);
    assert_all_done(&mut world);
}

#[test]
fn a_running_worker_passes_the_gaps_as_well() {
    let world = World::new("gaps", 1);
    let worker = Worker::start(&world);
    world.produce_transaction(&events(3, 1), true);
    world.produce_transaction(&events(6, 1)[3..], false);
    wait_until("the ledger reaches the end", SOON, || world.covered() == world.ends());
    wait_until("the offset reaches the end", SOON, || world.committed() == world.ends());
    assert_eq!(world.number(DISTINCT), 3);
    let observed = "SELECT count() FROM ledger WHERE partition = 0 AND from_offset <= observed_end AND next_offset >= observed_end AND observed_end > 3";
    wait_until("the end is noted as reached", SOON, || world.number(observed) > 0);
    assert_eq!(worker.stop()["stored"], 3);
}

#[test]
fn an_empty_topic_is_caught_up_with_and_noted() {
    let world = World::new("empty", 3);
    assert_eq!(world.catch_up()["read"], 0);
    let noted = "SELECT count(), countIf(observed_end = 0 AND from_offset = 0 AND next_offset = 0) FROM ledger FINAL";
    assert_eq!(world.sql(noted), "3\t3");
    assert_eq!(world.committed(), [0, 0, 0]);
}

#[test]
fn publishing_while_it_catches_up_does_not_keep_it_from_ending() {
    let world = World::new("moving", 1);
    world.produce(&events(500, 1));
    let mut worker = Worker::start_with(&world, &["run", "--until-caught-up"]);
    let mut number = 500;
    wait_until("the worker has ended", SOON, || {
        world.produce(&[Outgoing { partition: Some(0), ..super::event(number) }]);
        number += 1;
        worker.has_ended()
    });
    let output = worker.end();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(world.number(DISTINCT) >= 500);
    assert_in_order(&world);
}
