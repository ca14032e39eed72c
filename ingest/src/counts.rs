//! What became of the messages: read = stored + repeated + rejected, always.

use std::collections::BTreeMap;
use std::fmt;

use chiso_schemas::event::Reason;
use serde_json::{Value, json};

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

/// For people.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} stored, {} repeated, {} rejected", self.stored, self.repeated, self.rejected())
    }
}
