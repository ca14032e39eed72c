//! Districts, provinces and the country, names, and the form of rows (contract sections 5 and 6).

use super::*;

#[test]
fn districts_are_there_until_they_were_abolished() {
    let flow = |ward: &str, id: &str, value: i64| event("dossiers-received", ward, "2025-06-30", id, json!({"value": value}));
    let events = [flow("00101", "a", 1), flow("00102", "b", 2), flow("00201", "c", 4)];
    let at = |calendar: Calendar, period: &str, area: &str| {
        row(&SMALL, &events, calendar, period, area).show("level value wards_reporting wards_expected")
    };
    assert_eq!(at(Calendar::Civil, "2025-H1", "D001@1900-01-01"), "district 3 2 3");
    assert_eq!(at(Calendar::Civil, "2025-H1", "P01@1900-01-01"), "province 3 2 3");
    assert_eq!(at(Calendar::Civil, "2025-H1", "P02@1900-01-01"), "province 4 1 2");
    assert_eq!(at(Calendar::Civil, "2025-H1", "VN"), "country 7 3 8");
    assert_eq!(at(Calendar::Legal, "2025-M07", "D001@1900-01-01"), "none");
    assert_eq!(at(Calendar::Legal, "2025-M07", "P01@2025-07-01"), "province 7 2 3");
    assert_eq!(at(Calendar::Legal, "2025-M07", "VN"), "country 7 2 6");
    assert_eq!(
        row(
            &VIET_NAM,
            &[event("bts-stations", "11413", "2025-08-01", "a", json!({"value": 1}))],
            Calendar::Civil,
            "2025-M08",
            "VN"
        )
        .show("wards_expected"),
        "3321"
    );
}

#[test]
fn above_the_ward_percents_are_neither_shown_nor_averaged() {
    let rate = |ward: &str, day: &str, id: &str, more: Value| event("satisfaction-rate", ward, day, id, more);
    let events = [
        rate("11413", "2025-08-05", "a", json!({"percent": 90, "qualifier": "at_least"})),
        rate("11411", "2025-08-01", "b", json!({"numerator": 1, "denominator": 2})),
    ];
    let shown = "numerator denominator percent stated_percent as_of qualified records sources wards_reporting wards_percent_only";
    assert_eq!(row(&VIET_NAM, &events, Calendar::Civil, "2025-M08", "VN").show(shown), "1 2 50 - 2025-08-01 false 1 1 1 1");
    assert_eq!(
        row(&VIET_NAM, &events[..1], Calendar::Civil, "2025-M08", "VN").show(shown),
        "- - - - - false 0 0 0 1",
        "the row exists"
    );
    let unequal = [
        rate("11411", "2025-08-01", "a", json!({"numerator": 1, "denominator": 1})),
        rate("11413", "2025-08-01", "b", json!({"numerator": 0, "denominator": 7})),
    ];
    assert_eq!(row(&VIET_NAM, &unequal, Calendar::Civil, "2025-M08", "VN").show("percent records sources"), "12.5 2 1");
}

#[test]
fn names_are_those_of_the_last_day() {
    let events = [event("bts-stations", "00303", "2025-07-01", "a", json!({"value": 1}))];
    let name = |period: &str, area: &str| row(&SMALL, &events, Calendar::Civil, period, area).show("area_name");
    assert_eq!(name("2025-08-31", "W00303@2025-07-01"), "Xã Gió");
    assert_eq!(name("2025-09-01", "W00303@2025-07-01"), "Xã Gió Lớn");
    assert_eq!(name("2025-M12", "W00303@2025-07-01"), "Xã Gió Lớn");
    assert_eq!(name("2026-01-01", "W00303@2025-07-01"), "Phường Gió Lớn");
    assert_eq!(
        (name("2025-11-19", "P03@2025-07-01"), name("2025-11-20", "P03@2025-07-01")),
        ("Tỉnh Nam".to_owned(), "Thành phố Nam".to_owned())
    );
    let ha_long = [event("bts-stations", "06658", "2026-08-01", "a", json!({"value": 1}))];
    let quang_ninh =
        |period: &str| row(&VIET_NAM, &ha_long, Calendar::Civil, period, "P22@2025-07-01").show("area_name area_code");
    assert_eq!(
        (quang_ninh("2026-M08"), quang_ninh("2026-M09")),
        ("Tỉnh Quảng Ninh 22".to_owned(), "Thành phố Quảng Ninh 22".to_owned())
    );
}

#[test]
fn rows_are_csv_in_the_order_of_the_contract() {
    let events = [
        event("dossiers-received", "00302", "2025-06-30", "a", json!({"value": 1.5})),
        event("bts-stations", "00302", "2025-06-30", "b", json!({"value": 2, "qualifier": "at_least"})),
        event("bts-stations", "00101", "2025-06-30", "c", json!({"value": 3})),
    ];
    let facts = facts(&SMALL, &events);
    let all: Vec<Row> = [
        ("2025-Q2", Calendar::Legal),
        ("2025-M06", Calendar::Civil),
        ("2025-06-30", Calendar::Civil),
        ("2025-H1", Calendar::Civil),
        ("2025-Q2", Calendar::Civil),
    ]
    .into_iter()
    .flat_map(|(period, calendar)| rows(&SMALL, &facts, calendar, period))
    .collect();
    let csv = to_csv(&all);
    let mut lines = csv.lines();
    assert_eq!(
        lines.next().unwrap(),
        "calendar,period,period_start,period_end,level,area_code,area_id,area_name,indicator,kind,value,numerator,denominator,percent,stated_percent,as_of,carried,approximate,\
         qualified,records,sources,wards_reporting,wards_percent_only,wards_expected,target,status"
    );
    assert_eq!(
        lines.next().unwrap(),
        "civil,2025-H1,2025-01-01,2025-06-30,ward,00101,W00101@1900-01-01,Phường Một,bts-stations,stock,3,,,,,2025-06-30,false,false,false,1,1,1,0,1,,"
    );
    assert!(csv.contains(
        "\ncivil,2025-06-30,2025-06-30,2025-06-30,ward,00302,W00302@1900-01-01,\"Xã \"\"Sóng\"\", Bãi\",dossiers-received,flow,1.5,,,,,2025-06-30,false,false,false,1,1,1,0,1,,\n"
    ));
    assert!(csv.ends_with('\n') && !csv.contains('\r'));
    let order: Vec<String> = csv.lines().skip(1).map(|line| line.split(',').take(2).collect::<Vec<_>>().join(" ")).collect();
    let mut periods = order.clone();
    periods.dedup();
    assert_eq!(
        periods,
        ["civil 2025-H1", "civil 2025-Q2", "civil 2025-M06", "civil 2025-06-30"],
        "legal Q2 ended on 14 June: no fact yet"
    );
    let levels: Vec<&str> =
        csv.lines().filter(|line| line.starts_with("civil,2025-H1")).map(|line| line.split(',').nth(4).unwrap()).collect();
    assert_eq!(levels.join(" "), "ward ward ward district district district province province province country country");
}
