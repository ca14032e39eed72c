//! A legitimate change of reference data becomes active at once, and the next pass brings all rows in line with it.

use std::path::Path;

use chiso_tests::generate::{Log, Options};
use chiso_tests::model::{CALENDARS, Fact, Reference, effective, judge_all, kept_periods, rows, to_csv};
use serde_json::json;

use super::{TODAY, fact, small_world_with};
use crate::conformance::stored::{kept_line, kept_rows};
use crate::harness::{ReferenceCopy, World, assert_same, small_country};

/// Never kept, so computed on demand.
const RANGE: &str = "2025-06-20..2025-10-10";

#[test]
fn a_change_of_reference_data_recomputes_what_it_touches() {
    let world = World::with_reference("changes", 4, &small_country());
    let old = Reference::load(&small_country()).unwrap();
    let options = Options { seed: 11, facts: 900, bad: 0.0, topic: world.topic.clone(), ..Options::default() };
    let log = Log::generate(&old, &options).unwrap().messages;
    world.publish(&log);
    world.process(TODAY);
    let facts = effective(&judge_all(&old, &log).facts);
    let first_fact = judge_all(&old, &log).facts.iter().map(|fact| fact.date).min().unwrap().to_string();
    let check = |what: &str, folder: &Path| check(&world, what, folder, (&facts, &first_fact));
    check("before", &small_country());
    let before = views(&world);

    let changed = changed();
    let summary: serde_json::Value = serde_json::from_str(&world.migrate_from(changed.path()).ok()).unwrap();
    assert_eq!((&summary["generation"], &summary["activated"]), (&2.into(), &true.into()));
    assert_eq!(world.sql("SELECT name FROM units WHERE unit_id = 'W00104@2025-10-01'"), "Xã Rừng Mới Toanh");
    // Rows change with a pass, kept or not: nobody sees half a change.
    check("between", &small_country());
    assert_eq!(world.roll_up(TODAY)["generation"], 2);
    check("after", changed.path());
    let gone = world.number("SELECT count() FROM rollup_rows FINAL WHERE gone");
    assert!(gone > 0, "narrower carry_days take rows away");

    // And back.
    let summary: serde_json::Value = serde_json::from_str(&world.migrate_from(&small_country()).ok()).unwrap();
    assert_eq!((&summary["generation"], &summary["activated"]), (&3.into(), &true.into()));
    world.roll_up(TODAY);
    check("back", &small_country());
    assert_eq!(views(&world), before);
}

#[test]
fn a_change_recomputes_no_more_than_it_touches() {
    let world = World::with_reference("no_more", 4, &small_country());
    let options = Options { seed: 12, facts: 600, bad: 0.0, topic: world.topic.clone(), ..Options::default() };
    let log = Log::generate(&Reference::load(&small_country()).unwrap(), &options).unwrap().messages;
    world.publish(&log);
    world.process(TODAY);
    let facts = effective(&judge_all(&Reference::load(&small_country()).unwrap(), &log).facts);
    let first_fact = facts.iter().map(|fact| fact.date).min().unwrap().to_string();
    let version = || world.number("SELECT toInt64(max(version)) FROM rollup_rows");
    let rows = world.number("SELECT count() FROM rollup_rows FINAL");
    // Loads, passes, compares with the model; how many rows were written that are of the condition, and that are not.
    let change = |copy: &ReferenceCopy, touched: &str| {
        let before = version();
        world.migrate_from(copy.path()).ok();
        world.roll_up(TODAY);
        check(&world, touched, copy.path(), (&facts, &first_fact));
        let written = |condition: &str| {
            world.number(&format!("SELECT count() FROM rollup_rows FINAL WHERE version > {before} AND ({condition})"))
        };
        (written(touched), written(&format!("NOT ({touched})")))
    };
    let renamed = ReferenceCopy::of(&small_country());
    renamed
        .replace("admin-units/units.csv", ",Xã Rừng Mới,", ",Xã Rừng Mới Toanh,")
        .append("admin-units/renames.csv", "W00104@2025-10-01,Xã Rừng Mới,xã,Xã Rừng Mới Toanh,xã,2025-12-15,\n");
    let (own, others) = change(&renamed, "area_id IN ('W00104@2025-10-01', 'P01@2025-07-01', 'VN')");
    assert!(own > 0 && own < rows && others == 0, "{own} and {others} of {rows}");

    renamed.replace("targets.csv", "smartphone-rate,legal,*,VN,wards,>=,80", "smartphone-rate,legal,*,VN,wards,<=,45.5");
    let (own, others) = change(&renamed, "indicator = 'smartphone-rate' AND calendar = 'legal'");
    assert!(own > 0 && others == 0, "{own} and {others} of {rows}");

    // A ward that lies in another district: it no longer counts in the former one.
    renamed.replace("admin-units/units.csv", "Bãi\",xã,D003@1900-01-01", "Bãi\",xã,D004@1900-01-01");
    let areas = "'W00302@1900-01-01', 'D003@1900-01-01', 'D004@1900-01-01', 'P03@1900-01-01', 'VN'";
    let (own, others) = change(&renamed, &format!("area_id IN ({areas})"));
    assert!(own > 0 && others == 0, "{own} and {others} of {rows}");
    world.rollup(&["audit", "--today", TODAY]).ok();

    renamed.replace("sources.csv", ",10,*", ",99,*");
    let (own, others) = change(&renamed, "kind != 'flow'");
    assert!(own > 0 && others == 0, "{own} and {others} of {rows}");
}

#[test]
fn a_unit_that_there_is_no_more_counts_nowhere() {
    let world = small_world_with("redated", &[fact("s", "bts-stations", "00101", "2025-12-10", json!({ "value": 7 }))]);
    let redated = redated();
    let shown = || {
        world.sql(
            "SELECT area_id, value FROM rollups WHERE calendar = 'civil' AND period = '2026-M02' ORDER BY area_id FORMAT TSVRaw",
        )
    };
    let expected = |ward: &str| format!("P01@2025-07-01\t7\nVN\t7\n{ward}\t7");
    assert_eq!(shown(), expected("W00105@2026-02-01"));
    for (folder, ward) in [(redated.path().to_owned(), "W00105@2026-02-05"), (small_country(), "W00105@2026-02-01")] {
        world.migrate_from(&folder).ok();
        world.roll_up(TODAY);
        assert_eq!(shown(), expected(ward));
        world.rollup(&["audit", "--today", TODAY]).ok();
    }
}

/// The small country whose last merger takes place some days later, so that the new ward has another unit id.
pub(crate) fn redated() -> ReferenceCopy {
    let copy = ReferenceCopy::of(&small_country());
    copy.replace("admin-units/units.csv", "P01@2025-07-01,2025-10-01,2026-01-31", "P01@2025-07-01,2025-10-01,2026-02-04")
        .replace("admin-units/units.csv", "W00105@2026-02-01", "W00105@2026-02-05")
        .replace("admin-units/units.csv", "P01@2025-07-01,2026-02-01,", "P01@2025-07-01,2026-02-05,")
        .replace("admin-units/lineage.csv", "W00105@2026-02-01,whole,2026-02-01", "W00105@2026-02-05,whole,2026-02-05");
    copy
}

/// The small country with a change of every kind that takes no fact its place.
pub(crate) fn changed() -> ReferenceCopy {
    let copy = ReferenceCopy::of(&small_country());
    copy.replace("indicators.csv", ",%,higher,400,false", ",%,higher,40,false")
        .replace("indicators.csv", ",trạm,higher,400,", ",trạm,higher,75,")
        // The same number, added up in another way.
        .replace("indicators.csv", ",flow,hồ sơ,", ",stock,hồ sơ,")
        .replace("sources.csv", ",10,*", ",99,*")
        .replace("sources.csv", ",40,*", ",9,*")
        .replace("targets.csv", "smartphone-rate,legal,*,VN,wards,>=,80", "smartphone-rate,legal,*,VN,wards,<=,45.5")
        .replace("targets.csv", "dossiers-received,civil,M,VN,wards", "dossiers-received,civil,M,VN,self")
        .remove("targets.csv", "revenue-plan-rate,civil")
        // The divided ward counts elsewhere.
        .replace(
            "admin-units/lineage.csv",
            "W00103@1900-01-01,W00101@2025-07-01,part-default",
            "W00103@1900-01-01,W00101@2025-07-01,part",
        )
        .replace(
            "admin-units/lineage.csv",
            "W00103@1900-01-01,W00201@2025-07-01,part,",
            "W00103@1900-01-01,W00201@2025-07-01,part-default,",
        )
        .replace("admin-units/units.csv", ",Xã Rừng Mới,", ",Xã Rừng Mới Toanh,")
        .append("admin-units/renames.csv", "W00104@2025-10-01,Xã Rừng Mới,xã,Xã Rừng Mới Toanh,xã,2025-12-15,\n");
    copy
}

/// All kept rows, and a range that is not kept, against the model with the reference data of a folder.
fn check(world: &World, what: &str, folder: &Path, (facts, first_fact): (&[Fact], &str)) {
    let reference = Reference::load(folder).unwrap();
    for calendar in CALENDARS {
        let kept = kept_periods(calendar, TODAY.parse().unwrap(), first_fact.parse().unwrap());
        let rows = |id: &str| rows(&reference, facts, calendar, id);
        let expected: String = kept.iter().flat_map(|id| rows(id)).map(|row| kept_line(&row)).collect();
        assert_same(&format!("{what}, view rollups, {calendar}"), &expected, &kept_rows(world, calendar));
        let found = world.export(calendar.name(), &[RANGE, "2025-H2"], &[]);
        let expected = [rows(RANGE), rows("2025-H2")].concat();
        assert_same(&format!("{what}, export, {calendar}"), &to_csv(&expected), &found);
    }
}

fn views(world: &World) -> String {
    CALENDARS.map(|calendar| kept_rows(world, calendar)).concat()
}
