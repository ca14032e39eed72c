//! Commits to Kafka what is durable, and nothing else. The group's offsets are for those who watch: the ledger decides.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use tracing::{Span, error_span, warn};

use crate::consume::Consumer;
use crate::insert::Durable;
use crate::metrics::Metrics;
use crate::offset::NextOffset;
use crate::place::Place;
use crate::start::Start;

/// Durable and committed positions of the partitions that are ours. A thread of its own waits for Kafka, which may take
/// long to answer while the group has no coordinator.
#[derive(Debug)]
pub struct Commit {
    places: BTreeMap<Place, Position>,
    jobs: Sender<(Positions, Span)>,
    metrics: Arc<Metrics>,
    answers: Receiver<KafkaResult<()>>,
    sent: Option<Positions>,
    failed_at: Option<Instant>,
    refused_at: Option<Instant>,
}

type Positions = Vec<(Place, NextOffset)>;

#[derive(Clone, Copy, Debug)]
struct Position {
    durable: NextOffset,
    committed: Option<NextOffset>,
}

/// Pause after a commit that Kafka refused, such as during a rebalance.
const PAUSE: Duration = Duration::from_millis(500);

impl Commit {
    /// Starts the thread; it ends when this is dropped and Kafka has answered.
    pub fn start(consumer: Arc<Consumer>, metrics: Arc<Metrics>) -> Self {
        let (jobs, due) = channel::<(Positions, Span)>();
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            while let Ok((positions, span)) = due.recv() {
                if sender.send(span.in_scope(|| consumer.commit(&positions))).is_err() {
                    return;
                }
            }
        });
        Self { places: BTreeMap::new(), jobs, metrics, answers, sent: None, failed_at: None, refused_at: None }
    }

    /// A partition became ours. What lies before its start is stored, is no more or was never looked for.
    pub fn assign(&mut self, start: &Start) {
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

    /// Sends what is durable and not yet committed, unless an answer is awaited. An offset beyond what is durable is set
    /// back. What Kafka refuses is sent again later: at worst it is read and stored again, which changes nothing.
    pub fn send(&mut self) {
        self.take_answer(Duration::ZERO);
        if self.sent.is_some() || self.failed_at.is_some_and(|at| at.elapsed() < PAUSE) {
            return;
        }
        let due = self.places.iter().filter(|(_, position)| position.committed != Some(position.durable));
        let due = due.map(|(&place, position)| (place, position.durable)).collect::<Vec<_>>();
        let span = || error_span!("commit", partitions = due.len());
        if !due.is_empty() && self.jobs.send((due.clone(), span())).is_ok() {
            self.sent = Some(due);
        }
    }

    /// Waits that long for the answer to what was sent.
    pub fn take_answer(&mut self, patience: Duration) {
        if self.sent.is_none() {
            return;
        }
        let Ok(answer) = self.answers.recv_timeout(patience) else { return };
        let sent = self.sent.take().unwrap_or_default();
        match answer {
            Ok(()) => {
                self.failed_at = None;
                self.metrics.committed(&sent);
                for (place, next) in sent {
                    if let Some(position) = self.places.get_mut(&place) {
                        position.committed = Some(next);
                    }
                }
            }
            Err(error) => {
                self.failed_at = Some(Instant::now());
                self.metrics.commit_failed();
                if error.rdkafka_error_code().is_some_and(is_of_membership) {
                    self.refused_at = self.failed_at;
                }
                warn!(%error, "commit failed, trying again");
            }
        }
    }

    /// Whether the group has refused a commit since then because it is being shared out anew, or because this worker is no
    /// member any more. While nobody polls, it will refuse every other one, too.
    pub fn is_refused_since(&self, moment: Instant) -> bool {
        self.refused_at.is_some_and(|at| at >= moment)
    }

    /// Whether all that is durable is committed.
    pub fn is_settled(&self) -> bool {
        self.places.values().all(|position| position.committed == Some(position.durable))
    }
}

/// Refusals that end with the next rebalance, or with a new membership.
fn is_of_membership(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::IllegalGeneration
            | RDKafkaErrorCode::RebalanceInProgress
            | RDKafkaErrorCode::UnknownMemberId
            | RDKafkaErrorCode::FencedInstanceId
            | RDKafkaErrorCode::AssignmentLost
    )
}
