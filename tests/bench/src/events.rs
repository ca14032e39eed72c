//! The events of the benchmark, decided by a seed, their number and the reference data: what wards and systems of the whole
//! country might send in one day, every event valid.

use std::collections::BTreeSet;
use std::io::Write;

use anyhow::{Context, Result, ensure};
use chiso_tests::model::{Indicator, Kind, Level, Reference};
use chrono::{Days, NaiveDate};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

/// The day on which all events are sent: a year after the wards of today came into being, so that late events find them, too.
#[must_use]
pub fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 7, 31).unwrap_or_default()
}

/// Nine in ten events are about this many days before the next one.
pub const RECENT_DAYS: u32 = 30;
/// Events that are neither recent nor very late are about days after these and before [`LATE_DAYS`].
pub const LATE_DAYS: u32 = 90;
/// No event is about a day further back.
pub const LATEST_DAYS: u32 = 365;

/// Every 33rd event corrects or withdraws what an earlier one said.
const CORRECTION_EVERY: u64 = 33;
/// So many events lie between the two; the earlier one is never a correction itself, because 33 does not divide it.
const CORRECTION_LAG: u64 = 997;
const DAY_MS: u64 = 86_400_000;
/// One in millionths, as numbers are counted here.
const ONE: u64 = 1_000_000;

/// All events of a run; each can be made on its own.
pub struct Events {
    seed: u64,
    count: u64,
    wards: Vec<String>,
    indicators: Vec<Subject>,
}

/// An indicator and who may state it everywhere.
struct Subject {
    indicator: Indicator,
    sources: Vec<String>,
}

/// One event.
pub struct Event<'a> {
    id: u128,
    source: &'a str,
    subject: &'a Subject,
    ward: &'a str,
    days_back: u32,
    time_ms: u64,
    numbers: Numbers,
    record: Option<String>,
    revision: u32,
    qualifier: Option<&'static str>,
    dimensions: Vec<(&'a str, &'a str)>,
}

/// The numbers of an event, in millionths.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Numbers {
    /// Value of a flow or stock.
    pub value: Option<u64>,
    /// Upper and lower part of a ratio.
    pub parts: Option<(u64, u64)>,
    /// Percent of a ratio without parts.
    pub percent: Option<u64>,
}

impl Events {
    /// Events of all current wards and all indicators, by the sources that may speak for every ward by the topic.
    ///
    /// # Errors
    /// The reference data have no ward, or an indicator that nobody may state.
    pub fn new(reference: &Reference, topic: &str, seed: u64, count: u64) -> Result<Self> {
        let wards = reference.units.all().filter(|unit| unit.level == Level::Ward && unit.valid_on(today()));
        let wards: Vec<String> = wards.map(|unit| unit.code.clone()).collect();
        ensure!(!wards.is_empty(), "no ward is valid on {}", today());
        let allows = |list: &Option<BTreeSet<String>>, name: &str| list.as_ref().is_none_or(|list| list.contains(name));
        let subject = |indicator: &Indicator| {
            let sources = reference.sources.values().filter(|source| {
                source.wards.is_none() && allows(&source.topics, topic) && allows(&source.indicators, &indicator.code)
            });
            let sources: Vec<String> = sources.map(|source| source.id.clone()).collect();
            ensure!(!sources.is_empty(), "no source may state {} for every ward", indicator.code);
            Ok(Subject { indicator: indicator.clone(), sources })
        };
        let indicators = reference.indicators.values().map(subject).collect::<Result<Vec<_>>>()?;
        ensure!(!indicators.is_empty(), "the catalogue is empty");
        Ok(Self { seed, count, wards, indicators })
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many wards and indicators they are about.
    #[must_use]
    pub fn reach(&self) -> (usize, usize) {
        (self.wards.len(), self.indicators.len())
    }

    /// One event, the first being number 0; events are sent in this order.
    #[must_use]
    pub fn event(&self, number: u64) -> Event<'_> {
        let mut event = self.fact(number);
        if number >= CORRECTION_LAG && number % CORRECTION_EVERY == CORRECTION_EVERY - 1 {
            let earlier = self.fact(number - CORRECTION_LAG);
            event.record = Some(earlier.record.unwrap_or_else(|| uuid(earlier.id)));
            event.revision = 1;
            event.numbers = match number % 10 {
                0 => Numbers::default(),
                _ => numbers(&mut self.dice(!number), &earlier.subject.indicator),
            };
            event.source = earlier.source;
            event.subject = earlier.subject;
            event.ward = earlier.ward;
            event.days_back = earlier.days_back;
            event.dimensions = earlier.dimensions;
        }
        event
    }

    fn dice(&self, number: u64) -> Dice {
        // Neighbours must not look alike: a multiplier with bits all over.
        Dice(Xoshiro256PlusPlus::seed_from_u64(self.seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }

    /// A fact that is stated for the first time.
    fn fact(&self, number: u64) -> Event<'_> {
        let mut dice = self.dice(number);
        let subject = dice.pick(&self.indicators);
        let indicator = &subject.indicator;
        let days_back = match dice.below(100) {
            0..5 => LATE_DAYS + dice.below32(LATEST_DAYS - LATE_DAYS + 1),
            5..10 => RECENT_DAYS + dice.below32(LATE_DAYS - RECENT_DAYS),
            _ => dice.below32(RECENT_DAYS),
        };
        Event {
            id: (u128::from(dice.0.next_u64()) << 64) | u128::from(dice.0.next_u64()),
            source: dice.pick::<String>(&subject.sources),
            subject,
            ward: dice.pick::<String>(&self.wards),
            days_back,
            time_ms: number * DAY_MS / self.count.max(1),
            numbers: numbers(&mut dice, indicator),
            record: (dice.below(2) == 0).then(|| format!("report/2026-07/{number:010}")),
            revision: 0,
            qualifier: (dice.below(50) == 0).then(|| *dice.pick(&["approximately", "more_than", "at_least"])),
            dimensions: dimensions(&mut dice, indicator),
        }
    }
}

/// The numbers of the right measure.
fn numbers(dice: &mut Dice, indicator: &Indicator) -> Numbers {
    match indicator.kind {
        Kind::Flow | Kind::Stock => {
            // One in twenty is an average or a measure with decimals.
            let decimals = if dice.below(20) == 0 { dice.below(100) * ONE / 100 } else { 0 };
            Numbers { value: Some(dice.below(3_000) * ONE + decimals), ..Numbers::default() }
        }
        Kind::FlowRatio | Kind::StockRatio if dice.below(25) == 0 => {
            Numbers { percent: Some(dice.below(10_001) * ONE / 100), ..Numbers::default() }
        }
        Kind::FlowRatio | Kind::StockRatio => {
            let denominator = dice.below(60_000);
            let numerator = denominator * (50 + dice.below(51)) / 100;
            Numbers { parts: Some((numerator * ONE, denominator * ONE)), ..Numbers::default() }
        }
    }
}

/// Half of the facts that may be broken down are, by one of the keys.
fn dimensions<'a>(dice: &mut Dice, indicator: &'a Indicator) -> Vec<(&'a str, &'a str)> {
    let Some(at) = dice.below(2 * indicator.dimensions.len() as u64).checked_sub(indicator.dimensions.len() as u64) else {
        return Vec::new();
    };
    let keys: Vec<_> = indicator.dimensions.iter().collect();
    let Some((key, values)) = usize::try_from(at).ok().and_then(|at| keys.get(at)) else { return Vec::new() };
    let values: Vec<&str> = match values {
        Some(listed) => listed.iter().map(String::as_str).collect(),
        None => ["land", "civil-status", "construction", "health", "education"].to_vec(),
    };
    vec![(key.as_str(), *dice.pick(&values))]
}

/// Everything left to chance in one event.
struct Dice(Xoshiro256PlusPlus);

impl Dice {
    /// A number below the bound; 0 if the bound is 0.
    fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64().checked_rem(bound).unwrap_or_default()
    }

    fn below32(&mut self, bound: u32) -> u32 {
        u32::try_from(self.below(bound.into())).unwrap_or_default()
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[usize::try_from(self.below(items.len() as u64)).unwrap_or_default()]
    }
}

impl Event<'_> {
    /// The ward code, which is the key of the message.
    #[must_use]
    pub fn ward(&self) -> &str {
        self.ward
    }

    /// The day that the number belongs to.
    #[must_use]
    pub fn days_back(&self) -> u32 {
        self.days_back
    }

    /// The indicator code.
    #[must_use]
    pub fn indicator(&self) -> &str {
        &self.subject.indicator.code
    }

    /// Its numbers; none if it withdraws an earlier event.
    #[must_use]
    pub fn numbers(&self) -> Numbers {
        self.numbers
    }

    /// Appends the event in structured mode.
    ///
    /// # Errors
    /// The day cannot be counted, which does not happen.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<()> {
        let today = today();
        let date = today.checked_sub_days(Days::new(self.days_back.into())).context("no such day")?;
        let (seconds, ms) = (self.time_ms / 1000, self.time_ms % 1000);
        write!(
            out,
            r#"{{"specversion":"1.0","id":"{}","source":"{}","type":"vn.chiso.indicator.updated.v1","time":"{today}T{:02}:{:02}:{:02}.{ms:03}+07:00","datacontenttype":"application/json","data":{{"indicator":"{}","ward":"{}","date":"{date}""#,
            uuid(self.id),
            self.source,
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60,
            self.indicator(),
            self.ward,
        )?;
        let Numbers { value, parts, percent } = self.numbers;
        let numbers = [
            ("value", value),
            ("numerator", parts.map(|parts| parts.0)),
            ("denominator", parts.map(|parts| parts.1)),
            ("percent", percent),
        ];
        for (name, number) in numbers {
            if let Some(number) = number {
                write!(out, r#","{name}":{}"#, decimal(number))?;
            }
        }
        if let Some(record) = &self.record {
            write!(out, r#","record":"{record}""#)?;
        }
        if self.revision > 0 {
            write!(out, r#","revision":{}"#, self.revision)?;
        }
        if numbers.iter().all(|(_, number)| number.is_none()) {
            out.extend_from_slice(br#","retracted":true"#);
        }
        if let Some(qualifier) = self.qualifier {
            write!(out, r#","qualifier":"{qualifier}""#)?;
        }
        if let [(key, value)] = self.dimensions.as_slice() {
            write!(out, r#","dimensions":{{"{key}":"{value}"}}"#)?;
        }
        out.extend_from_slice(b"}}");
        Ok(())
    }
}

fn uuid(id: u128) -> String {
    let hex = format!("{id:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// Plain decimal notation of millionths.
fn decimal(millionths: u64) -> String {
    let (whole, fraction) = (millionths / ONE, millionths % ONE);
    if fraction == 0 { whole.to_string() } else { format!("{whole}.{fraction:06}").trim_end_matches('0').to_owned() }
}
