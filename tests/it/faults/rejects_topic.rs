//! Refused messages go to a topic as well, before their offsets are committed.

use futures::executor::block_on;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;

use super::{SOON, event};
use crate::harness::{Outgoing, World, unique, wait_until};
use crate::ingest::Worker;

fn admin(world: &World) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", &world.engines.brokers).create().unwrap()
}

#[test]
fn each_refused_message_is_in_the_topic_whole_with_reason_and_origin() {
    let mut world = World::new("rejects", 2);
    let topic = unique("rejects_of");
    world.engines.create_topic(&topic, 2);
    world.set("REJECTS__TOPIC", &topic);
    let mut refused = Outgoing::structured(event("urn:vn:nobody", 1));
    refused.headers.insert(0, ("trace".to_owned(), None));
    let empty = Outgoing { partition: Some(1), ..Outgoing::default() };
    world.produce(&[Outgoing { partition: Some(0), key: Some(b"11413".to_vec()), ..refused }, empty]);
    world.produce(&[Outgoing::structured(event("urn:vn:one-stop", 2))]);
    assert_eq!(world.catch_up()["rejected"], 2);
    // Read by a worker of chiso: all of them break the same rule again.
    world.set("KAFKA__TOPIC", &topic);
    world.set("REJECTS__TOPIC", "");
    assert_eq!(world.catch_up()["rejected"], 2);
    let fields = "key, arrayMap(h -> (h.name, h.value), headers), raw, detail, reason, partition, offset";
    let of = |topic: &str| -> Vec<serde_json::Value> {
        let rows = world.sql(&format!(
            "SELECT {fields}, toString(toUnixTimestamp64Milli(arrived)) FROM rejected_log FINAL WHERE topic = '{topic}' ORDER BY reason FORMAT JSONCompactEachRow"
        ));
        rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect()
    };
    let (original, copies) = (of(&world.topic), of(&topic));
    assert_eq!((original.len(), copies.len()), (2, 2));
    for (original, copy) in original.iter().zip(&copies) {
        for field in [0, 2, 3, 4] {
            assert_eq!(original[field], copy[field]);
        }
        let mut headers = original[1].as_array().unwrap().clone();
        for (name, value) in [
            ("chiso_reason", original[4].as_str().unwrap().to_owned()),
            ("chiso_detail", original[3].as_str().unwrap().to_owned()),
            ("chiso_topic", world.topic.clone()),
            ("chiso_partition", original[5].to_string()),
            ("chiso_offset", original[6].as_str().map_or_else(|| original[6].to_string(), str::to_owned)),
            ("chiso_timestamp", original[7].as_str().unwrap().to_owned()),
        ] {
            headers.push(serde_json::json!([name, value]));
        }
        assert_eq!(copy[1], serde_json::Value::Array(headers));
    }
}

#[test]
fn a_rejects_topic_that_is_missing_is_found_at_start() {
    let mut world = World::new("rejects_missing", 1);
    world.set("REJECTS__TOPIC", "no-such-topic");
    let said = world.chiso_ingest(&["run"]).fails(3);
    assert!(said.contains("rejects.topic (CHISO__REJECTS__TOPIC): cannot use topic no-such-topic"), "{said}");
}

#[test]
fn what_cannot_be_delivered_holds_the_commit_until_it_can() {
    let mut world = World::new("rejects_held", 1);
    let (topic, admin) = (unique("rejects_held_of"), admin(&world));
    // Every message is older than that when it arrives, so the topic takes nothing for now.
    let new = NewTopic::new(&topic, 1, TopicReplication::Fixed(1)).set("message.timestamp.before.max.ms", "0");
    block_on(admin.create_topics([&new], &AdminOptions::new())).unwrap()[0].as_ref().unwrap();
    world.set("REJECTS__TOPIC", &topic);
    let worker = Worker::start(&world);
    world.produce(&[Outgoing::structured(event("urn:vn:nobody", 1)), Outgoing::structured(event("urn:vn:one-stop", 2))]);
    wait_until("the refused message is stored", SOON, || world.number("SELECT count() FROM rejected_log") == 1);
    wait_until("delivery has failed and is tried again", SOON, || worker.log().contains("not delivered, sending again"));
    assert_eq!((world.committed(), world.covered()), (vec![0], vec![0]));
    let takes = AlterConfig::new(ResourceSpecifier::Topic(&topic)).set("message.timestamp.before.max.ms", "9223372036854775807");
    block_on(admin.alter_configs([&takes], &AdminOptions::new())).unwrap()[0].as_ref().unwrap();
    wait_until("the offset is committed", SOON, || world.committed() == [2]);
    assert_eq!(world.covered(), [2]);
    assert_eq!(worker.stop()["rejected"], 1);
}
