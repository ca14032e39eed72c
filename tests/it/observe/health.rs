//! `/livez` and `/readyz` through the life of a worker.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nix::sys::signal::Signal;

use super::Watched;
use crate::harness::{World, wait_until};
use crate::ingest::lost_answers::{self, Line};
use crate::ingest::{DISTINCT, SOON, events, said};

#[test]
fn a_worker_says_why_it_is_not_ready_and_is_ready_again_when_clickhouse_is_back() {
    let mut world = World::new("health", 2);
    let line = Arc::new(Line::default());
    world.set("CLICKHOUSE__URL", lost_answers::start(&world.engines.clickhouse_url, &line));
    let watched = Watched::start(&mut world);
    assert_eq!(watched.get("/livez"), (200, "alive\n".to_owned()));
    watched.wait_ready();
    assert_eq!(watched.get("/readyz"), (200, "ready\n".to_owned()));
    assert_eq!(watched.metrics().value("chiso_ingest_ready"), 1.0);
    world.produce(&events(10, 2));
    wait_until("the first events are stored, the ledger included", SOON, || world.committed() == [5, 5]);

    line.down.store(true, Ordering::SeqCst);
    world.produce(&events(30, 2)[10..]);
    wait_until("the worker is not ready", SOON, || !watched.is_ready());
    let (status, reason) = watched.get("/readyz");
    assert_eq!(status, 503);
    assert!(reason.starts_with("ClickHouse is away since 2") && reason.contains("cannot insert into "), "{reason}");
    assert_eq!(watched.get("/livez").0, 200);
    wait_until("the metrics show it", SOON, || {
        let page = watched.metrics();
        page.value(r#"chiso_ingest_dependency_trouble_seconds{dependency="clickhouse"}"#) > 1.0
            && page.value("chiso_ingest_oldest_unstored_seconds") > 1.0
            && page.sum("chiso_ingest_insert_retries_total", &[r#"code="network""#]) >= 2.0
            && page.sum("chiso_ingest_lag_messages", &[]) == 20.0
    });
    let page = watched.metrics();
    assert_eq!(page.value("chiso_ingest_ready"), 0.0);
    assert_eq!(page.value(r#"chiso_ingest_dependency_trouble_seconds{dependency="kafka"}"#), 0.0);

    line.down.store(false, Ordering::SeqCst);
    watched.wait_ready();
    wait_until("all events are stored", SOON, || world.number(DISTINCT) == 30);
    wait_until("nothing waits any more", SOON, || watched.metrics().value("chiso_ingest_oldest_unstored_seconds") == 0.0);
    assert_eq!(watched.metrics().value(r#"chiso_ingest_dependency_trouble_seconds{dependency="clickhouse"}"#), 0.0);

    line.down.store(true, Ordering::SeqCst);
    world.produce(&events(31, 1)[30..]);
    wait_until("the worker is not ready again", SOON, || !watched.is_ready());
    watched.worker.signal(Signal::SIGTERM);
    wait_until("the worker says that it stops", SOON, || watched.get("/readyz").1.contains("stopping: "));
    line.down.store(false, Ordering::SeqCst);
    let output = watched.worker.end();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn a_worker_without_partitions_is_alive_but_not_ready() {
    let mut world = World::new("spare", 1);
    let first = Watched::start(&mut world);
    first.wait_ready();
    let second = Watched::start(&mut world);
    wait_until("the second worker runs", SOON, || second.worker.log().contains("worker started"));
    wait_until("the second worker has nothing to do", SOON, || second.get("/readyz").1.starts_with("no partitions: "));
    assert_eq!(second.get("/livez").0, 200);
    first.worker.stop();
    second.wait_ready();
    second.worker.stop();
}

#[test]
fn a_port_that_is_in_use_is_said_at_once() {
    let mut world = World::bare("port", 1);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    world.set("HTTP__LISTEN", address.clone());
    let output = world.ingest(&["run"]);
    assert_eq!(output.status.code(), Some(2));
    let said = said(&output);
    assert!(said.contains(&format!("cannot listen on {address} (http.listen)")) && said.contains("another program"), "{said}");
}
