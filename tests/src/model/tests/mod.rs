//! Hand-computed cases: what the contract says, worked out on paper.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod areas;
mod binary;
mod kinds;
mod mergers;
mod order;
mod records;
mod refusals;
mod targets;

use super::*;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

const TOPIC: &str = "chiso.indicator-events.v1";
const TYPE: &str = "vn.chiso.indicator.updated.v1";

fn folder(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// Việt Nam as it is.
static VIET_NAM: LazyLock<Reference> = LazyLock::new(|| Reference::load(&folder("../schemas/reference")).unwrap());

/// A made-up country with three reforms; see `tests/golden/README.md`.
static SMALL: LazyLock<Reference> = LazyLock::new(|| Reference::load(&folder("golden/small-country/reference")).unwrap());

/// An event as a JSON value: stated by the one-stop system at 10:00 of its day, unless `more` says otherwise; `more` holds
/// data fields, and `source` and `time`.
fn event(indicator: &str, ward: &str, day: &str, id: &str, more: Value) -> Value {
    let mut data = json!({"indicator": indicator, "ward": ward, "date": day});
    let mut event = json!({"specversion": "1.0", "id": id, "source": "urn:vn:one-stop", "type": TYPE, "time": format!("{day}T10:00:00+07:00")});
    for (name, value) in more.as_object().unwrap() {
        let place = if ["source", "time"].contains(&name.as_str()) { &mut event } else { &mut data };
        place[name] = value.clone();
    }
    event["data"] = data;
    event
}

fn message(event: &Value) -> Message {
    Message::structured(TOPIC, event.to_string().as_bytes())
}

fn facts(reference: &Reference, events: &[Value]) -> Vec<Fact> {
    let messages: Vec<Message> = events.iter().map(message).collect();
    let judged = judge_all(reference, &messages);
    assert_eq!(judged.refused, [], "all events of this case are sound");
    effective(&judged.facts)
}

/// The row of an area, by column name; empty when there is none.
struct Found(Option<Row>);

impl Found {
    /// The columns, which are separated by spaces, separated by spaces; absent numbers as `-`, an absent row as `none`.
    fn show(&self, columns: &str) -> String {
        let Some(row) = &self.0 else { return "none".to_owned() };
        let cells = row.cells();
        let cell = |name: &str| &cells[COLUMNS.iter().position(|column| *column == name).unwrap()];
        columns.split(' ').map(|name| if cell(name).is_empty() { "-" } else { cell(name) }).collect::<Vec<_>>().join(" ")
    }
}

/// The row of (calendar, period, area, indicator) that these events give.
fn row(reference: &Reference, events: &[Value], calendar: Calendar, period: &str, area: &str) -> Found {
    let indicator = events[0]["data"]["indicator"].as_str().unwrap();
    let rows = rows(reference, &facts(reference, events), calendar, period);
    Found(rows.into_iter().find(|row| (row.area_id.as_str(), row.indicator.as_str()) == (area, indicator)))
}

fn reason(reference: &Reference, event: &Value) -> Option<&'static str> {
    reference.judge(&message(event)).err()
}
