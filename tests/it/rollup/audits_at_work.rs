//! `chiso-rollup audit` beside work that is going on: it takes none that waits for an error.

use std::fs::File;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use chiso_tests::generate::{Log, Options};
use chiso_tests::model::Reference;
use serde_json::Value;

use super::audits::{audit, clean, received};
use super::{TODAY, changes::changed, small_world, small_world_with};
use crate::harness::{World, small_country, wait_until};
use crate::observe::Site;
use crate::rollup;

/// What an audit found that found no difference.
fn proven(world: &World) -> Value {
    let (code, found) = audit(world, &[]);
    assert_eq!((code, &found["differences"]), (Some(0), &0.into()), "{found}");
    found
}

#[test]
fn work_that_waits_is_in_flight_and_no_difference() {
    let world = small_world_with("audit_flight", &[received("a", 7)]);
    // Stored and marked.
    world.publish_events([received("b", 5)]);
    world.catch_up();
    assert!(proven(&world)["in_flight"].as_u64().unwrap() > 0);
    // Another row is wrong all the same.
    world.sql(
        "INSERT INTO rollup_rows SELECT * REPLACE ('2024-M01' AS period, version + 1 AS version) FROM rollup_rows FINAL WHERE level = 'ward' LIMIT 1",
    );
    assert_eq!(audit(&world, &[]).0, Some(1));
    world.sql("ALTER TABLE rollup_rows DELETE WHERE period = '2024-M01' SETTINGS mutations_sync = 2");

    // Stored, while its worker has not come to the marks and the ledger.
    world.roll_up(TODAY);
    let beyond = "SELECT * REPLACE ('late' AS record, 'late' AS id, offset + 1000 AS offset) FROM event_log LIMIT 1";
    world.sql(&format!("INSERT INTO event_log {beyond}"));
    assert!(proven(&world)["in_flight"].as_u64().unwrap() > 0);
    // Then its marks, and a pass.
    world.sql("INSERT INTO marks SELECT generateUUIDv4(), now64(3), indicator, ward, date FROM event_log WHERE record = 'late'");
    world.roll_up(TODAY);
    assert_eq!(audit(&world, &[]).1["in_flight"], 0);

    // The first of a partition: the ledger knows nothing of it before these are covered.
    world
        .sql("INSERT INTO event_log SELECT * REPLACE ('first' AS record, 'first' AS id, addDays(date, 1) AS date, 77 AS partition) FROM event_log LIMIT 1");
    assert!(proven(&world)["in_flight"].as_u64().unwrap() > 0);
    world.sql("INSERT INTO marks SELECT generateUUIDv4(), now64(3), indicator, ward, date FROM event_log WHERE record = 'first'");
    world.roll_up(TODAY);
    assert_eq!(audit(&world, &[]).1["in_flight"], 0);

    // Reference data that no pass has taken up yet, and a period that has begun and is not opened.
    world.migrate_from(changed().path()).ok();
    clean(&world);
    world.roll_up(TODAY);
    assert_eq!(audit(&world, &["--today", "2026-03-01"]).1["differences"], 0);
}

#[test]
fn a_scheduler_audits_a_sample_every_night_and_counts_what_it_finds() {
    let mut world = small_world_with("audit_night", &[received("a", 7)]);
    world.set("AUDIT__AT", "00:00");
    world.set("AUDIT__SAMPLE", "1000");
    world.sql(
        "INSERT INTO rollup_rows SELECT * REPLACE (ifNull(value, 0) + 1 AS value, version + 1 AS version) FROM rollup_rows FINAL
         WHERE calendar = 'civil' AND period = '2025-M05' AND level = 'ward'",
    );
    let folder = tempfile::tempdir().unwrap();
    let noted = || world.sql("SELECT count(), sum(differences) FROM audits FORMAT TSVRaw");
    let scheduler = rollup::Scheduler::start(&world, folder.path(), "first");
    wait_until("the audit is noted", Duration::from_secs(90), || noted() == "1\t1");
    let page = Site::of_scheduler(&scheduler).metrics();
    assert_eq!((page.value("chiso_rollup_audits_total"), page.value("chiso_rollup_audit_differences_total")), (1.0, 1.0));
    assert!(
        scheduler.log().contains("the audit found a difference") && scheduler.log().contains("2025-M05"),
        "{}",
        scheduler.log()
    );
    scheduler.stop();
    // One a night, whoever leads.
    let second = rollup::Scheduler::start(&world, folder.path(), "second");
    wait_until("the second leads", Duration::from_secs(90), || second.log().contains("leading"));
    wait_until("its chores go round", Duration::from_secs(90), || {
        Site::of_scheduler(&second).metrics().value(r#"chiso_rollup_chores_total{chore="offset_gaps"}"#) > 0.0
    });
    assert_eq!(noted(), "1\t1");
    second.stop();
}

struct Scheduler(Child);

impl Drop for Scheduler {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn audits_of_a_busy_world_find_nothing() {
    let world = small_world("audit_busy");
    let folder = tempfile::tempdir().unwrap();
    let mut command = world.command("chiso-rollup", &["run", "--today", TODAY]);
    command.env("CHISO__ROLLUP__INTERVAL_MS", "100").stdout(Stdio::null());
    let _scheduler = Scheduler(command.stderr(File::create(folder.path().join("scheduler")).unwrap()).spawn().unwrap());
    let mut command = world.command("chiso-ingest", &["run"]);
    command.env("CHISO__BATCH__AGE_MS_MAX", "50").stdout(Stdio::null());
    let _worker = Scheduler(command.stderr(File::create(folder.path().join("worker")).unwrap()).spawn().unwrap());
    let reference = Reference::load(&small_country()).unwrap();
    let options = Options { seed: 31, facts: 1_200, bad: 0.02, topic: world.topic.clone(), ..Options::default() };
    let log = Log::generate(&reference, &options).unwrap().messages;
    let begin = Instant::now();
    let mut audits = 0;
    std::thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            for portion in log.chunks(log.len().div_ceil(30)) {
                world.publish(portion);
            }
        });
        wait_until("a pass is made", Duration::from_secs(90), || world.number("SELECT count() FROM passes") > 0);
        while !publisher.is_finished() || audits < 4 {
            proven(&world);
            audits += 1;
        }
    });
    assert!(begin.elapsed() < Duration::from_secs(300));
    let settled = || {
        let found = proven(&world);
        found["in_flight"] == 0 && found["rows"].as_u64().unwrap() > 0
    };
    wait_until("nothing is in flight", Duration::from_secs(90), settled);
}
