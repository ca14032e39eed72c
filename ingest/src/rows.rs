//! What a batch keeps of refused messages, and rows of the small tables: one struct a table, fields as columns.

use chiso_schemas::event::Reason;
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

/// A row of `rejected_log`.
#[derive(Row, Serialize)]
pub struct RejectRow<'a> {
    topic: &'a str,
    incarnation: u32,
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
    pub fn new(refused: &'a Refused, incarnation: u32, stamp: Stamp) -> Self {
        Self {
            topic: refused.arrival.place.topic.name(),
            incarnation,
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

/// A row of `ledger`.
#[derive(Row, Serialize)]
pub struct LedgerRow<'a> {
    /// Kafka topic.
    pub topic: &'a str,
    /// Which topic of that name.
    pub incarnation: u32,
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
    /// Empty if the range is stored; else why a person goes on without it.
    pub lost_because: &'a str,
}
