//! Gathers what messages become until a batch is full: `Open` is filled, `Sealed` is inserted as often as it takes.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use chiso_schemas::event::Event;
use chiso_schemas::settings;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use uuid::Uuid;

use crate::counts::Counts;
use crate::observe::Observation;
use crate::offset::Range;
use crate::probe::Passing;
use crate::rows::{Arrival, Fact, Refused, Stamp};

/// When a batch is full.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    rows_max: usize,
    bytes_max: usize,
    age_max: Duration,
}

impl Limits {
    /// As the operator set them.
    pub fn new(settings: &settings::Batch) -> Self {
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        Self {
            rows_max: size(settings.rows_max),
            bytes_max: size(settings.bytes_max),
            age_max: Duration::from_millis(settings.age_ms_max),
        }
    }
}

/// A hash, kept so that a table can grow without hashing again, and an index into the facts.
type Slot = (u64, usize);

/// A batch that still takes messages. All of it is judged by one generation of reference data.
pub struct Open {
    limits: Limits,
    generation: u32,
    facts: Vec<Fact>,
    refused: Vec<Refused>,
    /// Facts by identity, to find the same event twice.
    known: HashTable<Slot>,
    /// Facts by cell, one for each.
    cells: HashTable<Slot>,
    /// Publishers choose the texts that are hashed, so the hash must be one they cannot foresee.
    hasher: RandomState,
    counts: Counts,
    bytes: usize,
    begun: Option<Instant>,
}

impl Open {
    /// An empty batch.
    pub fn new(limits: Limits, generation: u32) -> Self {
        Self {
            limits,
            generation,
            facts: Vec::new(),
            refused: Vec::new(),
            known: HashTable::new(),
            cells: HashTable::new(),
            hasher: RandomState::new(),
            counts: Counts::default(),
            bytes: 0,
            begun: None,
        }
    }

    /// Takes an accepted event; the same event a second time is only counted.
    pub fn accept(&mut self, event: &Event<'_>, arrival: Arrival) {
        self.count_read();
        let fact = Fact::new(event, arrival);
        let (facts, index) = (&self.facts, self.facts.len());
        let hash = self.hasher.hash_one(fact.identity());
        let same = |&(known, index): &Slot| known == hash && facts[index].identity() == fact.identity();
        let Entry::Vacant(place) = self.known.entry(hash, same, |slot| slot.0) else {
            self.counts.repeated += 1;
            return;
        };
        place.insert((hash, index));
        let hash = self.hasher.hash_one(fact.cell());
        let same = |&(known, index): &Slot| known == hash && facts[index].cell() == fact.cell();
        self.cells.entry(hash, same, |slot| slot.0).or_insert((hash, index));
        self.counts.stored += 1;
        self.bytes += fact.bytes();
        self.facts.push(fact);
    }

    /// Takes a refused message.
    pub fn reject(&mut self, refused: Refused) {
        self.count_read();
        self.counts.reject(refused.reason);
        self.bytes += refused.bytes();
        self.refused.push(refused);
    }

    fn count_read(&mut self) {
        self.counts.read += 1;
        self.begun.get_or_insert_with(Instant::now);
    }

    /// Whether no message was taken.
    pub fn is_empty(&self) -> bool {
        self.begun.is_none()
    }

    /// Whether it takes no more.
    pub fn is_full(&self) -> bool {
        self.rows() >= self.limits.rows_max || self.bytes >= self.limits.bytes_max
    }

    /// Rows so far, stored and rejected ones.
    pub fn rows(&self) -> usize {
        self.facts.len() + self.refused.len()
    }

    /// How long until it is old enough to be sealed; `None` while it is empty.
    pub fn remaining(&self) -> Option<Duration> {
        self.begun.map(|begun| self.limits.age_max.saturating_sub(begun.elapsed()))
    }

    /// Closes the batch under a random name: offsets come again when a topic is made anew, so they may not name it.
    pub fn seal(self, ledger: Vec<LedgerEntry>, sealed_ms: i64) -> Sealed {
        let batch = if self.is_empty() { Uuid::nil() } else { Uuid::new_v4() };
        Sealed {
            batch,
            token: Uuid::new_v4(),
            generation: self.generation,
            sealed_ms,
            facts: self.facts,
            marks: self.cells.into_iter().map(|(_, index)| index).collect(),
            refused: self.refused,
            ledger,
            counts: self.counts,
        }
    }
}

/// What the ledger says of one partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LedgerEntry {
    /// Positions that the batch stores.
    pub range: Range,
    /// The end of the partition as it was last seen.
    pub seen: Observation,
}

/// A batch that does not change any more, so that every attempt to insert it sends the same.
#[derive(Debug)]
pub struct Sealed {
    batch: Uuid,
    token: Uuid,
    generation: u32,
    pub(crate) sealed_ms: i64,
    pub(crate) facts: Vec<Fact>,
    marks: Vec<usize>,
    pub(crate) refused: Vec<Refused>,
    pub(crate) ledger: Vec<LedgerEntry>,
    pub(crate) counts: Counts,
}

impl Sealed {
    /// What its rows share.
    pub fn stamp(&self) -> Stamp {
        Stamp { batch: self.batch, generation: self.generation }
    }

    /// What a probe is told of it.
    pub(crate) fn passing(&self) -> Passing {
        let ranges = self.ledger.iter().map(|entry| entry.range).collect();
        Passing { rows: self.facts.len() + self.refused.len(), ranges }
    }

    /// Facts of distinct cells, all cells.
    pub fn marks(&self) -> impl ExactSizeIterator<Item = &Fact> {
        self.marks.iter().map(|&index| &self.facts[index])
    }

    /// The name under which ClickHouse takes the rows of a table only once.
    pub fn token(&self, table: &str) -> String {
        format!("{table}-{}", self.token)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use chiso_schemas::event::{self, Message, Reason};
    use chiso_schemas::reference::{Files, Reference};

    use super::*;
    use crate::offset::NextOffset;
    use crate::place::Place;

    const SEED: &str = include_str!("../../schemas/events/seed-events.jsonl");
    const HEADERS: [(&str, &[u8]); 1] = [("content-type", b"application/cloudevents+json")];

    fn open(rows_max: usize, bytes_max: usize, age_max: Duration) -> Open {
        Open::new(Limits { rows_max, bytes_max, age_max }, 7)
    }

    fn take(open: &mut Open, reference: &Reference, line: &str, offset: i64) {
        let message = Message { topic: "t", headers: &HEADERS, value: Some(line.as_bytes()) };
        open.accept(&event::decode(&message, reference).unwrap(), Arrival::new(Place::new("t", 0), offset, Some(1_000)));
    }

    fn refused(raw: usize) -> Refused {
        let arrival = Arrival::new(Place::new("t", 0), 0, None);
        let raw = Some(vec![0; raw]);
        Refused {
            reason: Reason::BadDate,
            detail: String::new(),
            source: None,
            id: None,
            key: None,
            headers: vec![],
            raw,
            arrival,
        }
    }

    #[test]
    fn the_same_event_twice_is_stored_once_and_every_message_has_one_outcome() {
        let reference = Reference::parse(&Files::embedded()).unwrap();
        let mut batch = open(1_000_000, usize::MAX, Duration::from_secs(60));
        let lines = SEED.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>();
        for (offset, line) in lines.iter().chain(&lines).enumerate() {
            take(&mut batch, &reference, line, i64::try_from(offset).unwrap());
        }
        batch.reject(refused(10));
        let range = Range { place: Place::new("t", 0), from: NextOffset::stated(0), next: NextOffset::stated(9) };
        let sealed = batch.seal(vec![LedgerEntry { range, seen: Observation { end: 9, at_ms: 1 } }], 5);
        let count = u64::try_from(lines.len()).unwrap();
        assert_eq!((sealed.counts.read, sealed.counts.stored, sealed.counts.repeated), (2 * count + 1, count, count));
        assert!(sealed.counts.add_up());
        assert_eq!(sealed.counts.rejected(), 1);
        assert_eq!(sealed.facts.len(), lines.len());
        let mut cells = sealed.facts.iter().map(Fact::cell).collect::<Vec<_>>();
        cells.sort_unstable();
        cells.dedup();
        let mut marks = sealed.marks().map(Fact::cell).collect::<Vec<_>>();
        marks.sort_unstable();
        assert_eq!(marks, cells);
        assert!(!sealed.batch.is_nil());
        assert!(sealed.token("marks") != sealed.token("ledger"));
    }

    #[test]
    fn a_batch_is_full_by_rows_bytes_or_age() {
        let mut rows = open(2, usize::MAX, Duration::from_secs(60));
        rows.reject(refused(0));
        assert!(!rows.is_full() && rows.remaining().unwrap() > Duration::from_secs(50));
        rows.reject(refused(0));
        assert!(rows.is_full());
        let mut bytes = open(100, 5_000, Duration::from_secs(60));
        bytes.reject(refused(5_000));
        assert!(bytes.is_full());
        let mut age = open(100, usize::MAX, Duration::ZERO);
        assert_eq!(age.remaining(), None);
        age.reject(refused(0));
        assert_eq!(age.remaining(), Some(Duration::ZERO));
        assert!(!age.is_full());
    }

    #[test]
    fn a_batch_without_messages_bears_no_name() {
        assert!(open(1, 1, Duration::ZERO).seal(vec![], 0).batch.is_nil());
    }
}
