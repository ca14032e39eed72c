//! Partitions come and go: where reading begins, and what becomes of what is open.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use tracing::{error_span, info, warn};

use super::{Parts, Pipeline};
use crate::batch::LedgerEntry;
use crate::consume::Change;
use crate::failure::Failure;
use crate::metrics::SealedBy;
use crate::place::Place;
use crate::start::{Start, StartError};

/// Pause before it is asked again where partitions begin.
const PAUSE: Duration = Duration::from_secs(1);
/// How long Kafka may seem to have less than is stored: a broker that has just started does not know its logs at once.
const BEYOND: Duration = Duration::from_secs(10);

/// Partitions that are ours and not begun, because Kafka and ClickHouse have not said yet where.
#[derive(Default)]
pub(super) struct Arrivals {
    places: BTreeSet<Place>,
    answer: Option<Receiver<Result<Vec<Start>, StartError>>>,
    failed_at: Option<Instant>,
    beyond_since: Option<Instant>,
}

impl Arrivals {
    /// Whether all partitions are begun.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

impl Pipeline {
    /// Takes the rebalances that the consumer has kept, and begins partitions of which it is known where.
    pub(super) fn rebalance(&mut self) -> Result<(), Failure> {
        if let Some(topic) = self.parts.observations.made_anew() {
            let what = "was made anew while it was read; if it shall be read from its beginning, run chiso-ingest adopt";
            return Err(Failure::Finding(format!("topic {topic} {what} --topic {topic} --because TEXT")));
        }
        while let Some(change) = self.parts.consumer.next_change() {
            let (kind, places) = match &change {
                Change::Assigned(places) => ("assigned", places),
                Change::Revoked { places, lost: false } => ("revoked", places),
                Change::Revoked { places, lost: true } => ("lost", places),
            };
            let _rebalance = error_span!("rebalance", kind).entered();
            info!(?places, "the group moves partitions");
            self.parts.metrics.rebalanced(kind);
            match change {
                Change::Revoked { places, lost } => {
                    self.revoke(&places, lost)?;
                    self.parts.metrics.partitions(self.tracks.places().count());
                }
                Change::Assigned(places) => {
                    self.arrivals.places.extend(places);
                    self.joined = true;
                }
            }
        }
        if let Some(starts) = self.answered()? {
            self.begin(starts)?;
        }
        if !self.arrivals.is_empty() && self.arrivals.answer.is_none() {
            self.ask();
        }
        Ok(())
    }

    /// Asks where to begin, in a thread of its own: while ClickHouse or Kafka is away, the group is still served.
    fn ask(&mut self) {
        if self.arrivals.failed_at.is_some_and(|at| at.elapsed() < PAUSE) {
            return;
        }
        let (sender, receiver) = channel();
        self.arrivals.answer = Some(receiver);
        let (starter, places) = (self.parts.starter.clone(), self.arrivals.places.iter().copied().collect::<Vec<_>>());
        std::thread::spawn(move || {
            // Nobody waits for the answer any more if the worker has ended.
            let _ = sender.send(starter.starts(&places));
        });
    }

    fn answered(&mut self) -> Result<Option<Vec<Start>>, Failure> {
        let Some(answer) = &self.arrivals.answer else { return Ok(None) };
        let answer = match answer.try_recv() {
            Err(TryRecvError::Empty) => return Ok(None),
            Err(TryRecvError::Disconnected) => return Err(Failure::Finding("it was not found out where to begin".to_owned())),
            Ok(answer) => answer,
        };
        self.arrivals.answer = None;
        let error = match answer {
            Ok(starts) => {
                (self.arrivals.failed_at, self.arrivals.beyond_since) = (None, None);
                return Ok(Some(starts));
            }
            Err(error) => error,
        };
        self.arrivals.failed_at = Some(Instant::now());
        if matches!(error, StartError::Beyond { .. }) {
            let since = *self.arrivals.beyond_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= BEYOND {
                return Err(error.into());
            }
        }
        if !error.may_pass() {
            return Err(error.into());
        }
        warn!(%error, "cannot begin to read partitions, trying again");
        Ok(None)
    }

    /// Begins the partitions that are still ours.
    fn begin(&mut self, starts: Vec<Start>) -> Result<(), Failure> {
        let Parts { consumer, observations, metrics, .. } = &self.parts;
        let starts = starts.into_iter().filter(|start| self.arrivals.places.remove(&start.place)).collect::<Vec<_>>();
        let positions = starts.iter().map(|start| (start.place, start.position)).collect::<Vec<_>>();
        consumer
            .assign(&positions)
            .map_err(|error| Failure::Dependency(format!("cannot begin to read partitions: {error}; start the worker again")))?;
        self.finder.forget();
        for start in &starts {
            start.tell();
            metrics.assigned(start);
            metrics.end(start.place, start.seen.end);
            self.tracks.assign(start.place, start.incarnation, start.position);
            self.commit.assign(start);
            observations.follow(start.place, start.seen, &start.topic_id);
            if let (false, Some(range)) = (start.known, self.tracks.empty(start.place, start.position)) {
                // Until a message of it is stored, nothing may look complete.
                self.unnoted.push(LedgerEntry { range, seen: start.seen });
            }
        }
        metrics.partitions(self.tracks.places().count());
        let places = starts.iter().map(|start| start.place).collect::<Vec<_>>();
        if self.paused
            && let Err(error) = consumer.pause(&places)
        {
            warn!(%error, "new partitions not paused");
        }
        Ok(())
    }

    fn revoke(&mut self, places: &[Place], lost: bool) -> Result<(), Failure> {
        places.iter().for_each(|place| _ = self.arrivals.places.remove(place));
        let is_ours = places.iter().any(|&place| self.tracks.next(place).is_some());
        // Batches mix partitions, and a repeated event may lie in a partition that stays: so all is stored, or none.
        let stored = !is_ours || !lost && self.store_all(Instant::now() + self.parts.drain_max, SealedBy::Rebalance)?;
        self.finder.forget();
        for &place in places {
            self.tracks.revoke(place);
            self.commit.revoke(place);
            self.parts.observations.forget(place);
            self.parts.metrics.revoked(place);
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
        // The consumer must not stay ahead of the ledger: if it cannot go back, a new worker begins where the ledger ends.
        self.parts.consumer.rewind(&again).map_err(|error: KafkaError| {
            Failure::Dependency(format!("cannot read partitions again after a rebalance: {error}; start the worker again"))
        })
    }
}
