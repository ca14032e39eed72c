//! `coverage` and `lag` say what is stored, what is missing and what waits.

use serde_json::{Value, json};

use super::events;
use crate::harness::{Ended, World};

fn asked(world: &World, command: &str) -> (Value, Ended) {
    let ended: Ended = world.ingest(&[command, "--format", "json"]).into();
    let value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{}", ended.stderr));
    (value, ended)
}

#[test]
fn gaps_are_listed_with_exit_code_1_and_filled_by_a_worker() {
    let world = World::new("gaps_listed", 2);
    let all = events(60, 2);
    for part in all.chunks(20) {
        world.produce(part);
        world.catch_up();
    }
    let (found, ended) = asked(&world, "coverage");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!((&found[0]["stored"], &found[0]["behind"]), (&json!([[0, 30]]), &json!(0)), "{found}");
    world.sql(
        "ALTER TABLE ledger DELETE WHERE partition = 1 AND next_offset > 10 AND from_offset < 20 SETTINGS mutations_sync = 2",
    );
    let (found, ended) = asked(&world, "coverage");
    assert_eq!((&found[1]["stored"], &found[1]["gaps"]), (&json!([[0, 10], [20, 30]]), &json!([[10, 20]])), "{found}");
    assert!(ended.fails(1).contains("1 gaps in 1 partitions"));
    let table = Ended::from(world.ingest(&["coverage"]));
    assert!(table.stdout.contains("10..20") && table.code == Some(1), "{}", table.stdout);
    // A worker goes on where the gap begins; what it stores again are copies.
    assert_eq!(world.catch_up()["read"], 20);
    assert_eq!(asked(&world, "coverage").1.code, Some(0));
    // Nobody can say that what lies before the first range was stored.
    world.sql("ALTER TABLE ledger DELETE WHERE partition = 0 AND from_offset < 10 SETTINGS mutations_sync = 2");
    let (found, ended) = asked(&world, "coverage");
    assert_eq!((&found[0]["gaps"], ended.code), (&json!([[0, 10]]), Some(1)), "{found}");
    let other = world.ingest(&["coverage", "--topic", "nowhere", "--format", "json"]);
    assert_eq!((other.status.code(), &other.stdout[..]), (Some(0), &b"[]\n"[..]));
}

#[test]
fn transactions_and_expired_beginnings_are_no_gaps() {
    let world = World::new("no_gaps", 1);
    let all = events(40, 1);
    world.produce(&all[..4]);
    world.expire(2);
    world.produce_transaction(&all[4..14], false);
    world.produce_transaction(&all[14..24], true);
    world.produce_transaction(&all[24..34], false);
    assert_eq!(world.catch_up()["stored"], 12);
    world.produce_transaction(&all[34..], false);
    world.catch_up();
    world.expire(5);
    let (found, ended) = asked(&world, "coverage");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(found[0]["stored"], json!([[2, world.ends()[0]]]), "{found}");
    assert_eq!((&found[0]["begin"], &found[0]["behind"]), (&json!(5), &json!(0)), "{found}");
}

#[test]
fn lag_says_how_much_waits_and_since_when() {
    let world = World::new("lag", 2);
    let (found, _) = asked(&world, "lag");
    assert_eq!((&found[0]["stored"], &found[0]["lag"]), (&Value::Null, &json!(0)), "{found}");
    world.produce(&events(20, 2));
    world.catch_up();
    world.produce(&events(26, 1)[20..]);
    let (found, ended) = asked(&world, "lag");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let of = |at: usize| ["begin", "stored", "committed", "end", "lag"].map(|name| found[at][name].as_i64().unwrap());
    assert_eq!((of(0), of(1)), ([0, 10, 10, 16, 6], [0, 10, 10, 10, 0]), "{found}");
    let waits = found[0]["oldest_s"].as_f64().unwrap();
    assert!((0.0..60.0).contains(&waits) && found[1]["oldest_s"].is_null(), "{found}");
    let table = Ended::from(world.ingest(&["lag"])).ok();
    assert!(table.contains("oldest waits"), "{table}");
}
