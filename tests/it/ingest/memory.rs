//! A worker's memory is bounded, whatever waits for it: ordinary events or the longest messages, taken or refused.

use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::{event, events};
use crate::harness::{Outgoing, World, wait_until};

/// What a worker may take at most, fetch buffers of librdkafka included.
const MOST_KIB: u64 = 256 * 1024;
/// How long a test of a backlog may take on a busy machine.
const LONG: Duration = Duration::from_secs(240);

/// The most memory that a process has had so far, in KiB; `None` once it has ended.
fn peak_kib(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// Ingests all that lies in the topic, and yields the summary and the most memory that the worker had.
fn catch_up_and_watch(world: &World) -> (serde_json::Value, u64) {
    let mut command = world.command("chiso-ingest", &["run", "--until-caught-up"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut most = 0;
    wait_until("the worker has caught up", LONG, || {
        most = peak_kib(&child).unwrap_or(most);
        child.try_wait().unwrap().is_some()
    });
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    (serde_json::from_slice(&output.stdout).unwrap(), most)
}

#[test]
fn a_backlog_of_ordinary_events_takes_bounded_memory() {
    const COUNT: usize = 600_000;
    let world = World::new("backlog", 8);
    world.produce(&events(COUNT, 8));
    let (summary, most) = catch_up_and_watch(&world);
    assert_eq!(summary["stored"], COUNT);
    assert!(most > 0 && most < MOST_KIB, "{most} KiB");
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
