//! Faulty reference data are refused as a whole, and all that is wrong is told at once.

use std::fs;

use serde_json::json;

use super::{TODAY, columns, fact, small_world_with};
use crate::harness::{ReferenceCopy, World, small_country};

/// Rows of all reference tables by generation.
const LOADED: &str = "SELECT max(generation), (SELECT uniqExact(generation) FROM reference_files),
    (SELECT uniqExact(generation) FROM reference_units), (SELECT uniqExact(generation) FROM reference_indicators) FROM generations";

#[test]
fn every_fault_of_every_file_is_listed_and_nothing_is_loaded() {
    let world = small_world_with("faults", &[fact("a", "dossiers-received", "00101", "2025-08-01", json!({"value": 7}))]);
    let export = || world.export("civil", &["2025-Y"], &["--level", "ward"]);
    let before = export();
    let broken = ReferenceCopy::of(&small_country());
    broken
        .replace("calendars.csv", ",14\n", ",31\n")
        .replace("indicators.csv", ",stock,trạm", ",heap,trạm")
        .replace("sources.csv", ",20,", ",10,")
        .append("targets.csv", "dossiers-received,civil,*,VN,self,>=,77\nno-such-thing,civil,*,VN,self,>=,1\n")
        .append("admin-units/lineage.csv", "W00101@2025-10-01,W99999@2025-10-01,whole,2025-10-01\n")
        .append("admin-units/renames.csv", "W99998@2025-10-01,Xã A,xã,Xã B,xã,2025-11-01,\n")
        .append("admin-units/units.csv", "W00999@2025-07-01,00999,ward,Xã Lạ,xã,P99@2025-07-01,2025-07-01,9999-12-31\n");
    let complaint = world.migrate_from(broken.path()).fails(1);
    for (file, piece, value) in [
        ("calendars.csv", "legal", "31"),
        ("indicators.csv", ",heap,", "heap"),
        ("sources.csv", "telecom", "10"),
        ("targets.csv", ",>=,77", "dossiers-received"),
        ("targets.csv", "no-such-thing", "no-such-thing"),
        ("admin-units/lineage.csv", "W99999", "W99999@2025-10-01"),
        ("admin-units/renames.csv", "W99998", "W99998@2025-10-01"),
        ("admin-units/units.csv", "P99", "P99@2025-07-01"),
    ] {
        let place = broken.place(file, piece) + ": ";
        let fault = complaint.lines().find(|line| line.starts_with(&place));
        assert!(fault.is_some_and(|fault| fault.contains(value)), "{place}{value} is not told of:\n{complaint}");
    }
    assert!(complaint.contains("nothing was loaded"), "{complaint}");
    assert_eq!(world.sql(LOADED), "1\t1\t1\t1");
    // What is active goes on working.
    world.roll_up(TODAY);
    assert_eq!(export(), before);
    assert_eq!(columns(&before, &["area_id", "value"]), ["W00101@2025-10-01 7"]);
}

#[test]
fn a_first_migrate_with_faults_leaves_no_trace() {
    let world = World::bare("trace", 1);
    let broken = ReferenceCopy::of(&small_country());
    broken.replace("sources.csv", ",20,", ",10,");
    world.migrate_from(broken.path()).fails(1);
    assert_eq!(world.engines.sql("default", &format!("EXISTS DATABASE {}", world.database)), "0\n");
}

#[test]
fn missing_files_are_all_named() {
    let world = World::bare("files", 1);
    let broken = ReferenceCopy::of(&small_country());
    fs::remove_file(broken.path().join("sources.csv")).unwrap();
    fs::remove_file(broken.path().join("admin-units/units.csv")).unwrap();
    let complaint = world.migrate_from(broken.path()).fails(2);
    assert!(complaint.contains("sources.csv") && complaint.contains("units.csv"), "{complaint}");
    let complaint = world.migrate_from(&broken.path().join("elsewhere")).fails(2);
    assert!(complaint.contains("elsewhere"), "{complaint}");
}

#[test]
fn indicators_whose_codes_share_a_number_are_refused() {
    let world = small_world_with("shared_numbers", &[]);
    let shared = "SELECT arrayStringConcat(arraySlice(arraySort(groupArray(code)), 1, 2), ' ')
                  FROM (SELECT concat('registered-', toString(number)) AS code FROM numbers(100000))
                  GROUP BY sipHash64(code) % 268435456 HAVING count() > 1 ORDER BY 1 LIMIT 1 FORMAT TSVRaw";
    let codes = world.sql(shared);
    let (first, second) = codes.trim().split_once(' ').unwrap();
    let line = |code: &str| format!("{code},core,Số đăng ký,Registered,xã hội số,stock,lượt,,lượt,higher,400,false,{{}}\n");
    let copy = ReferenceCopy::of(&small_country());
    copy.append("indicators.csv", &line(first));
    world.migrate_from(copy.path()).ok();
    copy.append("indicators.csv", &line(second));
    let complaint = world.migrate_from(copy.path()).fails(1);
    assert!(complaint.contains("have the same hash") && complaint.contains(first) && complaint.contains(second), "{complaint}");
    assert_eq!(world.sql("SELECT count() FROM indicators WHERE code LIKE 'registered-%'"), "1");
}
