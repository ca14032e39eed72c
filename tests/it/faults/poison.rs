//! Events that ClickHouse refuses for what is in them: a few are refused and kept whole, many stop the line.

use futures::executor::block_on;
use nix::sys::signal::Signal;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::{DISTINCT, SOON, event};
use crate::harness::{Outgoing, World, wait_until};
use crate::ingest::Worker;

const SOURCE: &str = "urn:vn:one-stop";

/// Events, the last of them the greatest.
fn events(count: usize) -> Vec<Outgoing> {
    (0..count).map(|number| Outgoing { partition: Some(0), ..Outgoing::structured(event(SOURCE, number)) }).collect()
}

/// A world whose table refuses the events of these numbers.
fn poisoned(name: &str, rows_max: usize, numbers: impl IntoIterator<Item = usize>) -> World {
    let mut world = World::new(name, 1);
    world.set("BATCH__ROWS_MAX", rows_max.to_string());
    world.set("BATCH__BYTES_MAX", "1000000000");
    world.set("BATCH__AGE_MS_MAX", "60000");
    let ids = numbers.into_iter().map(|number| format!("'event-{number}'")).collect::<Vec<_>>().join(",");
    world.sql(&format!("ALTER TABLE event_log ADD CONSTRAINT poison CHECK id NOT IN ({ids})"));
    world
}

fn mend(world: &World) {
    world.sql("ALTER TABLE event_log DROP CONSTRAINT poison");
}

#[test]
fn one_poisoned_row_in_a_batch_of_100_000_is_refused_whole_and_replayed_once_the_cause_is_fixed() {
    const EVENTS: usize = 100_000;
    let world = poisoned("poison_one", EVENTS, [77_777]);
    world.produce(&events(EVENTS));
    let summary = world.catch_up();
    assert_eq!((&summary["stored"], &summary["rejected"]), (&(EVENTS - 1).into(), &1.into()), "{summary}");
    assert_eq!(summary["reasons"]["not_storable"], 1, "{summary}");
    assert_eq!(world.number("SELECT count() FROM event_log"), i64::try_from(EVENTS).unwrap() - 1);
    assert_eq!(world.sql("SELECT raw FROM rejected_events"), event(SOURCE, 77_777));
    let fields = "SELECT reason, offset, source, id, length(headers), detail LIKE '%VIOLATED_CONSTRAINT%' FROM rejected_events";
    assert_eq!(world.sql(fields), format!("not_storable\t77777\t{SOURCE}\tevent-77777\t1\t1"));
    assert_eq!((world.committed(), world.covered()), (world.ends(), world.ends()));
    mend(&world);
    world.chiso_ingest(&["replay-rejected", "--reason", "not_storable"]).ok();
    assert_eq!(world.catch_up()["stored"], 1);
    assert_eq!(world.sql(DISTINCT), EVENTS.to_string());
}

#[test]
fn eleven_poisoned_rows_are_drift_which_stops_the_line_and_refuses_nothing() {
    let world = poisoned("poison_drift", 5_000, (0..11).map(|number| 400 * number));
    world.produce(&events(5_000));
    let said = world.chiso_ingest(&["run", "--until-caught-up"]).fails(1);
    assert!(said.contains("refuses 11 of 5000 rows") && said.contains("VIOLATED_CONSTRAINT"), "{said}");
    assert_eq!((world.number("SELECT count() FROM rejected_log"), world.committed(), world.covered()), (0, vec![0], vec![0]));
    mend(&world);
    assert_eq!(world.catch_up()["stored"], 5_000);
    assert_eq!(world.number(DISTINCT), 5_000);
}

#[test]
fn repeats_of_a_poisoned_event_are_refused_as_well_one_row_an_offset() {
    let world = poisoned("poison_repeated", 1_003, [5]);
    let all = events(1_000);
    world.produce(&all);
    world.produce(&[all[5].clone(), all[6].clone(), all[5].clone()]);
    let summary = world.catch_up();
    let counts = ["stored", "repeated", "rejected"].map(|name| summary[name].as_u64().unwrap());
    assert_eq!(counts, [999, 1, 3], "{summary}");
    assert_eq!(world.sql("SELECT groupArray(offset) FROM (SELECT offset FROM rejected_events ORDER BY offset)"), "[5,1000,1002]");
    assert_eq!(world.sql("SELECT uniqExact(raw), uniqExact(reason) FROM rejected_events"), "1\t1");
}

#[test]
fn killed_while_it_looks_for_poisoned_rows_it_finds_them_again() {
    const EVENTS: usize = 20_000;
    let numbers = (0..10).map(|number| 1_999 * number + 7);
    let mut world = poisoned("poison_killed", EVENTS, numbers);
    // The group waits that long for a member that was killed.
    world.set("KAFKA__SESSION_MS_MAX", "6000");
    world.produce(&events(EVENTS));
    let worker = Worker::start_with(&world, &["run", "--until-caught-up"]);
    wait_until("a part is stored", SOON, || world.number("SELECT count() FROM event_log") > 2_000);
    worker.signal(Signal::SIGKILL);
    worker.end();
    assert_eq!((world.number("SELECT count() FROM rejected_log"), world.committed()), (0, vec![0]), "killed in the middle");
    let summary = world.catch_up();
    assert_eq!((&summary["stored"], &summary["rejected"]), (&(EVENTS - 10).into(), &10.into()), "{summary}");
    assert_eq!(world.number(DISTINCT), i64::try_from(EVENTS).unwrap() - 10);
    assert_eq!(world.number("SELECT countIf(id IN (SELECT id FROM rejected_log)) FROM event_log"), 0);
    assert_eq!((world.number("SELECT count() FROM rejected_events"), world.committed()), (10, world.ends()));
}

#[test]
fn a_poisoned_row_whose_message_has_expired_stops_the_line() {
    let world = poisoned("poison_expired", 200, [7]);
    // Held up until the message is gone.
    world.sql("ALTER TABLE event_log MODIFY SETTING min_free_disk_bytes_to_perform_insert = 1000000000000000");
    world.produce(&events(200));
    let worker = Worker::start(&world);
    wait_until("the worker waits", SOON, || worker.log().contains("clickhouse has no room"));
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &world.engines.brokers).create().unwrap();
    let mut before = TopicPartitionList::new();
    before.add_partition_offset(&world.topic, 0, Offset::Offset(100)).unwrap();
    block_on(admin.delete_records(&before, &AdminOptions::new())).unwrap();
    world.sql("ALTER TABLE event_log RESET SETTING min_free_disk_bytes_to_perform_insert");
    let output = worker.end();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("offset 7 at") && said.contains("cannot be read again"), "{said}");
    assert_eq!((world.number("SELECT count() FROM rejected_log"), world.committed(), world.covered()), (0, vec![0], vec![0]));
}
