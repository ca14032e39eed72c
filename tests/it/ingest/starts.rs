//! Where reading begins: new partitions and topics, and what does not fit between the ledger and Kafka.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::{DISTINCT, SOON, Worker, events, said};
use crate::harness::{Ended, Outgoing, World, wait_until};

/// The coverage of all partitions, and the exit code.
fn coverage(world: &World) -> (Value, Option<i32>) {
    let ended: Ended = world.ingest(&["coverage", "--format", "json"]).into();
    (serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{}", ended.stderr)), ended.code)
}

/// Runs until caught up, which must be a finding; what it said.
fn finding(world: &World) -> String {
    let output = world.ingest(&["run", "--until-caught-up"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    said(&output)
}

#[test]
fn partitions_that_a_topic_gets_are_read_from_their_beginning() {
    let world = World::new("wider", 1);
    world.produce(&events(10, 1));
    let worker = Worker::start(&world);
    wait_until("the first partition is stored", SOON, || world.number(DISTINCT) == 10);
    world.add_partitions(3);
    // Published before the worker knows of the partitions.
    world.produce(&events(40, 3)[10..]);
    wait_until("the new partitions are stored", SOON, || world.number(DISTINCT) == 40);
    assert_eq!(worker.stop()["read"], 40);
    assert_eq!(coverage(&world).1, Some(0));
}

#[test]
fn topics_that_match_are_read_also_those_that_appear_later() {
    let mut world = World::new("pattern", 1);
    let first = world.topic.clone();
    world.set("KAFKA__TOPIC", format!(r"^{first}(\.[a-z]+)?$"));
    world.produce(&events(5, 1));
    let worker = Worker::start(&world);
    wait_until("the first topic is stored", SOON, || world.number(DISTINCT) == 5);
    for (name, from) in [("late", 5), ("x1", 15)] {
        world.topic = format!("{first}.{name}");
        world.engines.create_topic(&world.topic, 2);
        world.produce(&events(from + 10, 2)[from..]);
    }
    wait_until("the topic that appeared is stored", SOON, || world.number(DISTINCT) == 15);
    worker.stop();
    let by_topic = world.sql("SELECT topic, count() FROM event_log GROUP BY topic ORDER BY topic FORMAT TSVRaw");
    assert_eq!(by_topic, format!("{first}\t5\n{first}.late\t10"), "{first}.x1 does not match");
    let (coverage, code) = coverage(&world);
    let partitions = coverage.as_array().unwrap();
    assert_eq!((partitions.len(), code), (3, Some(0)), "{coverage}");
    for arguments in [&["publish", super::SEED][..], &["check", super::SEED]] {
        let complaint = Ended::from(world.ingest(arguments)).fails(2);
        assert!(complaint.contains("--topic"), "{complaint}");
    }
}

#[test]
fn a_group_that_was_deleted_or_is_elsewhere_changes_nothing() {
    let world = World::new("no_group", 1);
    world.produce(&events(10, 1));
    world.catch_up();
    world.delete_group();
    world.produce(&events(15, 1)[10..]);
    assert_eq!(world.catch_up()["read"], 5);
    // Set back, or far beyond the end, by somebody else.
    for offset in [3, 1_000] {
        world.commit(offset);
        assert_eq!(world.catch_up()["read"], 0);
        assert_eq!(world.committed(), [15]);
    }
    assert_eq!(world.number("SELECT count() FROM event_log"), 15);
}

#[test]
fn clickhouse_set_back_to_an_older_copy_is_filled_up_again() {
    const TABLES: [&str; 4] = ["event_log", "marks", "ledger", "incarnations"];
    let world = World::new("set_back", 2);
    world.produce(&events(20, 2));
    world.catch_up();
    for table in TABLES {
        world.sql(&format!("CREATE TABLE copy_{table} AS {table}"));
        world.sql(&format!("INSERT INTO copy_{table} SELECT * FROM {table}"));
    }
    world.produce(&events(50, 2)[20..]);
    world.catch_up();
    for table in TABLES {
        world.sql(&format!("TRUNCATE TABLE {table}"));
        world.sql(&format!("INSERT INTO {table} SELECT * FROM copy_{table}"));
    }
    assert_eq!(world.number(DISTINCT), 20);
    let output = world.ingest(&["run", "--until-caught-up"]);
    assert!(said(&output).contains("the group's offset lies beyond the ledger"), "{}", said(&output));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["read"], 30);
    assert_eq!(world.number(DISTINCT), 50);
    assert_eq!((world.committed(), world.covered()), (world.ends(), world.ends()));
    // And to a copy of before anything was read.
    for table in TABLES {
        world.sql(&format!("TRUNCATE TABLE {table}"));
    }
    assert_eq!(world.catch_up()["read"], 50);
    assert_eq!(world.number(DISTINCT), 50);
}

#[test]
fn messages_that_expired_unread_are_a_finding_until_a_person_accepts_the_loss() {
    let world = World::new("expired", 1);
    world.produce(&events(10, 1));
    world.catch_up();
    world.produce(&events(20, 1)[10..]);
    let too_early = world.chiso_ingest(&["accept-loss", "--topic", &world.topic, "--partition", "0", "--because", "x"]).fails(1);
    assert!(too_early.contains("nothing of it is lost"), "{too_early}");
    world.expire(15);
    let said = finding(&world);
    assert!(
        said.contains(&format!("messages 10..15 of {} [0] have expired", world.topic)) && said.contains("accept-loss"),
        "{said}"
    );
    assert_eq!((world.number(DISTINCT), world.committed()), (10, vec![10]));
    let (found, code) = coverage(&world);
    assert_eq!((&found[0]["gaps"], code), (&serde_json::json!([[10, 15]]), Some(1)), "{found}");
    world.chiso_ingest(&["accept-loss", "--topic", &world.topic, "--partition", "0", "--because", "retention was a day"]).ok();
    assert_eq!(world.catch_up()["read"], 5);
    let (found, code) = coverage(&world);
    assert_eq!((&found[0]["lost"], code), (&serde_json::json!([[10, 15, "retention was a day"]]), Some(0)), "{found}");
    assert_eq!((&found[0]["begin"], &found[0]["behind"]), (&15.into(), &0.into()), "{found}");
}

#[test]
fn a_topic_made_anew_is_a_finding_until_a_person_adopts_it() {
    for (name, count) in [("shorter", 3), ("longer", 25)] {
        let world = World::new(name, 1);
        world.produce(&events(10, 1));
        world.produce(&[Outgoing::structured("{}")]);
        world.catch_up();
        world.remake_topic(1);
        world.produce(&[Outgoing::structured("[]")]);
        world.produce(&events(100 + count, 1)[100..]);
        let said = finding(&world);
        assert!(said.contains("was made anew") && said.contains(&format!("adopt --topic {}", world.topic)), "{said}");
        assert_eq!(world.number(DISTINCT), 10);
        world.chiso_ingest(&["adopt", "--topic", &world.topic, "--because", "disks were replaced"]).ok();
        assert_eq!(coverage(&world).1, Some(0));
        assert_eq!(world.catch_up()["stored"], count);
        assert_eq!(world.sql(DISTINCT), (10 + count).to_string());
        let refused = world.sql("SELECT incarnation, hex(raw) FROM rejected_events ORDER BY incarnation FORMAT TSVRaw");
        assert_eq!(refused, "1\t7B7D\n2\t5B5D", "one at offset 10 of the first topic, one at offset 0 of the second");
        assert_eq!(world.committed(), world.ends());
        let (found, code) = coverage(&world);
        assert_eq!((&found[0]["incarnation"], code), (&2.into(), Some(0)), "{found}");
    }
}

#[test]
fn a_worker_stops_when_its_topic_is_made_anew() {
    let world = World::new("anew", 1);
    world.produce(&events(10, 1));
    let mut worker = Worker::start(&world);
    wait_until("the first topic is stored", SOON, || world.committed() == [10]);
    world.remake_topic(1);
    world.produce(&events(130, 1)[100..]);
    wait_until("the worker has stopped", SOON, || worker.has_ended());
    let output = worker.end();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    world.chiso_ingest(&["adopt", "--topic", &world.topic, "--because", "a test"]).ok();
    world.catch_up();
    assert_eq!(world.number(DISTINCT), 40);
}

#[test]
fn a_static_member_that_restarts_gets_its_partitions_back_without_a_rebalance() {
    let mut world = World::new("static", 4);
    world.set("KAFKA__SESSION_MS_MAX", "30000");
    world.set("KAFKA__INSTANCE", "a");
    let first = Worker::start(&world);
    wait_until("the first worker has its partitions", SOON, || first.log().matches("not seen before").count() == 4);
    world.set("KAFKA__INSTANCE", "b");
    let second = Worker::start(&world);
    // What the first has begun a moment ago may or may not stand in the ledger already.
    let begun = ["reading on", "not seen before", "reading from its beginning"];
    wait_until("the second worker has its partitions", SOON, || {
        second.log().lines().filter(|line| begun.iter().any(|words| line.contains(words))).count() == 2
    });
    world.produce(&events(40, 4));
    wait_until("all is stored", SOON, || world.number(DISTINCT) == 40);
    let before = first.log().matches("rebalance").count();
    second.signal(Signal::SIGTERM);
    assert_eq!(second.end().status.code(), Some(0));
    let second = Worker::start(&world);
    wait_until("the second worker has its partitions again", Duration::from_secs(20), || {
        second.log().matches("reading on").count() == 2
    });
    world.produce(&events(80, 4)[40..]);
    wait_until("all is stored", SOON, || world.number(DISTINCT) == 80);
    assert_eq!(first.log().matches("rebalance").count(), before, "{}", first.log());
    first.stop();
    second.stop();
}
