//! Partitions come and go: where reading begins, and what becomes of what is open.

use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use tracing::{info, warn};

use super::{Parts, Pipeline};
use crate::consume::Change;
use crate::failure::Failure;
use crate::observe::observe;
use crate::place::Place;
use crate::start::{StartError, starts};

/// Pause before partitions are begun again, when Kafka did not say where they begin.
const ASSIGN_PAUSE: Duration = Duration::from_secs(1);

impl Pipeline {
    /// Answers the rebalances that the consumer has kept.
    pub(super) fn rebalance(&mut self) -> Result<(), Failure> {
        while let Some(change) = self.parts.consumer.next_change() {
            info!(?change, "rebalance");
            match &change {
                Change::Revoked { places, lost } => self.revoke(places, *lost)?,
                Change::Assigned(places) => match self.assign(places) {
                    Ok(()) => {}
                    Err(StartError::Kafka(error)) => {
                        warn!(%error, "cannot begin to read partitions, trying again");
                        self.parts.consumer.postpone(change);
                        std::thread::sleep(ASSIGN_PAUSE);
                        return Ok(());
                    }
                    Err(error @ StartError::Outside { .. }) => return Err(Failure::Finding(error.to_string())),
                },
            }
        }
        Ok(())
    }

    fn assign(&mut self, places: &[Place]) -> Result<(), StartError> {
        let Parts { consumer, questions, observations, .. } = &self.parts;
        let starts = starts(consumer, questions, places)?;
        let seen = observe(questions, places)?;
        consumer.assign(&starts.iter().map(|start| (start.place, start.position)).collect::<Vec<_>>())?;
        self.finder.forget();
        for start in starts {
            self.tracks.assign(start.place, start.position);
            self.commit.assign(start);
        }
        for (place, seen) in seen {
            observations.follow(place, seen);
        }
        if self.paused
            && let Err(error) = consumer.pause(places)
        {
            warn!(%error, "new partitions not paused");
        }
        self.joined = true;
        Ok(())
    }

    fn revoke(&mut self, places: &[Place], lost: bool) -> Result<(), Failure> {
        // Batches mix partitions, and a repeated event may lie in a partition that stays: so all is stored, or none.
        let stored = !lost && self.store_all(Instant::now() + self.parts.drain_max)?;
        self.finder.forget();
        for &place in places {
            self.tracks.revoke(place);
            self.commit.revoke(place);
            self.parts.observations.forget(place);
        }
        if let Err(error) = self.parts.consumer.unassign(places) {
            warn!(%error, "partitions not given back");
        }
        if stored { Ok(()) } else { self.drop_open() }
    }

    /// Drops what is open; what is still ours of it is read again from where the batch began.
    fn drop_open(&mut self) -> Result<(), Failure> {
        self.open.restart(&self.parts.generation);
        let again = self.tracks.rewind();
        warn!(?again, "partitions left before everything read was stored; it will be read again");
        // The consumer must not stay ahead of the ledger: if it cannot go back, a new worker begins at what is committed.
        self.parts.consumer.rewind(&again).map_err(|error: KafkaError| {
            Failure::Dependency(format!("cannot read partitions again after a rebalance: {error}; start the worker again"))
        })
    }
}
