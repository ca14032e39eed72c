//! What is stored, as text with one line for each fact, refusal or row, and the same text made from the model.

use chiso_tests::model::{Calendar, Fact, Measure, Message, Micros, Row};

use super::answers::Answers;
use crate::harness::{Place, World};

const COLUMNS: &str = "toString(calendar), toString(period), toString(period_start), toString(period_end), toString(level), area_code, area_id, \
     area_name, indicator, kind, ifNull(toString(value), ''), ifNull(toString(numerator), ''), ifNull(toString(denominator), ''), \
     ifNull(toString(percent), ''), ifNull(toString(stated_percent), ''), ifNull(toString(as_of), ''), carried, approximate, qualified, \
     records, sources, wards_reporting, wards_percent_only, wards_expected, ifNull(toString(target), ''), toString(status)";

/// The view `rollups` without its last column, in the order of the contract.
pub(crate) fn kept_rows(world: &World, calendar: Calendar) -> String {
    world.engines.sql(
        &world.database,
        &format!(
            "SELECT {COLUMNS} FROM rollups WHERE calendar = '{calendar}'
             ORDER BY period_start, period_end, period, level, area_code, indicator FORMAT TSVRaw"
        ),
    )
}

/// A row of the model as [`kept_rows`] shows it.
pub(crate) fn kept_line(row: &Row) -> String {
    let mut cells = row.cells();
    // The first day that a Date32 can hold; an export is not bound to it.
    cells[2] = cells[2].clone().max("1900-01-01".to_owned());
    cells.join("\t") + "\n"
}

/// The view `rejected_events`, in the order of partitions and offsets.
pub(super) fn refusals(world: &World) -> String {
    let sql = "SELECT partition, offset, reason, if(detail = '', 'without detail', ''), topic, ifNull(hex(key), 'none'),
                      arrayStringConcat(arrayMap(header -> concat(hex(header.1), '=', ifNull(hex(header.2), 'none')), headers), ' '),
                      ifNull(hex(raw), 'none')
               FROM rejected_events ORDER BY partition, offset FORMAT TSVRaw";
    let header = |header: &str| header.split('=').map(text_of_hex).collect::<Vec<_>>().join("=");
    let line = |line: &str| {
        let [at @ .., key, headers, raw] = &line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let headers: Vec<String> = headers.split_terminator(' ').map(header).collect();
        format!("{}\t{}\t{}\t{}\n", at.join("\t"), text_of_hex(key), headers.join(" "), text_of_hex(raw))
    };
    world.engines.sql(&world.database, sql).lines().map(line).collect()
}

pub(super) fn expected_refusals<'a>(topic: &str, refused: impl Iterator<Item = (Place, &'a str, &'a Message)>) -> String {
    let line = |((partition, offset), reason, message): (Place, &str, &Message)| {
        let header = |(name, value): &(String, Vec<u8>)| format!("{}={}", name.as_bytes().escape_ascii(), value.escape_ascii());
        let headers: Vec<String> = message.headers.iter().map(header).collect();
        let bytes = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or("none".to_owned(), |bytes| bytes.escape_ascii().to_string());
        let (key, raw) = (bytes(&message.key), bytes(&message.value));
        format!("{partition}\t{offset}\t{reason}\t\t{topic}\t{key}\t{}\t{raw}\n", headers.join(" "))
    };
    refused.map(line).collect()
}

/// What hexadecimal digits stand for, so that a difference can be read.
fn text_of_hex(hex: &str) -> String {
    if hex == "none" {
        return hex.to_owned();
    }
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    hex.as_bytes().chunks(2).map(byte).collect::<Vec<u8>>().escape_ascii().to_string()
}

/// The view `events`.
pub(super) fn effective_facts(world: &World) -> String {
    let micros = |name: &str| format!("ifNull(toString(toInt128({name} * 1000000)), '')");
    let numbers = ["value", "numerator", "denominator", "percent"].map(micros).join(", ");
    sorted(&world.engines.sql(
        &world.database,
        &format!(
            "SELECT date, indicator, ward, source, hex(record), revision, toUnixTimestamp64Milli(time), {numbers}, qualifier,
                    arrayStringConcat(arrayMap((key, value) -> concat(hex(key), '=', hex(value)), mapKeys(dimensions), mapValues(dimensions)), ' ')
             FROM events FORMAT TSVRaw"
        ),
    ))
}

pub(super) fn expected_facts(answers: &Answers) -> String {
    let line = |fact: &Fact| {
        let ward = &answers.reference.units.get(&fact.unit).unwrap().code;
        let dimensions: Vec<String> =
            fact.dimensions.iter().map(|(key, value)| format!("{}={}", hex(key.as_bytes()), hex(value.as_bytes()))).collect();
        let [value, numerator, denominator, percent] =
            numbers(fact.measure).map(|n| n.map(|n| n.to_string()).unwrap_or_default());
        format!(
            "{}\t{}\t{ward}\t{}\t{}\t{}\t{}\t{value}\t{numerator}\t{denominator}\t{percent}\t{}\t{}\n",
            fact.date,
            fact.indicator,
            fact.source,
            hex(fact.record.as_bytes()),
            fact.version.revision,
            fact.version.time_ms,
            fact.qualifier,
            dimensions.join(" ")
        )
    };
    sorted(&answers.facts.iter().map(line).collect::<String>())
}

fn numbers(measure: Measure) -> [Option<Micros>; 4] {
    match measure {
        Measure::Value(value) => [Some(value), None, None, None],
        Measure::Parts { numerator, denominator } => [None, Some(numerator), Some(denominator), None],
        Measure::Percent(percent) => [None, None, None, Some(percent)],
        Measure::Retraction => [None; 4],
    }
}

fn sorted(lines: &str) -> String {
    let mut lines: Vec<&str> = lines.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
