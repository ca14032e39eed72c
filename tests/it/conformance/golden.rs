//! The golden cases against the product: rows and refusals that another implementation of the contract gave.

use std::fs;

use chiso_tests::golden::{Golden, cases};
use chiso_tests::model::{CALENDARS, Message};

use super::stored::kept_rows;
use crate::harness::{ReferenceCopy, World, assert_same};

/// A day by which most periods of the cases are kept, but not all.
const TODAY: &str = "2026-02-10";
/// The topic for which the cases were made.
const TOPIC: &str = "chiso.indicator-events.v1";

#[test]
fn golden_cases_come_out_as_they_are_written() {
    let cases = cases().unwrap();
    assert!(cases.len() >= 3);
    cases.iter().for_each(check);
}

fn check(case: &Golden) {
    let world = World::bare("golden", 4);
    let reference = ReferenceCopy::of(&case.reference);
    if fs::read_to_string(reference.path().join("sources.csv")).unwrap().contains(TOPIC) {
        reference.replace("sources.csv", TOPIC, &world.topic);
    }
    world.migrate_from(reference.path()).ok();
    let file = case.folder.join("events.jsonl");
    let file = file.to_str().unwrap();
    let lines = Message::of_lines(&world.topic, &case.events);

    world.chiso_ingest(&["publish", file]).ok();
    world.process(TODAY);
    let refused = |copies: usize| {
        let mut refused: Vec<String> = Vec::new();
        for (line, reason) in &case.rejects {
            let (_, message) = lines.iter().find(|(number, _)| number == line).unwrap();
            let raw: String = message.value.iter().flatten().map(|byte| format!("{byte:02X}")).collect();
            refused.extend(std::iter::repeat_n(format!("{reason}\t{raw}"), copies));
        }
        refused.sort_unstable();
        refused.join("\n")
    };
    let found = || world.sql("SELECT reason, hex(raw) FROM rejected_events ORDER BY reason || '\\t' || hex(raw) FORMAT TSVRaw");
    assert_same(&format!("refusals of {}", case.name), &refused(1), &found());
    assert_same(&format!("rows of {}", case.name), &case.rows, &rows(case, &world));
    let view = || CALENDARS.map(|calendar| kept_rows(&world, calendar)).concat();
    let kept = view();

    // Again in the other content mode: the same events, so nothing changes.
    let events = world.number("SELECT count() FROM event_log FINAL");
    world.chiso_ingest(&["publish", "--mode", "binary", file]).ok();
    world.process(TODAY);
    assert_eq!(world.number("SELECT count() FROM event_log FINAL"), events, "{}", case.name);
    assert_same(&format!("view rollups of {} after binary mode", case.name), &kept, &view());
    let reasons = "SELECT reason, count() / 2 AS messages FROM rejected_events GROUP BY reason ORDER BY reason FORMAT TSVRaw";
    let mut expected: Vec<&str> = case.rejects.iter().map(|(_, reason)| reason.as_str()).collect();
    expected.sort_unstable();
    let expected: Vec<String> = expected.chunk_by(|a, b| a == b).map(|same| format!("{}\t{}", same[0], same.len())).collect();
    assert_same(&format!("reasons of {} in both modes", case.name), &expected.join("\n"), &world.sql(reasons));
}

/// All periods of the case as one file with one header.
fn rows(case: &Golden, world: &World) -> String {
    let mut text = String::new();
    for calendar in CALENDARS {
        let periods: Vec<&str> = case.periods.iter().filter(|(c, _)| *c == calendar).map(|(_, id)| id.as_str()).collect();
        let rows = world.export(calendar.name(), &periods, &[]);
        let body = rows.split_once('\n').unwrap().1;
        text += if text.is_empty() { &rows } else { body };
    }
    text
}
