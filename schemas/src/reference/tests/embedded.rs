//! The real files: counts, well-known wards, paths of random ones, and the cost of reading them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

static REAL: LazyLock<Reference> = LazyLock::new(|| {
    Reference::parse(&Files::embedded()).unwrap_or_else(|faults| panic!("the embedded files are unsound:\n{faults}"))
});

fn count(level: Level, day: &str) -> usize {
    let day = date(day);
    REAL.units.iter().filter(|(_, unit)| unit.level == level && unit.is_valid(day)).count()
}

#[test]
fn units_are_as_many_as_their_readme_says() {
    assert_eq!(REAL.units.len(), 14_149);
    for (level, until, since) in [(Level::Province, 63, 34), (Level::District, 696, 0), (Level::Ward, 10_035, 3_321)] {
        assert_eq!((count(level, "2025-06-30"), count(level, "2025-07-01")), (until, since), "{level}");
    }
    let of = |relation: Relation| {
        let steps = REAL.units.wards().flat_map(|(ix, _)| REAL.units.successors(ix));
        steps.filter(|step| step.relation == relation).count()
    };
    assert_eq!(Relation::ALL.map(of), [9_594, 441, 531]);
    let renamed: usize = REAL.units.iter().map(|(ix, _)| REAL.units.renames(ix).len()).sum();
    assert_eq!(renamed, 25);
}

#[test]
fn codes_are_used_again() {
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, ward) in REAL.units.wards() {
        *codes.entry(&ward.code).or_default() += 1;
    }
    assert_eq!(codes.values().filter(|count| **count == 2).count(), 3_316);
    let named = |day: &str| REAL.units.ward_at("11413", date(day)).map(|ix| REAL.units.get(ix).name.as_str());
    assert_eq!(named("2025-06-30"), Some("Phường Đằng Lâm"));
    assert_eq!(named("2025-07-01"), Some("Phường Hải An"));
    assert_eq!(REAL.units.wards_with_code("11413").len(), 2);
    assert_eq!(REAL.units.wards_with_code("99999").len(), 0);
    assert_eq!(REAL.units.ward_at("11410", date("2025-07-01")), None);
}

fn predecessors(id: &str) -> BTreeSet<(&'static str, &'static str)> {
    let new = unit(&REAL, id);
    let steps = REAL.units.wards().flat_map(|(_, old)| {
        let ix = REAL.units.by_id(&old.id).unwrap();
        REAL.units.successors(ix).iter().map(move |step| (old, step))
    });
    steps.filter(|(_, step)| step.to == new).map(|(old, step)| (old.name.as_str(), step.relation.as_str())).collect()
}

#[test]
fn hai_an_and_thanh_vinh_come_from_their_old_wards() {
    assert_eq!(
        predecessors("W11413@2025-07-01"),
        BTreeSet::from([
            ("Phường Đằng Lâm", "whole"),
            ("Phường Đằng Hải", "whole"),
            ("Phường Thành Tô", "whole"),
            ("Phường Cát Bi", "whole"),
            ("Phường Tràng Cát", "whole"),
            ("Phường Nam Hải", "part-default"),
            ("Phường Đông Hải 2", "part"),
        ])
    );
    assert_eq!(
        predecessors("W16681@2025-07-01"),
        BTreeSet::from([
            ("Phường Hưng Bình", "whole"),
            ("Phường Đông Vĩnh", "whole"),
            ("Phường Lê Lợi", "whole"),
            ("Phường Cửa Nam", "whole"),
            ("Phường Quang Trung", "whole"),
            ("Xã Hưng Chính", "whole"),
        ])
    );
}

#[test]
fn every_old_ward_leads_to_one_of_today() {
    let paths = REAL.units.paths();
    assert_eq!(paths.len(), 2 * 10_035 + 3_321);
    let today = date("2026-10-10");
    let approximate = paths.iter().filter(|path| path.approximate && path.to_end == LAST_DAY).count();
    assert_eq!(approximate, 441);
    assert_eq!(paths.iter().filter(|path| path.from_end <= today && today <= path.to_end).count(), 10_035 + 3_321);
    let member = unit(&REAL, "W16672@1900-01-01");
    let later: Vec<_> = paths.iter().filter(|path| path.member == member).map(|path| path.later.as_slice()).collect();
    assert_eq!(later, [&[][..], &[unit(&REAL, "W16681@2025-07-01")]]);
}

#[test]
fn expected_wards_before_and_after_the_merger() {
    let expected = REAL.units.expected();
    let on = |id: &str, end: &str| {
        let (area, end) = (REAL.units.area(id).unwrap(), date(end));
        let stretch = expected.iter().find(|stretch| stretch.area == area && stretch.from_end <= end && end <= stretch.to_end);
        stretch.map_or(0, |stretch| stretch.wards)
    };
    // Counted in the file by hand: wards below each unit.
    for (id, before, after) in [
        ("VN", 10_035, 3_321),
        ("P31@1900-01-01", 167, 0),
        ("P31@2025-07-01", 0, 114),
        ("P30@1900-01-01", 207, 0),
        ("P40@1900-01-01", 412, 0),
        ("P40@2025-07-01", 0, 130),
        ("D306@1900-01-01", 8, 0),
        ("W11413@1900-01-01", 1, 0),
        ("W11413@2025-07-01", 0, 1),
    ] {
        assert_eq!((on(id, "2025-06-30"), on(id, "2025-07-01")), (before, after), "{id}");
    }
    assert_eq!((on("VN", "1900-01-01"), on("VN", "2299-12-31")), (10_035, 3_321));
}

#[test]
fn names_change_in_2026() {
    let bo_ha = Area::Unit(unit(&REAL, "W07294@2025-07-01"));
    let name = |area, day: &str| REAL.units.name_on(area, date(day));
    assert_eq!((name(bo_ha, "2026-09-19"), name(bo_ha, "2026-09-20")), ("Xã Bố Hạ", "Phường Bố Hạ"));
    let dong_nai = Area::Unit(unit(&REAL, "P75@2025-07-01"));
    assert_eq!((name(dong_nai, "2026-04-29"), name(dong_nai, "2026-04-30")), ("Tỉnh Đồng Nai", "Thành phố Đồng Nai"));
    assert_eq!(REAL.units.names().len(), 14_149 + 25 + 1);
}

#[test]
fn registries_hold_what_the_files_say() {
    assert_eq!(REAL.indicators.iter().count(), 85);
    assert_eq!(REAL.sources.iter().count(), 8);
    assert_eq!(REAL.targets.len(), 19);
    let vneid = REAL.sources.get("urn:vn:vneid").unwrap();
    assert!(vneid.may_state("vneid-registered-rate") && !vneid.may_state("bts-stations") && vneid.may_arrive_by("any"));
    let hung_binh = REAL.sources.get("urn:vn:report:hung-binh").unwrap();
    assert!(hung_binh.may_speak_for(unit(&REAL, "W16672@1900-01-01")));
    assert!(!hung_binh.may_speak_for(unit(&REAL, "W16681@2025-07-01")), "a subtree follows parents, never lineage");
    let is_of_wards = |target: &&Target| target.indicator == "vneid-registered-rate" && target.scope == Scope::Wards;
    let target = REAL.targets.iter().find(is_of_wards).unwrap();
    assert_eq!((target.comparison, target.number.to_string()), (Comparison::AtLeast, "80".to_owned()));
}

#[test]
fn files_come_from_a_directory_or_a_store_with_the_same_digest() {
    let embedded = Files::embedded();
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("reference");
    assert_eq!(Files::read(&directory).unwrap().digest(), embedded.digest());
    let store: BTreeMap<&str, String> = embedded.iter().map(|(path, text)| (path, text.to_owned())).collect();
    let stored = Files::from_parts(|path| store.get(path).cloned()).unwrap();
    assert_eq!((stored.digest(), &stored), (embedded.digest(), &embedded));
    let mut other = embedded.clone();
    other.set(File::Targets, format!("{}\n", embedded.text(File::Targets)));
    assert_ne!(other.digest(), embedded.digest());
    assert_eq!(embedded.digest().len(), 64);
}

#[test]
fn missing_files_are_named() {
    let lacking = Files::from_parts(|path| path.starts_with("admin-units/").then(String::new)).unwrap_err();
    assert_eq!(
        lacking.to_string(),
        "the stored reference data lack calendars.csv, indicators.csv, sources.csv, targets.csv; run chiso-rollup migrate to store them again"
    );
    let nowhere = Files::read(std::path::Path::new("/nonexistent")).unwrap_err().to_string();
    assert!(nowhere.starts_with("cannot read reference file /nonexistent/calendars.csv: "), "{nowhere}");
}

#[test]
fn reading_everything_is_quick() {
    let files = Files::embedded();
    let once = || {
        let start = Instant::now();
        Reference::parse(&files).unwrap();
        start.elapsed()
    };
    // About 20 ms; the quickest of some is taken, and much is allowed, for other work may share the machine.
    let quickest = (0..10).map(|_| once()).min().unwrap();
    assert!(quickest < Duration::from_millis(500), "{quickest:?}");
}

proptest! {
    #[test]
    fn paths_of_real_wards_agree_with_their_lineage(at in any::<prop::sample::Index>(), days in 0i64..1_000) {
        let wards: Vec<UnitIx> = REAL.units.wards().map(|(ix, _)| ix).collect();
        let member = wards[at.index(wards.len())];
        let end = date("2024-01-01") + chrono::Duration::days(days);
        let paths: Vec<Path> = REAL.units.paths();
        let found: Vec<UnitIx> = paths.iter().filter(|path| path.member == member && path.from_end <= end && end <= path.to_end).map(|path| path.unit).collect();
        let ward = REAL.units.get(member);
        let expected = if ward.is_valid(end) {
            Some(member)
        } else if ward.valid_to < end {
            REAL.units.followed(member).map(|step| step.to)
        } else {
            None
        };
        prop_assert_eq!(found, Vec::from_iter(expected));
    }
}
