//! ClickHouse behind a line that loses answers and breaks: retries carry the same token, so nothing is there twice.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use super::{SOON, Worker, events};
use crate::harness::{World, wait_until};

/// Forwards connections to ClickHouse, and misbehaves when told.
#[derive(Default)]
pub(crate) struct Line {
    /// Answers to inserts that get lost.
    pub(crate) lose: AtomicU32,
    /// Answers that got lost.
    pub(crate) lost: AtomicU32,
    /// Nobody gets through.
    pub(crate) down: AtomicBool,
}

/// Starts the line and returns its address.
pub(crate) fn start(target: &str, line: &Arc<Line>) -> String {
    let target = target.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let line = Arc::clone(line);
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, line, target) = (client.unwrap(), Arc::clone(&line), target.clone());
            thread::spawn(move || forward(&client, &target, &line));
        }
    });
    address
}

fn forward(client: &TcpStream, target: &str, line: &Line) {
    if line.down.load(Ordering::SeqCst) {
        return;
    }
    let server = TcpStream::connect(target).unwrap();
    let inserting = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            pump(client, &server, |bytes| {
                if bytes.windows(11).any(|window| window == b"INSERT+INTO" || window == b"INSERT%20IN") {
                    inserting.store(true, Ordering::SeqCst);
                }
                !line.down.load(Ordering::SeqCst)
            })
        });
        pump(&server, client, |_| {
            let losing = inserting.swap(false, Ordering::SeqCst)
                && line.lose.try_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
            line.lost.fetch_add(u32::from(losing), Ordering::SeqCst);
            !losing && !line.down.load(Ordering::SeqCst)
        });
    });
}

/// Copies until the end, or until `pass` says no; then closes both.
fn pump(mut from: &TcpStream, mut to: &TcpStream, pass: impl Fn(&[u8]) -> bool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count) = from.read(&mut buffer) {
        if count == 0 || !pass(&buffer[..count]) || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    // The other side may have closed first.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

#[test]
fn answers_that_are_lost_leave_no_copies() {
    let mut world = World::new("lost", 2);
    let line = Arc::new(Line { lose: AtomicU32::new(6), ..Line::default() });
    world.set("CLICKHOUSE__URL", start(&world.engines.clickhouse_url, &line));
    world.set("BATCH__ROWS_MAX", "500");
    world.produce(&events(2_000, 2));
    let summary = world.catch_up();
    assert_eq!(summary["stored"], 2_000, "{summary}");
    assert_eq!(line.lost.load(Ordering::SeqCst), 6);
    // Rows, not distinct ones: no merge may be needed to make it right.
    assert_eq!(world.number("SELECT count() FROM event_log"), 2_000);
    assert_eq!(world.sql("SELECT count() = uniqExact(batch, indicator, ward, date) FROM marks"), "1");
    assert_eq!(world.sql("SELECT count() = uniqExact(topic, partition, from_offset, next_offset, observed_at) FROM ledger"), "1");
    assert_eq!(world.covered(), world.ends());
}

#[test]
fn a_worker_waits_for_clickhouse_and_then_goes_on() {
    let mut world = World::new("down", 2);
    let line = Arc::new(Line::default());
    world.set("CLICKHOUSE__URL", start(&world.engines.clickhouse_url, &line));
    world.set("BATCH__ROWS_MAX", "200");
    let worker = Worker::start(&world);
    world.produce(&events(100, 2));
    wait_until("the first events are stored", SOON, || world.number("SELECT count() FROM event_log") == 100);
    line.down.store(true, Ordering::SeqCst);
    // Far more than two batches: the worker has to stop fetching, and go on later.
    world.produce(&events(3_000, 2)[100..]);
    wait_until("the worker waits", SOON, || worker.log().contains("fetching is paused"));
    assert!(worker.log().contains("insert failed, retrying with the same token"), "{}", worker.log());
    assert_eq!(world.number("SELECT count() FROM event_log"), 100);
    line.down.store(false, Ordering::SeqCst);
    wait_until("all events are stored", SOON, || world.number(super::DISTINCT) == 3_000);
    assert_eq!(world.number("SELECT count() FROM event_log"), 3_000);
    wait_until("all offsets are committed", SOON, || world.committed() == world.ends());
    assert_eq!(worker.stop()["stored"], 3_000);
}

#[test]
fn a_worker_that_cannot_store_before_its_deadline_commits_nothing_and_says_so() {
    let mut world = World::new("deadline", 1);
    let line = Arc::new(Line::default());
    world.set("CLICKHOUSE__URL", start(&world.engines.clickhouse_url, &line));
    world.set("SHUTDOWN__DRAIN_MS_MAX", "500");
    let worker = Worker::start(&world);
    world.produce(&events(10, 1));
    wait_until("the first events are stored and committed", SOON, || world.committed() == [10]);
    line.down.store(true, Ordering::SeqCst);
    world.produce(&events(20, 1)[10..]);
    wait_until("the worker cannot store them", SOON, || worker.log().contains("insert failed"));
    worker.signal(nix::sys::signal::Signal::SIGTERM);
    let output = worker.end();
    assert_eq!(output.status.code(), Some(3), "{}", super::said(&output));
    assert!(super::said(&output).contains("they will be read again"), "{}", super::said(&output));
    assert_eq!(world.committed(), [10]);
    line.down.store(false, Ordering::SeqCst);
    world.catch_up();
    assert_eq!(world.number(super::DISTINCT), 20);
}

#[test]
fn partitions_that_come_while_clickhouse_is_away_are_begun_when_it_is_back() {
    let mut world = World::new("away_assigned", 2);
    let line = Arc::new(Line::default());
    let direct = world.engines.clickhouse_url.clone();
    let second = Worker::start(&world);
    wait_until("the other worker has begun", SOON, || second.log().matches("not seen before").count() == 2);
    world.set("CLICKHOUSE__URL", start(&direct, &line));
    let first = Worker::start(&world);
    wait_until("both share the partitions", SOON, || first.log().contains("reading"));
    line.down.store(true, Ordering::SeqCst);
    second.stop();
    world.produce(&events(100, 2));
    wait_until("the worker asks in vain where to begin", SOON, || {
        first.log().contains("cannot begin to read partitions, trying again")
    });
    assert_eq!(world.number(super::DISTINCT), 0);
    line.down.store(false, Ordering::SeqCst);
    wait_until("all events are stored", SOON, || world.number(super::DISTINCT) == 100);
    wait_until("all offsets are committed", SOON, || world.committed() == world.ends());
    assert_eq!(first.stop()["read"], 100);
}

#[test]
fn a_rebalance_while_clickhouse_is_away_drops_what_is_open_and_loses_nothing() {
    let mut world = World::new("away_moved", 4);
    let line = Arc::new(Line::default());
    world.set("BATCH__ROWS_MAX", "3000");
    world.set("SHUTDOWN__DRAIN_MS_MAX", "1000");
    let direct = world.engines.clickhouse_url.clone();
    world.set("CLICKHOUSE__URL", start(&direct, &line));
    let first = Worker::start(&world);
    world.produce(&events(40, 4));
    wait_until("the first events are stored", SOON, || world.number(super::DISTINCT) == 40);
    line.down.store(true, Ordering::SeqCst);
    let rest = events(4_000, 4);
    world.produce(&rest[40..240]);
    wait_until("a batch cannot be inserted", SOON, || first.log().contains("insert failed"));
    // So many that the open batch holds messages of partitions that leave and of partitions that stay.
    world.produce(&rest[240..]);
    wait_until("the first worker is stuck with a full batch", SOON, || first.log().contains("fetching is paused"));
    // The second one reaches ClickHouse, and takes over some of the partitions.
    world.set("CLICKHOUSE__URL", direct);
    let second = Worker::start(&world);
    wait_until("the first worker has given up what is open", SOON, || first.log().contains("it will be read again again=[("));
    wait_until("the second worker stores its part", SOON, || world.number(super::DISTINCT) > 1_000);
    line.down.store(false, Ordering::SeqCst);
    wait_until("all events are stored", SOON, || world.number(super::DISTINCT) == 4_000);
    wait_until("all offsets are committed", SOON, || world.committed() == world.ends());
    assert_eq!(world.covered(), world.ends());
    first.stop();
    second.stop();
    assert_eq!(world.number(super::DISTINCT), 4_000);
}
