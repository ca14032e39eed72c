//! Watches where the partitions end, so that the ledger can say up to which moment everything is stored.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::error::KafkaResult;
use tracing::debug;

use crate::broker::Questions;
use crate::place::Place;

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
pub struct Observations(Arc<Mutex<BTreeMap<Place, Observation>>>);

impl Observations {
    /// Begins to follow a partition.
    pub fn follow(&self, place: Place, seen: Observation) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(place, seen);
    }

    /// Notes a later observation of a partition that is followed.
    fn renew(&self, place: Place, seen: Observation) {
        if let Some(latest) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&place) {
            *latest = seen;
        }
    }

    /// The latest one of the partition.
    pub fn of(&self, place: Place) -> Option<Observation> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&place).copied()
    }

    /// Ends following a partition.
    pub fn forget(&self, place: Place) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&place);
    }

    fn places(&self) -> Vec<Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }
}

/// Pause between two rounds over all partitions.
const ROUND: Duration = Duration::from_secs(1);

/// Asks Kafka again and again in a thread of its own, so that reading never waits for it; ends when dropped.
pub struct Observer {
    thread: Option<JoinHandle<()>>,
    stop: Option<mpsc::Sender<()>>,
}

impl Observer {
    /// Watches the partitions that `observations` names, whichever those are at the time.
    pub fn start(questions: Arc<Questions>, observations: Observations) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(ROUND) == Err(mpsc::RecvTimeoutError::Timeout) {
                match observe(&questions, &observations.places()) {
                    Ok(all) => all.into_iter().for_each(|(place, seen)| observations.renew(place, seen)),
                    Err(error) => debug!(%error, "end offsets not known"),
                }
            }
        });
        Self { thread: Some(thread), stop: Some(stop) }
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        drop(self.stop.take());
        // A thread that panicked has said so itself.
        let _ = self.thread.take().map(JoinHandle::join);
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
