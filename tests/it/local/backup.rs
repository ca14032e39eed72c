//! The page about backups: its statements work, and after an older copy was restored everything is as it was without a loss.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use super::up::Up;
use crate::harness::World;
use crate::rollup::{TODAY, fact};

/// The statements of a section of the page.
fn statements(section: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/backup.md");
    let text = fs::read_to_string(page).unwrap();
    let (_, rest) = text.split_once(&format!("## {section}\n")).unwrap();
    let section = rest.split("\n## ").next().unwrap();
    section
        .split("```sql\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap().trim().trim_end_matches(';').to_owned())
        .collect()
}

fn publish(world: &World, names: std::ops::Range<u32>) {
    let ward = |number: u32| ["00101", "00201", "00301"][number as usize % 3];
    let facts = names
        .map(|number| fact(&format!("f{number}"), "dossiers-received", ward(number), "2025-08-05", json!({"value": number})));
    world.publish_events(facts);
}

const DISTINCT: &str = "SELECT uniqExact(source, record, version) FROM event_log";

#[test]
fn after_an_older_copy_was_restored_workers_read_again_and_figures_are_the_same() {
    let folder = TempDir::new().unwrap();
    let up = Up::start(folder.path(), &["--dir", folder.path().join("data").to_str().unwrap()]);
    let world = up.world();
    let run = |section: &str| statements(section).iter().for_each(|statement| _ = world.engines.sql("default", statement));
    publish(&world, 0..30);
    world.process(TODAY);
    let wards = ["W00101@2025-07-01", "W00201@2025-07-01"];
    let report = |command: &str, areas: &[&str]| {
        let of = ["report", command, "--calendar", "civil", "--period", "2025-M08", "--today", TODAY];
        let areas = areas.iter().flat_map(|area| ["--area", area]);
        world.rollup(&of.into_iter().chain(areas).collect::<Vec<_>>()).ok()
    };
    // One claim that merges have moved, and one in a part of its own.
    report("close", &wards[..1]);
    world.sql("OPTIMIZE TABLE report_claims FINAL");
    report("close", &wards);
    // Stored, and still to be rolled up.
    publish(&world, 30..40);
    world.catch_up();
    let versions = || world.sql("SELECT * FROM report_versions ORDER BY ALL");
    let reports = (versions(), wards.map(|ward| report("show", &[ward])));
    let tables = world.sql("SELECT name FROM system.tables WHERE database = 'chiso' ORDER BY name");
    run("Back up");
    publish(&world, 40..70);
    world.process(TODAY);
    let (figures, committed) = (world.export("civil", &["2025-Y", "2025-M08"], &[]), world.committed());
    let epoch = world.number("SELECT toInt64(max(epoch)) FROM claims");
    assert_eq!(world.number(DISTINCT), 70);

    run("Restore");
    let restored = world.sql("SELECT name FROM system.tables WHERE database = 'chiso' ORDER BY name");
    let set = |names: &str| names.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(set(&restored), set(&tables));
    assert_eq!(world.number(DISTINCT), 40);
    assert_eq!((versions(), wards.map(|ward| report("show", &[ward]))), reports);
    assert_eq!(world.committed(), committed, "Kafka's offsets are not touched");
    world.migrate_from(&crate::harness::small_country()).ok();

    let summary = world.catch_up();
    assert_eq!(summary["read"], 30, "just what came after the copy: {summary}");
    world.chiso_ingest(&["coverage"]).ok();
    assert_eq!((world.number(DISTINCT), world.covered()), (70, committed));
    world.roll_up(TODAY);
    assert_eq!(world.export("civil", &["2025-Y", "2025-M08"], &[]), figures);
    assert!(world.number("SELECT toInt64(max(epoch)) FROM claims") <= epoch, "epochs go on from the copy");
    let is_recent = world.number("SELECT toInt64(max(complete_through) > now64(3) - INTERVAL 10 MINUTE) FROM passes");
    assert_eq!(is_recent, 1, "the figures reach the end of Kafka again");
}
