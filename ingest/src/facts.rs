//! Accepted events of a batch, column by column: appended when a message is judged, never touched again.

use chiso_schemas::event::{Event, Numbers, Qualifier};
use chiso_schemas::number::Amount;
use chrono::Datelike;

use crate::dictionary::Dictionaries;
use crate::place::Place;
use crate::rows::Arrival;
use crate::texts::Texts;

/// One element a fact in each column. Indicator, ward and source are ranks in the dictionaries of the generation.
#[derive(Debug)]
pub struct Facts {
    days: Vec<i32>,
    indicators: Vec<u32>,
    wards: Vec<u32>,
    sources: Vec<u32>,
    versions: Vec<u128>,
    /// The value, or numerator and denominator, or the percent, in millionths: `forms` says which.
    numbers: Vec<[i128; 2]>,
    forms: Vec<Form>,
    ids: Texts,
    records: Texts,
    /// How many dimensions the facts up to this one have.
    dimension_ends: Vec<u32>,
    dimension_keys: Texts,
    dimension_values: Texts,
    /// The places met so far; facts hold positions in this list.
    places: Vec<Place>,
    origins: Vec<u32>,
    offsets: Vec<i64>,
    arrivals_ms: Vec<i64>,
}

/// What a fact says about its numbers.
#[derive(Clone, Copy, Debug)]
struct Form {
    given: Given,
    retracted: bool,
    qualifier: Qualifier,
}

/// Which numbers a fact states.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Given {
    None,
    Value,
    Parts,
    Percent,
}

/// Bytes of one fact in the columns, its texts not counted.
const FIXED_BYTES: usize = 4 * 4 + 16 + 32 + size_of::<Form>() + 3 * 4 + 4 + 8 + 8;
/// Bytes of one dimension, its texts not counted.
const DIMENSION_BYTES: usize = 8;
/// Room for ids and records of this many bytes is made beforehand.
const USUAL_TEXT_BYTES: usize = 24;

impl Facts {
    /// Columns with room for that many facts. Memory is taken from the system as facts come, not before.
    pub fn with_room(rows: usize) -> Self {
        let texts = || Texts::with_room(rows, rows * USUAL_TEXT_BYTES);
        Self {
            days: Vec::with_capacity(rows),
            indicators: Vec::with_capacity(rows),
            wards: Vec::with_capacity(rows),
            sources: Vec::with_capacity(rows),
            versions: Vec::with_capacity(rows),
            numbers: Vec::with_capacity(rows),
            forms: Vec::with_capacity(rows),
            ids: texts(),
            records: texts(),
            dimension_ends: Vec::with_capacity(rows),
            dimension_keys: Texts::with_room(0, 0),
            dimension_values: Texts::with_room(0, 0),
            places: Vec::new(),
            origins: Vec::with_capacity(rows),
            offsets: Vec::with_capacity(rows),
            arrivals_ms: Vec::with_capacity(rows),
        }
    }

    /// Adds a fact, and says how much memory it takes, in bytes.
    pub fn push(&mut self, event: &Event<'_>, arrival: Arrival, dictionaries: &Dictionaries) -> usize {
        self.days.push(event.date.num_days_from_ce() - EPOCH_DAY);
        self.indicators.push(dictionaries.indicators.rank(event.positions.indicator));
        self.wards.push(dictionaries.wards.rank(event.positions.ward.index()));
        self.sources.push(dictionaries.sources.rank(event.positions.source));
        self.versions.push(event.version);
        let (given, numbers) = packed(event.numbers);
        self.numbers.push(numbers);
        self.forms.push(Form { given, retracted: event.retracted, qualifier: event.qualifier });
        self.ids.push(&event.id);
        self.records.push(&event.record);
        let mut bytes = FIXED_BYTES + event.id.len() + event.record.len();
        for (key, value) in &event.dimensions {
            self.dimension_keys.push(key);
            self.dimension_values.push(value);
            bytes += DIMENSION_BYTES + key.len() + value.len();
        }
        self.dimension_ends.push(self.dimension_keys.len() as u32);
        let origin = self.origin_of(arrival.place);
        self.origins.push(origin);
        self.offsets.push(arrival.offset);
        self.arrivals_ms.push(arrival.ms);
        bytes
    }

    /// The position of a place in the list of places; messages come in runs of one place.
    fn origin_of(&mut self, place: Place) -> u32 {
        if let Some(&last) = self.origins.last()
            && self.places[last as usize] == place
        {
            return last;
        }
        let known = self.places.iter().position(|known| *known == place);
        known.unwrap_or_else(|| {
            self.places.push(place);
            self.places.len() - 1
        }) as u32
    }

    /// How many facts there are.
    pub fn len(&self) -> usize {
        self.days.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.days.is_empty()
    }

    /// Forgets all facts, but keeps the memory.
    pub fn clear(&mut self) {
        let Self { days, indicators, wards, sources, versions, numbers, forms, ids, records, .. } = self;
        days.clear();
        indicators.clear();
        wards.clear();
        sources.clear();
        versions.clear();
        numbers.clear();
        forms.clear();
        ids.clear();
        records.clear();
        self.dimension_ends.clear();
        self.dimension_keys.clear();
        self.dimension_values.clear();
        self.places.clear();
        self.origins.clear();
        self.offsets.clear();
        self.arrivals_ms.clear();
    }
}

/// One fact, read out of the columns.
impl Facts {
    /// Whether two rows are the same event: one statement of one record in one cell.
    pub fn is_repeat(&self, one: usize, other: usize) -> bool {
        let cell = |row| (self.days[row], self.indicators[row], self.wards[row], self.sources[row], self.versions[row]);
        cell(one) == cell(other) && self.record(one) == self.record(other)
    }

    /// Local day, in days since 1970-01-01.
    pub fn day(&self, row: usize) -> i32 {
        self.days[row]
    }

    /// Rank of the indicator.
    pub fn indicator(&self, row: usize) -> u32 {
        self.indicators[row]
    }

    /// Rank of the ward code.
    pub fn ward(&self, row: usize) -> u32 {
        self.wards[row]
    }

    /// Rank of the source.
    pub fn source(&self, row: usize) -> u32 {
        self.sources[row]
    }

    /// Which of several statements counts.
    pub fn version(&self, row: usize) -> u128 {
        self.versions[row]
    }

    /// Revision of the record: the upper 32 bits of the version.
    pub fn revision(&self, row: usize) -> u32 {
        (self.versions[row] >> 96) as u32
    }

    /// When the source made the statement, in milliseconds since 1970: the 48 bits of the version below the revision.
    pub fn time_ms(&self, row: usize) -> i64 {
        ((self.versions[row] >> 48) as u64 & 0xFFFF_FFFF_FFFF).cast_signed()
    }

    /// Value.
    pub fn value(&self, row: usize) -> Option<i128> {
        (self.forms[row].given == Given::Value).then(|| self.numbers[row][0])
    }

    /// Numerator.
    pub fn numerator(&self, row: usize) -> Option<i128> {
        (self.forms[row].given == Given::Parts).then(|| self.numbers[row][0])
    }

    /// Denominator.
    pub fn denominator(&self, row: usize) -> Option<i128> {
        (self.forms[row].given == Given::Parts).then(|| self.numbers[row][1])
    }

    /// Percent.
    pub fn percent(&self, row: usize) -> Option<i128> {
        (self.forms[row].given == Given::Percent).then(|| self.numbers[row][0])
    }

    /// Whether it withdraws the record.
    pub fn retracted(&self, row: usize) -> bool {
        self.forms[row].retracted
    }

    /// How exact it is.
    pub fn qualifier(&self, row: usize) -> Qualifier {
        self.forms[row].qualifier
    }

    /// CloudEvents id.
    pub fn id(&self, row: usize) -> &[u8] {
        self.ids.get(row)
    }

    /// Record.
    pub fn record(&self, row: usize) -> &[u8] {
        self.records.get(row)
    }

    /// Its dimensions: positions of key and value.
    pub fn dimensions(&self, row: usize) -> std::ops::Range<usize> {
        let start = if row == 0 { 0 } else { self.dimension_ends[row - 1] };
        start as usize..self.dimension_ends[row] as usize
    }

    /// The key at that position.
    pub fn dimension_key(&self, position: usize) -> &[u8] {
        self.dimension_keys.get(position)
    }

    /// The value at that position.
    pub fn dimension_value(&self, position: usize) -> &[u8] {
        self.dimension_values.get(position)
    }

    /// The places that facts come from.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Which of the places it comes from.
    pub fn origin(&self, row: usize) -> usize {
        self.origins[row] as usize
    }

    /// Offset of its message.
    pub fn offset(&self, row: usize) -> i64 {
        self.offsets[row]
    }

    /// Kafka's timestamp of its message, in milliseconds since 1970.
    pub fn arrived_ms(&self, row: usize) -> i64 {
        self.arrivals_ms[row]
    }
}

/// 1970-01-01 in chrono's count of days.
const EPOCH_DAY: i32 = 719_163;

fn packed(numbers: Numbers) -> (Given, [i128; 2]) {
    let micros = Amount::micros;
    match numbers {
        Numbers { value: Some(value), .. } => (Given::Value, [micros(value), 0]),
        Numbers { numerator: Some(numerator), denominator: Some(denominator), .. } => {
            (Given::Parts, [micros(numerator), micros(denominator)])
        }
        Numbers { percent: Some(percent), .. } => (Given::Percent, [micros(percent), 0]),
        _ => (Given::None, [0, 0]),
    }
}
