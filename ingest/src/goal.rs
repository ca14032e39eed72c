//! The end of `run --until-caught-up`: every end offset at start is stored, as the ledger says, and committed.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use tracing::{debug, warn};

use crate::commit::Commit;
use crate::observe::Observation;
use crate::offset::{NextOffset, Tracks};
use crate::place::Place;
use crate::start::{Start, StartError, Starter};

/// The ends of all partitions at start. Other workers of the group may read some of them: this one waits until ledger and
/// group reach all ends, so exit code 0 means the same however many workers there are.
pub struct Goal {
    ends: BTreeMap<Place, Aim>,
    starter: Starter,
    others: Option<Receiver<Result<Vec<Reached>, StartError>>>,
    asked_at: Option<Instant>,
}

#[derive(Clone, Copy)]
struct Aim {
    start: i64,
    reached: i64,
    seen: Observation,
}

/// How far another worker has come with a partition: both stored and committed.
type Reached = (Place, i64);

/// Pause between two questions about what other workers have stored.
const PAUSE: Duration = Duration::from_secs(1);

impl Goal {
    /// Asks for the ends now, before anything is read; again within that time if asking again can help.
    ///
    /// # Errors
    /// Kafka or ClickHouse does not answer, or what is stored does not fit to what Kafka has.
    pub fn now(starter: Starter, places: &[Place], within: Duration) -> Result<Self, StartError> {
        let begun = Instant::now();
        let starts = loop {
            match starter.starts(places) {
                Err(error) if error.may_pass() && begun.elapsed() < within => {
                    warn!(%error, "not known where to begin, asking again")
                }
                answer => break answer?,
            }
            std::thread::sleep(PAUSE);
        };
        let aim = |start: Start| {
            let begin = start.position.get();
            let reached = start.committed.map_or(begin, |committed| committed.get().min(begin));
            (start.place, Aim { start: begin, reached, seen: start.seen })
        };
        let ends = starts.into_iter().map(aim).collect();
        Ok(Self { ends, starter, others: None, asked_at: None })
    }

    /// The end of a partition at start: once the consumer reports the end of the partition, all before this is read.
    pub fn end(&self, place: Place) -> Option<NextOffset> {
        self.ends.get(&place).map(|aim| NextOffset::stated(aim.seen.end))
    }

    /// What was seen at start.
    pub fn seen(&self, place: Place) -> Option<Observation> {
        self.ends.get(&place).map(|aim| aim.seen)
    }

    /// Whether this worker has read all that it must of its own partitions.
    pub fn is_read(&self, tracks: &Tracks) -> bool {
        let read = |(&place, aim): (&Place, &Aim)| tracks.next(place).is_none_or(|next| next.get() >= aim.seen.end);
        self.ends.iter().all(read)
    }

    /// Whether all is stored and committed; asks about partitions of other workers, but not too often, and does not wait
    /// for the answer.
    pub fn is_committed(&mut self, tracks: &Tracks, commit: &Commit) -> bool {
        for (&place, aim) in &mut self.ends {
            if let Some(committed) = commit.committed(place) {
                aim.reached = aim.reached.max(committed.get());
            }
        }
        self.take_answer();
        let others = self.open().filter(|&place| tracks.next(place).is_none()).collect::<Vec<_>>();
        if !others.is_empty() && self.others.is_none() && self.asked_at.is_none_or(|at| at.elapsed() >= PAUSE) {
            self.ask(others);
        }
        self.open().next().is_none()
    }

    fn ask(&mut self, places: Vec<Place>) {
        self.asked_at = Some(Instant::now());
        let (sender, receiver) = channel();
        self.others = Some(receiver);
        let starter = self.starter.clone();
        std::thread::spawn(move || {
            // Nobody waits for the answer any more if the worker has ended.
            let _ = sender.send(reached(&starter, &places));
        });
    }

    fn take_answer(&mut self) {
        let Some(others) = &self.others else { return };
        match others.try_recv() {
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => {}
            Ok(Err(error)) => debug!(%error, "not known what other workers have stored"),
            Ok(Ok(all)) => {
                for (place, reached) in all {
                    if let Some(aim) = self.ends.get_mut(&place) {
                        aim.reached = aim.reached.max(reached);
                    }
                }
            }
        }
        self.others = None;
    }

    fn open(&self) -> impl Iterator<Item = Place> {
        self.ends.iter().filter(|(_, aim)| aim.reached < aim.seen.end).map(|(&place, _)| place)
    }

    /// Offsets stored so far and offsets to store, of all partitions.
    pub fn progress(&self, commit: &Commit) -> (u64, u64) {
        let (mut done, mut all) = (0, 0);
        for (&place, aim) in &self.ends {
            let reached =
                commit.durable(place).map_or(aim.reached, NextOffset::get).clamp(aim.start, aim.seen.end.max(aim.start));
            done += (reached - aim.start).unsigned_abs();
            all += (aim.seen.end - aim.start).max(0).unsigned_abs();
        }
        (done, all)
    }
}

fn reached(starter: &Starter, places: &[Place]) -> Result<Vec<Reached>, StartError> {
    let covered = starter.runtime.block_on(starter.ledger.covered())?;
    let committed = starter.questions.committed(places)?;
    let least = |(place, committed): (Place, Option<NextOffset>)| {
        let stored = covered.get(&place).map_or(0, |covered| covered.stored_end);
        (place, committed.map_or(0, NextOffset::get).min(stored))
    };
    Ok(committed.into_iter().map(least).collect())
}
