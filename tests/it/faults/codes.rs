//! The table of ClickHouse's codes names the errors that a real server knows under these numbers.

use std::fs;
use std::path::Path;

use crate::harness::engines;

#[test]
fn every_listed_code_has_the_name_that_the_server_gives_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/src/store/fault.rs");
    let source = fs::read_to_string(source).unwrap();
    let (_, table) = source.split_once("pub const FAULTS").unwrap();
    let (table, _) = table.split_once("];").unwrap();
    // (159, "TIMEOUT_EXCEEDED", Fault::Retry),
    let listed: Vec<(&str, &str)> = table
        .lines()
        .filter_map(|line| line.trim().strip_prefix('(')?.split_once(", \""))
        .map(|(code, rest)| (code, rest.split_once('"').unwrap().0))
        .collect();
    assert!(listed.len() > 100, "{listed:?}");
    let codes = listed.iter().map(|(code, _)| *code).collect::<Vec<_>>().join(",");
    let names = engines().sql("default", &format!("SELECT errorCodeToName(arrayJoin([{codes}]))"));
    for ((code, name), known) in listed.iter().zip(names.lines()) {
        assert_eq!(*name, known, "code {code}");
    }
    assert_eq!(names.lines().count(), listed.len());
}
