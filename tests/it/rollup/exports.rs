//! `export`: what it refuses, its formats, its filters, its file.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{columns, fact, small_world_with};
use crate::harness::{Ended, World};

const EXPORT: [&str; 5] = ["export", "--calendar", "civil", "--period", "2025-Y"];

fn world(name: &str) -> World {
    let ratio = json!({"numerator": 1, "denominator": 3});
    small_world_with(
        name,
        &[
            fact("a", "dossiers-received", "00101", "2025-08-01", json!({"value": 7.25, "qualifier": "more_than"})),
            fact("b", "dossiers-online-rate", "00302", "2025-05-01", ratio),
            fact("c", "smartphone-rate", "00303", "2025-08-01", json!({"percent": 12.5})),
            fact("d", "bts-stations", "00401", "2025-08-02", json!({"value": 123456789012345678_u64})),
        ],
    )
}

#[test]
fn everything_unknown_is_told_at_once() {
    let world = world("unknown");
    let wrong = [
        "--period",
        "2025-M13",
        "--period",
        "2025-02-30",
        "--period",
        "2025-07-02..2025-07-01",
        "--area",
        "W0@2025-07-01",
        "--area",
        "11413",
        "--indicator",
        "nothing",
    ];
    let complaint = world.rollup(&[&EXPORT[..], &wrong].concat()).fails(2);
    for value in ["2025-M13", "2025-02-30", "2025-07-02..2025-07-01", "W0@2025-07-01", "\"11413\"", "\"nothing\""] {
        assert!(complaint.contains(value), "{value} is not named:\n{complaint}");
    }
    for (option, value, hint) in [("--calendar", "lunar", "civil and legal"), ("--level", "village", "district")] {
        let complaint = world.rollup(&["export", "--period", "2025-Y", option, value]).fails(2);
        assert!(complaint.contains(value) && complaint.contains(hint), "{complaint}");
    }
    for arguments in [&["export"][..], &["run", "--twice"], &["run", "--once", "--today", "2025-13-01"], &[]] {
        let complaint = world.rollup(arguments).fails(2);
        assert!(!complaint.is_empty());
    }
}

#[test]
fn servers_that_are_not_there_or_do_not_open_are_told_apart() {
    let world = world("servers");
    // Nobody listens on port 1. Programs wait a while for a server that is just starting.
    let nobody = [&["migrate"][..], &["run", "--once"], &EXPORT].map(|arguments| {
        let mut command = world.command("chiso-rollup", arguments);
        command.env("CHISO__CLICKHOUSE__URL", "http://127.0.0.1:1").stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    });

    let mut stranger = world.command("chiso-rollup", &EXPORT);
    let complaint = Ended::from(stranger.env("CHISO__CLICKHOUSE__PASSWORD", "wrong").output().unwrap()).fails(1);
    assert!(complaint.contains("clickhouse.password") && !complaint.contains("wrong"), "{complaint}");

    let mut lost = world.command("chiso-rollup", &EXPORT);
    lost.env_remove("CHISO__CLICKHOUSE__URL").env("CHISO__CLICKHOUSE__DATABASE", "a-b").env("CHISO__LOG__FORMAT", "xml");
    let complaint = Ended::from(lost.env("CHISO__CLICKHOUSE__HOST", "localhost").output().unwrap()).fails(2);
    for name in ["CHISO__CLICKHOUSE__URL", "CHISO__CLICKHOUSE__DATABASE", "CHISO__LOG__FORMAT", "CHISO__CLICKHOUSE__HOST"] {
        assert!(complaint.contains(name), "{name} is not named:\n{complaint}");
    }

    for child in nobody {
        let complaint = Ended::from(child.wait_with_output().unwrap()).fails(3);
        assert!(complaint.contains("http://127.0.0.1:1") && complaint.contains("is ClickHouse running"), "{complaint}");
    }
}

#[test]
fn json_holds_what_csv_holds() {
    let world = world("formats");
    let csv = world.rollup(&EXPORT).ok();
    let json: Vec<Value> = serde_json::from_str(&world.rollup(&[&EXPORT[..], &["--format", "json"]].concat()).ok()).unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(json.len(), rows.len());
    assert!(rows.len() >= 12);
    for (object, row) in json.iter().zip(&rows) {
        assert_eq!(object.as_object().unwrap().len(), header.len());
        for (name, field) in header.iter().zip(row) {
            let text = match &object[name] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(text, field, "{name}");
        }
    }
    let stations = json.iter().find(|row| row["indicator"] == "bts-stations" && row["level"] == "ward").unwrap();
    assert_eq!(stations["value"].to_string(), "123456789012345678");
    assert_eq!(stations["carried"], Value::Bool(false));
    assert_eq!(stations["area_name"], "Đặc khu Hòn Xa");

    let table = world.rollup(&[&EXPORT[..], &["--format", "table"]].concat()).ok();
    assert_eq!(table.lines().count(), rows.len() + 4, "{table}");
    assert!(table.contains("1 / 3 = 33.33") && table.contains("stated 12.5"), "{table}");
}

#[test]
fn filters_take_rows_away_and_periods_stand_in_order() {
    let world = world("filters");
    let all = world.rollup(&EXPORT).ok();
    let filtered = |arguments: &[&str], keep: fn(&[String]) -> bool| {
        let found = world.rollup(&[&EXPORT[..], arguments].concat()).ok();
        let shown = ["level", "area_id", "indicator"];
        let split = |line: String| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let expected: Vec<String> =
            columns(&all, &shown).into_iter().map(split).filter(|row| keep(row)).map(|row| row.join(" ")).collect();
        assert!(!expected.is_empty());
        assert_eq!(columns(&found, &shown), expected, "{arguments:?}");
    };
    filtered(&["--level", "ward", "--level", "country"], |row| row[0] == "ward" || row[0] == "country");
    filtered(&["--area", "VN", "--area", "P03@2025-07-01"], |row| row[1] == "VN" || row[1] == "P03@2025-07-01");
    filtered(&["--indicator", "bts-stations", "--level", "ward"], |row| row[2] == "bts-stations" && row[0] == "ward");

    // Kept and not kept, by first day, last day and id; each once.
    let periods =
        ["2025-Q3", "2025-08-01", "2025-M08", "2025-08-01..2025-08-31", "2025-07-01..2025-07-31", "2025-08-01", "2025-H2"];
    let csv = world.export("civil", &periods, &["--area", "VN", "--indicator", "dossiers-received"]);
    assert_eq!(
        columns(&csv, &["period", "value"]),
        ["2025-Q3 7.25", "2025-H2 7.25", "2025-08-01 7.25", "2025-08-01..2025-08-31 7.25", "2025-M08 7.25"]
    );
}

#[test]
fn a_file_appears_when_it_is_whole() {
    let world = world("file");
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("report.csv");
    let to_file = |arguments: &[&str]| world.rollup(&[&EXPORT[..], &["--output", path.to_str().unwrap()], arguments].concat());
    let names = || -> Vec<_> { fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect() };
    fs::write(&path, "of yesterday").unwrap();
    to_file(&["--period", "2025-M13"]).fails(2);
    assert_eq!((fs::read_to_string(&path).unwrap().as_str(), names().len()), ("of yesterday", 1));
    assert_eq!(to_file(&[]).ok(), "");
    assert_eq!(fs::read_to_string(&path).unwrap(), world.rollup(&EXPORT).ok());
    assert_eq!(names().len(), 1, "nothing else is left behind: {:?}", names());

    // Others may read it as they may any new file.
    let ordinary = folder.path().join("ordinary");
    fs::write(&ordinary, "").unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), mode(&ordinary), "{:o}", mode(&path));

    let nowhere = folder.path().join("nowhere/report.csv");
    let complaint = world.rollup(&[&EXPORT[..], &["--output", nowhere.to_str().unwrap()]].concat()).fails(1);
    assert!(complaint.contains("nowhere/report.csv"), "{complaint}");
}
