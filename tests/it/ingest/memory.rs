//! A worker's memory is bounded, whatever waits for it: ordinary events or the longest messages, taken or refused.

use std::fs;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::lost_answers::{self, Line};
use super::{DISTINCT, SOON, Worker, event, events};
use crate::harness::{Outgoing, World, wait_until};

/// What a worker may take at most, fetch buffers of librdkafka included.
const MOST_KIB: u64 = 256 * 1024;
/// How long a test of a backlog may take on a busy machine.
const LONG: Duration = Duration::from_secs(240);

/// The most memory that a process has had so far, in KiB; `None` once it has ended.
fn peak_kib(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// Ingests all that lies in the topic, and yields the summary and the most memory that the worker had.
fn catch_up_and_watch(world: &World) -> (serde_json::Value, u64) {
    let mut command = world.command("chiso-ingest", &["run", "--until-caught-up"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut most = 0;
    wait_until("the worker has caught up", LONG, || {
        most = peak_kib(child.id()).unwrap_or(most);
        child.try_wait().unwrap().is_some()
    });
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    (serde_json::from_slice(&output.stdout).unwrap(), most)
}

/// The worst moment is made to come: ClickHouse is away, a batch is on its way, the next one is full, and for two seconds
/// librdkafka fetches on with nobody taking; then fetching is paused, and once ClickHouse is back the worker catches up at full
/// speed. So all that a worker holds has been full: two batches of 10,000 rows, and 32 MiB of fetched messages, which are some
/// 30,000 of a kilobyte. The backlog is more than six times the one and ten times the other, and it is enough, for a worker that
/// held but three quarters of it would be found out, whatever it takes beside the messages. That batches of the size set by default
/// stay within the bound is for the longest messages, below, and for `make bench-ingest`, whose report has the peak with
/// 2,000,000 ordinary events.
#[test]
fn a_backlog_takes_bounded_memory_when_all_buffers_are_full() {
    const COUNT: usize = 200_000;
    const BACKLOG_KIB: u64 = COUNT as u64;
    let mut world = World::new("backlog", 8);
    let line = Arc::new(Line::default());
    world.set("CLICKHOUSE__URL", lost_answers::start(&world.engines.clickhouse_url, &line));
    world.set("BATCH__ROWS_MAX", "10000");
    let worker = Worker::start(&world);
    let peak = || peak_kib(worker.id()).unwrap();
    world.produce(&events(8, 8));
    wait_until("the first events are stored", SOON, || world.number(DISTINCT) == 8);
    let idle = peak();
    line.down.store(true, Ordering::SeqCst);
    // Some at a time, so that the test itself stays small.
    for begin in (8..COUNT).step_by(10_000) {
        let part = (begin..COUNT.min(begin + 10_000)).map(|number| kilobyte(number, 8)).collect::<Vec<_>>();
        world.produce(&part);
    }
    wait_until("fetching is paused", SOON, || worker.log().contains("fetching is paused"));
    line.down.store(false, Ordering::SeqCst);
    wait_until("all offsets are committed", LONG, || world.committed() == world.ends());
    let most = peak();
    assert_eq!(worker.stop()["stored"], COUNT);
    assert!(most < MOST_KIB && most - idle < BACKLOG_KIB * 3 / 4, "{idle} KiB, then {most} KiB");
}

/// An event with an attribute that is ignored, a kilobyte long altogether.
fn kilobyte(number: usize, partitions: usize) -> Outgoing {
    let plain = event(number).value.unwrap();
    let note = "a".repeat(1_024 - plain.len());
    let value = String::from_utf8(plain).unwrap().replacen('{', &format!(r#"{{"note":"{note}","#), 1);
    Outgoing { partition: Some(i32::try_from(number % partitions).unwrap()), ..Outgoing::structured(value) }
}

#[test]
fn a_backlog_of_the_longest_messages_takes_bounded_memory() {
    const EACH: usize = 2_000;
    let world = World::new("longest", 4);
    // Some at a time, so that the test itself stays small.
    for round in 0..EACH / 100 {
        let messages = (0..100).flat_map(|number| longest(round * 100 + number)).collect::<Vec<_>>();
        world.produce(&messages);
    }
    let (summary, most) = catch_up_and_watch(&world);
    assert_eq!((&summary["stored"], &summary["rejected"]), (&EACH.into(), &EACH.into()), "{summary}");
    assert!(most > 0 && most < MOST_KIB, "{most} KiB");
    // Refused messages are there whole.
    assert_eq!(world.number("SELECT countIf(length(raw) > 60000) FROM rejected_log"), i64::try_from(EACH).unwrap());
}

/// An accepted message with a long attribute that is ignored, and a refused one with a long field.
fn longest(number: usize) -> [Outgoing; 2] {
    let text = "a".repeat(60_000);
    let partition = Some(i32::try_from(number % 4).unwrap());
    let plain = String::from_utf8(event(number).value.unwrap()).unwrap();
    let ignored = plain.replacen('{', &format!(r#"{{"note":"{text}","#), 1);
    let refused = plain.replacen(r#""data":{"#, &format!(r#""data":{{"other":"{text}","#), 1);
    [ignored, refused].map(|value| Outgoing { partition, ..Outgoing::structured(value) })
}
