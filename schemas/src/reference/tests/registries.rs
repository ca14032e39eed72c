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
