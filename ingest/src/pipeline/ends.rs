//! What a worker does when there is nothing to read: it notes the ends that it has reached, catches up, drains.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{POLL_INSERTING, Pipeline};
use crate::batch::LedgerEntry;
use crate::commit::Commit;
use crate::failure::Failure;
use crate::metrics::SealedBy;
use crate::observe::{Observation, observe};
use crate::place::Place;

/// How often a quiet worker notes in the ledger that it has reached the ends.
const NOTE: Duration = Duration::from_secs(5);
/// How long a worker waits for partitions before it believes that others have them all.
const JOIN: Duration = Duration::from_secs(15);

impl Pipeline {
    /// Now and then, a worker with nothing to store notes that it has reached the ends, so that readers know.
    pub(super) fn note_ends(&mut self) {
        if self.noted.elapsed() < NOTE || self.in_flight.is_some() || !self.open.is_empty() {
            return;
        }
        self.noted = Instant::now();
        // Positions behind the marks of transactions become durable with this, too.
        self.store_open(SealedBy::Age);
        if self.in_flight.is_some() {
            return;
        }
        let reached = self.reached(|place| self.parts.observations.of(place));
        if !(reached.is_empty() && self.unnoted.is_empty()) {
            self.begin_insert(reached, SealedBy::Age);
        }
    }

    /// Ledger entries of the partitions whose end, as seen, is stored.
    fn reached(&self, seen: impl Fn(Place) -> Option<Observation>) -> Vec<LedgerEntry> {
        let entry = |place| {
            let (next, seen) = (self.commit.durable(place)?, seen(place)?);
            let range = self.tracks.empty(place, next)?;
            (next.get() >= seen.end).then_some(LedgerEntry { range, seen })
        };
        self.tracks.places().filter_map(entry).collect()
    }

    /// Where a partition ends, as seen last; at infinity while it was not seen.
    pub(super) fn seen(&self, place: Place) -> Observation {
        let unseen = Observation { end: i64::MAX, at_ms: 0 };
        self.parts.observations.of(place).unwrap_or(unseen)
    }

    pub(super) fn has_caught_up(&mut self) -> bool {
        let Some(goal) = &mut self.parts.goal else { return false };
        // Before the first partitions come, it is not known whose they are.
        (self.joined || self.begun.elapsed() >= JOIN)
            && self.in_flight.is_none()
            && self.arrivals.is_empty()
            && goal.is_read(&self.tracks)
            && goal.is_committed(&self.tracks, &self.commit)
    }

    /// Stores all that is read, and commits it unless the group takes no commits now: the ledger knows it, so nobody reads it
    /// again. Yields whether that was done by then.
    pub(super) fn store_all(&mut self, deadline: Instant, why: SealedBy) -> Result<bool, Failure> {
        let left = || deadline.saturating_duration_since(Instant::now());
        self.settle(left())?;
        if self.in_flight.is_some() {
            return Ok(false);
        }
        self.store_open(why);
        self.settle(left())?;
        let begun = Instant::now();
        let is_done = |commit: &Commit| commit.is_settled() || commit.is_refused_since(begun);
        while self.in_flight.is_none() && !is_done(&self.commit) && !left().is_zero() {
            self.commit.send();
            self.confirm(POLL_INSERTING.min(left()));
        }
        Ok(self.in_flight.is_none() && is_done(&self.commit))
    }

    /// The last steps of a worker that stops: everything read is stored and committed, or it says that it is not. It cannot
    /// commit while others join or leave, or after its partitions went to others.
    pub(super) fn drain(&mut self) -> Result<(), Failure> {
        self.parts.metrics.health().stops();
        let deadline = Instant::now() + self.parts.drain_max;
        if !self.store_all(deadline, SealedBy::Stop)? {
            let seconds = self.parts.drain_max.as_secs_f32();
            let what = "stopped with messages read but not stored and committed";
            return Err(Failure::Dependency(format!("{what} within {seconds} s; they will be read again")));
        }
        self.note_goal(deadline)?;
        let unaccounted = self.tallies.unaccounted();
        if !(self.totals.add_up() && unaccounted.is_empty()) {
            let (totals, what) = (&self.totals, "messages do not add up, which is a fault of chiso-ingest");
            return Err(Failure::Finding(format!("{what}: {totals:?}, without one outcome by partition: {unaccounted:?}")));
        }
        Ok(())
    }

    /// Notes the ends a last time: as they are now, where that is reached, else as they were at start.
    fn note_goal(&mut self, deadline: Instant) -> Result<(), Failure> {
        let Some(goal) = &self.parts.goal else { return Ok(()) };
        let places = self.tracks.places().collect::<Vec<_>>();
        let now = observe(&self.parts.questions, &places).unwrap_or_default().into_iter().collect::<BTreeMap<_, _>>();
        let at_start = self.reached(|place| goal.seen(place));
        let now = self.reached(|place| now.get(&place).copied());
        let latest = at_start.into_iter().chain(now).map(|entry| (entry.range.place, entry)).collect::<BTreeMap<_, _>>();
        if latest.is_empty() {
            return Ok(());
        }
        self.begin_insert(latest.into_values().collect(), SealedBy::Goal);
        self.settle(deadline.saturating_duration_since(Instant::now()))
    }
}
