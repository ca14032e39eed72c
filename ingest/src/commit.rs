//! Commits to Kafka what is durable, and nothing else.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tracing::warn;

use crate::consume::Consumer;
use crate::insert::Durable;
use crate::offset::NextOffset;
use crate::place::Place;
use crate::start::Start;

/// Durable and committed positions of the partitions that are ours.
#[derive(Debug, Default)]
pub struct Commit {
    places: BTreeMap<Place, Position>,
    failed_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Position {
    durable: NextOffset,
    committed: Option<NextOffset>,
}

/// Pause after a commit that Kafka refused, such as during a rebalance.
const PAUSE: Duration = Duration::from_millis(500);

impl Commit {
    /// A partition became ours. What lies before its start is stored or is no more.
    pub fn assign(&mut self, start: Start) {
        self.places.insert(start.place, Position { durable: start.position, committed: start.committed });
    }

    /// A partition is no longer ours: another worker may be further, so nothing of it may be committed.
    pub fn revoke(&mut self, place: Place) {
        self.places.remove(&place);
    }

    /// Notes what is stored. Positions never go back, also when a partition came back to us meanwhile.
    pub fn release(&mut self, durable: &Durable) {
        for range in durable.ranges() {
            if let Some(position) = self.places.get_mut(&range.place) {
                position.durable = position.durable.max(range.next);
            }
        }
    }

    /// What is stored of a partition, if it is ours.
    pub fn durable(&self, place: Place) -> Option<NextOffset> {
        self.places.get(&place).map(|position| position.durable)
    }

    /// What is committed of a partition, if it is ours.
    pub fn committed(&self, place: Place) -> Option<NextOffset> {
        self.places.get(&place).and_then(|position| position.committed)
    }

    /// Sends what is durable and not yet committed. What Kafka refuses is sent again later: at worst it is read and
    /// stored again, which changes nothing.
    pub fn send(&mut self, consumer: &Consumer) {
        let due = self.places.iter().filter(|(_, position)| position.committed.is_none_or(|sent| sent < position.durable));
        let due = due.map(|(&place, position)| (place, position.durable)).collect::<Vec<_>>();
        if due.is_empty() || self.failed_at.is_some_and(|at| at.elapsed() < PAUSE) {
            return;
        }
        match consumer.commit(&due) {
            Ok(()) => {
                self.failed_at = None;
                for (place, next) in due {
                    if let Some(position) = self.places.get_mut(&place) {
                        position.committed = Some(next);
                    }
                }
            }
            Err(error) => {
                self.failed_at = Some(Instant::now());
                warn!(%error, "commit failed, trying again");
            }
        }
    }

    /// Whether all that is durable is committed.
    pub fn is_settled(&self) -> bool {
        self.places.values().all(|position| position.committed == Some(position.durable))
    }
}
