//! The metrics say what the tables say.

use std::time::Duration;

use super::Watched;
use crate::harness::{Outgoing, World, wait_until};
use crate::ingest::{DISTINCT, SOON, event, events};

/// Events, one of them twice in a row, and messages that break three rules; all of partition 1.
fn mixed() -> Vec<Outgoing> {
    let mut messages = vec![event(0), event(0), Outgoing::structured("{")];
    messages.push(Outgoing { value: None, ..Outgoing::structured("") });
    let unknown = |text: &str| Outgoing::structured(crate::ingest::event_json(1).replace("bts-stations", text));
    messages.extend([unknown("no-such-thing"), unknown("nor-this")]);
    messages.into_iter().map(|message| Outgoing { partition: Some(1), ..message }).collect()
}

#[test]
fn metrics_say_what_the_tables_say() {
    let mut world = World::new("watched", 3);
    world.set("BATCH__ROWS_MAX", "100");
    let watched = Watched::start(&mut world);
    watched.wait_ready();
    world.produce(&mixed());
    world.produce(&events(300, 2));
    let read = |watched: &Watched| watched.metrics().sum("chiso_ingest_messages_total", &[]);
    wait_until("all messages are stored", SOON, || read(&watched) == 306.0);
    wait_until("all is committed", SOON, || world.committed() == world.ends());
    // The gauge follows the commit.
    let committed = |watched: &Watched| watched.metrics().sum("chiso_ingest_committed_offset", &[]);
    wait_until("the commits are told", SOON, || committed(&watched) == 306.0);
    let lag = |watched: &Watched| watched.metrics().sum("chiso_ingest_lag_messages", &[]);
    wait_until("the ends are seen", SOON, || {
        watched.metrics().sum("chiso_ingest_end_offset", &[]) == 306.0 && lag(&watched) == 0.0
    });
    let page = watched.metrics();
    let message = |outcome: &str| page.sum("chiso_ingest_messages_total", &[&format!(r#"outcome="{outcome}""#)]);
    assert_eq!(message("stored"), world.number("SELECT count() FROM event_log") as f64);
    for row in world.sql("SELECT reason, count() FROM rejected_log GROUP BY reason").lines() {
        let (reason, count) = row.split_once('\t').unwrap();
        let series = format!(r#"chiso_ingest_messages_total{{outcome="rejected",reason="{reason}"}}"#);
        assert_eq!(page.value(&series), count.parse::<f64>().unwrap(), "{row}");
    }
    assert_eq!(message("rejected"), world.number("SELECT count() FROM rejected_log") as f64);
    assert_eq!(world.number(DISTINCT), 300, "{}", world.sql("SELECT count() FROM event_log"));
    by_partition(&world, &watched);
    let rows = world.number("SELECT (SELECT count() FROM event_log) + (SELECT count() FROM rejected_log)") as f64;
    assert_eq!(page.value("chiso_ingest_batch_rows_sum"), rows);
    let batches = page.sum("chiso_ingest_batches_total", &[]);
    assert!(batches > 0.0 && batches == page.value("chiso_ingest_batch_rows_count"));
    assert!(page.value(r#"chiso_ingest_batches_total{sealed_by="rows"}"#) >= 1.0);
    assert!(page.value(r#"chiso_ingest_batches_total{sealed_by="age"}"#) >= 1.0);
    assert!(page.value("chiso_ingest_batch_bytes_sum") > rows);
    for table in ["event_log", "rejected_log", "marks", "ledger"] {
        let series = format!(r#"chiso_ingest_insert_seconds_count{{table="{table}",result="ok"}}"#);
        assert!(page.value(&series) >= 1.0, "{series}");
    }
    let delay = page.value("chiso_ingest_delay_seconds_sum") / page.value("chiso_ingest_delay_seconds_count");
    assert!((0.0..60.0).contains(&delay), "{delay}");
    let generation = world.number("SELECT max(generation) FROM event_log") as f64;
    assert_eq!(page.value("chiso_ingest_reference_generation"), generation);
    assert!(page.sum("chiso_ingest_build_info", &[&format!(r#"version="{}""#, env!("CARGO_PKG_VERSION"))]) == 1.0);
    assert!(page.value("process_resident_memory_bytes") > 1e6 && page.value("process_open_fds") > 3.0);
    let summary = watched.worker.stop();
    assert_eq!(summary["read"], 306, "{summary}");
}

/// Every number of a partition against the tables and against Kafka.
fn by_partition(world: &World, watched: &Watched) {
    let page = watched.metrics();
    let (covered, committed, ends) = (world.covered(), world.committed(), world.ends());
    for partition in 0..3 {
        let place = format!(r#"topic="{}",partition="{partition}""#, world.topic);
        let gauge = |name: &str| page.value(&format!("chiso_ingest_{name}{{{place}}}"));
        assert_eq!(gauge("stored_offset"), covered[partition] as f64);
        assert_eq!(gauge("committed_offset"), committed[partition] as f64);
        assert_eq!(gauge("end_offset"), ends[partition] as f64);
        assert_eq!(gauge("lag_messages"), 0.0);
        assert!(page.has(&format!("chiso_ingest_unaccounted_messages{{{place}}}")));
        assert_eq!(gauge("unaccounted_messages"), 0.0);
        let count =
            |outcome: &str| page.value(&format!(r#"chiso_ingest_partition_messages_total{{{place},outcome="{outcome}"}}"#));
        let rows = |table: &str| world.number(&format!("SELECT count() FROM {table} WHERE partition = {partition}")) as f64;
        assert_eq!(count("stored"), rows("event_log"));
        assert_eq!(count("rejected"), rows("rejected_log"));
        assert_eq!(count("read"), count("stored") + count("rejected") + count("repeated"));
        assert_eq!(count("read"), ends[partition] as f64);
    }
}

#[test]
fn partitions_that_are_taken_away_leave_the_metrics() {
    let mut world = World::new("handed", 4);
    let first = Watched::start(&mut world);
    first.wait_ready();
    world.produce(&events(40, 4));
    let assigned = |watched: &Watched| watched.metrics().value("chiso_ingest_assigned_partitions");
    wait_until("the first worker has all", SOON, || assigned(&first) == 4.0 && world.committed() == [10; 4]);
    assert_eq!(first.metrics().value(r#"chiso_ingest_rebalances_total{kind="revoked"}"#), 0.0);
    let second = Watched::start(&mut world);
    wait_until("both have two", SOON, || assigned(&first) == 2.0 && assigned(&second) == 2.0);
    let (first_page, second_page) = (first.metrics(), second.metrics());
    for partition in 0..4 {
        let series = format!(r#"chiso_ingest_stored_offset{{topic="{}",partition="{partition}"}}"#, world.topic);
        assert!(first_page.has(&series) != second_page.has(&series), "{series} is shown by one of them");
        assert_eq!(first_page.value(&series) + second_page.value(&series), 10.0);
    }
    assert!(first_page.value(r#"chiso_ingest_rebalances_total{kind="revoked"}"#) >= 1.0);
    second.worker.stop();
    first.worker.stop();
}

#[test]
fn librdkafka_says_how_it_is() {
    let mut world = World::new("fetching", 1);
    let watched = Watched::start(&mut world);
    world.produce(&events(100, 1));
    wait_until("statistics have come", Duration::from_secs(60), || {
        let page = watched.metrics();
        page.sum("chiso_ingest_kafka_broker_up", &["broker="]) == 1.0
            && page.value("chiso_ingest_kafka_received_bytes_total") > 0.0
    });
    assert!(watched.metrics().has("chiso_ingest_kafka_queue_bytes"));
    watched.worker.stop();
}

#[test]
fn every_metric_has_a_help_text_and_a_name_by_the_rules() {
    let mut world = World::new("named", 1);
    let watched = Watched::start(&mut world);
    watched.wait_ready();
    let page = watched.metrics();
    let units = ["_total", "_bucket", "_sum", "_count", "_info"];
    for name in page.names() {
        assert!(name.starts_with("chiso_ingest_") || name.starts_with("process_"), "{name}");
        let described = page.described.contains(&name)
            || units.iter().any(|unit| name.strip_suffix(unit).is_some_and(|name| page.described.contains(name)));
        assert!(described, "{name} has no help");
    }
    watched.worker.stop();
}
