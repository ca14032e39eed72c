//! Log lines: every line about a batch names it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::Value;

use super::Watched;
use crate::harness::{World, wait_until};
use crate::ingest::lost_answers::{self, Line};
use crate::ingest::{SOON, Worker, events};

fn lines(worker: &Worker) -> Vec<Value> {
    worker.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The field of a line's span of that name.
fn span<'a>(line: &'a Value, name: &str, field: &str) -> Option<&'a Value> {
    line["spans"].as_array()?.iter().find(|span| span["name"] == name)?.get(field)
}

#[test]
fn every_line_about_a_batch_names_it() {
    let mut world = World::new("lines", 2);
    let line = Arc::new(Line::default());
    world.set("CLICKHOUSE__URL", lost_answers::start(&world.engines.clickhouse_url, &line));
    world.set("LOG__FORMAT", "json");
    world.set("LOG__FILTER", "info,chiso_ingest=debug");
    let worker = Worker::start(&world);
    world.produce(&events(2, 2));
    wait_until("the first events are stored", SOON, || world.committed() == [1, 1]);
    // Only now, so that what a start writes does not lose its answers.
    line.lose.store(2, Ordering::SeqCst);
    world.produce(&events(20, 2)[2..]);
    wait_until("the events are stored", SOON, || world.committed() == [10, 10]);
    let message = |line: &Value| line["fields"]["message"].as_str().unwrap_or_default().to_owned();
    wait_until("the batch is told", SOON, || lines(&worker).iter().any(|line| message(line) == "batch stored"));
    let lines = lines(&worker);
    let named = world.sql("SELECT toString(batch) FROM event_log GROUP BY batch");
    let stored = lines.iter().filter(|line| message(line) == "batch stored" && span(line, "batch", "rows") != Some(&0.into()));
    let stored = stored.filter_map(|line| span(line, "batch", "batch")?.as_str()).collect::<Vec<_>>();
    assert_eq!(stored.iter().filter(|batch| named.contains(**batch)).count(), named.lines().count(), "{stored:?} {named}");
    let retried = lines.iter().filter(|line| line["level"] == "WARN").collect::<Vec<_>>();
    assert_eq!(retried.len(), 2, "{retried:?}");
    for (number, line) in (1..).zip(retried) {
        assert!(named.contains(span(line, "batch", "batch").unwrap().as_str().unwrap()), "{line}");
        assert_eq!(span(line, "insert", "table"), Some(&"event_log".into()), "{line}");
        assert_eq!(span(line, "insert", "attempt"), Some(&number.into()), "{line}");
    }
    let moved = lines.iter().find(|line| message(line) == "the group moves partitions").unwrap();
    assert_eq!(span(moved, "rebalance", "kind"), Some(&"assigned".into()), "{moved}");
    worker.stop();
}

#[test]
fn at_the_usual_level_batches_are_not_told() {
    let mut world = World::new("quiet", 1);
    let watched = Watched::start(&mut world);
    world.produce(&events(10, 1));
    wait_until("the events are stored", SOON, || world.committed() == [10]);
    watched.wait_ready();
    let log = watched.worker.log();
    assert!(!log.contains("batch stored") && !log.contains("WARN") && log.contains("worker started"), "{log}");
    watched.worker.stop();
}
