//! Where reading of a partition begins: where the ledger in ClickHouse ends, whatever the group has committed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chiso_schemas::store::{Fault, StoreError};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::runtime::Handle;
use tracing::{info, warn};

use crate::broker::Questions;
use crate::client::{answer_hint, is_denied};
use crate::failure::Failure;
use crate::ledger::{Beginning, Covered, Ledger};
use crate::observe::{Observation, now_ms, observe};
use crate::offset::NextOffset;
use crate::place::{Place, Topic};

/// The first position of a partition to read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Start {
    /// The partition.
    pub place: Place,
    /// Which topic of that name.
    pub incarnation: u32,
    /// Kafka's id of that topic.
    pub topic_id: String,
    /// The position.
    pub position: NextOffset,
    /// Whether the ledger knew the partition.
    pub known: bool,
    /// What the group has committed, if anything.
    pub committed: Option<NextOffset>,
    /// Where the partition ends.
    pub seen: Observation,
}

/// Why reading cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Kafka does not answer for all partitions.
    #[error("kafka does not answer: {0}")]
    Kafka(#[from] KafkaError),
    /// ClickHouse does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another topic has the name now.
    #[error(
        "topic {topic} was made anew: the ledger knows the topic of that name with id {known} since {since} (UTC), Kafka has one with id \
         {found}; nothing of it was read; if it shall be read from its beginning, run chiso-ingest adopt --topic {topic} --because TEXT"
    )]
    MadeAnew {
        /// Topic.
        topic: Topic,
        /// The id that the ledger knows.
        known: String,
        /// Since when.
        since: String,
        /// The id that it has now.
        found: String,
    },
    /// What is stored lies beyond the end of the log.
    #[error(
        "the ledger says that {place} is stored up to {stored}, but Kafka has {begin}..{end} of it: the topic was made anew, or Kafka has \
         lost messages; if it shall be read from its beginning, run chiso-ingest adopt --topic {topic} --because TEXT", topic = place.topic
    )]
    Beyond {
        /// Partition.
        place: Place,
        /// End of what is stored.
        stored: i64,
        /// Where the partition begins.
        begin: i64,
        /// Where it ends.
        end: i64,
    },
    /// The next message to read is no more in Kafka.
    #[error(
        "messages {stored}..{begin} of {place} have expired in Kafka before they were stored; if their publishers can send them again, let \
         them; to go on without, run chiso-ingest accept-loss --topic {topic} --partition {partition} --because TEXT; and let Kafka keep \
         messages longer (retention.ms, retention.bytes)", topic = place.topic, partition = place.partition
    )]
    Expired {
        /// Partition.
        place: Place,
        /// End of what is stored.
        stored: i64,
        /// Where the partition begins.
        begin: i64,
    },
}

impl StartError {
    /// Whether asking again later can help. A broker that has just started may not know at once where its partitions end.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Kafka(error) => !is_denied(error),
            Self::Beyond { .. } => true,
            Self::Store(error) => error.fault() != Fault::Stop,
            Self::MadeAnew { .. } | Self::Expired { .. } => false,
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Kafka(ref cause) => Self::Dependency(format!("{error}; {}", answer_hint(cause))),
            StartError::Store(error) => error.into(),
            StartError::MadeAnew { .. } | StartError::Beyond { .. } | StartError::Expired { .. } => {
                Self::Finding(error.to_string())
            }
        }
    }
}

/// Finds out where to begin: asks Kafka and ClickHouse, so it may take long.
#[derive(Clone)]
pub struct Starter {
    /// Who asks Kafka.
    pub questions: Arc<Questions>,
    /// What is stored.
    pub ledger: Ledger,
    /// Where questions to ClickHouse run.
    pub runtime: Handle,
}

/// Which topic of a name is read: number and Kafka's id.
type Meant = (u32, String);

impl Starter {
    /// Where to begin, for each of the partitions.
    ///
    /// # Errors
    /// Kafka or ClickHouse does not answer, or what is stored does not fit to what Kafka has.
    pub fn starts(&self, places: &[Place]) -> Result<Vec<Start>, StartError> {
        let meant = self.meant(places)?;
        // Before the ends: what is stored later may lie beyond them.
        let covered = self.runtime.block_on(self.ledger.covered())?;
        let committed = self.questions.committed(places)?.into_iter().collect::<BTreeMap<_, _>>();
        let begins = self.questions.begins(places)?;
        let seen = observe(&self.questions, places)?.into_iter().collect::<BTreeMap<_, _>>();
        let start = |(place, begin): (Place, i64)| {
            let (incarnation, topic_id) = meant.get(&place.topic).cloned().unwrap_or_default();
            let seen = seen.get(&place).copied().unwrap_or(Observation { end: begin, at_ms: 0 });
            let covered = covered.get(&place).filter(|covered| covered.incarnation == incarnation);
            let position = position(place, covered.map(Covered::stored), begin, seen.end)?;
            let committed = committed.get(&place).copied().flatten();
            Ok(Start { place, incarnation, topic_id, position, known: covered.is_some(), committed, seen })
        };
        begins.into_iter().map(start).collect()
    }

    fn meant(&self, places: &[Place]) -> Result<BTreeMap<Topic, Meant>, StartError> {
        let topics = places.iter().map(|place| place.topic).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
        let ids = self.questions.topic_ids(&topics)?;
        let mut known = self.runtime.block_on(self.ledger.incarnations())?;
        let mut meant = BTreeMap::new();
        for topic in topics {
            // A broker may not know yet what it has just been told to make.
            let unknown = StartError::Kafka(KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition));
            let found = ids.get(&topic).cloned().ok_or(unknown)?;
            let incarnation = match known.remove(&topic) {
                Some(incarnation) => incarnation,
                None => {
                    let (since_ms, because) = (now_ms(), "a worker has seen the topic for the first time");
                    let beginning = Beginning { topic, number: 1, topic_id: &found, since_ms, because };
                    self.runtime.block_on(self.ledger.begin(beginning))?
                }
            };
            if !incarnation.is(&found) {
                let (known, since) = (incarnation.topic_id, incarnation.since);
                return Err(StartError::MadeAnew { topic, known, since, found });
            }
            meant.insert(topic, (incarnation.number, found));
        }
        Ok(meant)
    }
}

/// The position to begin at: never seen = the beginning, else the end of what is stored, if Kafka still has it.
fn position(place: Place, stored: Option<NextOffset>, begin: i64, end: i64) -> Result<NextOffset, StartError> {
    match stored.map(NextOffset::get) {
        None => Ok(NextOffset::stated(begin)),
        Some(stored) if stored > end => Err(StartError::Beyond { place, stored, begin, end }),
        Some(stored) if stored < begin => Err(StartError::Expired { place, stored, begin }),
        Some(stored) => Ok(NextOffset::stated(stored)),
    }
}

impl Start {
    /// Says what was found, where the group's offset and the ledger differ.
    pub fn tell(&self) {
        let (place, position) = (self.place, self.position.get());
        match (self.known, self.committed.map(NextOffset::get)) {
            (false, None) => info!(%place, position, "partition not seen before, reading from its beginning"),
            (false, Some(committed)) => {
                warn!(%place, position, committed, "the group has read of the partition, but the ledger knows nothing of it: reading from its beginning");
            }
            (true, None) => warn!(%place, position, "the group has no offset: reading on where the ledger ends"),
            (true, Some(committed)) if committed > position => {
                warn!(%place, position, committed, "the group's offset lies beyond the ledger, as after clickhouse was set back: reading on where the ledger ends");
            }
            (true, Some(committed)) => info!(%place, position, committed, "reading on where the ledger ends"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_ledger_decides_and_what_does_not_fit_is_a_finding() {
        let place = Place::new("t", 3);
        let at = |stored: Option<i64>, begin, end| position(place, stored.map(NextOffset::stated), begin, end);
        for (stored, begin, end, expected) in
            [(None, 0, 9, 0), (None, 4, 9, 4), (Some(0), 0, 9, 0), (Some(9), 0, 9, 9), (Some(4), 4, 9, 4), (Some(5), 5, 5, 5)]
        {
            assert_eq!(at(stored, begin, end).unwrap().get(), expected, "{stored:?} {begin}..{end}");
        }
        let beyond = at(Some(10), 0, 9).unwrap_err();
        assert!(matches!(beyond, StartError::Beyond { .. }) && beyond.to_string().contains("adopt --topic t --because"));
        let expired = at(Some(3), 4, 9).unwrap_err();
        assert!(expired.to_string().contains("messages 3..4 of t [3]"), "{expired}");
        assert!(expired.to_string().contains("accept-loss --topic t --partition 3 --because"), "{expired}");
        // A log that was emptied and began again: both would fit, and that it is shorter says more.
        assert!(matches!(at(Some(3), 4, 4).unwrap_err(), StartError::Expired { .. }));
    }
}
