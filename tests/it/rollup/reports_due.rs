//! Reports that are closed by the scheduler: when they are due and whole, late while they are not.

use std::time::Duration;

use serde_json::json;

use super::{Scheduler, fact};
use crate::harness::{ReferenceCopy, World, small_country, wait_until};
use crate::observe::Site;

const PATIENCE: Duration = Duration::from_secs(90);
const HEADER: &str = "calendar,period,levels,grace,grace_days,time,from,name_vi\n";

/// The small country with a schedule.
fn scheduled(name: &str, rules: &str) -> World {
    let copy = ReferenceCopy::of(&small_country());
    copy.write("report-schedule.csv", &format!("{HEADER}{rules}"))
        .write("holidays.csv", "day,kind,name_vi,basis\n01-01,off,Tết,law\n");
    World::with_reference(name, 2, copy.path())
}

fn closed(world: &World) -> String {
    world
        .sql("SELECT calendar, period, count(), any(closed_by), any(because) FROM report_versions GROUP BY ALL ORDER BY ALL FORMAT TSVRaw")
        .replace('\t', " ")
}

/// Notes that a worker saw the end of a partition at that moment, all of it stored.
fn observe(world: &World, partition: i32, moment: &str) {
    let stored = world.covered()[usize::try_from(partition).unwrap()];
    world.sql(&format!(
        "INSERT INTO ledger (topic, incarnation, partition, from_offset, next_offset, batch, observed_end, observed_at, group_id)
         VALUES ('{}', 1, {partition}, {stored}, {stored}, generateUUIDv4(), {stored}, '{moment}', 'g')",
        world.topic
    ));
}

#[test]
fn what_fell_due_while_nobody_was_there_is_closed_at_the_start() {
    let world = scheduled(
        "due",
        "legal,M,*,2,working,16:00,2025-09-14,Báo cáo tháng\nlegal,Q,country;province,3,calendar,08:00,2025-09-14,Báo cáo quý\n",
    );
    world.publish_events([fact("a", "bts-stations", "00202", "2025-07-20", json!({ "value": 3 }))]);
    world.catch_up();
    // The months fall due on Tuesday 16 December at 16:00, the quarters on the 17th at 08:00.
    let folder = tempfile::tempdir().unwrap();
    let start = |name: &str| Scheduler::on(&world, (folder.path(), name), "2025-12-18", "200");
    let (first, second) = (start("first"), start("second"));
    let months = ["M09", "M10", "M11", "M12"].map(|month| format!("legal 2025-{month} 3 scheduler schedule"));
    let quarters = ["Q3", "Q4"].map(|quarter| format!("legal 2025-{quarter} 2 scheduler schedule"));
    let expected = [&months[..], &quarters].concat().join("\n");
    wait_until("all reports that were due are closed, and none before", PATIENCE, || closed(&world) == expected);
    // Each version was made by one of the two.
    let made = || [&first, &second].map(|one| Site::of_scheduler(one).metrics().value("chiso_rollup_reports_closed_total"));
    wait_until("the metrics count them", PATIENCE, || made().iter().sum::<f64>() == 16.0);
    // Beside the two schedulers, by command.
    assert!(world.rollup(&["report", "close-due", "--today", "2025-12-18"]).ok().contains("0 reports of areas closed"));
    // A ward that gets its first row afterwards was open until now.
    world.publish_events([fact("b", "bts-stations", "00303", "2025-07-20", json!({ "value": 3 }))]);
    world.catch_up();
    wait_until("the row is there", PATIENCE, || {
        world.number("SELECT count() FROM rollups WHERE area_id = 'W00303@2025-07-01'") > 0
    });
    drop((first, second));
    // The ward and its province, of four months; the province of two quarters.
    assert!(world.rollup(&["report", "close-due", "--today", "2025-12-18"]).ok().contains("10 reports of areas closed"));
    assert_eq!(world.number("SELECT max(version) FROM report_versions"), 1);
    assert_eq!(world.number("SELECT count() FROM report_versions WHERE due_at IS NULL OR closed_at < due_at"), 0);
    let listed = world.rollup(&["report", "list", "--calendar", "legal", "--today", "2025-12-18"]).ok();
    assert!(listed.contains("2025-12-16T09:00:00.000Z") && listed.contains("2025-10-16T09:00:00.000Z"), "{listed}");
}

#[test]
fn a_close_waits_for_its_data_and_is_late_meanwhile() {
    // Far ahead of any clock: what is due in 2035 cannot be complete before.
    let world = scheduled("late", "legal,M,*,2,working,16:00,2035-01-14,Báo cáo tháng\n");
    world.publish_events([fact("a", "bts-stations", "00202", "2035-01-02", json!({ "value": 3 }))]);
    world.catch_up();
    let folder = tempfile::tempdir().unwrap();
    let scheduler = Scheduler::on(&world, (folder.path(), "scheduler"), "2035-01-20", "200");
    let late = || Site::of_scheduler(&scheduler).metrics().value("chiso_rollup_reports_late");
    let open =
        "SELECT count() FROM findings WHERE kind = 'late_close' AND state = 'open' AND subject = 'legal' AND period = '2035-M01'";
    wait_until("it is late", PATIENCE, || world.number(open) == 1);
    wait_until("the metric says so", PATIENCE, || late() == 1.0);
    assert_eq!(closed(&world), "");
    let listed = world.rollup(&["report", "list", "--calendar", "legal", "--period", "2035-M01", "--today", "2035-01-20"]).ok();
    assert!(listed.contains("late"), "{listed}");
    let close = |more: &[&str]| {
        let arguments = ["report", "close", "--calendar", "legal", "--period", "2035-M01", "--today", "2035-01-20"];
        world.rollup(&[&arguments[..], more].concat())
    };
    let complaint = close(&[]).fails(1);
    assert!(complaint.contains("2035-01-16T09:00:00.000Z") && complaint.contains("--incomplete"), "{complaint}");
    // Forced for one ward, which its version tells for ever.
    let forced = close(&["--incomplete", "--area", "W00202@2025-07-01"]).ok();
    assert!(forced.contains("closed incomplete"), "{forced}");
    // One partition has reached the moment, the other is held back.
    observe(&world, 0, "2035-01-16 10:00:00.000");
    let shown = || world.sql("SELECT toString(max(complete_through)) FROM passes");
    assert!(shown().as_str() < "2035", "{}", shown());
    assert_eq!(world.number("SELECT count() FROM report_versions"), 1);
    observe(&world, 1, "2035-01-16 09:00:00.000");
    wait_until("it is closed", PATIENCE, || world.number("SELECT count() FROM report_versions") == 3);
    wait_until("the finding settles", PATIENCE, || world.number(open) == 0);
    wait_until("the metric says so, too", PATIENCE, || late() == 0.0);
    let told = "SELECT area_id, incomplete, because, toString(complete_through) > '2035' FROM report_versions ORDER BY ALL FORMAT TSVRaw";
    assert_eq!(
        world.sql(told),
        "P01@2025-07-01\tfalse\tschedule\t1\nVN\tfalse\tschedule\t1\nW00202@2025-07-01\ttrue\tcommand\t0"
    );
    scheduler.stop();
}

#[test]
fn a_rebuild_tells_what_is_late_meanwhile_and_closes_nothing() {
    let world = scheduled("rebuild", "legal,M,*,2,working,16:00,2025-12-14,Báo cáo tháng\n");
    world.publish_events([fact("a", "bts-stations", "00202", "2025-11-20", json!({ "value": 3 }))]);
    world.process("2025-12-18");
    let late = "SELECT detail FROM findings WHERE kind = 'late_close' AND state = 'open'";
    assert_eq!(world.sql(late), "");
    world.rollup(&["rebuild", "--today", "2025-12-18"]).ok();
    assert_eq!(world.sql(late), "due at 2025-12-16T09:00:00.000Z, but a rebuild is at work, and nothing is closed meanwhile");
    assert_eq!(closed(&world), "");
    // What was due then is closed afterwards.
    assert!(world.rollup(&["report", "close-due", "--today", "2025-12-18"]).ok().contains("3 reports of areas closed"));
    assert_eq!((closed(&world), world.sql(late)), ("legal 2025-M12 3 scheduler schedule".to_owned(), String::new()));
}

#[test]
fn faults_of_schedule_and_holidays_are_all_told_by_migrate() {
    let copy = ReferenceCopy::of(&small_country());
    copy.write("report-schedule.csv", &format!("{HEADER}legal,W,*,0,days,4pm,soon,\n"));
    copy.write("holidays.csv", "day,kind,name_vi,basis\n2025-02-30,off,Tết,law\n01-01,working,Tết,law\n");
    let complaint = World::bare("schedule_faults", 1).migrate_from(copy.path()).fails(1);
    for piece in [
        "report-schedule.csv:2: period \"W\"",
        "report-schedule.csv:2: grace \"0\"",
        "report-schedule.csv:2: grace_days \"days\"",
        "report-schedule.csv:2: time \"4pm\"",
        "report-schedule.csv:2: from \"soon\"",
        "report-schedule.csv:2: name_vi",
        "holidays.csv:2: day \"2025-02-30\"",
        "holidays.csv:3: day 01-01",
    ] {
        assert!(complaint.contains(piece), "{piece} is not told of:\n{complaint}");
    }
}
