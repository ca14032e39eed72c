//! Lookups in the catalogue and the registries, and the target that applies.

use super::world::{changed, reference};
use super::*;

#[test]
fn an_indicator_says_what_a_fact_may_state() {
    let reference = reference();
    let dossiers = reference.indicators.get("dossiers").unwrap();
    assert_eq!((dossiers.kind, dossiers.kind.measure(), dossiers.carry_days), (Kind::Flow, Measure::Value, 400));
    assert!(dossiers.dimensions["field"].allows("") && dossiers.dimensions["channel"].allows("postal"));
    assert!(!dossiers.dimensions["channel"].allows("fax"));
    let vneid = reference.indicators.get("vneid-rate").unwrap();
    assert_eq!((vneid.kind, vneid.tier, vneid.carry_days, vneid.may_exceed), (Kind::StockRatio, Tier::Extended, 400, true));
    assert!(reference.indicators.get("vneid").is_none());
}

#[test]
fn a_source_speaks_for_what_lies_below_its_units_and_not_for_successors() {
    let reference = reference();
    let two = reference.sources.get("urn:two").unwrap();
    let spoken_for: Vec<&str> =
        reference.units.wards().filter(|(ix, _)| two.may_speak_for(*ix)).map(|(_, unit)| unit.id.as_str()).collect();
    assert_eq!(spoken_for, ["W00001@1900-01-01", "W00002@1900-01-01", "W00003@2025-07-01"]);
    assert!(two.may_state("dossiers") && !two.may_state("other") && reference.sources.get("urn:one").unwrap().may_state("any"));
    assert!(two.may_arrive_by("chiso.b") && !two.may_arrive_by("chiso.c"));
    assert!(reference.sources.get("urn:three").is_none());
}

#[test]
fn the_country_is_every_ward() {
    let files = changed(&[(File::Sources, "D001@1900-01-01;W00003@2025-07-01", "D001@1900-01-01;VN")]);
    let reference = Reference::parse(&files).unwrap();
    let two = reference.sources.get("urn:two").unwrap();
    assert!(reference.units.wards().all(|(ix, _)| two.may_speak_for(ix)));
}

#[test]
fn stored_facts_are_covered_or_orphaned() {
    let reference = reference();
    assert!(reference.covers_source("urn:one") && !reference.covers_source("urn:three"));
    assert!(reference.covers_indicator("dossiers", Measure::Value));
    assert!(!reference.covers_indicator("dossiers", Measure::Parts) && !reference.covers_indicator("gone", Measure::Value));
    assert!(reference.covers_ward("00003", date("2026-12-31")) && !reference.covers_ward("00003", date("2027-01-01")));
    assert!(!reference.covers_ward("00002", date("2025-07-01")) && !reference.covers_ward("99999", date("2025-07-01")));
}

const VNEID: [&str; 12] = [
    "legal,*,VN,wards,>=,1",
    "legal,*,VN,self,>=,2",
    "legal,M,VN,wards,>=,3",
    "legal,M01,VN,wards,>=,4",
    "legal,2026-M01,VN,wards,>=,5",
    "legal,*,P01@2025-07-01,wards,>=,6",
    "legal,Y,P01@2025-07-01,wards,>=,7",
    "legal,H2,P01@2025-07-01,self,>=,8",
    "legal,*,W00001@2025-07-01,self,>=,9",
    "legal,Q,W00003@2025-07-01,wards,>=,10",
    "legal,2025-07-01..2025-10-09,P01@2025-07-01,self,>=,11",
    "legal,2025-10-09,W00001@2025-07-01,self,>=,12",
];

/// For each row, the number of the target that applies; none is 0.
const APPLYING: [(&str, &str, i128); 22] = [
    ("2025-H2", "VN", 2),
    ("2026-M01", "VN", 2),
    ("2025-H2", "P01@1900-01-01", 0),
    ("2025-H2", "P01@2025-07-01", 8),
    ("2025-H1", "P01@2025-07-01", 0),
    ("2025-H2", "D001@1900-01-01", 0),
    ("2025-H1", "W00002@1900-01-01", 1),
    ("2025-M03", "W00002@1900-01-01", 3),
    ("2025-M01", "W00002@1900-01-01", 4),
    ("2026-M01", "W00002@1900-01-01", 5),
    ("2026-M01", "W00003@2025-07-01", 6),
    ("2025-Y", "W00003@2025-07-01", 7),
    ("2025-Q4", "W00003@2025-07-01", 6),
    ("2026-M01", "W00001@2025-07-01", 9),
    ("2025-Y", "W00001@2025-07-01", 9),
    ("2025-07-01..2025-10-09", "P01@2025-07-01", 11),
    ("2025-07-01..2025-10-10", "P01@2025-07-01", 0),
    ("2025-10-09", "W00001@2025-07-01", 12),
    ("2025-10-10", "W00001@2025-07-01", 9),
    ("2025-10-09", "W00003@2025-07-01", 6),
    ("2025-10-09", "W00003@1900-01-01", 1),
    ("2025-9M", "VN", 2),
];

fn with_targets() -> Reference {
    let lines: String = VNEID.iter().map(|line| format!("vneid-rate,{line}\n")).collect();
    let mut files = world::files();
    files.set(File::Targets, format!("indicator,calendar,period,area_id,scope,comparison,number\n{lines}"));
    Reference::parse(&files).unwrap()
}

#[test]
fn the_nearest_area_wins_then_the_id_then_the_type() {
    let reference = with_targets();
    let legal = reference.calendar(CalendarId::Legal).unwrap();
    for (label, area, number) in APPLYING {
        let found = reference.target_for("vneid-rate", &legal.period(label).unwrap(), reference.units.area(area).unwrap());
        assert_eq!(found.map_or(0, |target| target.number.micros() / 1_000_000), number, "{label} {area}");
    }
    let civil = reference.calendar(CalendarId::Civil).unwrap().period("2025-H2").unwrap();
    assert_eq!(reference.target_for("vneid-rate", &civil, Area::Country), None);
    assert_eq!(reference.target_for("dossiers", &legal.period("2025-H2").unwrap(), Area::Country), None);
}

/// What SQL does with the flat rows: join by pattern and area, keep the least rank.
#[test]
fn flat_rules_lead_to_the_same_target() {
    let reference = with_targets();
    let legal = reference.calendar(CalendarId::Legal).unwrap();
    for (label, area, number) in APPLYING {
        let row = reference.units.area(area).unwrap();
        let above: Vec<&str> = reference.units.areas(row).into_iter().map(|area| reference.units.area_id(area)).collect();
        let is_ward = reference.units.area_level(row) == Level::Ward;
        let patterns = legal.period(label).unwrap().target_patterns();
        let found = reference
            .target_rules()
            .filter(|rule| rule.indicator == "vneid-rate" && rule.calendar == CalendarId::Legal)
            .filter(|rule| above.contains(&rule.area_id) && patterns.iter().any(|pattern| pattern == rule.period))
            .filter(|rule| if rule.scope == Scope::OfItself { rule.area_id == area } else { rule.area_id != area && is_ward })
            .min_by_key(|rule| (rule.area_rank, rule.specificity));
        assert_eq!(found.map_or(0, |rule| rule.number.micros() / 1_000_000), number, "{label} {area}");
    }
}
