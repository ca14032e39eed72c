//! Refused messages are published again byte for byte once the cause is fixed, and only once.

use std::process::Stdio;

use serde_json::Value;

use super::line::Line;
use super::{DISTINCT, SOON, event};
use crate::harness::{Outgoing, ReferenceCopy, World, shipped_reference, wait_until};

const SOURCE: &str = "urn:vn:new-system";

/// A world in which a source is not yet registered: five of its events are refused, and one message that is no event.
fn refused(name: &str) -> World {
    let world = World::new(name, 3);
    let mut messages: Vec<Outgoing> =
        (0..5).map(|number| Outgoing { key: Some(b"11413".to_vec()), ..Outgoing::structured(event(SOURCE, number)) }).collect();
    // Not where its key belongs: a publisher may use any partitioner.
    messages.push(Outgoing { partition: Some(2), key: Some(b"x".to_vec()), ..Outgoing::structured("{") });
    world.produce(&messages);
    let summary = world.catch_up();
    assert_eq!((&summary["rejected"], &summary["stored"]), (&6.into(), &0.into()), "{summary}");
    world
}

/// Registers the source.
fn fix(world: &World) {
    let reference = ReferenceCopy::of(&shipped_reference());
    reference.append("sources.csv", &format!("{SOURCE},Hệ thống mới,90,*,*\n"));
    world.migrate_from(reference.path()).ok();
}

fn replay(world: &World, arguments: &[&str]) -> Value {
    let all = [&["replay-rejected"], arguments].concat();
    serde_json::from_str(&world.chiso_ingest(&all).ok()).unwrap()
}

fn replayed(world: &World) -> i64 {
    world.number("SELECT count() FROM rejected_events WHERE replayed_at IS NOT NULL")
}

#[test]
fn once_the_cause_is_fixed_the_facts_are_stored_and_asking_twice_publishes_once() {
    let world = refused("replay");
    fix(&world);
    let before = world.ends();
    let filters = ["--reason", "unknown_source", "--source", SOURCE];
    let dry = replay(&world, &[&filters[..], &["--dry-run"]].concat());
    assert_eq!((&dry["found"], &dry["due"], &dry["replayed"]), (&5.into(), &5.into(), &0.into()), "{dry}");
    assert_eq!((world.ends(), replayed(&world)), (before.clone(), 0));
    let done = replay(&world, &filters);
    assert_eq!((&done["replayed"], &done["reasons"]["unknown_source"]), (&5.into(), &5.into()), "{done}");
    assert_eq!(replayed(&world), 5);
    assert_eq!(world.ends().iter().sum::<i64>(), before.iter().sum::<i64>() + 5);
    assert_eq!(world.catch_up()["stored"], 5);
    assert_eq!(world.sql("SELECT count() FROM events"), "5");
    let again = replay(&world, &filters);
    assert_eq!((&again["found"], &again["replayed"]), (&0.into(), &0.into()), "{again}");
    assert_eq!(world.ends().iter().sum::<i64>(), before.iter().sum::<i64>() + 5);
}

#[test]
fn filters_select_by_reason_source_topic_and_time_and_a_limit_holds() {
    let world = refused("replay_filters");
    let count = |arguments: &[&str]| replay(&world, &[arguments, &["--dry-run"]].concat())["due"].as_u64().unwrap();
    assert_eq!(count(&[]), 6);
    assert_eq!(count(&["--reason", "malformed_json"]), 1);
    assert_eq!(count(&["--reason", "malformed_json", "--reason", "unknown_source"]), 6);
    assert_eq!(count(&["--source", SOURCE]), 5);
    // Text stays text.
    assert_eq!(count(&["--source", "') OR 1=1 --"]), 0);
    assert_eq!((count(&["--topic", &world.topic]), count(&["--topic", "another"])), (6, 0));
    assert_eq!((count(&["--since", "2020-01-01"]), count(&["--since", "2200-01-01T00:00:00+07:00"])), (6, 0));
    assert_eq!((count(&["--until", "2020-01-01"]), count(&["--until", "2200-01-01"])), (0, 6));
    assert_eq!(replay(&world, &["--limit", "2"])["replayed"], 2);
    assert_eq!((replayed(&world), count(&[])), (2, 4));
    let said = world.chiso_ingest(&["replay-rejected", "--since", "yesterday"]).fails(2);
    assert!(said.contains("--since \"yesterday\""), "{said}");
}

#[test]
fn messages_are_published_again_byte_for_byte_to_where_they_came_from() {
    let world = World::new("replay_bytes", 3);
    // SAFETY: librdkafka takes the bytes as they are; nobody reads this name as text.
    let name = unsafe { String::from_utf8_unchecked(b"x-\xE9t\xE9".to_vec()) };
    let headers = vec![
        (name, Some(b"\xFF\x00".to_vec())),
        ("same".to_owned(), Some(Vec::new())),
        ("same".to_owned(), None),
        ("content-type".to_owned(), Some(b"application/cloudevents+json".to_vec())),
    ];
    world.produce(&[
        Outgoing { partition: Some(1), key: None, headers, value: None },
        Outgoing { partition: Some(2), key: Some(Vec::new()), headers: Vec::new(), value: Some(Vec::new()) },
        Outgoing { partition: Some(0), key: Some(b"\xFE\x00k".to_vec()), headers: Vec::new(), value: Some(b"\x00\xFF".to_vec()) },
    ]);
    world.catch_up();
    assert_eq!(replay(&world, &[])["replayed"], 3);
    // The cause is not fixed: they are refused again, whole, at the next offset of their partition.
    assert_eq!(world.catch_up()["rejected"], 3);
    let stored = |offset: i64| {
        let bytes = "partition, reason, detail, key IS NULL, hex(key), arrayMap(h -> (hex(h.name), h.value IS NULL, hex(h.value)), headers), raw IS NULL, hex(raw)";
        world.sql(&format!("SELECT {bytes} FROM rejected_events WHERE offset = {offset} ORDER BY partition"))
    };
    assert_eq!(stored(0).lines().count(), 3);
    assert_eq!(stored(0), stored(1));
    // Each is a refused message of its own, and due again.
    assert_eq!(replay(&world, &["--dry-run"])["due"], 3);
}

#[test]
fn killed_between_delivery_and_mark_it_publishes_again_which_changes_nothing() {
    let mut world = refused("replay_killed");
    fix(&world);
    let direct = world.engines.clickhouse_url.clone();
    let (address, line) = Line::holding(&["INSERT", "replayed"], &direct);
    world.set("CLICKHOUSE__URL", address);
    let mut command = world.command("chiso-ingest", &["replay-rejected", "--source", SOURCE]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the marks are on their way", SOON, || line.held() > 0);
    child.kill().unwrap();
    child.wait().unwrap();
    world.set("CLICKHOUSE__URL", direct);
    assert_eq!((world.ends().iter().sum::<i64>(), replayed(&world)), (6 + 5, 0));
    assert_eq!(replay(&world, &["--source", SOURCE])["replayed"], 5);
    assert_eq!((world.ends().iter().sum::<i64>(), replayed(&world)), (6 + 10, 5));
    world.catch_up();
    assert_eq!((world.number(DISTINCT), world.sql("SELECT count() FROM events")), (5, "5".to_owned()));
    assert_eq!(replay(&world, &["--source", SOURCE])["replayed"], 0);
}

#[test]
fn a_topic_that_is_gone_keeps_nothing_of_the_others_from_being_published_again() {
    let mut world = World::new("replay_gone", 1);
    let stays = world.topic.clone();
    let gone = [format!("{stays}.a"), format!("{stays}.b")];
    for (topic, count) in [(&stays, 3), (&gone[0], 2), (&gone[1], 1)] {
        world.topic.clone_from(topic);
        if *topic != stays {
            world.engines.create_topic(topic, 1);
        }
        world.produce(&vec![Outgoing { partition: Some(0), ..Outgoing::structured("{") }; count]);
    }
    world.topic = format!(r"^{stays}(\.[ab])?$");
    assert_eq!(world.catch_up()["rejected"], 6);
    for topic in &gone {
        world.topic.clone_from(topic);
        world.delete_topic();
    }
    world.topic.clone_from(&stays);
    let ended = world.chiso_ingest(&["replay-rejected"]);
    let summary = serde_json::from_str::<Value>(&ended.stdout).unwrap();
    assert_eq!((&summary["found"], &summary["replayed"]), (&6.into(), &3.into()), "{summary}");
    assert_eq!(summary["missing_topics"], serde_json::json!({ &gone[0]: 2, &gone[1]: 1 }), "{summary}");
    let said = ended.fails(1);
    assert!(gone.iter().zip([2, 1]).all(|(topic, count)| said.contains(&format!("{count} of topic {topic} ("))), "{said}");
    assert_eq!((world.ends(), replayed(&world)), (vec![6], 3));
    // Nothing more can be done for the others, whose messages are kept.
    let again = world.chiso_ingest(&["replay-rejected"]);
    assert_eq!(serde_json::from_str::<Value>(&again.stdout).unwrap()["replayed"], 0);
    again.fails(1);
    assert_eq!(replay(&world, &["--topic", &stays])["found"], 0);
    // Made again, one takes what was refused of it before.
    world.engines.create_topic(&gone[0], 1);
    assert_eq!(replay(&world, &["--topic", &gone[0]])["replayed"], 2);
}
