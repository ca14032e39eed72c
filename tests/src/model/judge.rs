//! Accepts or refuses a message: the rules of contract section 1 in their order, each with its reason.

use super::calendar::parse_date;
use super::effective::{Fact, Measure, Version, tie};
use super::envelope::{Envelope, Message, open};
use super::number::{Micros, Number};
use super::reference::{Indicator, Reference, Source};
use super::statement::{NUMBERS, Statement};
use super::units::Unit;
use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta};
use std::collections::{BTreeMap, BTreeSet};

/// Every reason that depends on the message and the reference data alone, in the order in which they are checked.
pub const REASONS: [&str; 22] = [
    "too_large",
    "malformed_json",
    "not_cloudevent",
    "unsupported_type",
    "unknown_field",
    "missing_field",
    "bad_type",
    "unknown_source",
    "unknown_indicator",
    "wrong_measure",
    "negative",
    "out_of_range",
    "too_precise",
    "numerator_exceeds_denominator",
    "bad_dimension",
    "bad_date",
    "future_date",
    "unknown_ward",
    "ward_abolished",
    "indicator_not_allowed",
    "ward_not_allowed",
    "source_not_allowed",
];

/// The years in which a `date` may lie.
const YEARS: std::ops::RangeInclusive<i32> = 1900..=2299;

/// Local time is seven hours ahead of UTC, at every date.
const LOCAL: TimeDelta = TimeDelta::hours(7);

/// What became of the messages of a log.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// The accepted ones, repeats included.
    pub facts: Vec<Fact>,
    /// The refused ones: where each stands in the log, from 0, and why.
    pub refused: Vec<(usize, &'static str)>,
}

/// Judges every message of a log.
pub fn judge_all<'a>(reference: &Reference, messages: impl IntoIterator<Item = &'a Message>) -> Judged {
    let mut judged = Judged::default();
    for (at, message) in messages.into_iter().enumerate() {
        match reference.judge(message) {
            Ok(fact) => judged.facts.push(fact),
            Err(reason) => judged.refused.push((at, reason)),
        }
    }
    judged
}

impl Reference {
    /// Accepts a message as a fact, or refuses it.
    ///
    /// # Errors
    /// The first reason of [`REASONS`] that applies.
    pub fn judge(&self, message: &Message) -> Result<Fact, &'static str> {
        let envelope = open(message)?;
        let statement = Statement::read(&envelope.document, envelope.data)?;
        let source = self.sources.get(&envelope.source).ok_or("unknown_source")?;
        let indicator = self.indicators.get(&statement.indicator).ok_or("unknown_indicator")?;
        let numbers = exact_numbers(&statement, indicator)?;
        check_dimensions(&statement, indicator)?;
        let date = check_date(&statement, envelope.time_ms)?;
        let unit = self.ward_on(&statement.ward, date)?;
        self.check_rights(source, &statement, unit)?;
        if !source.topics.as_ref().is_none_or(|topics| topics.contains(&message.topic)) {
            return Err("source_not_allowed");
        }
        Ok(fact(&envelope, statement, &numbers, (unit, date)))
    }

    /// The ward that bore the code on that day.
    fn ward_on(&self, code: &str, date: NaiveDate) -> Result<&Unit, &'static str> {
        let mut wards = self.units.wards_coded(code).peekable();
        if wards.peek().is_none() {
            return Err("unknown_ward");
        }
        wards.find(|unit| unit.valid_on(date)).ok_or("ward_abolished")
    }

    /// What the registry lets the source state, and for which wards: those below one of its units by parents.
    fn check_rights(&self, source: &Source, statement: &Statement, unit: &Unit) -> Result<(), &'static str> {
        if !source.indicators.as_ref().is_none_or(|codes| codes.contains(&statement.indicator)) {
            return Err("indicator_not_allowed");
        }
        let chain = self.units.chain(&unit.id);
        if !source.wards.as_ref().is_none_or(|roots| chain.iter().any(|id| roots.contains(*id))) {
            return Err("ward_not_allowed");
        }
        Ok(())
    }
}

/// The rules `wrong_measure` to `numerator_exceeds_denominator`: each over all numbers before the next.
fn exact_numbers(statement: &Statement, indicator: &Indicator) -> Result<BTreeMap<&'static str, Micros>, &'static str> {
    let given: BTreeSet<&str> = statement.numbers.keys().copied().collect();
    let allowed: &[&[&str]] = match (statement.retracted, indicator.kind.is_ratio()) {
        (true, _) => &[&[]],
        (false, false) => &[&["value"]],
        (false, true) => &[&["numerator", "denominator"], &["percent"]],
    };
    if !allowed.iter().any(|names| names.iter().copied().collect::<BTreeSet<_>>() == given) {
        return Err("wrong_measure");
    }
    let any = |breaks: fn(&Number) -> bool| statement.numbers.values().any(breaks);
    let percent_exceeds = statement.numbers.get("percent").is_some_and(Number::exceeds_100) && !indicator.may_exceed;
    if any(Number::is_negative) {
        return Err("negative");
    }
    if any(Number::is_out_of_range) || percent_exceeds {
        return Err("out_of_range");
    }
    if any(Number::is_too_precise) {
        return Err("too_precise");
    }
    let exact: BTreeMap<&'static str, Micros> =
        statement.numbers.iter().filter_map(|(name, n)| Some((*name, n.micros()?))).collect();
    if exact.get("numerator") > exact.get("denominator") && !indicator.may_exceed {
        return Err("numerator_exceeds_denominator");
    }
    Ok(exact)
}

fn check_dimensions(statement: &Statement, indicator: &Indicator) -> Result<(), &'static str> {
    let declared = |(key, value): (&String, &String)| match indicator.dimensions.get(key) {
        Some(Some(values)) => values.contains(value),
        Some(None) => true,
        None => false,
    };
    if statement.dimensions.iter().all(declared) { Ok(()) } else { Err("bad_dimension") }
}

/// The day must exist, lie in [`YEARS`], and be at most the day after the local day on which the statement was made.
fn check_date(statement: &Statement, time_ms: i64) -> Result<NaiveDate, &'static str> {
    let date = parse_date(&statement.date).filter(|date| YEARS.contains(&date.year())).ok_or("bad_date")?;
    let made = DateTime::from_timestamp_millis(time_ms).map(|utc| (utc.naive_utc() + LOCAL).date());
    if made.is_none_or(|made| date > made + Days::new(1)) {
        return Err("future_date");
    }
    Ok(date)
}

fn fact(envelope: &Envelope, statement: Statement, numbers: &BTreeMap<&'static str, Micros>, cell: (&Unit, NaiveDate)) -> Fact {
    let measure = match NUMBERS.map(|name| numbers.get(name).copied()) {
        [Some(value), ..] => Measure::Value(value),
        [_, Some(numerator), Some(denominator), _] => Measure::Parts { numerator, denominator },
        [.., Some(percent)] => Measure::Percent(percent),
        _ => Measure::Retraction,
    };
    let tie = tie(&envelope.id, measure, &statement.qualifier, &statement.dimensions);
    let (unit, date) = cell;
    Fact {
        source: envelope.source.clone(),
        record: statement.record.unwrap_or_else(|| envelope.id.clone()),
        indicator: statement.indicator,
        unit: unit.id.clone(),
        date,
        version: Version { revision: statement.revision, time_ms: envelope.time_ms, tie },
        measure,
        qualifier: statement.qualifier,
        dimensions: statement.dimensions,
    }
}
