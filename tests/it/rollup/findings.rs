//! Findings open when something about the facts asks for a person, and settle when it no longer does.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use super::gate::killed_after;
use super::schedulers::Scheduler;
use super::{TODAY, fact, small_world, small_world_with};
use crate::harness::{ReferenceCopy, World, small_country, wait_until};

const PATIENCE: Duration = Duration::from_secs(120);
const OFFICE: &str = "urn:vn:document-office";

/// The findings in a state as lines `kind | subject | period`.
fn findings(world: &World, state: &str) -> Vec<String> {
    let sql = format!(
        "SELECT concat(kind, ' | ', subject, ' | ', period) AS line FROM findings WHERE state = '{state}' AND kind != 'missing_report' ORDER BY line"
    );
    world.sql(&sql).lines().map(str::to_owned).collect()
}

fn missing(world: &World, indicator: &str) -> String {
    let sql = format!(
        "SELECT arrayStringConcat(arraySort(groupArray(concat(subject, ' ', period))), ', ') FROM findings
         WHERE kind = 'missing_report' AND state = 'open' AND subject LIKE '{indicator}%'"
    );
    world.sql(&sql)
}

fn details(world: &World, kind: &str) -> String {
    world.sql(&format!("SELECT DISTINCT detail FROM findings WHERE kind = '{kind}' AND state = 'open' ORDER BY detail"))
}

fn judge(world: &World) {
    world.rollup(&["findings", "--judge", "--today", TODAY]).ok();
}

fn stations(id: &str, ward: &str, value: u32, more: Value) -> String {
    let mut fields = json!({ "value": value });
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fact(id, "bts-stations", ward, "2025-08-20", fields)
}

/// One of each kind that depends on single wards, and an id that is used twice.
fn suspicious() -> Vec<String> {
    vec![
        stations("c1", "00303", 4, json!({})),
        stations("c2", "00303", 5, json!({})),
        stations("s1", "00301", 10, json!({})),
        stations("s2", "00301", 12, json!({ "source": OFFICE })),
        fact("p1", "smartphone-rate", "00303", "2025-08-21", json!({ "numerator": 1, "denominator": 4 })),
        fact("p2", "smartphone-rate", "00303", "2025-08-21", json!({ "percent": 26.5, "source": OFFICE })),
        fact("j1", "public-wifi-points", "00301", "2025-08-01", json!({ "value": 5 })),
        fact("j2", "public-wifi-points", "00301", "2025-09-01", json!({ "value": 51 })),
        fact("m1", "dossiers-received", "00301", "2025-10-10", json!({ "value": 7 })),
        fact("i1", "dossiers-received", "00303", "2025-10-10", json!({ "value": 1 })),
        fact("i1", "dossiers-received", "00303", "2025-10-10", json!({ "value": 2 })),
    ]
}

const SUSPICIOUS: [&str; 6] = [
    "id_reused | urn:vn:one-stop i1 | ",
    "jump | public-wifi-points W00301@2025-07-01 urn:vn:one-stop | 2025-09-01",
    "percent_mismatch | smartphone-rate W00303@2025-07-01 urn:vn:document-office | 2025-08-21",
    "series_conflict | bts-stations W00303@2025-07-01 urn:vn:one-stop | 2025-08-20",
    "source_conflict | bts-stations W00301@2025-07-01 urn:vn:document-office | civil 2025-M08",
    "source_conflict | bts-stations W00301@2025-07-01 urn:vn:document-office | legal 2025-M09",
];

#[test]
fn a_scheduler_opens_findings_with_the_facts_and_settles_them_with_corrections() {
    let mut world = small_world("findings");
    // Nothing but what batches touch is judged meanwhile.
    world.set("AUDIT__AT", "23:59");
    let folder = tempfile::tempdir().unwrap();
    let scheduler = Scheduler::start(&world, folder.path(), "scheduler");
    world.publish_events([fact("f", "dossiers-received", "00301", "2025-09-10", json!({ "value": 7 }))]);
    world.catch_up();
    wait_until("everything is judged once", PATIENCE, || world.number("SELECT count() FROM judgements") > 0);
    wait_until("a month without a report", PATIENCE, || {
        missing(&world, "dossiers-received")
            == "dossiers-received W00301@2025-07-01 civil 2025-M10, dossiers-received W00301@2025-07-01 legal 2025-M10"
    });
    world.publish_events(suspicious());
    world.catch_up();
    wait_until("all are found", PATIENCE, || findings(&world, "open") == SUSPICIOUS);
    assert_eq!(findings(&world, "settled"), [""; 0]);
    assert_eq!(details(&world, "jump"), "from 5 on 2025-08-01 to 51");
    assert_eq!(details(&world, "source_conflict"), "urn:vn:one-stop says 10 and counts, urn:vn:document-office says 12");
    assert_eq!(details(&world, "percent_mismatch"), "urn:vn:document-office states 26.5 %, the parts are 1 / 4");
    assert_eq!(details(&world, "series_conflict"), "c1 says 4, c2 says 5");
    let late = "dossiers-received W00301@2025-07-01 civil 2025-M11, dossiers-received W00301@2025-07-01 legal 2025-M11";
    wait_until("the month before was reported late", PATIENCE, || missing(&world, "dossiers-received W00301") == late);

    let first = world.sql("SELECT max(first_seen) FROM findings");
    let correction = json!({ "revision": 1 });
    let with = |more: Value| {
        let mut fields = correction.clone();
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fields
    };
    world.publish_events([
        fact("c3", "bts-stations", "00303", "2025-08-20", with(json!({ "record": "c2", "retracted": true }))),
        stations("s3", "00301", 10, with(json!({ "record": "s2", "source": OFFICE }))),
        // Off by exactly one unit of the last stated digit: cut off, or rounded.
        fact("p3", "smartphone-rate", "00303", "2025-08-21", with(json!({ "record": "p2", "percent": 25.1, "source": OFFICE }))),
        fact("j3", "public-wifi-points", "00301", "2025-09-01", with(json!({ "record": "j2", "value": 50 }))),
        fact("m2", "dossiers-received", "00301", "2025-11-10", json!({ "value": 7 })),
    ]);
    world.catch_up();
    // The id stays used twice.
    wait_until("the others are settled", PATIENCE, || findings(&world, "open") == SUSPICIOUS[..1]);
    assert_eq!(findings(&world, "settled"), SUSPICIOUS[1..]);
    assert_eq!(world.number("SELECT count() FROM findings WHERE state = 'settled' AND settled_at < first_seen"), 0);
    wait_until("the next month is missing", PATIENCE, || {
        missing(&world, "dossiers-received W00301") == late.replace("M11", "M12")
    });
    // And back: the same findings open again, and remember when they were seen first.
    world.publish_events([stations("s4", "00301", 13, json!({ "record": "s2", "source": OFFICE, "revision": 2 }))]);
    world.catch_up();
    wait_until("it is found again", PATIENCE, || findings(&world, "open").len() == 3);
    assert_eq!(
        world.number(&format!("SELECT count() FROM findings WHERE kind = 'source_conflict' AND first_seen > '{first}'")),
        0
    );
    scheduler.stop();
    let log = std::fs::read_to_string(folder.path().join("scheduler")).unwrap();
    assert!(!log.contains("not done, tried again"), "{log}");

    // Everything judged anew says the same as what was judged step by step.
    let seen =
        |world: &World| world.sql("SELECT kind, subject, period, detail, state FROM findings WHERE state = 'open' ORDER BY ALL");
    let before = seen(&world);
    judge(&world);
    assert_eq!(seen(&world), before);
}

#[test]
fn what_is_found_across_cells_and_in_the_ledger_settles_too() {
    let world = small_world_with(
        "findings_all",
        &[
            fact("r1", "dossiers-received", "00301", "2025-10-10", json!({ "value": 7, "record": "r" })),
            fact("r2", "dossiers-received", "00303", "2025-10-11", json!({ "value": 7, "record": "r" })),
            fact("t", "dossiers-received", "00301", "2025-10-10", json!({ "value": 1 })),
            fact("t", "dossiers-received", "00301", "2025-10-12", json!({ "value": 1, "record": "u" })),
        ],
    );
    world.sql(
        "INSERT INTO incarnations (topic, incarnation, topic_id, since, because) VALUES ('other', 1, '', now64(3), 'a test')",
    );
    let range = |from: i64, next: i64| {
        world.sql(&format!(
            "INSERT INTO ledger (topic, incarnation, partition, from_offset, next_offset, batch, observed_end, observed_at, group_id)
             VALUES ('other', 1, 0, {from}, {next}, generateUUIDv4(), {next}, now64(3), 'g')"
        ));
    };
    range(0, 5);
    range(8, 9);
    judge(&world);
    let found = ["offset_gap | other/0 | 5..8", "record_moved | urn:vn:one-stop r | ", "id_reused | urn:vn:one-stop t | "];
    let mut expected = found.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(findings(&world, "open"), expected);
    assert!(details(&world, "record_moved").contains("counts in 2 cells: dossiers-received 00301 2025-10-10"));

    // A correct move withdraws the record where it was.
    world.publish_events([fact(
        "r3",
        "dossiers-received",
        "00301",
        "2025-10-10",
        json!({ "record": "r", "retracted": true, "revision": 1 }),
    )]);
    world.process(TODAY);
    range(5, 8);
    // Several at once leave what one leaves.
    let start = || {
        let mut command = world.command("chiso-rollup", &["findings", "--judge", "--today", TODAY]);
        command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap()
    };
    for mut child in [start(), start(), start()] {
        assert!(child.wait().unwrap().success());
    }
    let ids = "id_reused | urn:vn:one-stop t | ".to_owned();
    assert_eq!(findings(&world, "open"), [ids]);
    assert_eq!(findings(&world, "settled").len(), 2);
    assert_eq!(world.number("SELECT count() - uniqExact(kind, subject, period) FROM findings"), 0);
}

#[test]
fn a_judgement_may_be_killed_after_any_of_its_statements() {
    let world = small_world_with("findings_killed", &suspicious());
    let mut cut = 0;
    while killed_after(&world, &["findings", "--judge", "--today", TODAY], cut + 1) {
        // Each indicator has statements of the same kinds.
        cut += 7;
    }
    assert!(cut >= 21, "a judgement makes more than {cut} statements that write");
    assert_eq!(findings(&world, "open"), SUSPICIOUS);
    assert_eq!(findings(&world, "settled"), [""; 0]);
    // What one that was killed has found settles like any other.
    let withdrawn =
        fact("m3", "bts-stations", "00303", "2025-08-20", json!({ "record": "c2", "retracted": true, "revision": 1 }));
    world.publish_events([withdrawn]);
    world.process(TODAY);
    judge(&world);
    assert_eq!(findings(&world, "settled"), [SUSPICIOUS[3]]);
}

#[test]
fn a_change_of_reference_data_and_the_rules_of_the_settings_are_followed() {
    let mut world = small_world_with("findings_reference", &suspicious());
    judge(&world);
    assert_eq!(findings(&world, "open"), SUSPICIOUS);
    let changed = ReferenceCopy::of(&small_country());
    changed.replace("sources.csv", ",10,*", ",99,*");
    world.migrate_from(changed.path()).ok();
    world.roll_up(TODAY);
    judge(&world);
    let conflict = |who: &str, month: &str| format!("source_conflict | bts-stations W00301@2025-07-01 {who} | {month}");
    let months = ["civil 2025-M08", "legal 2025-M09"];
    let conflicts =
        |state: &str| findings(&world, state).into_iter().filter(|line| line.starts_with("source")).collect::<Vec<_>>();
    assert_eq!(conflicts("open"), months.map(|month| conflict("urn:vn:one-stop", month)));
    assert_eq!(conflicts("settled"), months.map(|month| conflict(OFFICE, month)));

    assert_eq!(details(&world, "jump"), "from 5 on 2025-08-01 to 51");
    world.set("FINDINGS__JUMP_FACTOR", "11");
    world.set("FINDINGS__MISSING_GRACE_DAYS", "366");
    judge(&world);
    assert_eq!(details(&world, "jump"), "");
    assert_eq!(missing(&world, ""), "");
}

#[test]
fn findings_are_listed_in_every_form() {
    let world = small_world_with("findings_list", &suspicious());
    let list = |arguments: &[&str]| {
        let mut all = vec!["findings"];
        all.extend(arguments);
        world.rollup(&all)
    };
    assert_eq!(list(&["--check"]).code, Some(0));
    judge(&world);
    let json: Value = serde_json::from_str(&list(&["--kind", "jump", "--format", "json"]).ok()).unwrap();
    assert_eq!((&json[0]["kind"], &json[0]["state"], json.as_array().unwrap().len()), (&"jump".into(), &"open".into(), 1));
    let csv = list(&["--format", "csv", "--all", "--kind", "jump", "--kind", "series_conflict"]).ok();
    assert!(
        csv.starts_with("kind,subject,period,detail,first_seen,last_seen,state,settled_at\n") && csv.lines().count() == 3,
        "{csv}"
    );
    assert!(list(&[]).ok().contains("c1 says 4, c2 says 5"));
    let complaint = list(&["--check", "--kind", "jump"]).fails(1);
    assert!(complaint.contains("1 findings are open"), "{complaint}");
    assert!(list(&["--kind", "nonsense"]).fails(2).contains("source_conflict"));
}
