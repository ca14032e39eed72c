//! What a batch keeps of its messages, and the rows of ClickHouse made of it: one struct a table, fields as columns.

use chiso_schemas::event::{Event, Qualifier, Reason};
use chiso_schemas::number::Amount;
use chrono::{Datelike, NaiveDate};
use clickhouse::Row;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::offset::NextOffset;
use crate::place::Place;

/// Where and when a message arrived in Kafka.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Topic and partition.
    pub place: Place,
    /// Offset.
    pub offset: i64,
    /// Kafka's timestamp, in milliseconds since 1970; 0 if Kafka has none.
    pub ms: i64,
}

/// The last millisecond that `DateTime64` of ClickHouse can show.
const LAST_MS: i64 = 10_413_791_999_999;

impl Arrival {
    /// Timestamps are the publisher's and may be anything; those that ClickHouse cannot show become the nearest it can.
    pub fn new(place: Place, offset: i64, timestamp_ms: Option<i64>) -> Self {
        Self { place, offset, ms: timestamp_ms.unwrap_or_default().clamp(0, LAST_MS) }
    }
}

/// An accepted event, on its own.
#[derive(Debug)]
pub struct Fact {
    /// CloudEvents id.
    pub id: String,
    /// Source.
    pub source: String,
    /// When the source made the statement, in milliseconds since 1970.
    pub time_ms: i64,
    /// Indicator code.
    pub indicator: String,
    /// Ward code.
    pub ward: String,
    /// Local day, in days since 1970-01-01.
    pub day: i32,
    /// Value, numerator, denominator and percent.
    pub numbers: [Option<Amount>; 4],
    /// Record.
    pub record: String,
    /// Revision.
    pub revision: u32,
    /// Whether it withdraws the record.
    pub retracted: bool,
    /// How exact it is.
    pub qualifier: Qualifier,
    /// Breakdown.
    pub dimensions: Vec<(String, String)>,
    /// Which of several statements counts.
    pub version: u128,
    /// Its message.
    pub arrival: Arrival,
}

impl Fact {
    /// Takes over what the event borrows.
    pub fn new(event: &Event<'_>, arrival: Arrival) -> Self {
        let numbers = event.numbers;
        Self {
            id: event.id.as_ref().to_owned(),
            source: event.source.to_owned(),
            time_ms: event.time_ms,
            indicator: event.indicator.to_owned(),
            ward: event.ward.to_owned(),
            day: day_number(event.date),
            numbers: [numbers.value, numbers.numerator, numbers.denominator, numbers.percent],
            record: event.record.as_ref().to_owned(),
            revision: event.revision,
            retracted: event.retracted,
            qualifier: event.qualifier,
            dimensions: event.dimensions.iter().map(|(key, value)| ((*key).to_owned(), value.as_ref().to_owned())).collect(),
            version: event.version,
            arrival,
        }
    }

    /// The cell of contract section 2.
    pub fn cell(&self) -> (&str, &str, i32) {
        (&self.indicator, &self.ward, self.day)
    }

    /// What makes two events the same: the sort key of `event_log`.
    pub fn identity(&self) -> (&str, &str, i32, &str, &str, u128) {
        (&self.indicator, &self.ward, self.day, &self.source, &self.record, self.version)
    }

    /// Memory it takes, roughly, in bytes.
    pub fn bytes(&self) -> usize {
        let texts = [&self.id, &self.source, &self.indicator, &self.ward, &self.record];
        let dimensions = self.dimensions.iter().map(|(key, value)| size_of::<(String, String)>() + key.len() + value.len());
        size_of::<Self>() + texts.iter().map(|text| text.len()).sum::<usize>() + dimensions.sum::<usize>()
    }
}

/// Days since 1970-01-01, as `Date32` counts them.
pub fn day_number(date: NaiveDate) -> i32 {
    const EPOCH_DAY: i32 = 719_163;
    date.num_days_from_ce() - EPOCH_DAY
}

/// A refused message, whole.
#[derive(Debug)]
pub struct Refused {
    /// The first rule that it breaks.
    pub reason: Reason,
    /// For a person.
    pub detail: String,
    /// Source, where it could be read.
    pub source: Option<String>,
    /// Id, where it could be read.
    pub id: Option<String>,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Headers in order.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Value.
    pub raw: Option<Vec<u8>>,
    /// Its message.
    pub arrival: Arrival,
}

impl Refused {
    /// Memory it takes, roughly, in bytes.
    pub fn bytes(&self) -> usize {
        let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let headers =
            self.headers.iter().map(|(name, value)| size_of::<(Vec<u8>, Option<Vec<u8>>)>() + name.len() + length(value));
        size_of::<Self>() + self.detail.len() + length(&self.key) + length(&self.raw) + headers.sum::<usize>()
    }
}

/// What all rows of a batch share.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// Batch.
    pub batch: Uuid,
    /// Generation of the reference data.
    pub generation: u32,
}

/// A row of `event_log`.
#[derive(Row, Serialize)]
pub struct EventRow<'a> {
    date: i32,
    indicator: &'a str,
    ward: &'a str,
    source: &'a str,
    record: &'a str,
    version: u128,
    id: &'a str,
    time: i64,
    revision: u32,
    value: Option<i128>,
    numerator: Option<i128>,
    denominator: Option<i128>,
    percent: Option<i128>,
    retracted: bool,
    qualifier: i8,
    dimensions: &'a [(String, String)],
    topic: &'a str,
    partition: i32,
    offset: i64,
    arrived: i64,
    #[serde(with = "clickhouse::serde::uuid")]
    batch: Uuid,
    generation: u32,
    keep: u64,
}

impl<'a> EventRow<'a> {
    /// The row of a fact.
    pub fn new(fact: &'a Fact, stamp: Stamp) -> Self {
        let [value, numerator, denominator, percent] = fact.numbers.map(|number| number.map(Amount::micros));
        Self {
            date: fact.day,
            indicator: &fact.indicator,
            ward: &fact.ward,
            source: &fact.source,
            record: &fact.record,
            version: fact.version,
            id: &fact.id,
            time: fact.time_ms,
            revision: fact.revision,
            value,
            numerator,
            denominator,
            percent,
            retracted: fact.retracted,
            qualifier: match fact.qualifier {
                Qualifier::Exact => 0,
                Qualifier::Approximately => 1,
                Qualifier::MoreThan => 2,
                Qualifier::AtLeast => 3,
            },
            dimensions: &fact.dimensions,
            topic: fact.arrival.place.topic.name(),
            partition: fact.arrival.place.partition,
            offset: fact.arrival.offset,
            arrived: fact.arrival.ms,
            batch: stamp.batch,
            generation: stamp.generation,
            // The earliest arrival has the greatest number: of copies, a merge keeps that one.
            keep: u64::MAX - fact.arrival.ms.unsigned_abs(),
        }
    }
}

/// A row of `rejected_log`.
#[derive(Row, Serialize)]
pub struct RejectRow<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    reason: &'a str,
    detail: &'a str,
    source: Option<&'a str>,
    id: Option<&'a str>,
    key: Option<Bytes<'a>>,
    headers: Vec<(Bytes<'a>, Option<Bytes<'a>>)>,
    raw: Option<Bytes<'a>>,
    arrived: i64,
    #[serde(with = "clickhouse::serde::uuid")]
    batch: Uuid,
    generation: u32,
}

impl<'a> RejectRow<'a> {
    /// The row of a refused message.
    pub fn new(refused: &'a Refused, stamp: Stamp) -> Self {
        Self {
            topic: refused.arrival.place.topic.name(),
            partition: refused.arrival.place.partition,
            offset: refused.arrival.offset,
            reason: refused.reason.as_str(),
            detail: &refused.detail,
            source: refused.source.as_deref(),
            id: refused.id.as_deref(),
            key: refused.key.as_deref().map(Bytes),
            headers: refused.headers.iter().map(|(name, value)| (Bytes(name), value.as_deref().map(Bytes))).collect(),
            raw: refused.raw.as_deref().map(Bytes),
            arrived: refused.arrival.ms,
            batch: stamp.batch,
            generation: stamp.generation,
        }
    }
}

/// A `String` of ClickHouse that need not be UTF-8.
struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// A row of `marks`.
#[derive(Row, Serialize)]
pub struct MarkRow<'a> {
    #[serde(with = "clickhouse::serde::uuid")]
    batch: Uuid,
    marked_at: i64,
    indicator: &'a str,
    ward: &'a str,
    date: i32,
}

impl<'a> MarkRow<'a> {
    /// Marks the cell of a fact.
    pub fn new(fact: &'a Fact, batch: Uuid, marked_at_ms: i64) -> Self {
        let (indicator, ward, date) = fact.cell();
        Self { batch, marked_at: marked_at_ms, indicator, ward, date }
    }
}

/// A row of `ledger`.
#[derive(Row, Serialize)]
pub struct LedgerRow<'a> {
    /// Kafka topic.
    pub topic: &'a str,
    /// Partition.
    pub partition: i32,
    /// First position of the range.
    pub from_offset: NextOffset,
    /// Position after it.
    pub next_offset: NextOffset,
    /// Batch that stored it; zero if there was nothing to store.
    #[serde(with = "clickhouse::serde::uuid")]
    pub batch: Uuid,
    /// End offset that was seen last.
    pub observed_end: i64,
    /// A moment not later than that, in milliseconds since 1970.
    pub observed_at: i64,
    /// Consumer group.
    pub group_id: &'a str,
}
