//! The rules that need the reference data: who may state which number of which ward on which day.

use super::attributes::Origin;
use super::data::{Data, Dimensions, Given};
use super::refusal::{Breach, Reason, shortened, shown};
use super::{Event, Numbers, Positions, time, version};
use crate::number::Amount;
use crate::reference::{Indicator, Kind, Reference, Source, Unit, UnitIx};
use chrono::{Datelike, NaiveDate};
use std::borrow::Cow;

/// 100, the greatest percent unless the catalogue says `may_exceed`.
const HUNDRED: Amount = Amount::from_micros(100_000_000);

/// Applies every rule after `bad_type`, in the order of contract section 1.
pub(super) fn accept<'a>(origin: Origin<'a>, data: Data<'a>, topic: &str, reference: &'a Reference) -> Result<Event<'a>, Breach> {
    let (source_at, source) = reference.sources.find(&origin.source).ok_or_else(|| {
        let detail = format!("the source {} is not in the source registry", shown(&origin.source));
        Breach::new(Reason::UnknownSource, detail)
    })?;
    let (indicator_at, indicator) = reference.indicators.find(&data.indicator).ok_or_else(|| {
        let detail = format!("data.indicator {} is not in the indicator catalogue", shown(&data.indicator));
        Breach::new(Reason::UnknownIndicator, detail)
    })?;
    let numbers = numbers(&data, indicator)?;
    let dimensions = dimensions(data.dimensions, indicator)?;
    let date = date(&data.date, origin.time_ms)?;
    let (ward, ix) = ward(&data.ward, date, reference)?;
    permitted(source, indicator, (ward, ix), topic, reference)?;

    let mut event = Event {
        record: data.record.unwrap_or_else(|| origin.id.clone()),
        id: origin.id,
        source: &source.source,
        time_ms: origin.time_ms,
        indicator: &indicator.code,
        ward,
        date,
        numbers,
        revision: data.revision,
        retracted: data.retracted,
        qualifier: data.qualifier,
        dimensions,
        version: 0,
        positions: Positions { source: source_at, indicator: indicator_at, ward: ix },
    };
    event.version = version::version(&event);
    Ok(event)
}

/// `wrong_measure`, `negative`, `out_of_range`, `too_precise`, `numerator_exceeds_denominator`.
fn numbers(data: &Data<'_>, indicator: &Indicator) -> Result<Numbers, Breach> {
    let given = || data.numbers.iter().flatten();
    let breach = |reason, number: &Given<'_>, why: &str| {
        Breach::new(reason, format!("data.{} {} {why}", number.field, shortened(number.text)))
    };
    measure(data, indicator)?;
    for number in given() {
        if number.reading.negative {
            return Err(breach(Reason::Negative, number, "is below zero"));
        }
    }
    for number in given() {
        if number.reading.too_great {
            return Err(breach(Reason::OutOfRange, number, "is not below 10^18"));
        }
        if number.field == "percent" && number.reading.exceeds(HUNDRED) && !indicator.may_exceed {
            return Err(breach(Reason::OutOfRange, number, "is above 100"));
        }
    }
    for number in given() {
        if number.reading.too_fine {
            return Err(breach(Reason::TooPrecise, number, "has more than 6 decimals"));
        }
    }
    let [value, numerator, denominator, percent] = data.numbers.map(|number| number.map(|given| given.reading.amount));
    if let (Some(numerator), Some(denominator)) = (numerator, denominator)
        && numerator > denominator
        && !indicator.may_exceed
    {
        let detail = format!("data.numerator {numerator} is greater than data.denominator {denominator}");
        return Err(Breach::new(Reason::NumeratorExceedsDenominator, detail));
    }
    Ok(Numbers { value, numerator, denominator, percent })
}

/// The numbers given must be exactly those of the indicator's kind; a retraction gives none.
fn measure(data: &Data<'_>, indicator: &Indicator) -> Result<(), Breach> {
    let given = data.numbers.each_ref().map(Option::is_some);
    let value = [true, false, false, false];
    let parts = [false, true, true, false];
    let percent = [false, false, false, true];
    let (fits, want) = match indicator.kind {
        _ if data.retracted => (given == [false; 4], "no number beside retracted: true"),
        Kind::Flow | Kind::Stock => (given == value, "value alone"),
        Kind::FlowRatio | Kind::StockRatio => (given == parts || given == percent, "numerator and denominator, or percent alone"),
    };
    if fits {
        return Ok(());
    }
    let mut names: Vec<&str> = data.numbers.iter().flatten().map(|number| number.field).collect();
    if names.is_empty() {
        names.push("no number");
    }
    let detail = format!(
        "data gives {}, but {} is of kind {} and takes {want}",
        names.join(", "),
        indicator.code,
        indicator.kind.as_str()
    );
    Err(Breach::new(Reason::WrongMeasure, detail))
}

/// `bad_dimension`: keys, and values where they are listed, are those of the catalogue.
fn dimensions<'a>(given: Dimensions<'a>, indicator: &'a Indicator) -> Result<Vec<(&'a str, Cow<'a, str>)>, Breach> {
    let declared = |(key, value): (Cow<'a, str>, Cow<'a, str>)| {
        let bad = |why: &str| {
            let detail = format!("data.dimensions {}: {} {why}", shown(&key), shown(&value));
            Breach::new(Reason::BadDimension, detail)
        };
        let (known, allowed) = indicator
            .dimensions
            .get_key_value(key.as_ref())
            .ok_or_else(|| bad(&format!("is no dimension of {}", indicator.code)))?;
        if allowed.allows(&value) {
            Ok((known.as_str(), value))
        } else {
            Err(bad("is none of the values that the catalogue lists"))
        }
    };
    given.into_iter().map(declared).collect()
}

/// `bad_date`, `future_date`.
fn date(text: &str, time_ms: i64) -> Result<NaiveDate, Breach> {
    let date = time::date(text.as_bytes()).filter(|date| (1900..=2299).contains(&date.year())).ok_or_else(|| {
        let detail = format!("data.date {} is no day YYYY-MM-DD of 1900-01-01 to 2299-12-31", shown(text));
        Breach::new(Reason::BadDate, detail)
    })?;
    if time::day_number(date) > time::local_day_number(time_ms) + 1 {
        let detail = format!("data.date {date} is later than the day after the event's time (UTC+07:00)");
        return Err(Breach::new(Reason::FutureDate, detail));
    }
    Ok(date)
}

/// `unknown_ward`, `ward_abolished`.
fn ward<'a>(code: &str, date: NaiveDate, reference: &'a Reference) -> Result<(&'a str, UnitIx), Breach> {
    let units = &reference.units;
    if let Some(found) = units.code_and_ward_at(code, date) {
        return Ok(found);
    }
    let bearers = units.wards_with_code(code);
    if bearers.len() == 0 {
        let detail = format!("data.ward {} is no ward code and never was one", shown(code));
        return Err(Breach::new(Reason::UnknownWard, detail));
    }
    let mut detail = format!("data.ward {} was no ward on {date}", shown(code));
    for ix in bearers {
        let unit = units.get(ix);
        if unit.valid_from > date {
            detail += &format!("; from {} it is {}", unit.valid_from, named(unit));
            continue;
        }
        detail += &format!("; until {} it was {}", unit.valid_to, named(unit));
        let became: Vec<String> = units.successors(ix).iter().map(|step| named(units.get(step.to))).collect();
        if !became.is_empty() {
            detail += &format!(", which became {}", became.join(" and "));
        }
    }
    Err(Breach::new(Reason::WardAbolished, detail))
}

fn named(unit: &Unit) -> String {
    format!("{} ({})", unit.name, unit.id)
}

/// `indicator_not_allowed`, `ward_not_allowed`, `source_not_allowed`: the registry's word about the source.
fn permitted(
    source: &Source,
    indicator: &Indicator,
    ward: (&str, UnitIx),
    topic: &str,
    reference: &Reference,
) -> Result<(), Breach> {
    let refused = |reason, what: String| {
        let detail = format!("the source registry does not let {} {what}", source.source);
        Err(Breach::new(reason, detail))
    };
    if !source.may_state(&indicator.code) {
        return refused(Reason::IndicatorNotAllowed, format!("state data.indicator {}", indicator.code));
    }
    let (code, ix) = ward;
    if !source.may_speak_for(ix) {
        return refused(Reason::WardNotAllowed, format!("speak for data.ward {code}, {}", named(reference.units.get(ix))));
    }
    if !source.may_arrive_by(topic) {
        return refused(Reason::SourceNotAllowed, format!("arrive by the topic {topic}"));
    }
    Ok(())
}
