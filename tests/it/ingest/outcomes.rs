//! Every message ends as stored, rejected or repeated, and what is stored is what was published.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{DISTINCT, SEED, SOON, Worker, event, event_json, said};
use crate::harness::{Outgoing, ReferenceCopy, World, shipped_reference, wait_until};

#[test]
fn seed_events_are_stored_in_both_content_modes_and_again_changes_nothing() {
    let world = World::new("seed", 3);
    let lines = fs::read_to_string(SEED).unwrap().lines().count();
    for (mode, partitions) in [("structured", "0"), ("binary", "1")] {
        let output = world.ingest(&["publish", SEED, "--mode", mode]);
        assert!(output.status.success(), "{partitions}: {}", said(&output));
        let summary = world.catch_up();
        assert_eq!(summary, json!({"read": lines, "stored": lines, "repeated": 0, "rejected": 0, "reasons": {}}), "{mode}");
        assert_eq!(world.sql(DISTINCT), lines.to_string(), "{mode}");
    }
    let fact = "id, time, revision, value, numerator, denominator, percent, retracted, qualifier, dimensions";
    let key = "date, indicator, ward, source, record, version";
    let differing =
        format!("SELECT count() FROM (SELECT 1 FROM event_log GROUP BY {key} HAVING uniqExact(toString(tuple({fact}))) > 1)");
    assert_eq!(world.sql(&differing), "0");
    assert_eq!(world.sql("SELECT count() FROM rejected_log"), "0");
    assert_eq!(world.covered(), world.ends());
    assert_eq!(world.committed(), world.ends());
    // Every batch marks the cells of its events, once each.
    let marks = world.sql("SELECT count(), uniqExact(batch, indicator, ward, date) FROM marks");
    let cells = world.sql("SELECT uniqExact(batch, indicator, ward, date) FROM event_log");
    assert_eq!(marks, format!("{cells}\t{cells}"));
}

#[test]
fn every_column_holds_what_the_event_says() {
    let world = World::new("columns", 1);
    let data = r#""ward":"11413","date":"2025-08-01","qualifier":"at_least","record":"r","revision":4294967295"#;
    let event = |id: &str, time: &str, rest: &str| {
        let head = r#""specversion":"1.0","source":"urn:vn:one-stop","type":"vn.chiso.indicator.updated.v1""#;
        Outgoing::structured(format!(r#"{{{head},"id":"{id}","time":"{time}","data":{{{data},{rest}}}}}"#))
    };
    let value = r#""indicator":"bts-stations","value":999999999999999999.999999"#;
    world.produce(&[
        event("a", "2299-12-31T16:59:59.999Z", value),
        event("b", "2025-08-01T10:00:00.0019+07:00", r#""indicator":"bts-stations","retracted":true"#),
    ]);
    let summary = world.catch_up();
    assert_eq!(summary["stored"], 2, "{summary}");
    let columns = "* EXCEPT (batch, arrived, keep), topic = {topic:String} AS here, batch != toUUIDOrZero('') AS named,
        abs(now() - arrived) < 600 AS fresh, keep + toUInt64(toUnixTimestamp64Milli(arrived)) = 18446744073709551615 AS kept";
    let columns = columns.replace("{topic:String}", &format!("'{}'", world.topic)).replace("EXCEPT (", "EXCEPT (topic, ");
    let rows = world.sql(&format!("SELECT {columns} FROM event_log ORDER BY offset FORMAT JSONEachRow SETTINGS output_format_json_quote_decimals = 1, output_format_json_quote_64bit_integers = 1"));
    let rows = rows.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>();
    let version = |row: &Value| row["version"].as_str().unwrap().parse::<u128>().unwrap();
    assert_eq!(version(&rows[0]) >> 96, 4_294_967_295);
    assert_eq!(version(&rows[0]) >> 48 & 0xFFFF_FFFF_FFFF, 10_413_766_799_999);
    let expected = json!({
        "date": "2025-08-01", "indicator": "bts-stations", "ward": "11413", "source": "urn:vn:one-stop", "record": "r",
        "version": rows[0]["version"], "id": "a", "time": "2299-12-31 16:59:59.999", "revision": 4_294_967_295_u32,
        "value": "999999999999999999.999999", "numerator": null, "denominator": null, "percent": null, "retracted": false,
        "qualifier": "at_least", "dimensions": {}, "partition": 0, "offset": "0", "generation": 1,
        "here": 1, "named": 1, "fresh": 1, "kept": 1,
    });
    assert_eq!(rows[0], expected);
    assert_eq!(
        (&rows[1]["value"], &rows[1]["retracted"], &rows[1]["time"]),
        (&Value::Null, &json!(true), &json!("2025-08-01 03:00:00.001"))
    );
}

#[test]
fn dimensions_and_ratios_are_stored() {
    let world = World::new("ratios", 1);
    let examples = ["bad_dimension-listed.json", "wrong_measure-flow-ratio.json", "wrong_measure-percent.json"];
    let messages = examples.map(|name| Outgoing::structured(fs::read(folder("valid").join(name)).unwrap()));
    world.produce(&messages);
    assert_eq!(world.catch_up()["stored"], 3);
    for (offset, name) in examples.iter().enumerate() {
        let data = serde_json::from_slice::<Value>(&fs::read(folder("valid").join(name)).unwrap()).unwrap()["data"].clone();
        let number = |field: &str| data.get(field).map_or("\\N".to_owned(), Value::to_string);
        let query = format!(
            "SELECT value, numerator, denominator, percent, toJSONString(dimensions) FROM event_log WHERE offset = {offset} FORMAT TSVRaw"
        );
        let dimensions = data.get("dimensions").cloned().unwrap_or(json!({}));
        let expected = [number("value"), number("numerator"), number("denominator"), number("percent"), dimensions.to_string()];
        assert_eq!(world.sql(&query).replace('ᴺ', "").split('\t').collect::<Vec<_>>(), expected, "{name}");
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/events").join(name)
}

/// An example of a refused message, and the source registry it is about.
struct Example {
    name: String,
    message: Outgoing,
    sources: Option<String>,
}

#[derive(serde::Deserialize)]
struct MessageFile<'a> {
    headers: Vec<(String, String)>,
    #[serde(borrow)]
    json: Option<&'a RawValue>,
    text: Option<String>,
    hex: Option<String>,
    pad_to: Option<usize>,
    sources: Option<String>,
}

fn example(path: &Path) -> Example {
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let bytes = fs::read(path).unwrap();
    if !name.ends_with(".message.json") {
        return Example { name, message: Outgoing::structured(bytes), sources: None };
    }
    let file: MessageFile<'_> = serde_json::from_slice(&bytes).unwrap();
    let json = file.json.map(|json| json.get().as_bytes().to_vec());
    let text = file.text.map(String::into_bytes);
    let hex = file.hex.map(|hex| unhex(&hex));
    let mut value = json.or(text).or(hex);
    if let (Some(value), Some(length)) = (&mut value, file.pad_to) {
        value.resize(length, b' ');
    }
    let headers = file.headers.into_iter().map(|(name, value)| (name, Some(value.into_bytes()))).collect();
    Example { name, message: Outgoing { headers, value, ..Outgoing::default() }, sources: file.sources }
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[test]
fn every_refused_message_is_stored_whole_with_its_reason() {
    let mut paths = fs::read_dir(folder("invalid")).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    paths.sort();
    let mut groups = BTreeMap::<Option<String>, Vec<Example>>::new();
    for example in paths.iter().map(|path| example(path)) {
        groups.entry(example.sources.clone()).or_default().push(example);
    }
    assert!(groups.len() > 1, "an example with a registry of its own");
    for (sources, examples) in groups {
        refuse_all(sources.as_deref(), examples);
    }
}

fn refuse_all(sources: Option<&str>, mut examples: Vec<Example>) {
    let mut world = World::bare("refused", 1);
    let reference = ReferenceCopy::of(&shipped_reference());
    if let Some(sources) = sources {
        fs::write(reference.path().join("sources.csv"), sources).unwrap();
    }
    world.set("REFERENCE__DIR", reference.path().to_str().unwrap());
    world.migrate();
    for (number, example) in examples.iter_mut().enumerate() {
        example.message.key = (number % 3 > 0).then(|| vec![0xFF, b'k', u8::try_from(number).unwrap()]);
        // A header without a value, and names and values that are no UTF-8, are kept as they are.
        example.message.headers.push(("x-empty".to_owned(), None));
        // SAFETY: librdkafka copies the bytes of the name; nothing reads it as text before.
        let name = unsafe { String::from_utf8_unchecked(b"x-\xE9t\xE9".to_vec()) };
        example.message.headers.push((name, Some(vec![0, 0xFF])));
    }
    let messages = examples.iter().map(|example| example.message.clone()).collect::<Vec<_>>();
    world.produce(&messages);
    let summary = world.catch_up();
    assert_eq!((&summary["read"], &summary["rejected"]), (&json!(examples.len()), &json!(examples.len())), "{summary}");
    let query = "SELECT reason, detail, hex(key), key IS NULL, arrayStringConcat(arrayMap(h -> concat(hex(h.1), '=', ifNull(hex(h.2), 'none')), headers), ' '),
        hex(raw), raw IS NULL, topic, partition, generation FROM rejected_log ORDER BY offset FORMAT JSONCompactEachRow";
    let rows = world.sql(query);
    assert_eq!(rows.lines().count(), examples.len());
    for (row, example) in rows.lines().zip(&examples) {
        let row: Vec<Value> = serde_json::from_str(row).unwrap();
        let message = &example.message;
        let reason = example.name.split(['-', '.']).next().unwrap();
        assert_eq!(row[0], reason, "{}: {}", example.name, row[1]);
        assert!(!row[1].as_str().unwrap().is_empty(), "{}: a detail for people", example.name);
        let or_null = |bytes: &Option<Vec<u8>>| {
            (bytes.as_deref().map(|bytes| json!(hex(bytes))).unwrap_or(Value::Null), json!(u8::from(bytes.is_none())))
        };
        assert_eq!((row[2].clone(), row[3].clone()), or_null(&message.key), "{}", example.name);
        assert_eq!((row[5].clone(), row[6].clone()), or_null(&message.value), "{}", example.name);
        let header = |(name, value): &(String, Option<Vec<u8>>)| {
            format!("{}={}", hex(name.as_bytes()), value.as_deref().map_or("none".to_owned(), hex))
        };
        assert_eq!(row[4], message.headers.iter().map(header).collect::<Vec<_>>().join(" "), "{}", example.name);
        assert_eq!((&row[7], &row[8], &row[9]), (&json!(world.topic), &json!(0), &json!(1)), "{}", example.name);
    }
    // Released like the rest, and there once for each place in Kafka.
    assert_eq!(world.committed(), world.ends());
    assert_eq!(world.sql("SELECT count() FROM event_log"), "0");
}

#[test]
fn the_same_event_twice_in_a_batch_is_counted_as_repeated() {
    let world = World::new("repeated", 1);
    let other_body = Outgoing::structured(event_json(1).replace("\"value\":1", "\"value\":2"));
    world.produce(&[event(1), event(2), event(1), other_body, Outgoing::structured("{}")]);
    let summary = world.catch_up();
    assert_eq!(summary, json!({"read": 5, "stored": 3, "repeated": 1, "rejected": 1, "reasons": {"not_cloudevent": 1}}));
    assert_eq!(world.sql("SELECT count() FROM event_log"), "3");
}

/// The summary that `run` ends with: one line of JSON for programs, one in the log for people, of the same numbers.
#[test]
fn the_summary_adds_up_with_what_is_stored_of_each_partition() {
    const PARTITIONS: i32 = 3;
    let world = World::new("summary", PARTITIONS);
    // Of each partition other numbers: so many events, so many of them again, so many that are none.
    let outcomes = [(7, 2, 1), (5, 0, 4), (0, 0, 2)];
    let (mut messages, mut number) = (Vec::new(), 0);
    for (partition, (stored, repeated, rejected)) in (0..PARTITIONS).zip(outcomes) {
        let own = (number..number + stored).map(event).collect::<Vec<_>>();
        number += stored;
        let broken = (0..rejected).map(|at| Outgoing::structured(if at % 2 == 0 { "{" } else { "{}" }));
        let all = own.iter().chain(&own[..repeated]).cloned().chain(broken);
        messages.extend(all.map(|message| Outgoing { partition: Some(partition), ..message }));
    }
    world.produce(&messages);
    let output = world.ingest(&["run", "--until-caught-up"]);
    assert!(output.status.success(), "{}", said(&output));
    let printed = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(printed.lines().count(), 1, "{printed}");
    let summary = serde_json::from_str::<Value>(&printed).unwrap();
    let reasons = json!({"malformed_json": 1 + 2 + 1, "not_cloudevent": 2 + 1});
    assert_eq!(summary, json!({"read": 21, "stored": 12, "repeated": 2, "rejected": 7, "reasons": reasons}));
    let ended = String::from_utf8(output.stderr).unwrap();
    let lines = ended.lines().filter(|line| line.contains("worker stopped")).collect::<Vec<_>>();
    let [line] = lines[..] else { panic!("{ended}") };
    let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '='));
    let fields = words.filter_map(|word| word.split_once('=')).collect::<BTreeMap<_, _>>();
    for name in ["read", "stored", "repeated", "rejected"] {
        assert_eq!(fields.get(name).copied(), Some(summary[name].to_string().as_str()), "{name}: {line}");
    }
    // Of each partition what was read has one outcome each, and the sums are those of the summary.
    let mut sums = [0; 4];
    for ((partition, expected), read) in (0..PARTITIONS).zip(outcomes).zip(world.ends()) {
        let count = |table: &str| world.number(&format!("SELECT count() FROM {table} WHERE partition = {partition}"));
        let (stored, rejected) = (count("event_log"), count("rejected_log"));
        let found = [stored, read - stored - rejected, rejected].map(|count| usize::try_from(count).unwrap());
        assert_eq!((found[0], found[1], found[2]), expected, "partition {partition}");
        for (sum, count) in sums.iter_mut().zip([read, stored, read - stored - rejected, rejected]) {
            *sum += count;
        }
    }
    assert_eq!(sums.map(Value::from), ["read", "stored", "repeated", "rejected"].map(|name| summary[name].clone()));
}

#[test]
fn a_lone_event_is_seen_soon_and_a_quiet_worker_notes_the_ends() {
    let world = World::new("lone", 2);
    let worker = Worker::start(&world);
    // Partition 1 stays empty, and is noted all the same.
    let noted = "SELECT count() FROM ledger WHERE partition = 1 AND from_offset = 0 AND next_offset = 0 AND observed_end = 0
        AND batch = toUUIDOrZero('') AND observed_at > now() - 60 AND observed_at <= now()";
    wait_until("the worker has noted the ends", SOON, || world.number(noted) > 0);
    world.produce(&[Outgoing { partition: Some(0), ..event(1) }]);
    wait_until("the event is stored", std::time::Duration::from_secs(4), || world.number(DISTINCT) == 1);
    let noted =
        "SELECT count() FROM ledger WHERE partition = 0 AND next_offset = 1 AND observed_end = 1 AND batch = toUUIDOrZero('')";
    wait_until("the worker has noted the new end", SOON, || world.number(noted) > 0);
    assert_eq!(worker.stop()["read"], 1);
}

#[test]
fn a_newer_generation_of_reference_data_is_taken_over() {
    let mut world = World::new("generation", 1);
    let worker = Worker::start(&world);
    world.produce(&[event(0)]);
    wait_until("the first event is stored", SOON, || world.number(DISTINCT) == 1);
    // An indicator more: to rename one would orphan what is stored.
    let reference = ReferenceCopy::of(&shipped_reference());
    let text = fs::read_to_string(reference.path().join("indicators.csv")).unwrap();
    let line = text.lines().find(|line| line.starts_with("bts-stations,")).unwrap();
    reference.append("indicators.csv", &format!("{}\n", line.replace("bts-stations", "bts-masts")));
    world.set("REFERENCE__DIR", reference.path().to_str().unwrap());
    world.migrate();
    let mut number = 1;
    wait_until("an event of the new indicator is stored", SOON, || {
        let event = event_json(number).replace("bts-stations", "bts-masts");
        world.produce(&[Outgoing::structured(event)]);
        number += 1;
        world.number("SELECT count() FROM event_log WHERE indicator = 'bts-masts' AND generation = 2") > 0
    });
    // Until then it was refused by the old generation, never half by each.
    assert_eq!(world.sql("SELECT count() FROM rejected_log WHERE generation != 1 OR reason != 'unknown_indicator'"), "0");
    worker.stop();
}
