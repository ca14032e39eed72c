//! `chiso-rollup` as its users meet it: real processes on a real ClickHouse, and what its commands refuse.

mod analyst;
mod audits;
mod audits_at_work;
pub(crate) mod changes;
mod compaction;
mod exports;
mod figures;
mod findings;

mod gate;
mod gone;
mod kills;
mod orphans;
mod passes;
mod queries;
mod rebuilds;
mod refusals;
mod reports;
mod reports_due;
mod schedulers;
mod schema;
mod sheets;
mod states;
mod sweep;

use serde_json::{Value, json};

use crate::harness::{World, small_country};
pub(crate) use schedulers::Scheduler;

/// By this day every period of the facts below has begun.
pub(crate) const TODAY: &str = "2026-02-10";

/// A world of the small country.
pub(crate) fn small_world(name: &str) -> World {
    World::with_reference(name, 2, &small_country())
}

/// A small country with facts ingested and rolled up.
pub(crate) fn small_world_with(name: &str, facts: &[String]) -> World {
    let world = small_world(name);
    world.publish_events(facts);
    world.process(TODAY);
    world
}

/// An event in structured mode: stated by the one-stop system at 10:00 of its day, unless `more` says otherwise. `more` holds
/// data fields, and `source` and `time`.
pub(crate) fn fact(id: &str, indicator: &str, ward: &str, date: &str, more: Value) -> String {
    let mut data = json!({ "indicator": indicator, "ward": ward, "date": date });
    let mut event = json!({
        "specversion": "1.0", "id": id, "source": "urn:vn:one-stop", "type": "vn.chiso.indicator.updated.v1",
        "time": format!("{date}T10:00:00+07:00"),
    });
    for (name, value) in more.as_object().unwrap() {
        let place = if name == "source" || name == "time" { &mut event } else { &mut data };
        place[name] = value.clone();
    }
    event["data"] = data;
    event.to_string()
}

/// One line for each row of an export: some columns, separated by spaces, absent ones as `-`.
pub(crate) fn columns(csv: &str, names: &[&str]) -> Vec<String> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().unwrap().clone();
    let place = |name: &&str| header.iter().position(|column| column == *name).unwrap();
    let places: Vec<usize> = names.iter().map(place).collect();
    let shown = |record: csv::StringRecord| {
        let field = |place: &usize| if record[*place].is_empty() { "-".to_owned() } else { record[*place].to_owned() };
        places.iter().map(field).collect::<Vec<_>>().join(" ")
    };
    reader.records().map(|record| shown(record.unwrap())).collect()
}
