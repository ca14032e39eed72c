//! Where reading of a partition begins: at what the group has committed, else at the beginning.

use std::collections::BTreeMap;

use rdkafka::error::KafkaResult;

use crate::broker::Questions;
use crate::consume::Consumer;
use crate::offset::NextOffset;

/// The first position of a partition to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Start {
    /// The partition.
    pub partition: i32,
    /// The position.
    pub position: NextOffset,
    /// What the group has committed, if anything.
    pub committed: Option<NextOffset>,
}

/// Where to begin, for each of the partitions.
///
/// # Errors
/// Kafka does not answer for all of them.
pub fn starts(consumer: &Consumer, questions: &Questions, partitions: &[i32]) -> KafkaResult<Vec<Start>> {
    let committed = consumer.committed(partitions)?;
    let unread =
        committed.iter().filter(|(_, committed)| committed.is_none()).map(|&(partition, _)| partition).collect::<Vec<_>>();
    let begins = questions.begins(&unread)?.into_iter().collect::<BTreeMap<_, _>>();
    let start = |(partition, committed): (i32, Option<NextOffset>)| {
        let begin = begins.get(&partition).copied().unwrap_or_default();
        Start { partition, position: committed.unwrap_or(NextOffset::stated(begin)), committed }
    };
    Ok(committed.into_iter().map(start).collect())
}
