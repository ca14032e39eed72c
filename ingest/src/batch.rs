//! Gathers what messages become until a batch is full: `Open` is filled, `Sealed` is inserted as often as it takes.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chiso_schemas::event::Event;
use chiso_schemas::reference::Reference;
use chiso_schemas::settings;
use uuid::Uuid;

use crate::counts::{Counts, Tallies};
use crate::dictionary::Dictionary;
use crate::event_block::Source;
use crate::facts::Facts;
use crate::metrics::SealedBy;
use crate::native::Block;
use crate::observe::Observation;
use crate::offset;
use crate::order::Order;
use crate::place::Place;
use crate::probe::Passing;
use crate::reference::Generation;
use crate::rows::{Arrival, Refused, Stamp};

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

/// A batch that still takes messages. All of it is judged by one generation of reference data.
pub struct Open {
    limits: Limits,
    generation: Arc<Generation>,
    facts: Facts,
    refused: Vec<Refused>,
    counts: Counts,
    tallies: Tallies,
    bytes: usize,
    begun: Option<Instant>,
}

/// The memory of a batch that is stored, for the next one.
#[derive(Debug)]
pub struct Spare(Facts);

impl Open {
    /// An empty batch, in the memory of an earlier one if there is one.
    pub fn new(limits: Limits, generation: &Arc<Generation>, spare: Option<Spare>) -> Self {
        Self {
            limits,
            generation: Arc::clone(generation),
            facts: spare.map_or_else(|| Facts::with_room(limits.rows_max), |spare| spare.0),
            refused: Vec::new(),
            counts: Counts::default(),
            tallies: Tallies::default(),
            bytes: 0,
            begun: None,
        }
    }

    /// Counts a message that is read, before anything is decided about it.
    pub fn read(&mut self, arrival: &Arrival) {
        self.counts.read += 1;
        self.tallies.of(arrival.place).read(arrival.ms);
        if self.begun.is_none() {
            self.begun = Some(Instant::now());
        }
    }

    /// Takes an accepted event. Whether the batch has it already is seen when it is sealed.
    pub fn accept(&mut self, event: &Event<'_>, arrival: Arrival) {
        self.bytes += self.facts.push(event, arrival, &self.generation.dictionaries);
    }

    /// Takes a refused message.
    pub fn reject(&mut self, refused: Refused) {
        self.counts.reject(refused.reason);
        self.tallies.of(refused.arrival.place).rejected += 1;
        self.bytes += refused.bytes();
        self.refused.push(refused);
    }

    /// Whether no message was taken.
    pub fn is_empty(&self) -> bool {
        self.begun.is_none()
    }

    /// Whether it takes no more.
    pub fn is_full(&self) -> bool {
        self.full_by().is_some()
    }

    /// The limit that it has reached.
    pub fn full_by(&self) -> Option<SealedBy> {
        if self.rows() >= self.limits.rows_max {
            return Some(SealedBy::Rows);
        }
        (self.bytes >= self.limits.bytes_max).then_some(SealedBy::Bytes)
    }

    /// Bytes so far, roughly.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Kafka's timestamp of the oldest message in it.
    pub fn oldest_ms(&self) -> Option<i64> {
        self.tallies.oldest_ms()
    }

    /// Messages so far, accepted and refused ones.
    pub fn rows(&self) -> usize {
        self.facts.len() + self.refused.len()
    }

    /// How long until it is old enough to be sealed; `None` while it is empty.
    pub fn remaining(&self) -> Option<Duration> {
        self.begun.map(|begun| self.limits.age_max.saturating_sub(begun.elapsed()))
    }

    /// Closes the batch under a random name: offsets come again when a topic is made anew, so they may not name it.
    pub fn seal(mut self, ledger: Vec<LedgerEntry>, sealed_ms: i64) -> Sealed {
        let order = Order::of(&self.facts);
        self.counts.stored = order.rows.len() as u64;
        self.counts.repeated = (self.facts.len() - order.rows.len()) as u64;
        self.tally(&order);
        Sealed {
            batch: if self.is_empty() { Uuid::nil() } else { Uuid::new_v4() },
            token: Uuid::new_v4(),
            generation: self.generation,
            sealed_ms,
            topics: self.facts.places().iter().map(|place| place.topic.name()).collect(),
            facts: self.facts,
            order,
            refused: self.refused,
            ledger,
            counts: self.counts,
            tallies: self.tallies,
        }
    }

    /// Counts by partition which events are stored and which are repeats.
    fn tally(&mut self, order: &Order) {
        let mut accepted = vec![(0, 0); self.facts.places().len()];
        for row in 0..self.facts.len() {
            accepted[self.facts.origin(row)].0 += 1;
        }
        for &row in &order.rows {
            accepted[self.facts.origin(row as usize)].1 += 1;
        }
        for (&place, (all, stored)) in self.facts.places().iter().zip(accepted) {
            let tally = self.tallies.of(place);
            tally.stored += stored;
            tally.repeated += all - stored;
        }
    }

    /// Drops what it holds and begins anew, with these reference data.
    pub fn restart(&mut self, generation: &Arc<Generation>) {
        self.generation = Arc::clone(generation);
        self.facts.clear();
        self.refused.clear();
        self.counts = Counts::default();
        self.tallies = Tallies::default();
        self.bytes = 0;
        self.begun = None;
    }
}

/// What the ledger says of one partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LedgerEntry {
    /// Positions that the batch stores.
    pub range: offset::Range,
    /// The end of the partition as it was last seen.
    pub seen: Observation,
}

/// A batch that does not change any more, so that every attempt to insert it sends the same. Its events are numbered
/// from 0 in the order of the table, each distinct one once.
#[derive(Debug)]
pub struct Sealed {
    batch: Uuid,
    token: Uuid,
    generation: Arc<Generation>,
    sealed_ms: i64,
    facts: Facts,
    order: Order,
    topics: Dictionary,
    pub(crate) refused: Vec<Refused>,
    pub(crate) ledger: Vec<LedgerEntry>,
    pub(crate) counts: Counts,
    pub(crate) tallies: Tallies,
}

impl Sealed {
    /// Its name, the same as in the tables; zero if there is nothing in it but ends of partitions.
    pub fn name(&self) -> Uuid {
        self.batch
    }

    /// How many events it stores.
    pub fn rows(&self) -> usize {
        self.order.rows.len()
    }

    /// Where the message of an event lies, and those that repeat it: what ClickHouse refuses is read again from there.
    pub fn messages(&self, row: usize) -> Vec<Arrival> {
        let (facts, own) = (&self.facts, self.order.rows[row] as usize);
        let arrival =
            |row| Arrival { place: facts.places()[facts.origin(row)], offset: facts.offset(row), ms: facts.arrived_ms(row) };
        (0..facts.len()).filter(|&row| facts.is_repeat(own, row)).map(arrival).collect()
    }

    /// What its events were judged by.
    pub fn reference(&self) -> &Reference {
        &self.generation.reference
    }

    /// An event is not stored after all: its message and those that repeat it, in this order, are refused instead.
    pub fn refuse(&mut self, messages: Vec<Refused>) {
        for (index, refused) in messages.iter().enumerate() {
            let tally = self.tallies.of(refused.arrival.place);
            let (all, own) = if index == 0 {
                (&mut self.counts.stored, &mut tally.stored)
            } else {
                (&mut self.counts.repeated, &mut tally.repeated)
            };
            *all -= 1;
            *own -= 1;
            tally.rejected += 1;
            self.counts.reject(refused.reason);
        }
        self.refused.extend(messages);
    }

    /// Those events as a block of `event_log`.
    pub fn events(&self, rows: Range<usize>) -> Block<'_> {
        let rows = &self.order.rows[rows];
        Block::new(rows, self.source().events(rows))
    }

    /// All cells that its events touch, as a block of `marks`; `None` if there is none.
    pub fn marks(&self) -> Option<Block<'_>> {
        let rows = self.order.cells.as_slice();
        (!rows.is_empty()).then(|| Block::new(rows, self.source().marks(rows, self.sealed_ms)))
    }

    fn source(&self) -> Source<'_> {
        let Self { facts, topics, .. } = self;
        Source { facts, topics, dictionaries: &self.generation.dictionaries, stamp: self.stamp() }
    }

    /// What its rows share.
    pub fn stamp(&self) -> Stamp {
        Stamp { batch: self.batch, generation: self.generation.number }
    }

    /// What a probe is told of it.
    pub(crate) fn passing(&self) -> Passing {
        let ranges = self.ledger.iter().map(|entry| entry.range).collect();
        Passing { rows: self.rows() + self.refused.len(), ranges }
    }

    /// Which topic of its name a partition of the batch belongs to: every message lies in a range of the ledger.
    pub fn incarnation(&self, place: Place) -> u32 {
        self.ledger.iter().find(|entry| entry.range.place == place).map_or(0, |entry| entry.range.incarnation)
    }

    /// The name under which ClickHouse takes the rows of a table only once.
    pub fn token(&self, table: &str) -> String {
        format!("{table}-{}", self.token)
    }

    /// Gives its memory back once it is stored.
    pub fn into_spare(mut self) -> Spare {
        self.facts.clear();
        Spare(self.facts)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use chiso_schemas::event::{self, Message, Reason};
    use chiso_schemas::reference::{Files, Reference};

    use super::*;
    use crate::dictionary::Dictionaries;
    use crate::offset::NextOffset;

    const SEED: &str = include_str!("../../schemas/events/seed-events.jsonl");
    const HEADERS: [(&str, &[u8]); 1] = [("content-type", b"application/cloudevents+json")];

    fn open(rows_max: usize, bytes_max: usize, age_max: Duration) -> Open {
        let generation = Generation::new(7, Reference::parse(&Files::embedded()).unwrap());
        Open::new(Limits { rows_max, bytes_max, age_max }, &Arc::new(generation), None)
    }

    fn take(open: &mut Open, line: &str, offset: i64) {
        let generation = Arc::clone(&open.generation);
        let message = Message { topic: "t", headers: &HEADERS, value: Some(line.as_bytes()) };
        let event = event::decode(&message, &generation.reference).unwrap();
        let arrival = Arrival::new(Place::new("t", 0), offset, Some(1_000));
        open.read(&arrival);
        open.accept(&event, arrival);
    }

    fn reject(open: &mut Open, raw: usize) {
        let refused = refused(raw);
        open.read(&refused.arrival);
        open.reject(refused);
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

    /// Shuffled without chance, so that runs are alike.
    fn lines() -> Vec<&'static str> {
        let mut lines = SEED.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>();
        lines.sort_by_key(|line| line.bytes().rev().collect::<Vec<_>>());
        lines
    }

    #[test]
    fn the_same_event_twice_is_stored_once_and_every_message_has_one_outcome() {
        let mut batch = open(1_000, usize::MAX, Duration::from_secs(60));
        let lines = lines();
        for (offset, line) in lines.iter().chain(&lines).enumerate() {
            take(&mut batch, line, i64::try_from(offset).unwrap());
        }
        reject(&mut batch, 10);
        let range =
            offset::Range { place: Place::new("t", 0), incarnation: 1, from: NextOffset::stated(0), next: NextOffset::stated(9) };
        let sealed = batch.seal(vec![LedgerEntry { range, seen: Observation { end: 9, at_ms: 1 } }], 5);
        let count = u64::try_from(lines.len()).unwrap();
        assert_eq!((sealed.counts.read, sealed.counts.stored, sealed.counts.repeated), (2 * count + 1, count, count));
        assert!(sealed.counts.add_up());
        assert_eq!(sealed.tallies.unaccounted(), []);
        assert_eq!(sealed.counts.rejected(), 1);
        assert_eq!(sealed.rows(), lines.len());
        // Of two copies the first stays.
        let mut offsets = (0..sealed.rows()).map(|row| sealed.messages(row)[0].offset).collect::<Vec<_>>();
        offsets.sort_unstable();
        assert_eq!(offsets, (0..i64::try_from(lines.len()).unwrap()).collect::<Vec<_>>());
        assert!(!sealed.batch.is_nil());
        assert!(sealed.token("marks") != sealed.token("ledger"));
    }

    #[test]
    fn rows_stand_in_the_order_of_the_table_and_marks_are_their_cells() {
        let mut batch = open(1_000, usize::MAX, Duration::from_secs(60));
        for (offset, line) in lines().into_iter().enumerate() {
            take(&mut batch, line, i64::try_from(offset).unwrap());
            // The same cell and source again, under another record, which stands before the first one.
            let other = line.replace("\"record\":\"", "\"record\":\"!").replace("\"id\":\"", "\"id\":\"!");
            take(&mut batch, &other, i64::try_from(offset).unwrap());
        }
        let sealed = batch.seal(vec![], 5);
        let Dictionaries { indicators, wards, sources } = &sealed.generation.dictionaries;
        let facts = &sealed.facts;
        let cell = |row: &u32| {
            let row = *row as usize;
            (facts.day(row), indicators.word(facts.indicator(row)), wards.word(facts.ward(row)))
        };
        let key = |row: &u32| {
            let at = *row as usize;
            (cell(row), sources.word(facts.source(at)), facts.record(at), facts.version(at))
        };
        assert!(sealed.rows() > 60 && sealed.order.rows.is_sorted_by(|a, b| key(a) < key(b)));
        let mut cells = sealed.order.rows.iter().map(cell).collect::<Vec<_>>();
        cells.dedup();
        assert_eq!(sealed.order.cells.iter().map(cell).collect::<Vec<_>>(), cells);
    }

    #[test]
    fn memory_of_a_stored_batch_is_used_again_without_a_trace() {
        let mut batch = open(1_000, usize::MAX, Duration::from_secs(60));
        let lines = lines();
        take(&mut batch, lines[0], 0);
        take(&mut batch, lines[1], 1);
        let (limits, generation) = (batch.limits, Arc::clone(&batch.generation));
        let mut next = Open::new(limits, &generation, Some(batch.seal(vec![], 5).into_spare()));
        assert!(next.is_empty() && next.rows() == 0);
        take(&mut next, lines[2], 7);
        let sealed = next.seal(vec![], 6);
        assert_eq!((sealed.rows(), sealed.messages(0)[0].offset), (1, 7));
        let (facts, row) = (&sealed.facts, sealed.order.rows[0] as usize);
        assert!(lines[2].contains(str::from_utf8(facts.id(row)).unwrap()));
    }

    #[test]
    fn a_batch_is_full_by_rows_bytes_or_age() {
        let mut rows = open(2, usize::MAX, Duration::from_secs(60));
        reject(&mut rows, 0);
        assert!(!rows.is_full() && rows.remaining().unwrap() > Duration::from_secs(50));
        reject(&mut rows, 0);
        assert!(rows.is_full());
        let mut bytes = open(100, 5_000, Duration::from_secs(60));
        reject(&mut bytes, 5_000);
        assert!(bytes.is_full());
        let mut age = open(100, usize::MAX, Duration::ZERO);
        assert_eq!(age.remaining(), None);
        reject(&mut age, 0);
        assert_eq!(age.remaining(), Some(Duration::ZERO));
        assert!(!age.is_full());
    }

    #[test]
    fn a_batch_without_messages_bears_no_name() {
        assert!(open(1, 1, Duration::ZERO).seal(vec![], 0).batch.is_nil());
    }
}
