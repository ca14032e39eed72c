//! Faults, in short: every cut once, on engines of the run's own; and the proof that the harness would see a loss.
//! `make chaos` does the same for minutes.

use std::process::{Command, Output};

use crate::harness::{engines, program};

/// Runs the program `chaos`; what it counted.
fn chaos(command: &mut Command) -> (Output, serde_json::Value) {
    let output = command.arg("--json").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = || format!("{text}{}", String::from_utf8_lossy(&output.stderr));
    let counts = text.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_else(|| panic!("{}", said()));
    (output, counts)
}

#[test]
fn kills_at_every_cut_lose_nothing_and_double_nothing() {
    let (output, counts) = chaos(Command::new(program("chaos")).args(["--short", "--seed", "1"]));
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    for cut in ["decoded", "sealed", "mid-insert", "inserted", "before-commit", "after-commit"] {
        let landed = counts["landed"][cut].as_object().unwrap_or_else(|| panic!("no kill landed at {cut}: {counts}"));
        assert!(landed.values().any(|count| count.as_u64() > Some(0)), "{cut}: {counts}");
    }
    let findings = &counts["findings"];
    for name in ["lost", "double", "strange", "gaps", "wrong"] {
        assert_eq!(findings[name], 0, "{name}: {counts}");
    }
    assert!(findings["stored"].as_u64() > Some(1_000) && findings["refused"].as_u64() > Some(100), "{counts}");
}

/// A harness that cannot fail shows nothing.
#[test]
fn workers_that_commit_before_they_insert_are_found_out() {
    let engines = engines();
    let mut command = Command::new(program("chaos"));
    command
        .args(["--commit-before-insert", "--given-engines", "--seed", "1"])
        .env("CHISO__KAFKA__BROKERS", &engines.brokers)
        .env("CHISO__CLICKHOUSE__URL", &engines.clickhouse_url)
        .env("CHISO__CLICKHOUSE__USER", &engines.user)
        .env("CHISO__CLICKHOUSE__PASSWORD", &engines.password);
    let (output, counts) = chaos(&mut command);
    assert_eq!(
        output.status.code(),
        Some(1),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(counts["findings"]["lost"].as_u64() > Some(0), "{counts}");
}
