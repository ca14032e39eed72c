//! The end of `run --until-caught-up`: every end offset at start is stored and committed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tracing::debug;

use crate::broker::Questions;
use crate::commit::Commit;
use crate::consume::Consumer;
use crate::observe::{Observation, observe};
use crate::offset::{NextOffset, Tracks};
use crate::place::Place;
use crate::start::{Start, StartError, starts};

/// The ends of all partitions at start. Other workers of the group may read some of them: this one waits until what
/// the group has committed reaches all ends, so exit code 0 means the same however many workers there are.
pub struct Goal {
    ends: BTreeMap<Place, Aim>,
    asked_at: Option<Instant>,
}

#[derive(Clone, Copy)]
struct Aim {
    start: i64,
    reached: i64,
    seen: Observation,
}

/// Pause between two questions about what other workers have committed.
const PAUSE: Duration = Duration::from_secs(1);

impl Goal {
    /// Asks for the ends now, before anything is read.
    ///
    /// # Errors
    /// Kafka does not answer, or a committed offset lies outside of its partition.
    pub fn now(consumer: &Consumer, questions: &Questions, places: &[Place]) -> Result<Self, StartError> {
        let seen = observe(questions, places)?.into_iter().collect::<BTreeMap<_, _>>();
        let starts = starts(consumer, questions, places)?;
        let aim = |start: Start| {
            let begin = start.position.get();
            seen.get(&start.place).map(|&seen| (start.place, Aim { start: begin, reached: begin, seen }))
        };
        Ok(Self { ends: starts.into_iter().filter_map(aim).collect(), asked_at: None })
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

    /// Whether the group has committed all; asks Kafka about partitions of other workers, but not too often.
    pub fn is_committed(&mut self, tracks: &Tracks, commit: &Commit, consumer: &Consumer) -> bool {
        for (&place, aim) in &mut self.ends {
            if let Some(committed) = commit.committed(place) {
                aim.reached = aim.reached.max(committed.get());
            }
        }
        let others = self.open().filter(|&place| tracks.next(place).is_none()).collect::<Vec<_>>();
        if !others.is_empty() && self.asked_at.is_none_or(|at| at.elapsed() >= PAUSE) {
            self.asked_at = Some(Instant::now());
            match consumer.committed(&others) {
                Ok(all) => all.into_iter().for_each(|(place, committed)| self.reach(place, committed)),
                Err(error) => debug!(%error, "committed offsets not known"),
            }
        }
        self.open().next().is_none()
    }

    fn reach(&mut self, place: Place, committed: Option<NextOffset>) {
        if let (Some(aim), Some(next)) = (self.ends.get_mut(&place), committed) {
            aim.reached = aim.reached.max(next.get());
        }
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
