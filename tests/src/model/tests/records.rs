//! Which statement about a record counts (contract section 2).

use super::*;
use crate::model::effective::tie;
use std::collections::BTreeMap;

const HAI_AN: &str = "W11413@2025-07-01";

fn stated(id: &str, more: Value) -> Value {
    event("public-wifi-points", "11413", "2025-08-01", id, more)
}

/// The value of August, whatever the order of arrival and however often the events arrive.
fn value(events: &[Value]) -> String {
    let backwards = events.iter().rev().cloned().collect();
    let twice = [events, events].concat();
    let [forwards, backwards, twice] = [events.to_vec(), backwards, twice].map(|events| {
        let rows = rows(&VIET_NAM, &facts(&VIET_NAM, &events), Calendar::Civil, "2025-M08");
        Found(rows.into_iter().find(|row| row.area_id == HAI_AN && row.indicator == "public-wifi-points")).show("value")
    });
    assert_eq!((&backwards, &twice), (&forwards, &forwards), "order and repeats do not matter");
    forwards
}

#[test]
fn the_tie_is_the_hash_that_the_contract_describes() {
    let dimensions =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>();
    // Worked out with another program.
    assert_eq!(tie("a", Measure::Value(1_500_000), "exact", &dimensions(&[("operator", "x")])), 131_009_262_021_165);
    let parts = Measure::Parts { numerator: 0, denominator: 3_000_000 };
    assert_eq!(tie("é", parts, "at_least", &dimensions(&[("b", ""), ("a", "\u{1f}")])), 94_193_502_956_681);
    assert_eq!(tie("r", Measure::Retraction, "exact", &dimensions(&[])), 135_956_057_675_408);
    assert_eq!(tie("p", Measure::Percent(99_999_999), "more_than", &dimensions(&[])), 41_325_913_290_016);
}

#[test]
fn revision_goes_before_time_and_time_before_the_tie() {
    let late = "2025-09-01T00:00:00Z";
    assert_eq!(value(&[stated("a", json!({"value": 1})), stated("b", json!({"value": 2, "record": "a", "revision": 1}))]), "2");
    assert_eq!(
        value(&[stated("a", json!({"value": 1, "time": late})), stated("b", json!({"value": 2, "record": "a", "revision": 1}))]),
        "2"
    );
    assert_eq!(value(&[stated("a", json!({"value": 1, "time": late})), stated("b", json!({"value": 2, "record": "a"}))]), "1");
    let just_later = "2025-08-01T10:00:00.001+07:00";
    assert_eq!(
        value(&[stated("a", json!({"value": 1, "time": just_later})), stated("b", json!({"value": 2, "record": "a"}))]),
        "1"
    );
    let below_a_millisecond = ["2025-08-01T10:00:00.0001+07:00", "2025-08-01T03:00:00.0009Z"];
    let tied = below_a_millisecond.map(|time| facts(&VIET_NAM, &[stated("a", json!({"value": 1, "time": time}))])[0].version);
    assert_eq!(tied[0], tied[1]);
}

#[test]
fn one_id_with_two_bodies_is_decided_by_the_tie() {
    let shown = value(&[stated("a", json!({"value": 1})), stated("a", json!({"value": 2}))]);
    assert!(shown == "1" || shown == "2", "one of them, in every order: {shown}");
}

#[test]
fn a_retraction_withdraws_the_record_in_its_cell_only() {
    let fact = stated("a", json!({"value": 1}));
    let retraction = |more: Value| {
        let mut event = stated("b", json!({"record": "a", "revision": 1, "retracted": true}));
        more.as_object().unwrap().iter().for_each(|(name, value)| event["data"][name] = value.clone());
        event
    };
    assert_eq!(value(&[fact.clone(), retraction(json!({}))]), "none");
    assert_eq!(value(&[fact.clone(), retraction(json!({"date": "2025-07-31"}))]), "1", "another day");
    assert_eq!(value(&[fact.clone(), retraction(json!({"ward": "11411"}))]), "1", "another ward");
    assert_eq!(value(&[fact.clone(), retraction(json!({"indicator": "security-cameras"}))]), "1", "another indicator");
    assert_eq!(
        value(&[fact.clone(), retraction(json!({"dimensions": {}, "qualifier": "at_least"}))]),
        "none",
        "no part of the identity"
    );
    let again = stated("c", json!({"record": "a", "revision": 2, "value": 3}));
    assert_eq!(value(&[fact.clone(), retraction(json!({})), again]), "3");
    let other_source = stated("b", json!({"record": "a", "revision": 1, "retracted": true, "source": "urn:vn:document-office"}));
    assert_eq!(value(&[fact, other_source]), "1", "another source's record");
}

#[test]
fn dimensions_are_no_part_of_the_identity() {
    let station = |id: &str, more: Value| event("bts-stations", "11413", "2025-08-01", id, more);
    let events = [
        station("a", json!({"value": 1, "dimensions": {"operator": "x"}})),
        station("b", json!({"record": "a", "revision": 1, "value": 2, "dimensions": {"operator": "y"}})),
    ];
    assert_eq!(row(&VIET_NAM, &events, Calendar::Civil, "2025-M08", HAI_AN).show("value records"), "2 1");
}

#[test]
fn a_record_that_moved_without_retraction_counts_in_both_cells() {
    let events = [
        event("dossiers-received", "11413", "2025-08-01", "a", json!({"value": 1})),
        event("dossiers-received", "11413", "2025-08-02", "b", json!({"record": "a", "revision": 1, "value": 2})),
    ];
    assert_eq!(row(&VIET_NAM, &events, Calendar::Civil, "2025-M08", HAI_AN).show("value records"), "3 2");
}
