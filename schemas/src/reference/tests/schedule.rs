//! When reports fall due: rules by period and level, days of grace, days off.

use chrono::Days;
use proptest::prelude::*;

use super::world::{changed, reference};
use super::*;

fn due(reference: &Reference, calendar: CalendarId, period: &str, level: Level) -> Option<String> {
    let period = reference.calendar(calendar).unwrap().period(period).unwrap();
    reference.schedule.due(&period, level).map(|moment| moment.format("%Y-%m-%dT%H:%MZ").to_string())
}

#[test]
fn the_most_exact_rule_that_is_in_force_says_when_a_report_is_due() {
    let reference = reference();
    for (period, level, expected) in [
        // Wednesday the 14th, two working days, 16:00 local.
        ("2026-M01", Level::Ward, Some("2026-01-16T09:00Z")),
        ("2025-M12", Level::Ward, None),
        // Saturday; the 16th and 17th are off, Saturday the 21st is worked but not reached.
        ("2026-M02", Level::Ward, Some("2026-02-15T02:30Z")),
        ("2026-M02", Level::Country, Some("2026-02-19T09:00Z")),
        ("2026-M03", Level::Province, Some("2026-03-17T09:00Z")),
        ("2026-M06", Level::Ward, Some("2026-06-17T10:00Z")),
        ("2026-M10", Level::Ward, Some("2026-10-19T10:00Z")),
        // An id goes before a type. Midnight local is the day before in UTC.
        ("2026-M10", Level::Country, Some("2026-11-12T17:00Z")),
        ("2026-Q1", Level::Ward, None),
        ("2026-01-14", Level::Ward, None),
    ] {
        assert_eq!(due(&reference, CalendarId::Legal, period, level).as_deref(), expected, "{period} {level}");
    }
    assert_eq!(due(&reference, CalendarId::Civil, "2026-M03", Level::Ward), None);
    assert_eq!(reference.schedule.first_end(CalendarId::Legal), Some(date("2026-01-14")));
    assert_eq!(reference.schedule.first_end(CalendarId::Civil), None);
}

#[test]
fn shipped_rules_know_tet_and_close_no_history() {
    let reference = Reference::parse(&Files::embedded()).unwrap();
    let due = |period| due(&reference, CalendarId::Legal, period, Level::Ward);
    assert_eq!(due("2026-M11"), None);
    assert_eq!(due("2026-Y").as_deref(), Some("2026-12-16T09:00Z"));
    assert_eq!(due("2027-M02").as_deref(), Some("2027-02-16T09:00Z"));
    // 14 April 2027 is a Wednesday, Friday the 16th the day of the Hung Kings.
    assert_eq!(due("2027-M04").as_deref(), Some("2027-04-19T09:00Z"));
}

#[test]
fn holidays_and_schedule_may_be_absent() {
    let some =
        |path: &str| File::ALL.into_iter().find(|file| file.path() == path).map(|file| world::files().text(file).to_owned());
    let lacking =
        Files::from_parts(|path| some(path).filter(|_| !["holidays.csv", "report-schedule.csv"].contains(&path))).unwrap();
    let reference = Reference::parse(&lacking).unwrap();
    assert_eq!(reference.schedule, ReportSchedule::default());
}

#[test]
fn every_fault_of_both_files_is_listed() {
    let files = changed(&[
        (File::Holidays, "01-01,off", "1-1,off"),
        (File::Holidays, "2026-02-16,off,Tết,law", "2026-02-30,free,,law"),
        (File::Holidays, "2026-02-17,off,Tết,law", "09-02,working,Tết,"),
        (File::Schedule, "legal,M,*,2,working,16:00,2026-01-14,Báo cáo tháng", "lunar,W,ward;village,0,days,4 pm,2026,"),
        (File::Schedule, "legal,M02,ward;province,1,", "legal,2026-01-01..2026-01-31,ward,367,"),
        (File::Schedule, "legal,M,*,3,working", "legal,2026-M10,*,3,working"),
        (File::Schedule, "00:00,2026-01-14", "00:00,2026-06-14"),
    ]);
    let found = Reference::parse(&files).unwrap_err().to_string();
    let expected = [
        "holidays.csv:2: day \"1-1\": must be a day such as 2026-02-17, or the month and day of every year such as 09-02",
        "holidays.csv:4: kind \"free\": must be one of off, working",
        "holidays.csv:4: name_vi: is empty; fill it in",
        "holidays.csv:4: day \"2026-02-30\": must be a day such as 2026-02-17, or the month and day of every year such as 09-02",
        "holidays.csv:5: day 09-02: stands in line 3 already; remove one",
        "holidays.csv:5: basis: is empty; fill it in",
        "holidays.csv:5: day 09-02: people work on a weekend in one year only; write 2000-09-02",
        "report-schedule.csv:2: calendar \"lunar\": must be one of civil, legal",
        "report-schedule.csv:2: period \"W\": must be an id such as 2025-H2, 2025-10-09 or 2025-07-01..2025-10-09, a type M01..M12, M, Q1..Q4, Q, H1, H2, 9M or Y, or *",
        "report-schedule.csv:2: levels village: must be ward, district, province or country, or * alone",
        "report-schedule.csv:2: grace \"0\": must be a number of days from 1 to 366",
        "report-schedule.csv:2: grace_days \"days\": must be one of calendar, working",
        "report-schedule.csv:2: time \"4 pm\": must be a local time such as 16:00",
        "report-schedule.csv:2: from \"2026\": must be a day such as 2026-12-14, the first period end that follows this",
        "report-schedule.csv:2: name_vi: is empty; fill it in",
        "report-schedule.csv:3: period \"2026-01-01..2026-01-31\": no report is closed of a day or range; write a month or a longer period",
        "report-schedule.csv:3: grace \"367\": must be a number of days from 1 to 366",
        "report-schedule.csv:5: schedule of legal 2026-M10, country, from 2026-06-14: stands in line 4 already; remove one",
    ];
    assert_eq!(found.lines().collect::<Vec<_>>(), expected);
}

proptest! {
    #[test]
    fn the_nth_working_day_has_n_working_days_up_to_it(days in 0u64..4_000, n in 1u32..40) {
        let holidays = Files::embedded();
        let mut faults = Faults::default();
        let holidays = holidays::read(holidays.text(File::Holidays), &mut faults);
        let start = date("2024-01-01") + Days::new(days);
        let found = holidays.working_day_after(start, n).unwrap();
        prop_assert!(holidays.is_working(found) && found > start);
        let counted = start.iter_days().skip(1).take_while(|day| *day <= found).filter(|day| holidays.is_working(*day)).count();
        prop_assert_eq!(counted, n as usize);
        // One more day of grace is never an earlier day, and no stretch off is longer than the days of Tet with their weekends.
        let next = holidays.working_day_after(start, n + 1).unwrap();
        prop_assert!(next > found && (next - found).num_days() <= 12);
    }
}
