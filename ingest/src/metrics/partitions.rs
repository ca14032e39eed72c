//! How far each partition of this worker is, and whether its messages add up.

use std::collections::BTreeMap;
use std::fmt::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::counts::Tally;
use crate::place::Place;

/// The partitions that are ours. One that is taken away goes, unless its messages do not add up.
#[derive(Debug, Default)]
pub(super) struct Partitions(Mutex<BTreeMap<Place, Partition>>);

/// What is known of a partition.
#[derive(Debug, Default)]
struct Partition {
    tally: Tally,
    stored: i64,
    committed: Option<i64>,
    end: Option<i64>,
    behind: Option<Behind>,
}

/// An end that was seen and is not stored yet, and when it was first seen.
#[derive(Clone, Copy, Debug)]
struct Behind {
    end: i64,
    since: Instant,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct PlaceLabels {
    topic: &'static str,
    partition: i32,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct OutcomeLabels {
    topic: &'static str,
    partition: i32,
    outcome: &'static str,
}

impl Partition {
    /// Messages between what is stored and the end, marks of transactions included.
    fn lag(&self) -> Option<i64> {
        self.end.map(|end| (end - self.stored).max(0))
    }

    /// Renews the end that must be stored next for the partition to have caught up with what was seen.
    fn look_behind(&mut self) {
        let reached = self.behind.is_none_or(|behind| behind.end <= self.stored);
        if reached {
            self.behind = self.end.filter(|&end| end > self.stored).map(|end| Behind { end, since: Instant::now() });
        }
    }
}

impl Partitions {
    fn all(&self) -> MutexGuard<'_, BTreeMap<Place, Partition>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A partition became ours, and is read from that position on.
    pub(super) fn assign(&self, place: Place, stored: i64, committed: Option<i64>) {
        self.all().insert(place, Partition { stored, committed, ..Partition::default() });
    }

    /// A partition is no longer ours.
    pub(super) fn revoke(&self, place: Place) {
        self.all().retain(|&known, partition| known != place || partition.tally.unaccounted() != 0);
    }

    /// Where the partition ends.
    pub(super) fn end(&self, place: Place, end: i64) {
        if let Some(partition) = self.all().get_mut(&place) {
            partition.end = Some(end);
            partition.look_behind();
        }
    }

    /// Everything before that position is stored.
    pub(super) fn stored(&self, place: Place, next: i64) {
        if let Some(partition) = self.all().get_mut(&place) {
            partition.stored = partition.stored.max(next);
            partition.look_behind();
        }
    }

    /// What became of messages of the partition.
    pub(super) fn count(&self, place: Place, tally: &Tally) {
        if let Some(partition) = self.all().get_mut(&place) {
            partition.tally.add(tally);
        }
    }

    /// Everything before that position is committed.
    pub(super) fn committed(&self, place: Place, next: i64) {
        if let Some(partition) = self.all().get_mut(&place) {
            partition.committed = Some(next);
        }
    }

    /// Messages that are not stored yet, in all partitions.
    pub(super) fn lag(&self) -> i64 {
        self.all().values().filter_map(Partition::lag).sum()
    }

    /// For how long at least a message has lain in Kafka without being stored.
    pub(super) fn behind(&self) -> Option<Duration> {
        self.all().values().filter_map(|partition| Some(partition.behind?.since.elapsed())).max()
    }
}

impl Collector for Partitions {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let all = self.all();
        let mut gauge = |name: &str, help: &str, value: &dyn Fn(&Partition) -> Option<i64>| {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (place, partition) in all.iter() {
                let Some(value) = value(partition) else { continue };
                let labels = PlaceLabels { topic: place.topic.name(), partition: place.partition };
                ConstGauge::<i64>::new(value).encode(family.encode_family(&labels)?)?;
            }
            Ok::<_, Error>(())
        };
        gauge("stored_offset", "Position up to which everything is stored in ClickHouse.", &|partition| Some(partition.stored))?;
        gauge("committed_offset", "Position that the group has committed.", &|partition| partition.committed)?;
        gauge("end_offset", "Where the partition ends, behind its last finished transaction.", &|partition| partition.end)?;
        gauge("lag_messages", "Positions between what is stored and the end of the partition.", &Partition::lag)?;
        let help = "Messages read that were neither stored nor rejected nor repeated, or that were more than once: must be 0.";
        gauge("unaccounted_messages", help, &|partition| Some(partition.tally.unaccounted()))?;
        let help = "Messages by what became of them (stored, rejected, repeated), and how many were read; counted when durable.";
        let mut family = encoder.encode_descriptor("partition_messages", help, None, MetricType::Counter)?;
        for (place, Partition { tally, .. }) in all.iter() {
            for (outcome, count) in tally.outcomes() {
                let labels = OutcomeLabels { topic: place.topic.name(), partition: place.partition, outcome };
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn a_partition_is_behind_from_when_its_end_was_seen_until_that_is_stored() {
        let place = Place::new("t", 1);
        let partitions = Partitions::default();
        partitions.assign(place, 10, None);
        partitions.end(place, 10);
        assert_eq!((partitions.behind(), partitions.lag()), (None, 0));
        partitions.end(place, 12);
        std::thread::sleep(Duration::from_millis(5));
        partitions.end(place, 15);
        let behind = partitions.behind().unwrap();
        assert!(behind >= Duration::from_millis(5));
        partitions.stored(place, 13);
        assert!(partitions.behind().unwrap() < behind, "the end of 12 is stored, that of 15 was seen later");
        assert_eq!(partitions.lag(), 2);
        partitions.stored(place, 15);
        assert_eq!((partitions.behind(), partitions.lag()), (None, 0));
    }

    #[test]
    fn what_is_revoked_goes_unless_it_does_not_add_up() {
        let (right, wrong) = (Place::new("t", 1), Place::new("t", 2));
        let partitions = std::sync::Arc::new(Partitions::default());
        for place in [right, wrong] {
            partitions.assign(place, 0, Some(0));
            partitions.count(place, &Tally { read: 3, stored: 2, repeated: 1, ..Tally::default() });
        }
        partitions.count(wrong, &Tally { read: 1, ..Tally::default() });
        partitions.revoke(right);
        partitions.revoke(wrong);
        let mut registry = Registry::default();
        registry.register_collector(Box::new(std::sync::Arc::clone(&partitions)));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert!(!text.contains(r#"partition="1""#), "{text}");
        assert!(text.contains("unaccounted_messages{topic=\"t\",partition=\"2\"} 1\n"), "{text}");
        assert!(text.contains("partition_messages_total{topic=\"t\",partition=\"2\",outcome=\"read\"} 4\n"), "{text}");
    }
}
