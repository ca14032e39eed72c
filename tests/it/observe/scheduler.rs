//! What a scheduler shows of itself: metrics that say what the tables say, and why it is not ready.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::json;

use super::{Page, Site};
use crate::harness::{World, wait_until};
use crate::ingest::SOON;
use crate::ingest::lost_answers::{self, Line};
use crate::rollup::{Scheduler, fact, small_world};

/// States some dossiers more, and ingests them.
fn ingest(world: &World, id: &str) {
    world.publish_events([fact(id, "dossiers-received", "00101", "2025-08-20", json!({ "value": 3 }))]);
    world.catch_up();
}

#[test]
fn the_metrics_of_a_scheduler_say_what_the_tables_say() {
    let world = small_world("rolled");
    let folder = tempfile::tempdir().unwrap();
    ingest(&world, "a");
    let scheduler = Scheduler::every(&world, folder.path(), "log", "3600000");
    let site = Site::of_scheduler(&scheduler);
    wait_until("the pass is recorded", SOON, || world.number("SELECT count() FROM passes") == 1);
    let complete = "SELECT toUnixTimestamp64Milli(max(complete_through)) FROM passes";
    let shows = |series: &str, value: f64| (site.metrics().value(series) - value).abs() < 0.001;
    wait_until("the metrics show how far the figures reach", SOON, || {
        shows("chiso_rollup_complete_through_seconds", world.number(complete) as f64 / 1_000.0)
    });
    let page = site.metrics();
    let passes = |column: &str| world.number(&format!("SELECT toInt64(sum({column})) FROM passes")) as f64;
    for (metric, column) in [("batches_total", "batches"), ("cells_total", "cells"), ("rows_total", "rows")] {
        assert_eq!(page.value(&format!("chiso_rollup_{metric}")), passes(column), "{metric}");
    }
    assert!(passes("rows") > 0.0);
    for (series, value) in [
        (r#"passes_total{result="ok"}"#, 1.0),
        (r#"passes_total{result="failed"}"#, 0.0),
        ("pass_seconds_count", 1.0),
        ("leading", 1.0),
        ("ready", 1.0),
        ("epoch", world.number("SELECT max(epoch) FROM claims") as f64),
        ("reference_generation", world.number("SELECT max(generation) FROM passes") as f64),
        ("waiting_batches", 0.0),
        ("oldest_waiting_seconds", 0.0),
        ("ledger_rows", world.number("SELECT count() FROM ledger") as f64),
    ] {
        assert!(page.has(&format!("chiso_rollup_{series}")), "{series}");
        assert_eq!(page.value(&format!("chiso_rollup_{series}")), value, "{series}");
    }
    assert!(page.value("chiso_rollup_last_pass_seconds") > 0.0);
    assert!(page.value("chiso_rollup_complete_through_age_seconds") > 0.0);

    // The next pass is an hour away.
    ingest(&world, "b");
    wait_until("a batch waits", SOON, || shows("chiso_rollup_waiting_batches", 1.0));
    let page = site.metrics();
    assert_eq!(page.value("chiso_rollup_waiting_cells"), 1.0);
    assert!((0.001..3600.0).contains(&page.value("chiso_rollup_oldest_waiting_seconds")));
    every_metric_has_a_help_text_and_a_name_by_the_rules(&page);
    scheduler.stop();
}

fn every_metric_has_a_help_text_and_a_name_by_the_rules(page: &Page) {
    for name in page.names() {
        assert!(name.starts_with("chiso_rollup_") || name.starts_with("process_"), "{name}");
        let units = ["_total", "_bucket", "_sum", "_count", "_info"];
        let described = |name: &str| page.described.contains(name);
        let is = described(&name) || units.iter().any(|unit| name.strip_suffix(unit).is_some_and(described));
        assert!(is, "{name} has no help");
    }
}

#[test]
fn a_scheduler_says_why_it_is_not_ready_and_who_stands_by_is_ready_too() {
    let mut world = small_world("unready");
    let folder = tempfile::tempdir().unwrap();
    let line = Arc::new(Line::default());
    world.set("CLICKHOUSE__URL", lost_answers::start(&world.engines.clickhouse_url, &line));
    let first = Scheduler::start(&world, folder.path(), "first");
    let leader = Site::of_scheduler(&first);
    leader.wait_ready();
    wait_until("the first leads", SOON, || leader.metrics().value("chiso_rollup_leading") == 1.0);
    assert_eq!(leader.get("/livez"), (200, "alive\n".to_owned()));
    let second = Scheduler::start(&world, folder.path(), "second");
    let spare = Site::of_scheduler(&second);
    spare.wait_ready();
    assert_eq!(spare.metrics().value("chiso_rollup_leading"), 0.0);

    line.down.store(true, Ordering::SeqCst);
    for site in [&leader, &spare] {
        wait_until("both say that ClickHouse is away", SOON, || site.get("/readyz").1.contains("ClickHouse is away since 2"));
        assert_eq!(site.get("/readyz").0, 503);
        assert_eq!(site.get("/livez").0, 200);
    }
    wait_until("the metrics show it", SOON, || {
        let page = leader.metrics();
        page.value("chiso_rollup_ready") == 0.0
            && page.value(r#"chiso_rollup_dependency_trouble_seconds{dependency="clickhouse"}"#) > 0.0
            && page.value(r#"chiso_rollup_passes_total{result="failed"}"#) > 0.0
    });
    line.down.store(false, Ordering::SeqCst);
    leader.wait_ready();
    spare.wait_ready();
    second.stop();
    first.stop();
}
