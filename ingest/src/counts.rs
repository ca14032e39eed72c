//! What became of the messages: read = stored + repeated + rejected, always.

use std::collections::BTreeMap;
use std::fmt;

use chiso_schemas::event::Reason;
use serde_json::{Value, json};

use crate::place::Place;

/// Counts of messages by outcome.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Taken from Kafka.
    pub read: u64,
    /// Stored as events.
    pub stored: u64,
    /// The same event came earlier in the batch.
    pub repeated: u64,
    reasons: BTreeMap<Reason, u64>,
}

impl Counts {
    /// Counts a refused message.
    pub fn reject(&mut self, reason: Reason) {
        *self.reasons.entry(reason).or_default() += 1;
    }

    /// Refused ones by reason.
    pub fn reasons(&self) -> impl Iterator<Item = (Reason, u64)> {
        self.reasons.iter().map(|(&reason, &count)| (reason, count))
    }

    /// Refused ones, whatever the reason.
    pub fn rejected(&self) -> u64 {
        self.reasons.values().sum()
    }

    /// Whether every message has one outcome.
    pub fn add_up(&self) -> bool {
        self.read == self.stored + self.repeated + self.rejected()
    }

    /// Adds the counts of another batch.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.stored += other.stored;
        self.repeated += other.repeated;
        for (&reason, &count) in &other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
    }

    /// For scripts: `{"read":3,"stored":1,"repeated":1,"rejected":1,"reasons":{"bad_date":1}}`.
    pub fn to_json(&self) -> Value {
        let reasons = self.reasons.iter().map(|(reason, count)| (reason.as_str().to_owned(), json!(count)));
        json!({
            "read": self.read,
            "stored": self.stored,
            "repeated": self.repeated,
            "rejected": self.rejected(),
            "reasons": reasons.collect::<serde_json::Map<_, _>>(),
        })
    }
}

/// Messages of one partition: how many were read, and what became of them, counted apart from each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Taken from Kafka.
    pub read: u64,
    /// Stored as events.
    pub stored: u64,
    /// The same event came earlier in the batch.
    pub repeated: u64,
    /// Refused.
    pub rejected: u64,
    /// Kafka's timestamp of the oldest message that was read.
    pub oldest_ms: Option<i64>,
}

impl Tally {
    /// Counts a message that was read, with Kafka's timestamp.
    pub fn read(&mut self, ms: i64) {
        self.read += 1;
        if self.oldest_ms.is_none_or(|oldest| ms < oldest) {
            self.oldest_ms = Some(ms);
        }
    }

    /// Adds what became of other messages of the partition.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.stored += other.stored;
        self.repeated += other.repeated;
        self.rejected += other.rejected;
        self.oldest_ms = self.oldest_ms.into_iter().chain(other.oldest_ms).min();
    }

    /// Each number with its name.
    pub fn outcomes(&self) -> [(&'static str, u64); 4] {
        [("read", self.read), ("stored", self.stored), ("repeated", self.repeated), ("rejected", self.rejected)]
    }

    /// Messages without an outcome; negative if some have two. Must be 0.
    pub fn unaccounted(&self) -> i64 {
        self.read.cast_signed() - (self.stored + self.repeated + self.rejected).cast_signed()
    }
}

/// The tallies of the partitions of a batch.
#[derive(Clone, Debug, Default)]
pub struct Tallies {
    places: Vec<(Place, Tally)>,
    last: usize,
}

impl Tallies {
    /// The tally of a partition. Messages come in runs of one partition, so it is mostly the one asked for before.
    pub fn of(&mut self, place: Place) -> &mut Tally {
        if self.places.get(self.last).is_none_or(|(known, _)| *known != place) {
            self.last = self.places.iter().position(|(known, _)| *known == place).unwrap_or_else(|| {
                self.places.push((place, Tally::default()));
                self.places.len() - 1
            });
        }
        &mut self.places[self.last].1
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &(Place, Tally)> {
        self.places.iter()
    }

    /// Adds those of another batch.
    pub fn add(&mut self, other: &Self) {
        for (place, tally) in other.iter() {
            self.of(*place).add(tally);
        }
    }

    /// Kafka's timestamp of the oldest message.
    pub fn oldest_ms(&self) -> Option<i64> {
        self.iter().filter_map(|(_, tally)| tally.oldest_ms).min()
    }

    /// The partitions whose messages do not add up, and by how many; none is right.
    pub fn unaccounted(&self) -> Vec<(Place, i64)> {
        self.iter().map(|(place, tally)| (*place, tally.unaccounted())).filter(|(_, count)| *count != 0).collect()
    }
}

/// For people.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} stored, {} repeated, {} rejected", self.stored, self.repeated, self.rejected())
    }
}
