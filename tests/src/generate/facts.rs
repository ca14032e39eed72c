//! Draws single facts: where, when, what and how much.

use super::dice::Dice;
use super::maker::{Maker, Spec};
use super::pool::Family;
use super::spelling::LOCAL_SECONDS;
use crate::model::{Indicator, Kind, Measure, Source, Unit};
use chrono::{Days, NaiveDate, NaiveTime};

const ONE: i128 = 1_000_000;
const DAY_MS: i64 = 86_400_000;

/// How often facts of a log of traps fall on the crowded wards and indicators.
const CROWD: f64 = 0.7;

/// Any fact.
pub(crate) fn draw<'a>(maker: &mut Maker<'a>) -> Spec<'a> {
    let indicator = indicator(maker, |_| true);
    let crowd = if maker.traps() { CROWD } else { 0.0 };
    let family = maker.pool.family(&mut maker.dice, crowd);
    let day = day(maker, indicator);
    let unit = if maker.traps() { maker.dice.pick(&family.units) } else { valid_on(family, day, &mut maker.dice) };
    at(maker, indicator, unit, day)
}

/// A fact of that indicator there, at the day of the unit's validity that is nearest to the given one.
pub(crate) fn at<'a>(maker: &mut Maker<'a>, indicator: &'a Indicator, unit: &'a Unit, day: NaiveDate) -> Spec<'a> {
    let date = day.clamp(unit.from, unit.to);
    let source = source(maker, indicator, unit);
    let percent = maker.dice.chance(maker.options.percent);
    Spec {
        source,
        unit,
        indicator,
        date,
        measure: measure(maker, indicator, (unit, date), percent),
        time_ms: time(maker, date),
        record: maker.dice.chance(0.5).then(|| maker.name('r')),
        revision: 0,
        qualifier: if maker.dice.chance(0.05) { maker.dice.pick(&["approximately", "more_than", "at_least"]) } else { "exact" },
        dimensions: dimensions(maker, indicator),
    }
}

/// An indicator that fits, or any if none does.
pub(crate) fn indicator<'a>(maker: &mut Maker<'a>, fits: impl Fn(&Indicator) -> bool) -> &'a Indicator {
    let crowded = maker.traps() && maker.dice.chance(CROWD);
    let among = if crowded { &maker.pool.crowded } else { &maker.pool.indicators };
    let fitting: Vec<&'a Indicator> = among.iter().copied().filter(|indicator| fits(indicator)).collect();
    if fitting.is_empty() { maker.dice.pick(&maker.pool.indicators) } else { maker.dice.pick(&fitting) }
}

/// A source that may state it; one of the registry always may, or any is taken and refused.
fn source<'a>(maker: &mut Maker<'a>, indicator: &Indicator, unit: &Unit) -> &'a Source {
    let mut allowed = maker.pool.sources(indicator, unit, &maker.options.topic);
    if allowed.is_empty() {
        allowed.extend(maker.pool.reference.sources.values());
    }
    maker.dice.pick(&allowed)
}

fn valid_on<'a>(family: &Family<'a>, day: NaiveDate, dice: &mut Dice) -> &'a Unit {
    let valid: Vec<&Unit> = family.units.iter().copied().filter(|unit| unit.valid_on(day)).collect();
    dice.pick(if valid.is_empty() { &family.units } else { &valid })
}

/// A day of the log, or one of those that go wrong: around reforms, cut-offs, the ends of a carry, and far away.
fn day(maker: &mut Maker<'_>, indicator: &Indicator) -> NaiveDate {
    let dice = &mut maker.dice;
    let span = (maker.options.to - maker.options.from).num_days();
    let usual = moved(maker.options.from, dice.between(0, span));
    if maker.options.style == super::Style::Realistic || dice.chance(0.5) {
        return usual;
    }
    match dice.below(10) {
        0..3 if !maker.pool.reforms.is_empty() => moved(dice.pick(&maker.pool.reforms), dice.between(-2, 1)),
        0..6 => moved(dice.pick(&maker.pool.month_ends), dice.between(-1, 2)),
        6..8 => {
            let carried = moved(dice.pick(&maker.pool.month_ends), dice.between(-1, 2));
            carried.checked_sub_days(Days::new(indicator.carry_days)).unwrap_or(usual)
        }
        8 => moved(maker.options.to, dice.between(1, 40)),
        _ if dice.chance(0.1) => {
            dice.pick(&FAR.map(|(year, month, day)| NaiveDate::from_ymd_opt(year, month, day).unwrap_or(usual)))
        }
        _ => moved(maker.options.from, -dice.between(1, 500)),
    }
}

/// The ends of what a date may be, and of what a time may be.
const FAR: [(i32, u32, u32); 4] = [(1900, 1, 1), (1970, 1, 1), (2299, 12, 31), (2024, 2, 29)];

pub(crate) fn moved(day: NaiveDate, days: i64) -> NaiveDate {
    day.checked_add_signed(chrono::TimeDelta::days(days)).unwrap_or(day)
}

/// Local midnight, in ms since 1970 UTC.
pub(crate) fn midnight(day: NaiveDate) -> i64 {
    day.and_time(NaiveTime::MIN).and_utc().timestamp_millis() - i64::from(LOCAL_SECONDS) * 1000
}

/// When the fact is stated: on its day or later; in a log of traps also as early as is allowed, on the local day before.
fn time(maker: &mut Maker<'_>, date: NaiveDate) -> i64 {
    let dice = &mut maker.dice;
    let midnight = midnight(date);
    if maker.options.style == super::Style::Realistic {
        let in_office = midnight + dice.between(7 * 3600, 20 * 3600) * 1000;
        let late = if dice.chance(0.1) { dice.between(1, 45) } else { 0 };
        return in_office + late * DAY_MS;
    }
    let late = if dice.chance(0.2) { dice.between(1, 120) } else { 0 };
    let moment = match dice.below(6) {
        0 => -DAY_MS,
        1 => dice.pick(&[0, -1, DAY_MS - 1]),
        2 => dice.between(0, 86_399) * 1000,
        3 => dice.between(0, 23) * 3_600_000,
        _ => dice.between(0, DAY_MS - 1),
    };
    let last = 10_413_766_799_999; // 2299-12-31T16:59:59.999Z
    (midnight + moment + late * DAY_MS).clamp(0, last)
}

/// Numbers that fit the kind.
pub(crate) fn measure(maker: &mut Maker<'_>, indicator: &Indicator, cell: (&Unit, NaiveDate), percent: bool) -> Measure {
    if !maker.traps() {
        return plausible(maker, indicator, cell, percent);
    }
    let dice = &mut maker.dice;
    if !indicator.kind.is_ratio() {
        return Measure::Value(trap_value(dice));
    }
    if percent {
        let most = if indicator.may_exceed { 250 } else { 100 };
        return Measure::Percent(dice.pick(&[0, 1, 100 * ONE, 99_999_999, most * ONE, 50 * ONE + 500_000]));
    }
    let denominator = dice.pick(&[0, ONE, 8 * ONE, 800 * ONE, 100_000 * ONE, ONE * ONE, 3, 10_i128.pow(24) - 1]);
    let least = denominator.min(ONE);
    let numerator = match dice.below(6) {
        0 => 0,
        1 => denominator,
        2 => denominator - least,
        3 => least,
        _ => dice.up_to(denominator),
    };
    let exceeds = indicator.may_exceed && dice.chance(0.3);
    Measure::Parts { numerator: if exceeds { numerator / 2 + 7 * ONE } else { numerator }, denominator }
}

fn trap_value(dice: &mut Dice) -> i128 {
    match dice.below(12) {
        0 => 0,
        1 => 10_i128.pow(24) - 1,
        2 => dice.up_to(999_999),
        3 => 1,
        4..7 => dice.up_to(1_000_000) * 1000,
        7 | 8 => ONE,
        _ => dice.up_to(5000) * ONE,
    }
}

/// Numbers that a ward might have: of a size that belongs to ward and indicator, and changing slowly over the year.
fn plausible(maker: &mut Maker<'_>, indicator: &Indicator, (unit, date): (&Unit, NaiveDate), percent: bool) -> Measure {
    let mut steady = Dice::for_words(&[&unit.code, &indicator.code]);
    let size = steady.pick(&[12_i64, 60, 350, 2400]) + steady.between(0, 11);
    let span = (maker.options.to - maker.options.from).num_days().max(1);
    let passed = (date - maker.options.from).num_days().clamp(0, span);
    let start = steady.between(40, 85);
    let share = if indicator.lower_is_better { 8 - 6 * passed / span } else { start + (98 - start) * passed / span };
    let dice = &mut maker.dice;
    match indicator.kind {
        Kind::Flow => Measure::Value(i128::from(dice.between(0, size / 4 + 3)) * ONE),
        Kind::Stock => Measure::Value(i128::from(size + size * passed / span / 5) * ONE),
        Kind::FlowRatio | Kind::StockRatio if percent => Measure::Percent(i128::from(share * 10 + dice.between(0, 9)) * ONE / 10),
        Kind::FlowRatio | Kind::StockRatio => {
            let daily = if indicator.kind.is_flow() { dice.between(0, size / 4 + 3) } else { size * 5 };
            Measure::Parts { numerator: i128::from(daily * share / 100) * ONE, denominator: i128::from(daily) * ONE }
        }
    }
}

/// Values for dimensions that take any string.
const ANYTHING: [&str; 12] =
    ["", " ", "Viettel", "viettel", "VNPT", "é", "e\u{301}", "😀𝒳", "\u{0}", "a\u{1f}b", "\"q\", \\ /", "\u{feff}\u{2028}"];
const NAMES: [&str; 4] = ["Viettel", "VNPT", "MobiFone", "other"];

/// None, some or all of the declared dimensions.
pub(crate) fn dimensions(maker: &mut Maker<'_>, indicator: &Indicator) -> Vec<(String, String)> {
    let dice = &mut maker.dice;
    let anything = if maker.options.style == super::Style::Traps { ANYTHING.as_slice() } else { NAMES.as_slice() };
    let mut chosen = Vec::new();
    for (key, allowed) in &indicator.dimensions {
        if dice.chance(0.5) {
            continue;
        }
        let values: Vec<&str> = allowed.as_ref().map_or(anything.to_vec(), |values| values.iter().map(String::as_str).collect());
        if !values.is_empty() {
            chosen.push((key.clone(), dice.pick(&values).to_owned()));
        }
    }
    chosen
}
