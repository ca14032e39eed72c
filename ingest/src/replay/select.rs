//! Which refused messages to publish again: filters as SQL with bound values, so that no text of theirs can become SQL.

use chiso_schemas::store::{Store, StoreError};
use chrono::{DateTime, NaiveDate};
use clickhouse::Row;
use clickhouse::query::Query;
use serde::Deserialize as DeriveDeserialize;
use serde::de::{self, Deserialize, Deserializer, Visitor};

use crate::args::ReplayArgs;
use crate::failure::Failure;

/// Refused messages of a page: as many are published again after a crash, at worst.
const PAGE: u64 = 500;
/// What has not been replayed. FINAL, for a message that was read twice may have been refused twice.
const DUE: &str = "FROM rejected_log FINAL WHERE (topic, incarnation, partition, offset) NOT IN (SELECT topic, incarnation, partition, offset FROM replayed)";
/// Local time is UTC+07:00 at every date (contract section 1).
const LOCAL_MS: i64 = 7 * 3_600_000;

/// The filters.
pub(super) struct Select {
    texts: Vec<(&'static str, Vec<String>)>,
    moments: Vec<(&'static str, i64)>,
}

/// What there is of one reason in one partition.
#[derive(Row, DeriveDeserialize)]
pub(super) struct Group {
    pub(super) topic: String,
    pub(super) incarnation: u32,
    pub(super) partition: i32,
    pub(super) reason: String,
    pub(super) messages: u64,
    /// Greatest offset.
    pub(super) last: i64,
}

/// A refused message as it is stored.
#[derive(Row, DeriveDeserialize)]
pub(super) struct StoredReject {
    pub(super) incarnation: u32,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) reason: String,
    pub(super) key: Option<Bytes>,
    pub(super) headers: Vec<(Bytes, Option<Bytes>)>,
    pub(super) raw: Option<Bytes>,
}

impl Select {
    /// The filters of the command line.
    ///
    /// # Errors
    /// A moment cannot be read.
    pub(super) fn new(args: &ReplayArgs) -> Result<Self, Failure> {
        let texts = [
            ("has(?, toString(reason))", &args.reason),
            ("has(?, ifNull(source, ''))", &args.source),
            ("has(?, toString(topic))", &args.topic),
        ];
        let texts = texts.into_iter().filter(|(_, values)| !values.is_empty()).map(|(sql, values)| (sql, values.clone()));
        let moments = [
            ("arrived >= fromUnixTimestamp64Milli(toInt64(?))", "--since", &args.since),
            ("arrived < fromUnixTimestamp64Milli(toInt64(?))", "--until", &args.until),
        ];
        let moments = moments.into_iter().filter_map(|(sql, name, text)| Some((sql, moment(name, text.as_deref()?))));
        Ok(Self { texts: texts.collect(), moments: moments.map(|(sql, ms)| Ok((sql, ms?))).collect::<Result<_, Failure>>()? })
    }

    /// What there is, by partition and reason.
    ///
    /// # Errors
    /// ClickHouse did not answer.
    pub(super) async fn groups(&self, store: &Store) -> Result<Vec<Group>, StoreError> {
        let head = "SELECT toString(topic), incarnation, partition, toString(reason), count(), max(offset)";
        let tail = "GROUP BY topic, incarnation, partition, reason ORDER BY topic, incarnation, partition, reason";
        let groups = self.query(store, head, tail).fetch_all::<Group>().await;
        groups.map_err(store.during("count refused messages"))
    }

    /// The next ones of a topic, incarnation and partition, in order, of the offsets after the first and up to the second.
    ///
    /// # Errors
    /// ClickHouse did not answer.
    pub(super) async fn page(
        &self,
        store: &Store,
        source: (&str, u32, i32),
        (after, last): (i64, i64),
    ) -> Result<Vec<StoredReject>, StoreError> {
        let (topic, incarnation, partition) = source;
        let head = "SELECT incarnation, partition, offset, toString(reason), key, headers, raw";
        let tail = "AND topic = ? AND incarnation = ? AND partition = ? AND offset > ? AND offset <= ? ORDER BY offset LIMIT ?";
        let query = self.query(store, head, tail).bind(topic).bind(incarnation).bind(partition).bind(after).bind(last).bind(PAGE);
        query.fetch_all::<StoredReject>().await.map_err(store.during("read refused messages"))
    }

    fn query(&self, store: &Store, head: &str, tail: &str) -> Query {
        let mut sql = format!("{head} {DUE}");
        for filter in self.texts.iter().map(|(sql, _)| sql).chain(self.moments.iter().map(|(sql, _)| sql)) {
            sql += &format!(" AND {filter}");
        }
        // The client cannot read the type of a named tuple.
        let client = store.read().clone().with_validation(false);
        let query = client.query(&format!("{sql} {tail}"));
        let query = self.texts.iter().fold(query, |query, (_, values)| query.bind(values));
        self.moments.iter().fold(query, |query, (_, ms)| query.bind(ms))
    }
}

/// Milliseconds since 1970 of a moment or of the begin of a local day.
fn moment(name: &str, text: &str) -> Result<i64, Failure> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Ok(moment.timestamp_millis());
    }
    let day = text.parse::<NaiveDate>().ok().and_then(|day| day.and_hms_opt(0, 0, 0));
    let ms = day.map(|begin| begin.and_utc().timestamp_millis() - LOCAL_MS);
    ms.ok_or_else(|| {
        Failure::Usage(format!("{name} {text:?} is no moment such as 2025-10-09T08:00:00+07:00 and no day such as 2025-10-09"))
    })
}

/// A `String` of ClickHouse that need not be UTF-8.
pub(super) struct Bytes(Vec<u8>);

impl Bytes {
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Bytes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }

            fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Read)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_the_begin_of_a_local_day() {
        assert_eq!(moment("--since", "1970-01-01T07:00:00.001+07:00").unwrap(), 1);
        assert_eq!(moment("--since", "1970-01-02").unwrap(), 86_400_000 - LOCAL_MS);
        for text in ["", "yesterday", "1970-01-01 07:00", "1970-13-01"] {
            assert!(moment("--since", text).unwrap_err().to_string().contains("--since"), "{text}");
        }
    }
}
