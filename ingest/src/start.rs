//! Where reading of a partition begins: at what the group has committed, else at the beginning.

use std::collections::BTreeMap;

use rdkafka::error::KafkaError;

use crate::broker::Questions;
use crate::consume::Consumer;
use crate::offset::NextOffset;
use crate::place::Place;

/// The first position of a partition to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Start {
    /// The partition.
    pub place: Place,
    /// The position.
    pub position: NextOffset,
    /// What the group has committed, if anything.
    pub committed: Option<NextOffset>,
}

/// Why reading cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Kafka does not answer for all partitions.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// To begin anywhere else would skip messages in silence, or those of another topic of the same name.
    #[error(
        "group {group} has committed offset {committed} of {place}, but the partition holds {begin}..{end}: \
         messages have expired unread, or the topic was made anew; set the group's offset with kafka-consumer-groups --reset-offsets, \
         or set another kafka.group, which reads everything again and stores nothing twice"
    )]
    Outside {
        /// Group.
        group: String,
        /// Partition.
        place: Place,
        /// What the group has committed.
        committed: i64,
        /// Where the partition begins.
        begin: i64,
        /// Where it ends.
        end: i64,
    },
}

/// Where to begin, for each of the partitions.
///
/// # Errors
/// Kafka does not answer, or a committed offset lies outside of its partition.
pub fn starts(consumer: &Consumer, questions: &Questions, places: &[Place]) -> Result<Vec<Start>, StartError> {
    let committed = consumer.committed(places)?.into_iter().collect::<BTreeMap<_, _>>();
    let begins = questions.begins(places)?;
    let ends = questions.ends(places)?.into_iter().collect::<BTreeMap<_, _>>();
    let start = |(place, begin): (Place, i64)| {
        let committed = committed.get(&place).copied().flatten();
        let end = ends.get(&place).copied().unwrap_or(begin);
        match committed {
            Some(next) if !(begin..=end).contains(&next.get()) => {
                Err(StartError::Outside { group: consumer.group().to_owned(), place, committed: next.get(), begin, end })
            }
            _ => Ok(Start { place, position: committed.unwrap_or(NextOffset::stated(begin)), committed }),
        }
    };
    begins.into_iter().map(start).collect()
}
