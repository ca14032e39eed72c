//! What ClickHouse knows of Kafka: which offset ranges are stored, and which topic of a name they belong to.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use chiso_schemas::store::{Store, StoreError};
use clickhouse::Row;
use clickhouse::error::{Error, Result as ClientResult};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::offset::{NextOffset, Range};
use crate::place::{Place, Topic};
use crate::rows::LedgerRow;

/// A topic of a name: one that is deleted and made anew is another, whose offsets begin again.
#[derive(Clone, PartialEq, Eq, Debug, Row, Deserialize)]
pub struct Incarnation {
    /// Counted from 1.
    pub number: u32,
    /// Kafka's id of the topic; empty if it had none.
    pub topic_id: String,
    /// When it was begun, for a person.
    pub since: String,
}

impl Incarnation {
    /// Whether the topic that has this id now is the one meant. Without ids nobody can tell.
    pub fn is(&self, topic_id: &str) -> bool {
        self.topic_id == topic_id || self.topic_id.is_empty() || topic_id.is_empty()
    }
}

/// What is stored of a partition, in its last incarnation.
#[derive(Clone, PartialEq, Eq, Debug, Row, Deserialize)]
pub struct Covered {
    topic: String,
    /// Which topic of that name.
    pub incarnation: u32,
    partition: i32,
    /// First position that is stored.
    pub first_offset: i64,
    /// End of the contiguous part.
    pub stored_end: i64,
    /// End of the last range.
    pub last_end: i64,
    /// Ranges between stored ones.
    pub gaps: Vec<(i64, i64)>,
    /// Ranges that expired unread, with what a person said of them.
    pub lost: Vec<(i64, i64, String)>,
}

/// Reads and writes the tables `ledger` and `incarnations`; batches write their ranges themselves.
#[derive(Clone)]
pub struct Ledger {
    store: Store,
    group: String,
}

/// How long ClickHouse may take for one question.
const ANSWER: Duration = Duration::from_secs(20);

#[derive(Row, Serialize)]
struct IncarnationRow<'a> {
    topic: &'a str,
    incarnation: u32,
    topic_id: &'a str,
    since: i64,
    because: &'a str,
}

/// An incarnation to begin.
#[derive(Clone, Copy, Debug)]
pub struct Beginning<'a> {
    /// The topic.
    pub topic: Topic,
    /// Its number.
    pub number: u32,
    /// Kafka's id of the topic.
    pub topic_id: &'a str,
    /// When, in milliseconds since 1970.
    pub since_ms: i64,
    /// Why.
    pub because: &'a str,
}

impl Ledger {
    /// The ledger in that database, for a member of that group.
    pub fn new(store: Store, group: impl Into<String>) -> Self {
        Self { store, group: group.into() }
    }

    /// The last incarnation of each topic that was ever read.
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub async fn incarnations(&self) -> Result<BTreeMap<Topic, Incarnation>, StoreError> {
        const SQL: &str =
            "SELECT topic, max(incarnation) AS number, argMax(topic_id, (incarnation, -toUnixTimestamp64Milli(since))),
            toString(argMax(since, incarnation)) FROM incarnations GROUP BY topic";
        let read = async { self.store.read().query(SQL).fetch_all::<(String, u32, String, String)>().await };
        let rows = self.ask("read the incarnations of the topics", read).await?;
        let row = |(topic, number, topic_id, since): (String, u32, String, String)| {
            (Topic::named(&topic), Incarnation { number, topic_id, since })
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Begins an incarnation and yields the one of that number that ClickHouse has kept: of several workers that begin
    /// one at once, the first wins.
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub async fn begin(&self, beginning: Beginning<'_>) -> Result<Incarnation, StoreError> {
        // The token of a row that somebody has deleted is still known, so the second attempt goes without.
        for token in [format!("incarnation-{}-{}", beginning.topic, beginning.number), Uuid::new_v4().to_string()] {
            self.ask("begin an incarnation", self.insert_incarnation(beginning, token)).await?;
            if let Some(kept) = self.incarnations().await?.remove(&beginning.topic) {
                return Ok(kept);
            }
        }
        Err(self.store.during("begin an incarnation")(Error::RowNotFound))
    }

    async fn insert_incarnation(&self, beginning: Beginning<'_>, token: String) -> ClientResult<()> {
        let Beginning { topic, number, topic_id, since_ms, because } = beginning;
        let row = IncarnationRow { topic: topic.name(), incarnation: number, topic_id, since: since_ms, because };
        let insert = self.store.write().clone().with_validation(false);
        let mut insert =
            insert.insert::<IncarnationRow<'_>>("incarnations").await?.with_setting("insert_deduplication_token", token);
        insert.write(&row).await?;
        insert.end().await
    }

    /// What is stored of each partition that was ever given to a worker.
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub async fn covered(&self) -> Result<BTreeMap<Place, Covered>, StoreError> {
        const SQL: &str = "SELECT topic, incarnation, partition, first_offset, stored_end, last_end, gaps, lost FROM coverage";
        // The client cannot read the type of a named tuple.
        let client = self.store.read().clone().with_validation(false);
        let read = async { client.query(SQL).fetch_all::<Covered>().await };
        let rows = self.ask("read how far the ledger reaches", read).await?;
        Ok(rows.into_iter().map(|row| (Place::new(&row.topic, row.partition), row)).collect())
    }

    /// Notes ranges that no batch stores: lost ones with a reason, or empty ones that make a partition known.
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub async fn note(&self, ranges: &[(Range, Note<'_>)]) -> Result<(), StoreError> {
        self.ask("write into the ledger", self.insert_notes(ranges)).await
    }

    async fn insert_notes(&self, ranges: &[(Range, Note<'_>)]) -> ClientResult<()> {
        let client = self.store.write().clone().with_validation(false);
        let mut insert = client.insert::<LedgerRow<'_>>("ledger").await?;
        for (range, note) in ranges {
            let (observed_end, observed_at, lost_because) = match *note {
                Note::Seen { end, at_ms } => (end, at_ms, ""),
                // No moment can follow from what was never read.
                Note::Lost { because } => (i64::MAX, 0, because),
            };
            let row = LedgerRow {
                topic: range.place.topic.name(),
                incarnation: range.incarnation,
                partition: range.place.partition,
                from_offset: range.from,
                next_offset: range.next,
                batch: Uuid::nil(),
                observed_end,
                observed_at,
                group_id: &self.group,
                lost_because,
            };
            insert.write(&row).await?;
        }
        insert.end().await
    }

    async fn ask<T>(&self, doing: &str, answer: impl Future<Output = ClientResult<T>>) -> Result<T, StoreError> {
        let answer = tokio::time::timeout(ANSWER, answer).await.unwrap_or(Err(Error::TimedOut));
        answer.map_err(self.store.during(doing))
    }
}

/// Why a range is noted without a batch.
#[derive(Clone, Copy, Debug)]
pub enum Note<'a> {
    /// The partition is there, and ended there at that moment.
    Seen {
        /// End offset.
        end: i64,
        /// The moment, in milliseconds since 1970.
        at_ms: i64,
    },
    /// It expired before it was stored.
    Lost {
        /// Why a person goes on without it.
        because: &'a str,
    },
}

impl Covered {
    /// Where a worker goes on.
    pub fn stored(&self) -> NextOffset {
        NextOffset::stated(self.stored_end)
    }
}
