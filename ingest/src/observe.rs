//! Watches where the partitions end, so that the ledger can say up to which moment everything is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::error::KafkaResult;
use tracing::debug;

use crate::broker::Questions;
use crate::metrics::Metrics;
use crate::place::{Place, Topic};

/// An end offset, and a moment not later than when Kafka was asked for it: what lay in Kafka at that moment lies
/// before that offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Observation {
    /// End offset.
    pub end: i64,
    /// The moment, in milliseconds since 1970.
    pub at_ms: i64,
}

/// The latest observation of each partition.
#[derive(Clone, Debug, Default)]
pub struct Observations(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    places: BTreeMap<Place, Observation>,
    /// Kafka's id of each topic, as it was when reading began.
    ids: BTreeMap<Topic, String>,
    made_anew: Option<Topic>,
}

impl Observations {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to follow a partition of the topic with that id.
    pub fn follow(&self, place: Place, observation: Observation, topic_id: &str) {
        let mut seen = self.seen();
        seen.places.insert(place, observation);
        seen.ids.insert(place.topic, topic_id.to_owned());
    }

    /// Notes a later observation of a partition that is followed.
    fn renew(&self, place: Place, observation: Observation) {
        if let Some(latest) = self.seen().places.get_mut(&place) {
            *latest = observation;
        }
    }

    /// Compares the ids that topics have now.
    fn compare(&self, ids: &BTreeMap<Topic, String>) {
        let mut seen = self.seen();
        let other = |(topic, id): &(&Topic, &String)| seen.ids.get(topic).is_some_and(|known| known != *id && !known.is_empty());
        let made_anew = ids.iter().find(other).map(|(&topic, _)| topic);
        seen.made_anew = seen.made_anew.or(made_anew);
    }

    /// A topic that is not the one any more that this worker began to read.
    pub fn made_anew(&self) -> Option<Topic> {
        self.seen().made_anew
    }

    /// The latest one of the partition.
    pub fn of(&self, place: Place) -> Option<Observation> {
        self.seen().places.get(&place).copied()
    }

    /// Ends following a partition.
    pub fn forget(&self, place: Place) {
        let mut seen = self.seen();
        seen.places.remove(&place);
        if !seen.places.keys().any(|other| other.topic == place.topic) {
            seen.ids.remove(&place.topic);
        }
    }

    fn places(&self) -> Vec<Place> {
        self.seen().places.keys().copied().collect()
    }
}

/// Pause between two rounds over all partitions.
const ROUND: Duration = Duration::from_secs(1);

/// Asks Kafka again and again in a thread of its own, so that reading never waits for it; ends after it was dropped.
pub struct Observer {
    _stop: mpsc::Sender<()>,
}

impl Observer {
    /// Watches the partitions that `observations` names, whichever those are at the time.
    pub fn start(questions: Arc<Questions>, observations: Observations, metrics: Arc<Metrics>) -> Self {
        let (stop, stopped) = mpsc::channel();
        std::thread::spawn(move || {
            while stopped.recv_timeout(ROUND) == Err(mpsc::RecvTimeoutError::Timeout) {
                let places = observations.places();
                match observe(&questions, &places) {
                    Ok(all) => {
                        metrics.health().kafka_answers();
                        for (place, seen) in all {
                            observations.renew(place, seen);
                            metrics.end(place, seen.end);
                        }
                    }
                    Err(error) => {
                        metrics.health().kafka_fails(&error);
                        debug!(%error, "end offsets not known");
                    }
                }
                let topics = places.iter().map(|place| place.topic).collect::<BTreeSet<_>>();
                match questions.topic_ids(&topics.into_iter().collect::<Vec<_>>()) {
                    Ok(ids) => observations.compare(&ids),
                    Err(error) => debug!(%error, "ids of topics not known"),
                }
            }
        });
        Self { _stop: stop }
    }
}

/// Asks Kafka now.
///
/// # Errors
/// Kafka does not answer for all of them.
pub fn observe(questions: &Questions, places: &[Place]) -> KafkaResult<Vec<(Place, Observation)>> {
    let at_ms = now_ms();
    let ends = questions.ends(places)?;
    Ok(ends.into_iter().map(|(place, end)| (place, Observation { end, at_ms })).collect())
}

/// Milliseconds since 1970 by the clock of this machine.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
