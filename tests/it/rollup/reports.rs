//! `report`: versions by command, what differs between them, and who makes them when several try.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::gate::{Gate, Stop};
use super::{TODAY, columns, fact, small_world_with};
use crate::faults::line::Line;
use crate::harness::{Ended, ReferenceCopy, World, small_country, wait_until};

/// The legal August: from 15 July to 14 August.
const AUGUST: [&str; 4] = ["--calendar", "legal", "--period", "2025-M08"];
const WARD: &str = "W00101@2025-07-01";
const SOON: Duration = Duration::from_secs(60);

/// `chiso-rollup report ...` on the day of the tests.
fn report(world: &World, command: &str, arguments: &[&str]) -> Ended {
    world.rollup(&[&["report", command], arguments, &["--today", TODAY]].concat())
}

fn about(world: &World, command: &str, arguments: &[&str]) -> Ended {
    report(world, command, &[&AUGUST[..], arguments].concat())
}

fn received(id: &str, ward: &str, value: u32, more: &[(&str, Value)]) -> String {
    let mut data = json!({ "value": value });
    more.iter().for_each(|(name, value)| data[*name] = value.clone());
    fact(id, "dossiers-received", ward, "2025-08-01", data)
}

fn world(name: &str) -> World {
    let stations = fact("s", "bts-stations", "00303", "2025-06-20", json!({ "value": 4 }));
    small_world_with(name, &[received("a", "00101", 10, &[]), received("b", "00202", 20, &[]), stations])
}

/// The hash that a clerk takes.
fn sha256sum(text: &str) -> String {
    let mut command = Command::new("sha256sum");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

fn shown(world: &World, arguments: &[&str]) -> String {
    about(world, "show", arguments).ok()
}

#[test]
fn a_closed_report_is_a_copy_whose_hash_anyone_can_take() {
    let world = world("report");
    let before = world.export("legal", &["2025-M08"], &[]);
    assert!(about(&world, "close", &[]).ok().contains("closed 6 areas, 7 rows"));
    assert_eq!(shown(&world, &[]), before);
    let listed = report(&world, "list", &["--area", WARD, "--area", "VN", "--period", "2025-M08"]).ok();
    for area in [WARD, "VN"] {
        let own = shown(&world, &["--area", area]);
        assert_eq!(own, world.export("legal", &["2025-M08"], &["--area", area]));
        let stored = world.sql(&format!("SELECT sha256 FROM report_versions WHERE area_id = '{area}'"));
        assert_eq!(sha256sum(&own), stored, "{area}");
        assert!(listed.contains(&stored), "{listed}");
    }
    let json: Vec<Value> = serde_json::from_str(&shown(&world, &["--format", "json", "--area", WARD])).unwrap();
    assert_eq!((json.len(), &json[0]["value"]), (1, &10.into()));
    let view = "SELECT DISTINCT version, state, latest, because, incomplete, generation FROM reports FORMAT TSVRaw";
    assert_eq!(world.sql(view), "1\tclosed\ttrue\tcommand\tfalse\t1");
    assert_eq!(world.sql("SELECT count() FROM reports WHERE closed_at > complete_through AND sha256 != ''"), "7");

    // Again: the same version, and said so.
    let again = about(&world, "close", &["--area", WARD]).ok();
    assert!(again.contains(&format!("{WARD} was closed already: version 1")) && again.contains("nothing to close"), "{again}");
    assert!(about(&world, "close", &[]).ok().contains("6 areas were closed already"));
    assert_eq!(world.number("SELECT max(version) FROM report_versions"), 1);
    // An area that reported nothing can be closed as that, by name.
    let empty = about(&world, "close", &["--area", "W00401@2025-07-01", "--by", "an-account"]).ok();
    assert!(empty.contains("version 1, 0 rows"), "{empty}");
    assert_eq!(shown(&world, &["--area", "W00401@2025-07-01"]).lines().count(), 1);
    assert_eq!(world.sql("SELECT closed_by FROM report_versions WHERE rows = 0"), "an-account");
}

#[test]
fn what_cannot_be_closed_is_said_with_the_reason() {
    let world = world("refused");
    let fails = |code: i32, arguments: &[&str], pieces: &[&str]| {
        let complaint = report(&world, "close", arguments).fails(code);
        assert!(pieces.iter().all(|piece| complaint.contains(piece)), "{complaint}");
    };
    fails(1, &["--calendar", "legal", "--period", "2026-M02"], &["2026-M02 has not ended", "2026-02-14"]);
    fails(2, &["--calendar", "legal", "--period", "2025-08-01"], &["export"]);
    fails(2, &["--calendar", "legal", "--period", "2025-M13"], &["2025-M13"]);
    let wrong = ["--area", "W1", "--area", "W00102@1900-01-01"];
    fails(2, &[&AUGUST[..], &wrong].concat(), &["\"W1\"", "W00102@1900-01-01 is not valid on 2025-08-14"]);
    fails(1, &["--calendar", "legal", "--period", "2025-M01"], &["is not rolled up"]);
    for command in ["show", "restate", "diff"] {
        let complaint = about(&world, command, &[]).fails(1);
        assert!(complaint.contains("2025-M08"), "{command}: {complaint}");
    }
    assert_eq!(world.number("SELECT count() FROM report_versions"), 0);
    assert_eq!(world.number("SELECT count() FROM report_rows"), 0);
}

#[test]
fn a_late_correction_moves_the_rollup_and_not_the_report() {
    let world = world("restated");
    about(&world, "close", &[]).ok();
    let (first, hash) = (shown(&world, &[]), world.sql("SELECT sha256 FROM report_versions WHERE area_id = 'VN'"));
    assert!(about(&world, "restate", &[]).ok().contains("no row has changed"));
    assert!(about(&world, "diff", &[]).ok().contains("no difference"));
    world.publish_events([
        received("a-corrected", "00101", 13, &[("record", "a".into()), ("revision", 1.into())]),
        // Of another day, and of a ward that is not in the report of the first.
        fact("other", "dossiers-received", "00101", "2025-09-20", json!({ "value": 5 })),
        fact("t", "bts-stations", "00303", "2025-08-10", json!({ "value": 6 })),
    ]);
    world.process(TODAY);
    assert_eq!(shown(&world, &[]), first, "a closed version never changes");
    let current = about(&world, "diff", &["--area", WARD]).ok();
    for line in ["the latest version (closed ", ") to now: 1 rows differ", "W00101@2025-07-01", "  value: 10 -> 13"] {
        assert!(current.contains(line), "{line}:\n{current}");
    }
    assert!(
        current.contains("because of urn:vn:one-stop record a revision 1 (event a-corrected, ward 00101 on 2025-08-01"),
        "{current}"
    );
    assert!(!current.contains("other"), "{current}");

    let restated = about(&world, "restate", &[]).ok();
    assert!(restated.contains("VN: version 2") && restated.contains("value: 30 -> 33"), "{restated}");
    assert!(!restated.contains("W00202"), "{restated}");
    let version = |n: &str, area: &str| shown(&world, &["--version", n, "--area", area]);
    assert_eq!(columns(&version("1", "VN"), &["value"]), ["4", "30"]);
    assert_eq!(columns(&version("2", "VN"), &["value"]), ["6", "33"]);
    assert_eq!(
        (sha256sum(&version("1", "VN")), sha256sum(&shown(&world, &["--area", "VN"]))),
        (hash, world.sql("SELECT sha256 FROM report_versions WHERE area_id = 'VN' AND latest"))
    );
    assert_eq!(shown(&world, &[]), world.export("legal", &["2025-M08"], &[]));
    let versions = "SELECT version, replaces, state, latest, because FROM report_versions WHERE area_id = 'VN' ORDER BY version FORMAT TSVRaw";
    assert_eq!(world.sql(versions), "1\t0\tclosed\tfalse\tcommand\n2\t1\trestated\ttrue\trestatement");
    assert!(about(&world, "restate", &[]).ok().contains("no row has changed"));
    let json: Value =
        serde_json::from_str(&about(&world, "diff", &["--from", "1", "--to", "2", "--format", "json"]).ok()).unwrap();
    let country =
        json.as_array().unwrap().iter().find(|row| row["area_id"] == "VN" && row["indicator"] == "bts-stations").unwrap();
    assert_eq!(country["lines"][0], json!({"column": "value", "old": "4", "new": "6"}));
    assert_eq!((&country["changed_by"][0]["record"], &country["events"]), (&"t".into(), &1.into()));
    assert!(about(&world, "diff", &["--to", "3"]).fails(1).contains("no version 3"));
    let list = report(&world, "list", &["--calendar", "legal", "--period", "2025-M08"]).ok();
    assert!(list.contains("closed") && list.contains("by command"), "{list}");

    // What the restatement changed, and what the next one would, also of areas that were not restated yet.
    world.publish_events([received("c", "00202", 1, &[])]);
    world.process(TODAY);
    let diff = about(&world, "diff", &[]).ok();
    let (restated, next) = diff.split_once("from the latest version").unwrap();
    assert!(restated.contains("value: 30 -> 33") && !restated.contains("W00202"), "{diff}");
    assert!(next.contains("value: 20 -> 21") && next.contains("value: 33 -> 34"), "{diff}");
    let gone = received("c-gone", "00202", 0, &[("revision", 1.into()), ("record", "c".into())]);
    world.publish_events([gone.replace("\"value\":0", "\"retracted\":true")]);
    world.process(TODAY);

    // A retraction takes a row out of the report, and the report out of nothing.
    world.publish_events([received("b-gone", "00202", 0, &[("record", "b".into()), ("revision", 1.into())])
        .replace("\"value\":0", "\"retracted\":true")]);
    world.process(TODAY);
    let restated = about(&world, "restate", &["--area", "W00202@2025-07-01"]).ok();
    assert!(
        restated.contains("version 2, 0 rows") && restated.contains("value: 20 -> nothing") && restated.contains("withdrawn"),
        "{restated}"
    );
}

#[test]
fn changed_reference_data_are_named_as_a_cause() {
    let world = world("generation");
    about(&world, "close", &[]).ok();
    let changed = ReferenceCopy::of(&small_country());
    changed.append("targets.csv", "dossiers-received,legal,2025-M08,VN,self,>=,77\n");
    world.migrate_from(changed.path()).ok();
    // Until a pass has used them, rows of both may stand side by side.
    assert!(about(&world, "restate", &[]).fails(1).contains("no pass has used the newest reference data"));
    world.roll_up(TODAY);
    let diff = about(&world, "diff", &["--area", "VN"]).ok();
    for line in ["from generation 1 to 2", "target: nothing -> 77", "status: nothing -> not_met", "no event of it has arrived"] {
        assert!(diff.contains(line), "{line}:\n{diff}");
    }
}

#[test]
fn of_several_closes_at_once_one_makes_the_version() {
    let world = world("at_once");
    let start = || {
        let mut command = world.command("chiso-rollup", &[&["report", "close"], &AUGUST[..], &["--today", TODAY]].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let ended = [start(), start(), start()].map(|child| Ended::from(child.wait_with_output().unwrap()).ok());
    assert_eq!(ended.iter().filter(|said| said.contains("closed 6 areas")).count(), 1, "{ended:?}");
    let versions = "SELECT count(), uniqExact(area_id), uniqExact(stage), max(version) FROM report_versions FORMAT TSVRaw";
    assert_eq!(world.sql(versions), "6\t6\t1\t1");
    let claims = || world.number("SELECT count() FROM report_claims");
    assert_eq!((world.number("SELECT count() FROM report_rows"), claims()), (7, 6), "what the others made is gone");
    // Named beside one that has none yet.
    about(&world, "close", &["--area", "VN", "--area", "W00401@2025-07-01"]).ok();
    assert_eq!(claims(), 7);
    world.sql("ALTER TABLE report_claims DELETE WHERE rows = 0 SETTINGS mutations_sync = 2");
    // Even a claim that comes after all tokens are forgotten, and from a clock that is slow, changes nothing.
    let before = world.sql("SELECT * FROM report_versions ORDER BY ALL");
    world.sql(
        "INSERT INTO report_claims SELECT * REPLACE (generateUUIDv4() AS stage, closed_at - 7200 AS closed_at, 'x' AS sha256) FROM report_claims",
    );
    assert_eq!(world.sql("SELECT * FROM report_versions ORDER BY ALL"), before);
    world.sql("OPTIMIZE TABLE report_claims FINAL");
    assert_eq!(world.sql("SELECT * FROM report_versions ORDER BY ALL"), before);
    // Who was killed has left them; a restored copy would number blocks anew.
    assert_eq!(claims(), 12);
    report(&world, "close-due", &[]).ok();
    assert_eq!((claims(), world.sql("SELECT * FROM report_versions ORDER BY ALL")), (6, before));
}

#[test]
fn a_restatement_that_comes_late_makes_no_version_of_older_rows() {
    let mut world = world("late");
    about(&world, "close", &[]).ok();
    let correct = |world: &World, value: u32, revision: u32| {
        let id = format!("a-{revision}");
        world.publish_events([received(&id, "00101", value, &[("record", "a".into()), ("revision", revision.into())])]);
        world.process(TODAY);
    };
    correct(&world, 13, 1);
    let direct = world.engines.clickhouse_url.clone();
    // When it has copied the rows.
    let (address, gate) = Gate::start(Stop::After(1), &direct);
    world.set("CLICKHOUSE__URL", &address);
    let mut command = world.command("chiso-rollup", &[&["report", "restate"], &AUGUST[..], &["--today", TODAY]].concat());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    gate.wait();
    world.set("CLICKHOUSE__URL", &direct);
    correct(&world, 14, 2);
    assert!(about(&world, "restate", &[]).ok().contains("value: 10 -> 14"));
    let before = world.sql("SELECT * FROM reports ORDER BY ALL");
    gate.open();
    let said = Ended::from(child.wait_with_output().unwrap()).ok();
    assert!(said.contains("nothing to restate"), "{said}");
    assert_eq!(world.sql("SELECT * FROM reports ORDER BY ALL"), before);
    assert_eq!(world.sql("SELECT max(version), countIf(area_id = 'VN') FROM report_claims FORMAT TSVRaw"), "2\t2");
    assert_eq!(columns(&shown(&world, &["--area", WARD]), &["value"]), ["14"]);
}

#[test]
fn killed_between_staging_and_claiming_it_has_made_nothing() {
    let mut world = world("killed");
    let direct = world.engines.clickhouse_url.clone();
    let (address, line) = Line::holding(&["INSERT", "closed_by"], &direct);
    world.set("CLICKHOUSE__URL", &address);
    let mut command = world.command("chiso-rollup", &[&["report", "close"], &AUGUST[..], &["--today", TODAY]].concat());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the claim is on its way", SOON, || line.held() == 1);
    assert_eq!(world.number("SELECT count() FROM report_rows"), 7);
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL).unwrap();
    child.wait().unwrap();
    assert_eq!(world.sql("SELECT count() FROM reports"), "0");
    world.set("CLICKHOUSE__URL", &direct);
    assert!(about(&world, "close", &[]).ok().contains("closed 6 areas, 7 rows"));
    assert_eq!((world.number("SELECT count() FROM reports"), world.number("SELECT count() FROM report_rows")), (7, 14));
    // What it left can claim nothing any more after an hour, and is swept away.
    let expected = shown(&world, &[]);
    world.sql("ALTER TABLE report_rows UPDATE staged_at = staged_at - 7200 WHERE 1 SETTINGS mutations_sync = 2");
    report(&world, "close-due", &[]).ok();
    assert_eq!(world.number("SELECT count() FROM report_rows"), 7);
    assert_eq!(shown(&world, &[]), expected);
}
