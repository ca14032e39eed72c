//! A source that is bound to topics is heard by these topics only.

use serde_json::{Value, json};

use crate::harness::{Outgoing, ReferenceCopy, World, small_country};

fn event(id: &str, source: &str) -> Outgoing {
    let event = json!({
        "specversion": "1.0", "id": id, "source": source, "type": "vn.chiso.indicator.updated.v1",
        "time": "2025-08-01T10:00:00+07:00",
        "data": {"indicator": "bts-stations", "ward": "00101", "date": "2025-08-01", "value": 5},
    });
    Outgoing::structured(event.to_string())
}

#[test]
fn a_message_by_another_topic_is_refused() {
    let mut world = World::bare("bound", 1);
    let (ours, other) = (world.topic.clone(), format!("{}.other", world.topic));
    world.engines.create_topic(&other, 1);
    let reference = ReferenceCopy::of(&small_country());
    reference.replace("sources.csv", "chiso.indicator-events.v1;chiso.telecom.v1", &format!("chiso.telecom.v1;{other}"));
    world.migrate_from(reference.path()).ok();
    let sources = ["urn:vn:telecom", "urn:vn:one-stop"];
    for topic in [&ours, &other] {
        world.topic.clone_from(topic);
        world.produce(&sources.map(|source| event(&format!("{source} by {topic}"), source)));
    }
    // Both topics by one pattern.
    world.topic = format!("^{}(\\.other)?$", ours.replace('.', "\\."));
    let summary: Value = world.catch_up();
    assert_eq!((&summary["stored"], &summary["reasons"]), (&json!(3), &json!({"source_not_allowed": 1})), "{summary}");
    let refused = world.sql("SELECT topic, reason, source, id FROM rejected_events FORMAT TSV");
    assert_eq!(refused, format!("{ours}\tsource_not_allowed\turn:vn:telecom\turn:vn:telecom by {ours}"));
    let stored = world.sql("SELECT source, topic FROM event_log ORDER BY source, topic FORMAT TSV");
    let expected = [("urn:vn:one-stop", &ours), ("urn:vn:one-stop", &other), ("urn:vn:telecom", &other)];
    assert_eq!(stored, expected.map(|(source, topic)| format!("{source}\t{topic}")).join("\n"));
}
