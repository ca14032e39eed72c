//! Facts of wards that are no more (contract section 5).

use super::*;
use std::fs;

const HAI_AN: &str = "W11413@2025-07-01";
const DANG_LAM: &str = "W11413@1900-01-01";

#[test]
fn a_code_means_the_ward_of_its_day_and_flows_are_added_across() {
    let flow = |ward: &str, day: &str, id: &str, value: i64| event("dossiers-received", ward, day, id, json!({"value": value}));
    let events = [flow("11413", "2025-06-30", "a", 3), flow("11413", "2025-07-01", "b", 4), flow("11414", "2025-06-20", "c", 10)];
    let at = |calendar: Calendar, period: &str, area: &str| {
        row(&VIET_NAM, &events, calendar, period, area).show("value area_name approximate")
    };
    assert_eq!(at(Calendar::Legal, "2025-M07", HAI_AN), "17 Phường Hải An false");
    assert_eq!(at(Calendar::Legal, "2025-M07", DANG_LAM), "none");
    assert_eq!(
        at(Calendar::Civil, "2025-M06", DANG_LAM),
        "3 Phường Đằng Lâm false",
        "a period that ended before shows the old wards"
    );
    assert_eq!(at(Calendar::Civil, "2025-M06", HAI_AN), "none");
    assert_eq!(at(Calendar::Civil, "2025-M07", HAI_AN), "4 Phường Hải An false");
}

#[test]
fn predecessors_states_count_until_the_successor_speaks() {
    let wifi = |ward: &str, day: &str, id: &str, value: i64| event("public-wifi-points", ward, day, id, json!({"value": value}));
    let old = [wifi("11413", "2025-05-01", "a", 2), wifi("11416", "2025-05-02", "b", 5)];
    let july = |events: &[Value]| row(&VIET_NAM, events, Calendar::Civil, "2025-M07", HAI_AN).show("value carried as_of records");
    assert_eq!(july(&old), "7 true 2025-05-02 2");
    let own = wifi("11413", "2025-07-09", "c", 6);
    assert_eq!(july(&[&old[..], std::slice::from_ref(&own)].concat()), "6 false 2025-07-09 1");
    let back = event("public-wifi-points", "11413", "2025-07-09", "d", json!({"record": "c", "revision": 1, "retracted": true}));
    assert_eq!(july(&[&old[..], &[own, back]].concat()), "7 true 2025-05-02 2", "unless it takes its word back");
}

#[test]
fn every_member_unit_has_its_own_authority() {
    let station = |ward: &str, id: &str, value: i64, source: &str| {
        event("bts-stations", ward, "2025-06-30", id, json!({"value": value, "source": source}))
    };
    let events = [
        station("00101", "a", 5, "urn:vn:document-office"),
        station("00101", "b", 70, "urn:vn:report:song"),
        station("00102", "c", 3, "urn:vn:telecom"),
        station("00102", "d", 100, "urn:vn:document-office"),
    ];
    let shown = "value records sources approximate";
    assert_eq!(row(&SMALL, &events, Calendar::Civil, "2025-M07", "W00101@2025-07-01").show(shown), "8 2 2 false");
}

#[test]
fn a_default_part_makes_the_row_approximate_and_a_part_is_not_followed() {
    let divided = [event("bts-stations", "00302", "2025-06-30", "a", json!({"value": 5}))];
    let at = |area: &str| row(&SMALL, &divided, Calendar::Civil, "2025-M07", area).show("value approximate");
    assert_eq!((at("W00301@2025-07-01"), at("W00303@2025-07-01")), ("5 true".to_owned(), "none".to_owned()));
    assert_eq!(at("P03@2025-07-01"), "5 true", "the flag comes up from the wards");
    assert_eq!(
        row(&SMALL, &divided, Calendar::Civil, "2025-M06", "W00302@1900-01-01").show("value approximate"),
        "5 false",
        "no step was taken"
    );
    let own = event("bts-stations", "00301", "2025-07-31", "b", json!({"value": 1}));
    let both = [divided[0].clone(), own];
    assert_eq!(
        row(&SMALL, &both, Calendar::Civil, "2025-M07", "W00301@2025-07-01").show("value approximate"),
        "1 false",
        "only counted facts tell"
    );
    let flow = |ward: &str, day: &str, id: &str| event("dossiers-received", ward, day, id, json!({"value": 1}));
    let flows = [flow("00302", "2025-06-30", "a"), flow("00301", "2025-07-01", "b")];
    assert_eq!(row(&SMALL, &flows, Calendar::Legal, "2025-M07", "W00301@2025-07-01").show("value approximate"), "2 true");
    assert_eq!(row(&SMALL, &flows, Calendar::Civil, "2025-M07", "W00301@2025-07-01").show("value approximate"), "1 false");
}

#[test]
fn steps_are_followed_through_several_reforms() {
    let station = |ward: &str, day: &str, id: &str, value: i64| event("bts-stations", ward, day, id, json!({"value": value}));
    let events = [
        station("00103", "2025-06-01", "a", 1),
        station("00101", "2025-06-02", "b", 2),
        station("00202", "2025-06-03", "c", 4),
        station("00201", "2025-08-01", "d", 8),
    ];
    let at = |period: &str, area: &str| row(&SMALL, &events, Calendar::Civil, period, area).show("value records approximate");
    assert_eq!(at("2025-M06", "W00103@1900-01-01"), "1 1 false");
    assert_eq!(at("2025-M07", "W00101@2025-07-01"), "3 2 true", "00103 by default, 00101 whole");
    assert_eq!(at("2025-M07", "W00201@2025-07-01"), "4 1 true", "00202 by default");
    assert_eq!(at("2025-M08", "W00201@2025-07-01"), "8 1 false", "it speaks itself, so 00202 is silent");
    assert_eq!(at("2025-M09", "W00101@2025-07-01"), "3 2 true", "steps take effect on their day");
    assert_eq!(at("2025-M10", "W00101@2025-10-01"), "11 3 true", "each predecessor by the same rule");
    assert_eq!(at("2025-M10", "W00104@2025-10-01"), "none");
    assert_eq!(at("2026-M02", "W00105@2026-02-01"), "11 3 true");
    let through_a_default_part = [station("00201", "2025-06-01", "e", 16)];
    let at =
        |period: &str, area: &str| row(&SMALL, &through_a_default_part, Calendar::Civil, period, area).show("value approximate");
    assert_eq!(at("2025-M07", "W00201@2025-07-01"), "16 false");
    assert_eq!(at("2025-M10", "W00101@2025-10-01"), "16 true", "the later of two steps");
    assert_eq!(at("2026-M02", "W00105@2026-02-01"), "16 true", "the middle of three");
    let flow = |ward: &str, day: &str, id: &str, value: i64| event("dossiers-received", ward, day, id, json!({"value": value}));
    let default_part = [flow("00201", "2025-06-30", "e", 16)];
    let year = row(&SMALL, &default_part, Calendar::Civil, "2025-06-01..2026-02-28", "W00105@2026-02-01");
    assert_eq!(year.show("value approximate"), "16 true");
    let flows = [
        flow("00102", "2025-06-30", "a", 1),
        flow("00101", "2025-09-30", "b", 2),
        flow("00101", "2025-10-01", "c", 4),
        flow("00105", "2026-02-01", "d", 8),
    ];
    let all = row(&SMALL, &flows, Calendar::Civil, "2025-06-01..2026-02-28", "W00105@2026-02-01");
    assert_eq!(all.show("value records approximate"), "15 4 false");
}

#[test]
fn percents_stay_with_their_own_unit_and_hold_no_predecessor_back() {
    let rate = |ward: &str, day: &str, id: &str, more: Value| event("smartphone-rate", ward, day, id, more);
    let before = rate("00101", "2025-06-30", "a", json!({"percent": 90}));
    let shown = "numerator stated_percent records";
    let legal_july = |events: &[Value]| row(&SMALL, events, Calendar::Legal, "2025-M07", "W00101@2025-07-01").show(shown);
    assert_eq!(legal_july(std::slice::from_ref(&before)), "none", "a successor does not inherit a percent");
    let parts = rate("00102", "2025-06-30", "b", json!({"numerator": 1, "denominator": 2}));
    let own = rate("00101", "2025-07-10", "c", json!({"percent": 70}));
    assert_eq!(legal_july(&[before.clone(), parts, own.clone()]), "1 - 1", "the successor's percent is no candidate");
    assert_eq!(legal_july(&[before, own]), "- 70 1");
}

#[test]
fn a_unit_from_which_no_step_leads_on_has_no_row() {
    let copy = tempfile::tempdir().unwrap();
    let reference = folder("golden/small-country/reference");
    fs::create_dir(copy.path().join("admin-units")).unwrap();
    for file in [
        "indicators.csv",
        "sources.csv",
        "targets.csv",
        "admin-units/units.csv",
        "admin-units/renames.csv",
        "admin-units/lineage.csv",
    ] {
        let text = fs::read_to_string(reference.join(file)).unwrap();
        // Only the part that went elsewhere is left of what is known of 00302, and the second reform of 00201 comes too late.
        let text = text
            .replace("W00302@1900-01-01,W00301@2025-07-01,part-default,2025-07-01\n", "")
            .replace("part-default,2025-10-01", "part-default,2025-12-01");
        fs::write(copy.path().join(file), text).unwrap();
    }
    let reference = Reference::load(copy.path()).unwrap();
    let lost = [event("bts-stations", "00302", "2025-06-30", "a", json!({"value": 5}))];
    let at = |period: &str, area: &str| row(&reference, &lost, Calendar::Civil, period, area).show("value");
    assert_eq!(at("2025-M06", "W00302@1900-01-01"), "5");
    for area in ["W00301@2025-07-01", "W00303@2025-07-01", "W00302@1900-01-01", "P03@2025-07-01", "VN"] {
        assert_eq!(at("2025-M07", area), "none", "{area}");
    }
    let late = [event("bts-stations", "00201", "2025-09-30", "a", json!({"value": 5}))];
    let other = event("bts-stations", "00101", "2025-09-30", "b", json!({"value": 1}));
    let at = |events: &[Value], period: &str| row(&reference, events, Calendar::Civil, period, "W00101@2025-10-01").show("value");
    assert_eq!((at(&late, "2025-M11"), at(&late, "2025-M12")), ("none".to_owned(), "5".to_owned()));
    let both = [late[0].clone(), other];
    assert_eq!((at(&both, "2025-M11"), at(&both, "2025-M12")), ("1".to_owned(), "6".to_owned()), "steps count from their day");
}
