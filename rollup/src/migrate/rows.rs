//! The reference data as rows of the tables of `07_reference.sql`, without the generation.

use std::collections::BTreeMap;

use chiso_schemas::reference::{Allowed, Area, Indicator, LAST_DAY, Name, Path, Reference, Source, Target, Unit, Units};
use serde_json::{Map, Value, json};

/// Every table with its rows.
pub(crate) fn tables(reference: &Reference) -> Vec<(&'static str, Vec<Value>)> {
    let units = &reference.units;
    vec![
        ("reference_indicators", indicators(reference)),
        ("reference_units", unit_rows(units)),
        ("reference_lineage", lineage(units)),
        ("reference_sources", sources(reference)),
        ("reference_targets", targets(reference)),
        ("reference_paths", paths(units)),
        ("reference_areas", areas(units)),
        ("reference_chains", chains(units)),
        ("reference_reach", reach(units)),
    ]
}

fn indicators(reference: &Reference) -> Vec<Value> {
    let row = |indicator: &Indicator| {
        json!({
            "code": indicator.code, "tier": indicator.tier.as_str(), "name_vi": indicator.name_vi, "name_en": indicator.name_en,
            "pillar": indicator.pillar, "kind": indicator.kind.as_str(), "numerator_meaning": indicator.numerator_meaning,
            "denominator_meaning": indicator.denominator_meaning, "unit": indicator.unit, "direction": indicator.direction.as_str(),
            "carry_days": indicator.carry_days, "may_exceed": indicator.may_exceed, "dimensions": dimensions(&indicator.dimensions),
        })
    };
    reference.indicators.iter().map(row).collect()
}

fn dimensions(dimensions: &BTreeMap<String, Allowed>) -> String {
    let values = |allowed: &Allowed| match allowed {
        Allowed::Any => json!("*"),
        Allowed::OneOf(values) => json!(values),
    };
    let object: Map<String, Value> = dimensions.iter().map(|(key, allowed)| (key.clone(), values(allowed))).collect();
    Value::Object(object).to_string()
}

fn unit_rows(units: &Units) -> Vec<Value> {
    let row = |unit: &Unit| {
        json!({
            "unit_id": unit.id, "code": unit.code, "level": unit.level.as_str(), "name": unit.name, "type": unit.kind,
            "parent_unit_id": unit.parent.map_or("", |parent| units.get(parent).id.as_str()),
            "valid_from": unit.valid_from, "valid_to": unit.valid_to.min(LAST_DAY),
        })
    };
    units.iter().map(|(_, unit)| row(unit)).collect()
}

fn lineage(units: &Units) -> Vec<Value> {
    let rows = units.iter().flat_map(|(ix, old)| {
        units.successors(ix).iter().map(|step| {
            json!({
                "old_unit_id": old.id, "new_unit_id": units.get(step.to).id, "relation": step.relation.as_str(),
                "effective_from": step.effective_from,
            })
        })
    });
    rows.collect()
}

fn sources(reference: &Reference) -> Vec<Value> {
    let row = |source: &Source| {
        json!({
            "source": source.source, "name": source.name, "priority": source.priority, "indicators": source.indicators,
            "wards": source.wards, "topics": source.topics,
        })
    };
    reference.sources.iter().map(row).collect()
}

fn targets(reference: &Reference) -> Vec<Value> {
    let row = |target: &Target| {
        json!({
            "indicator": target.indicator, "calendar": target.calendar.as_str(), "period": target.period,
            "area_id": reference.units.area_id(target.area), "scope": target.scope.as_str(),
            "comparison": target.comparison.as_str(), "number": target.number.to_string(),
        })
    };
    reference.targets.iter().map(row).collect()
}

fn paths(units: &Units) -> Vec<Value> {
    let id = |ix| units.get(ix).id.as_str();
    let row = |path: Path| {
        json!({
            "member": id(path.member), "unit": id(path.unit), "from_end": path.from_end, "to_end": path.to_end,
            "approximate": path.approximate, "later": path.later.iter().map(|ix| id(*ix)).collect::<Vec<_>>(),
        })
    };
    units.paths().into_iter().map(row).collect()
}

/// Name and number of wards by period end: the stretches in which neither changes.
fn areas(units: &Units) -> Vec<Value> {
    let mut names: BTreeMap<Area, Vec<Name<'_>>> = BTreeMap::new();
    for name in units.names() {
        names.entry(name.area).or_default().push(name);
    }
    let mut rows = Vec::new();
    for expected in units.expected() {
        let of_area = names.get(&expected.area).into_iter().flatten();
        for name in of_area.filter(|name| name.from <= expected.to_end && expected.from_end <= name.to) {
            rows.push(json!({
                "area_id": units.area_id(expected.area), "code": units.area_code(expected.area),
                "level": units.area_level(expected.area).as_str(), "name": name.name, "expected": expected.wards,
                "from_end": expected.from_end.max(name.from), "to_end": expected.to_end.min(name.to),
            }));
        }
    }
    rows
}

fn chains(units: &Units) -> Vec<Value> {
    let row = |ward| {
        let areas = units.areas(Area::Unit(ward));
        json!({ "ward": units.get(ward).id, "areas": areas.iter().map(|area| units.area_id(*area)).collect::<Vec<_>>() })
    };
    units.wards().map(|(ward, _)| row(ward)).collect()
}

fn reach(units: &Units) -> Vec<Value> {
    let id = |ix| units.get(ix).id.as_str();
    let rows = |(unit, members): (_, Vec<_>)| {
        members.into_iter().map(move |member| json!({ "unit_id": id(unit), "member": id(member) })).collect::<Vec<_>>()
    };
    units.reach().into_iter().flat_map(rows).collect()
}
