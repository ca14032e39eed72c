//! How facts become the number of a period (contract section 3), at wards that did not change.

use super::*;

const HAI_AN: &str = "W11413@2025-07-01";

fn august(events: &[Value], columns: &str) -> String {
    row(&VIET_NAM, events, Calendar::Civil, "2025-M08", HAI_AN).show(columns)
}

fn wifi(day: &str, id: &str, more: Value) -> Value {
    event("public-wifi-points", "11413", day, id, more)
}

fn satisfaction(day: &str, id: &str, more: Value) -> Value {
    event("satisfaction-rate", "11413", day, id, more)
}

#[test]
fn flows_are_added_over_days_sources_and_dimensions() {
    let flow = |day: &str, id: &str, more: Value| event("dossiers-received", "11413", day, id, more);
    let events = [
        flow("2025-08-01", "a", json!({"value": 1, "dimensions": {"channel": "online"}})),
        flow("2025-08-01", "b", json!({"value": 10})),
        flow("2025-08-31", "c", json!({"value": 100, "source": "urn:vn:document-office", "qualifier": "approximately"})),
        flow("2025-09-01", "d", json!({"value": 1000})),
        flow("2025-07-31", "e", json!({"value": 10000})),
    ];
    assert_eq!(
        august(&events, "value numerator as_of carried approximate qualified records sources"),
        "111 - 2025-08-31 false false true 3 2"
    );
    assert_eq!(row(&VIET_NAM, &events, Calendar::Civil, "2025-08-01", HAI_AN).show("value records sources"), "11 2 1");
    assert_eq!(row(&VIET_NAM, &events, Calendar::Civil, "2025-08-02", HAI_AN).show("value"), "none");
    assert_eq!(row(&VIET_NAM, &events, Calendar::Civil, "2025-07-31..2025-09-01", HAI_AN).show("value"), "11111");
}

#[test]
fn sums_are_exact() {
    let spelled = |id: usize| {
        let text = event("it-expenditure", "11413", "2025-08-01", &format!("m{id}"), json!({"value": 0})).to_string();
        Message::structured(TOPIC, text.replace("\"value\":0", "\"value\":999999999999999999.999999").as_bytes())
    };
    let many: Vec<Message> = (0..10_001).map(spelled).collect();
    let facts = effective(&judge_all(&VIET_NAM, &many).facts);
    let found = rows(&VIET_NAM, &facts, Calendar::Civil, "2025-M08");
    assert_eq!(found[0].cells()[10], "10000999999999999999999.989999");
    let tenths =
        [("a", 0.1), ("b", 0.2)].map(|(id, value)| event("it-expenditure", "11413", "2025-08-01", id, json!({"value": value})));
    assert_eq!(august(&tenths, "value"), "0.3");
}

#[test]
fn ratios_add_their_parts_never_their_percents() {
    let events = [
        satisfaction("2025-08-01", "a", json!({"numerator": 1, "denominator": 1})),
        satisfaction("2025-08-02", "b", json!({"numerator": 0, "denominator": 7})),
    ];
    assert_eq!(august(&events, "value numerator denominator percent"), "- 1 8 12.5");
    let nothing_arose = satisfaction("2025-08-03", "c", json!({"numerator": 0, "denominator": 0}));
    assert_eq!(august(&[nothing_arose], "numerator denominator percent stated_percent wards_reporting"), "0 0 - - 1");
}

#[test]
fn a_state_is_carried_for_as_long_as_the_catalogue_says() {
    let one = [wifi("2025-08-01", "a", json!({"value": 9}))];
    let at = |period: &str| row(&VIET_NAM, &one, Calendar::Civil, period, HAI_AN).show("value as_of carried");
    assert_eq!(at("2025-07-31"), "none");
    assert_eq!(at("2025-08-01"), "9 2025-08-01 false", "a state of the first day is of the period");
    assert_eq!(at("2025-08-02"), "9 2025-08-01 true");
    assert_eq!(at("2026-09-04"), "9 2025-08-01 true", "399 days later");
    assert_eq!(at("2026-09-05"), "none", "400 days later: end - 400 < date is no more");
    assert_eq!(at("2026-M08"), "9 2025-08-01 true");
    assert_eq!(at("2026-M09"), "none");
    let duty = |day: &str| {
        let events = [event("on-duty-staff", "00301", "2025-08-10", "a", json!({"value": 3}))];
        row(&SMALL, &events, Calendar::Civil, day, "W00301@2025-07-01").show("value")
    };
    assert_eq!(
        (duty("2025-08-10"), duty("2025-08-11")),
        ("3".to_owned(), "none".to_owned()),
        "carry_days of 1 is the day itself"
    );
}

#[test]
fn one_source_is_authoritative_and_its_series_are_added() {
    let station = |day: &str, id: &str, more: Value| event("bts-stations", "11413", day, id, more);
    let events = [
        station("2025-08-01", "a", json!({"value": 9, "dimensions": {"operator": "x"}})),
        station("2025-08-02", "b", json!({"value": 34, "dimensions": {"operator": "y"}})),
        station("2025-08-03", "c", json!({"value": 100, "source": "urn:vn:document-office"})),
    ];
    assert_eq!(
        august(&events, "value records sources as_of"),
        "43 2 1 2025-08-02",
        "the later fact of a lesser source is not counted"
    );
    let back = station("2025-08-02", "d", json!({"record": "b", "revision": 1, "retracted": true}));
    assert_eq!(august(&[&events[..], std::slice::from_ref(&back)].concat(), "value"), "9");
    let fix = station("2025-08-01", "e", json!({"record": "a", "revision": 2, "value": 10, "dimensions": {"operator": "x"}}));
    assert_eq!(august(&[&events[..], &[back, fix]].concat(), "value"), "10");
    let empty = station("2025-08-04", "f", json!({"value": 1, "dimensions": {"operator": ""}}));
    let none = station("2025-08-04", "g", json!({"value": 2}));
    let newer = station("2025-08-05", "h", json!({"value": 4, "dimensions": {}}));
    assert_eq!(
        august(&[&events[..], &[empty, none, newer]].concat(), "value records"),
        "48 4",
        "an empty value is a series; {{}} and absent are the same one"
    );
}

#[test]
fn a_lesser_source_counts_once_the_better_one_has_no_candidate() {
    let better = wifi("2025-08-01", "a", json!({"value": 1}));
    let lesser = wifi("2025-08-01", "b", json!({"value": 2, "source": "urn:vn:document-office"}));
    let withdrawn = wifi("2025-08-01", "c", json!({"record": "a", "revision": 1, "retracted": true}));
    assert_eq!(august(&[better.clone(), lesser.clone()], "value"), "1");
    assert_eq!(august(&[better, lesser, withdrawn], "value"), "2");
    let events = [
        wifi("2025-07-05", "d", json!({"value": 1})),
        wifi("2026-08-01", "e", json!({"value": 2, "source": "urn:vn:document-office"})),
    ];
    let at = |day: &str| row(&VIET_NAM, &events, Calendar::Civil, day, HAI_AN).show("value");
    assert_eq!((at("2026-08-08"), at("2026-08-09")), ("1".to_owned(), "2".to_owned()), "a state that is carried no longer");
}

#[test]
fn of_one_series_the_last_day_counts_before_the_revision() {
    let events = [
        wifi("2025-08-01", "a", json!({"value": 1, "revision": 9, "time": "2025-12-01T00:00:00Z"})),
        wifi("2025-08-02", "b", json!({"value": 2})),
    ];
    assert_eq!(august(&events, "value records"), "2 1");
    let same_day = [
        wifi("2025-08-02", "a", json!({"value": 1, "revision": 1})),
        wifi("2025-08-02", "b", json!({"value": 2, "time": "2025-12-01T00:00:00Z"})),
    ];
    assert_eq!(august(&same_day, "value"), "1", "two records of one day: the revision");
}

#[test]
fn a_percent_alone_is_shown_only_where_no_parts_are() {
    let events = [
        satisfaction("2025-08-01", "a", json!({"percent": 90.5})),
        satisfaction("2025-08-02", "b", json!({"percent": 91, "qualifier": "more_than"})),
    ];
    let shown = "numerator denominator percent stated_percent as_of carried qualified records sources wards_reporting wards_percent_only wards_expected";
    assert_eq!(august(&events, shown), "- - - 91 2025-08-02 false true 1 1 0 1 1");
    let parts = satisfaction("2025-08-03", "c", json!({"numerator": 0, "denominator": 0}));
    assert_eq!(
        august(&[&events[..], &[parts]].concat(), shown),
        "0 0 - - 2025-08-03 false false 1 1 1 0 1",
        "nothing arose is a number"
    );
    assert_eq!(row(&VIET_NAM, &events, Calendar::Civil, "2025-M09", HAI_AN).show(shown), "none", "it is not carried");
}

#[test]
fn of_percents_the_best_source_counts_before_the_last_day() {
    let best = satisfaction("2025-08-01", "a", json!({"percent": 90}));
    let last = satisfaction("2025-08-20", "b", json!({"percent": 80, "source": "urn:vn:document-office"}));
    assert_eq!(august(&[best.clone(), last.clone()], "stated_percent records sources"), "90 1 1");
    let revised = satisfaction("2025-08-01", "c", json!({"percent": 70, "revision": 1}));
    assert_eq!(august(&[best, last, revised], "stated_percent"), "70", "then day, revision, time, tie");
}

#[test]
fn a_percent_alone_makes_no_source_authoritative() {
    let vneid = |id: &str, more: Value| event("vneid-registered-rate", "11413", "2025-08-01", id, more);
    let events =
        [vneid("a", json!({"percent": 99})), vneid("b", json!({"numerator": 1, "denominator": 2, "source": "urn:vn:vneid"}))];
    assert_eq!(august(&events, "numerator stated_percent records"), "1 - 1");
    let carried = event("vneid-registered-rate", "11413", "2025-07-20", "c", json!({"numerator": 1, "denominator": 4}));
    assert_eq!(
        august(&[vneid("a", json!({"percent": 99})), carried], "numerator stated_percent carried as_of"),
        "1 - true 2025-07-20"
    );
}
