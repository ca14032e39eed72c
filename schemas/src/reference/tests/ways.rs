//! Paths, areas, expected wards and names, on the small country and on random ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use chrono::Days;
use proptest::prelude::*;

use super::world::{files, reference};
use super::*;

type Stretch<'a> = (&'a str, &'a str, String, String, bool, Vec<&'a str>);

fn stretches<'a>(reference: &'a Reference, paths: &'a [Path]) -> Vec<Stretch<'a>> {
    let id = |ix: &UnitIx| reference.units.get(*ix).id.as_str();
    let stretch = |path: &'a Path| {
        let later = path.later.iter().map(id).collect();
        (id(&path.member), id(&path.unit), path.from_end.to_string(), path.to_end.to_string(), path.approximate, later)
    };
    paths.iter().map(stretch).collect()
}

#[test]
fn paths_follow_whole_and_default_and_never_part() {
    let reference = reference();
    let paths = reference.units.paths();
    let old = ("1900-01-01".to_owned(), "2025-06-30".to_owned());
    let three = ("2025-07-01".to_owned(), "2026-12-31".to_owned());
    let (w1, w2, w3) = ("W00001@1900-01-01", "W00002@1900-01-01", "W00003@1900-01-01");
    let (one, ba) = ("W00001@2025-07-01", "W00003@2025-07-01");
    let (since, since_2027, end) = ("2025-07-01".to_owned(), "2027-01-01".to_owned(), "2299-12-31".to_owned());
    assert_eq!(
        stretches(&reference, &paths),
        [
            (w1, w1, old.0.clone(), old.1.clone(), false, vec![]),
            (w1, one, since.clone(), end.clone(), false, vec![one]),
            (w2, w2, old.0.clone(), old.1.clone(), false, vec![]),
            (w2, ba, three.0.clone(), three.1.clone(), true, vec![ba]),
            (w2, one, since_2027.clone(), end.clone(), true, vec![ba, one]),
            (w3, w3, old.0, old.1, false, vec![]),
            (w3, ba, three.0.clone(), three.1.clone(), false, vec![ba]),
            (w3, one, since_2027.clone(), end.clone(), false, vec![ba, one]),
            (one, one, since, end.clone(), false, vec![]),
            (ba, ba, three.0, three.1, false, vec![]),
            (ba, one, since_2027, end, false, vec![one]),
        ]
    );
}

#[test]
fn areas_of_wards_are_those_of_their_time() {
    let reference = reference();
    let units = &reference.units;
    let areas =
        |id: &str| -> Vec<&str> { units.areas(units.area(id).unwrap()).into_iter().map(|area| units.area_id(area)).collect() };
    assert_eq!(areas("W00003@1900-01-01"), ["W00003@1900-01-01", "D002@1900-01-01", "P02@1900-01-01", "VN"]);
    assert_eq!(areas("W00003@2025-07-01"), ["W00003@2025-07-01", "P01@2025-07-01", "VN"]);
    assert_eq!(areas("D001@1900-01-01"), ["D001@1900-01-01", "P01@1900-01-01", "VN"]);
    assert_eq!(areas("VN"), ["VN"]);
}

#[test]
fn expected_wards_change_with_the_units() {
    let reference = reference();
    let expected = reference.units.expected();
    let of = |id: &str| -> Vec<(String, String, u32)> {
        let area = reference.units.area(id).unwrap();
        let of_area = expected.iter().filter(|stretch| stretch.area == area);
        of_area.map(|stretch| (stretch.from_end.to_string(), stretch.to_end.to_string(), stretch.wards)).collect()
    };
    let stretch = |from: &str, to: &str, wards| (from.to_owned(), to.to_owned(), wards);
    assert_eq!(
        of("VN"),
        [stretch("1900-01-01", "2025-06-30", 3), stretch("2025-07-01", "2026-12-31", 2), stretch("2027-01-01", "2299-12-31", 1),]
    );
    assert_eq!(of("P01@1900-01-01"), [stretch("1900-01-01", "2025-06-30", 2)]);
    assert_eq!(of("P01@2025-07-01"), [stretch("2025-07-01", "2026-12-31", 2), stretch("2027-01-01", "2299-12-31", 1)]);
    assert_eq!(of("D002@1900-01-01"), [stretch("1900-01-01", "2025-06-30", 1)]);
    assert_eq!(of("W00001@2025-07-01"), [stretch("2025-07-01", "2299-12-31", 1)]);
}

#[test]
fn names_are_those_of_the_day() {
    let reference = reference();
    let area = Area::Unit(unit(&reference, "W00001@2025-07-01"));
    let names: Vec<_> = reference.units.names().into_iter().filter(|name| name.area == area).collect();
    let (changed, again) = (date("2025-09-01"), date("2026-04-30"));
    assert_eq!(
        names,
        [
            Name { area, from: date("2025-07-01"), to: date("2025-08-31"), name: "Xã Một", kind: "xã" },
            Name { area, from: changed, to: date("2026-04-29"), name: "Xã Nhất", kind: "xã" },
            Name { area, from: again, to: LAST_DAY, name: "Phường Một", kind: "phường" },
        ]
    );
    for name in names {
        assert_eq!((reference.units.name_on(area, name.from), reference.units.name_on(area, name.to)), (name.name, name.name));
    }
    assert_eq!(reference.units.names().last().map(|name| (name.area, name.name)), Some((Area::Country, "Việt Nam")));
}

/// Contract section 5 read day by day: where a fact of `member` counts on `end`.
fn walk(units: &Units, member: UnitIx, end: NaiveDate) -> Option<(UnitIx, bool)> {
    let (mut at, mut approximate) = (member, false);
    for day in units.get(member).valid_from.iter_days().take_while(|day| *day <= end) {
        while !units.get(at).is_valid(day) {
            let step = units.successors(at).iter().find(|step| step.relation != Relation::Part && step.effective_from <= day);
            let Some(step) = step else { break };
            approximate |= step.relation == Relation::PartDefault;
            at = step.to;
        }
    }
    units.get(at).is_valid(end).then_some((at, approximate))
}

/// A country of some wards over four intervals; at each border a ward continues, is renewed, or ends and is divided.
#[derive(Clone, Debug)]
struct Fate {
    continues: bool,
    renewed: bool,
    divided: Vec<usize>,
}

const BORDERS: [&str; 5] = ["1900-01-01", "2020-03-01", "2025-07-01", "2026-09-20", "2030-01-01"];

fn fates() -> impl Strategy<Value = Vec<Vec<Fate>>> {
    let fate = (any::<bool>(), any::<bool>(), prop::collection::vec(0usize..6, 1..4))
        .prop_map(|(continues, renewed, divided)| Fate { continues, renewed, divided });
    prop::collection::vec(prop::collection::vec(fate, 6), 3)
}

/// The files of that country. Ward 0 is renewed at every border, so that there is always a successor.
fn country(fates: &[Vec<Fate>]) -> Files {
    let day_before = |day: &str| date(day).checked_sub_days(Days::new(1)).unwrap().to_string();
    let mut units = "unit_id,code,level,name,type,parent_unit_id,valid_from,valid_to\nP01@1900-01-01,01,province,Tỉnh,tỉnh,,1900-01-01,9999-12-31\n".to_owned();
    let mut lineage = "old_unit_id,new_unit_id,relation,effective_from\n".to_owned();
    let id = |ward: usize, from: &str| format!("W{ward:05}@{from}");
    let mut close = |ward: usize, from: &str, to: &str| {
        let _ = writeln!(units, "{},{ward:05},ward,Xã {ward},xã,P01@1900-01-01,{from},{to}", id(ward, from));
    };
    let mut open: BTreeMap<usize, &str> = (0..6).map(|ward| (ward, BORDERS[0])).collect();
    for (border, fates) in BORDERS[1..].iter().zip(fates) {
        let ended: Vec<(usize, &str)> =
            open.iter().filter(|(ward, _)| **ward == 0 || !fates[**ward].continues).map(|(ward, from)| (*ward, *from)).collect();
        for (ward, from) in &ended {
            close(*ward, from, &day_before(border));
            open.remove(ward);
        }
        open.extend(
            fates
                .iter()
                .enumerate()
                .filter(|(ward, fate)| *ward == 0 || fate.renewed)
                .filter(|(ward, _)| ended.iter().any(|(old, _)| old == ward))
                .map(|(ward, _)| (ward, *border)),
        );
        for (ward, from) in ended {
            let valid: Vec<(usize, &str)> = open.iter().map(|(ward, from)| (*ward, *from)).collect();
            let to: BTreeSet<usize> = fates[ward].divided.iter().map(|n| n % valid.len()).collect();
            for (n, to) in to.iter().enumerate() {
                let relation = if fates[ward].divided.len() > 1 && valid.len() > 1 && n == 0 { "part-default" } else { "part" };
                let relation = if valid.len() == 1
                    || fates[ward].divided.iter().map(|n| n % valid.len()).collect::<BTreeSet<_>>().len() == 1
                {
                    "whole"
                } else {
                    relation
                };
                let _ = writeln!(lineage, "{},{},{relation},{border}", id(ward, from), id(valid[*to].0, valid[*to].1));
            }
        }
    }
    for (ward, from) in open {
        close(ward, from, "9999-12-31");
    }
    let mut country = files();
    country.set(File::Units, units);
    country.set(File::Lineage, lineage);
    for file in [File::Renames, File::Sources, File::Targets] {
        let header = country.text(file).lines().next().map(|line| format!("{line}\n")).unwrap();
        country.set(file, header);
    }
    country
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn paths_of_random_countries_agree_with_a_walk_day_by_day(fates in fates(), days in prop::collection::vec(0u64..2_000, 12)) {
        let reference = Reference::parse(&country(&fates)).unwrap_or_else(|faults| panic!("{faults}"));
        let (units, paths) = (&reference.units, reference.units.paths());
        for (member, ward) in units.wards() {
            let mut of_member: Vec<&Path> = paths.iter().filter(|path| path.member == member).collect();
            of_member.sort_by_key(|path| path.from_end);
            prop_assert!(of_member.windows(2).all(|pair| pair[0].to_end < pair[1].from_end), "stretches of {} overlap", ward.id);
            for path in &of_member {
                prop_assert!(path.from_end <= path.to_end && units.get(path.unit).is_valid(path.from_end) && units.get(path.unit).is_valid(path.to_end));
                prop_assert_eq!(path.later.last().copied(), (path.unit != member).then_some(path.unit));
            }
            let borders = BORDERS.iter().flat_map(|border| [date(border), date(border).pred_opt().unwrap()]);
            let others = days.iter().map(|days| date("2024-06-01") + Days::new(*days));
            for end in borders.chain(others).filter(|end| *end >= ward.valid_from) {
                let found: Vec<_> = of_member.iter().filter(|path| path.from_end <= end && end <= path.to_end).map(|path| (path.unit, path.approximate)).collect();
                prop_assert_eq!(found, Vec::from_iter(walk(units, member, end)), "{} on {}", ward.id, end);
            }
        }
    }

    #[test]
    fn expected_wards_of_random_countries_are_those_valid(fates in fates(), days in prop::collection::vec(0u64..3_000, 12)) {
        let reference = Reference::parse(&country(&fates)).unwrap();
        let (units, expected) = (&reference.units, reference.units.expected());
        for end in days.iter().map(|days| date("2024-06-01") + Days::new(*days)) {
            let mut counts: BTreeMap<Area, u32> = BTreeMap::new();
            for (ward, _) in units.wards().filter(|(_, ward)| ward.is_valid(end)) {
                for area in units.areas(Area::Unit(ward)) {
                    *counts.entry(area).or_default() += 1;
                }
            }
            let found: Vec<_> = expected.iter().filter(|stretch| stretch.from_end <= end && end <= stretch.to_end).map(|stretch| (stretch.area, stretch.wards)).collect();
            prop_assert_eq!(found, Vec::from_iter(counts));
        }
    }
}
