//! Targets: which one a row has, and whether it is met (contract sections 6 and 7). The registry is that of the small country.

use super::*;

fn shown(indicator: &str, ward: &str, more: Value, calendar: Calendar, period: &str, area: &str) -> String {
    // In the period's last year, where the wards of the cases are all valid.
    let day = if area.ends_with("@1900-01-01") { "2025-05-20" } else { "2025-07-02" };
    row(&SMALL, &[event(indicator, ward, day, "a", more)], calendar, period, area).show("target status")
}

#[test]
fn the_nearest_area_wins_then_id_over_type_over_any() {
    let flow = |ward: &str, period: &str, area: &str| {
        shown("dossiers-received", ward, json!({"value": 850}), Calendar::Civil, period, area)
    };
    let south = "W00301@2025-07-01";
    assert_eq!(flow("00301", "2025-M07", south), "800 met", "the id");
    assert_eq!(flow("00301", "2025-Q3", south), "- -", "a target for months is none for quarters");
    assert_eq!(flow("00301", "2025-07-02", south), "- -", "nor for days");
    assert_eq!(flow("00201", "2025-M07", "W00201@2025-07-01"), "5000 met", "the nearer area, though it says any period");
    assert_eq!(flow("00201", "2025-07-02", "W00201@2025-07-01"), "5000 met", "any period includes days");
    assert_eq!(flow("00201", "2025-M07", "P01@2025-07-01"), "2500.5 not_met");
    assert_eq!(flow("00301", "2025-M07", "P03@2025-07-01"), "- -", "for every ward below the country, not for what is between");
    assert_eq!(flow("00301", "2025-M07", "VN"), "10000 not_met");
    let other_years = |period: &str, day: &str| {
        row(&SMALL, &[event("dossiers-received", "00301", day, "a", json!({"value": 850}))], Calendar::Civil, period, south)
            .show("target status")
    };
    assert_eq!(other_years("2026-M07", "2026-07-02"), "900 not_met", "M07 before M");
    assert_eq!(other_years("2026-M08", "2026-08-02"), "1000 not_met", "M before *");
}

#[test]
fn a_target_for_wards_is_none_for_the_area_itself() {
    let rate = |ward: &str, calendar: Calendar, period: &str, area: &str| {
        shown("dossiers-online-rate", ward, json!({"numerator": 1, "denominator": 2}), calendar, period, area)
    };
    let (civil, legal) = (Calendar::Civil, Calendar::Legal);
    assert_eq!(rate("00101", legal, "2025-Q2", "W00101@1900-01-01"), "75 met", "nearest: the district");
    assert_eq!(rate("00101", legal, "2025-Q2", "D001@1900-01-01"), "100 not_met", "the district itself");
    assert_eq!(rate("00303", legal, "2025-Q2", "W00303@1900-01-01"), "50 met");
    assert_eq!(rate("00303", legal, "2025-Q2", "D004@1900-01-01"), "- -");
    assert_eq!(rate("00301", legal, "2025-Q3", "W00301@2025-07-01"), "55.5 not_met", "Q3 before Q");
    assert_eq!(rate("00301", civil, "2025-Y", "W00301@2025-07-01"), "50 met", "its own, exactly");
    assert_eq!(
        rate("00301", civil, "2025-M07", "W00301@2025-07-01"),
        "100 not_met",
        "its own `wards` target is for wards below it: there are none"
    );
    assert_eq!(rate("00301", civil, "2025-Y", "VN"), "- -");
}

#[test]
fn days_and_ranges_are_named_by_id() {
    let station = |day: &str, period: &str| {
        row(
            &SMALL,
            &[event("bts-stations", "00301", day, "a", json!({"value": 2}))],
            Calendar::Civil,
            period,
            "W00301@2025-07-01",
        )
        .show("target status")
    };
    assert_eq!(station("2025-10-09", "2025-10-09"), "2 met");
    assert_eq!(station("2025-10-09", "2025-10-10"), "- -");
    assert_eq!(station("2025-10-09", "2025-10-01..2025-10-15"), "3 not_met");
    assert_eq!(station("2025-10-09", "2025-10-01..2025-10-16"), "- -");
}

#[test]
fn compared_is_the_exact_ratio_or_the_stated_percent() {
    let rate = |more: Value| shown("smartphone-rate", "00301", more, Calendar::Civil, "2025-M07", "W00301@2025-07-01");
    assert_eq!(rate(json!({"numerator": 1, "denominator": 3})), "33.333333 met", "33.3333333... is more");
    assert_eq!(
        rate(json!({"numerator": 33_333_332, "denominator": 100_000_000})),
        "33.333333 not_met",
        "though 33.33 is shown for both"
    );
    assert_eq!(rate(json!({"percent": 33.333332})), "33.333333 not_met");
    assert_eq!(rate(json!({"percent": 33.333333})), "33.333333 met");
    assert_eq!(rate(json!({"numerator": 0, "denominator": 0})), "33.333333 -", "nothing to compare");
    assert_eq!(
        shown("smartphone-rate", "00301", json!({"percent": 90}), Calendar::Legal, "2025-H1", "VN"),
        "none",
        "no fact yet"
    );
    let percent_only = event("smartphone-rate", "00301", "2025-05-02", "a", json!({"percent": 90}));
    assert_eq!(
        row(&SMALL, &[percent_only], Calendar::Legal, "2025-H1", "VN").show("target status"),
        "60 -",
        "no percent above the ward"
    );
    assert_eq!(
        shown(
            "revenue-plan-rate",
            "00301",
            json!({"numerator": 7, "denominator": 5}),
            Calendar::Civil,
            "2025-M07",
            "W00301@2025-07-01"
        ),
        "100 met"
    );
    assert_eq!(
        shown(
            "revenue-plan-rate",
            "00301",
            json!({"numerator": 7, "denominator": 0}),
            Calendar::Civil,
            "2025-M07",
            "W00301@2025-07-01"
        ),
        "100 -"
    );
    assert_eq!(
        shown(
            "revenue-plan-rate",
            "00301",
            json!({"numerator": 99_999_999, "denominator": 100_000_000}),
            Calendar::Legal,
            "2025-9M",
            "VN"
        ),
        "99.999999 met",
        "exactly"
    );
    let wide = json!({"numerator": 3, "denominator": 2});
    assert_eq!(shown("seats-taken-rate", "00301", wide, Calendar::Civil, "2025-M07", "W00301@2025-07-01"), "100 not_met");
}
