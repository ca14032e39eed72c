//! `check` judges files offline, `publish` sends them byte for byte.

use std::fs;
use std::process::Command;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, OwnedMessage};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::{Value, json};

use super::{SEED, SOON, event_json, said};
use crate::harness::{ReferenceCopy, World, program, shipped_reference, unique, wait_until};

/// `check` in an environment that names no engines.
fn check(arguments: &[&str]) -> std::process::Output {
    Command::new(program("chiso-ingest")).arg("check").args(arguments).env_clear().output().unwrap()
}

#[test]
fn check_accepts_the_seed_events_and_needs_no_engines() {
    let output = check(&[SEED]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "129 events, 129 accepted, 0 refused\n");
}

#[test]
fn check_prints_each_refusal_with_its_place() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let unknown = event_json(2).replace("11413", "00000");
    let lines = [event_json(1).as_bytes(), b"", b"no json", unknown.as_bytes(), b"\xFF"].join(&b'\n');
    fs::write(file.path(), lines).unwrap();
    let name = file.path().to_str().unwrap();
    let output = check(&[name]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let lines = text.lines().collect::<Vec<_>>();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[0].starts_with(&format!("{name}:3: malformed_json: ")), "{text}");
    assert!(lines[1].starts_with(&format!("{name}:4: unknown_ward: ")) && lines[1].contains("00000"), "{text}");
    assert!(lines[2].starts_with(&format!("{name}:5: malformed_json: ")), "{text}");
    assert_eq!(lines[3], "4 events, 1 accepted, 3 refused");
}

#[test]
fn check_takes_topic_and_reference_data_from_its_arguments() {
    let world = World::bare("check", 1);
    let reference = ReferenceCopy::of(&shipped_reference());
    let sources = "source,name,priority,indicators,wards,topics\nurn:vn:one-stop,Một cửa,10,*,*,only-here\n";
    fs::write(reference.path().join("sources.csv"), sources).unwrap();
    let reference = reference.path().to_str().unwrap();
    let line = event_json(1).into_bytes();
    let here = world.ingest_stdin(&["check", "-", "--reference", reference, "--topic", "only-here"], &line);
    assert_eq!(here.status.code(), Some(0), "{}", said(&here));
    let there = world.ingest_stdin(&["check", "-", "--reference", reference, "--topic", "elsewhere"], &line);
    assert_eq!(there.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&there.stdout).starts_with("-:1: source_not_allowed: "), "{}", said(&there));
    let nowhere = world.ingest_stdin(&["check", "-", "--reference", "/no/such/dir"], &line);
    assert_eq!(nowhere.status.code(), Some(2));
}

/// All messages of a topic with one partition.
fn messages(world: &World, topic: &str, count: usize) -> Vec<OwnedMessage> {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", &world.engines.brokers).set("group.id", "unused").create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    let mut found = Vec::new();
    wait_until("all messages are there", SOON, || {
        while let Some(message) = consumer.poll(Duration::from_millis(100)) {
            found.push(message.unwrap().detach());
        }
        found.len() == count
    });
    found
}

fn headers(message: &OwnedMessage) -> Vec<(String, String)> {
    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
    message.headers().unwrap().iter().map(|header| (header.key.to_owned(), text(header.value))).collect()
}

#[test]
fn publish_sends_lines_byte_for_byte_with_the_ward_as_key() {
    let world = World::bare("publish", 1);
    let good = event_json(1).into_bytes();
    let lines = [&good[..], b"not json \xFF", br#"{"data":{"ward":"27139"}}"#, br#" {"data":{"ward":5}} "#, b"\r"];
    let output = world.ingest_stdin(&["publish", "-"], &[lines.join(&b'\n'), b"\n\n".to_vec()].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary, json!({"published": 5, "without_key": 3, "structured_instead_of_binary": 0}));
    assert!(String::from_utf8_lossy(&output.stderr).contains("5 events published"), "{}", said(&output));
    let messages = messages(&world, &world.topic, lines.len());
    for (message, line) in messages.iter().zip(lines) {
        assert_eq!(message.payload().unwrap(), line);
        let structured = ("content-type".to_owned(), "application/cloudevents+json; charset=UTF-8".to_owned());
        assert_eq!(headers(message), [structured]);
    }
    let keys = messages.iter().map(|message| message.key()).collect::<Vec<_>>();
    assert_eq!(keys, [Some(&b"11413"[..]), None, Some(&b"27139"[..]), None, None]);
}

#[test]
fn publish_splits_what_it_can_in_binary_mode() {
    let world = World::bare("binary", 1);
    let good = event_json(1);
    let bad = r#"{"id":7,"data":{}}"#;
    let output = world.ingest_stdin(&["publish", "-", "--mode", "binary"], format!("{good}\n{bad}\n").as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary, json!({"published": 2, "without_key": 1, "structured_instead_of_binary": 1}));
    let messages = messages(&world, &world.topic, 2);
    let expected = [
        ("content-type", "application/json"),
        ("ce_specversion", "1.0"),
        ("ce_id", "event-1"),
        ("ce_source", "urn:vn:one-stop"),
        ("ce_type", "vn.chiso.indicator.updated.v1"),
        ("ce_time", "2025-08-01T10:00:00+07:00"),
    ];
    assert_eq!(headers(&messages[0]), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(messages[0].payload().unwrap(), br#"{"indicator":"bts-stations","ward":"11413","date":"2025-08-01","value":1}"#);
    assert_eq!(messages[1].payload().unwrap(), bad.as_bytes());
}

#[test]
fn publish_creates_the_topic_only_when_told() {
    let world = World::bare("create", 1);
    let topic = unique("created");
    for _ in 0..2 {
        let output = world.ingest(&["publish", SEED, "--topic", &topic, "--create-topic", "1"]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    }
    assert_eq!(messages(&world, &topic, 2 * 129).len(), 258);
    let output = world.ingest(&["publish", SEED, "--topic", "no spaces"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
}

#[test]
fn a_line_that_kafka_does_not_take_is_named_and_fatal() {
    let world = World::bare("too_long", 1);
    let long = "x".repeat(3 << 20);
    let output = world.ingest_stdin(&["publish", "-"], format!("{}\n\n{long}\n", event_json(1)).as_bytes());
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("1 events were not delivered") && said.contains("line 3 (3145728 bytes)"), "{said}");
}
