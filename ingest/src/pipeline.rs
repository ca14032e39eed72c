//! consume -> decode -> batch -> insert -> commit: the only file that knows the order.
//!
//! One thread polls Kafka, judges messages and fills the open batch; ClickHouse is written to beside it, one batch at
//! a time, so batches become durable in the order of their offsets and a commit never leaves a hole.
//!
//! The line of no return is the insert. What is open may be dropped, for it is read again. What is being inserted is
//! awaited up to a deadline: if it becomes durable it is committed; if not, nothing is, and it is read again, which
//! stores copies of the same events and changes nothing. Only a [`Durable`] can be committed.

mod ends;
mod rebalance;

use rebalance::Arrivals;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rdkafka::Message as _;
use rdkafka::message::BorrowedMessage;
use tokio::runtime::Handle;
use tracing::{Instrument, Span, debug, error, error_span, info, warn};

use crate::batch::{LedgerEntry, Limits, Open, Spare};
use crate::broker::Questions;
use crate::commit::Commit;
use crate::consume::{Consumer, Incoming};
use crate::counts::{Counts, Tallies};
use crate::decode;
use crate::failure::Failure;
use crate::goal::Goal;
use crate::headers::headers;
use crate::insert::{Durable, Insert};
use crate::metrics::{Metrics, SealedBy};
use crate::observe::{Observations, now_ms};
use crate::offset::Tracks;
use crate::outages::Outages;
use crate::place::Finder;
use crate::probe::{Cut, Passing, Probe};
use crate::progress::Progress;
use crate::reference::Generation;
use crate::start::Starter;

/// What the pipeline works with.
pub struct Parts {
    /// Where messages come from.
    pub consumer: Arc<Consumer>,
    /// Who asks where partitions end.
    pub questions: Arc<Questions>,
    /// Who finds out where reading begins.
    pub starter: Starter,
    /// Where batches go.
    pub insert: Insert,
    /// Where inserts run.
    pub runtime: Handle,
    /// What messages are judged by now.
    pub generation: Arc<Generation>,
    /// What they are judged by later.
    pub newer: Receiver<Arc<Generation>>,
    /// Where partitions end.
    pub observations: Observations,
    /// When a batch is full.
    pub limits: Limits,
    /// How long storing what is open may take when partitions are taken away or the worker stops.
    pub drain_max: Duration,
    /// When to stop by itself.
    pub goal: Option<Goal>,
    /// What is shown meanwhile.
    pub progress: Progress,
    /// What is told to those who watch from outside.
    pub metrics: Arc<Metrics>,
    /// Who is told of the cuts that batches pass.
    pub probe: Option<Probe>,
}

/// The state of one worker.
pub struct Pipeline {
    parts: Parts,
    finder: Finder,
    tracks: Tracks,
    commit: Commit,
    open: Open,
    spare: Option<Spare>,
    in_flight: Option<InFlight>,
    next_generation: Option<Arc<Generation>>,
    paused: bool,
    totals: Counts,
    tallies: Tallies,
    joined: bool,
    begun: Instant,
    noted: Instant,
    arrivals: Arrivals,
    outages: Outages,
    /// What the ledger is to be told with the next batch.
    unnoted: Vec<LedgerEntry>,
    /// The last batch whose offsets are not all committed, as far as is known.
    unconfirmed: Option<Passing>,
}

/// A batch that is being inserted.
struct InFlight {
    answer: Receiver<Result<Durable, Failure>>,
    span: Span,
    begun: Instant,
    oldest_ms: Option<i64>,
}

/// Messages taken between two looks at everything else.
const BURST: usize = 1_000;
/// The longest wait for a message: so late does the worker notice that it shall stop.
const POLL: Duration = Duration::from_millis(100);
/// The same while an insert runs, which ends without waking the poll.
const POLL_INSERTING: Duration = Duration::from_millis(20);
/// How long a full batch waits for the one being inserted before fetching is paused. Pausing throws away what is
/// fetched, so an ordinary insert should not lead to it.
const PATIENCE: Duration = Duration::from_secs(2);

impl Pipeline {
    /// A worker that has not begun.
    pub fn new(parts: Parts) -> Self {
        let open = Open::new(parts.limits, &parts.generation, None);
        Self {
            finder: Finder::default(),
            tracks: Tracks::default(),
            commit: Commit::start(Arc::clone(&parts.consumer), Arc::clone(&parts.metrics)),
            open,
            spare: None,
            in_flight: None,
            next_generation: None,
            paused: false,
            totals: Counts::default(),
            tallies: Tallies::default(),
            joined: false,
            begun: Instant::now(),
            noted: Instant::now(),
            arrivals: Arrivals::default(),
            outages: Outages::default(),
            unnoted: Vec::new(),
            unconfirmed: None,
            parts,
        }
    }

    /// Works until it is asked to stop or has caught up; then stores and commits what is open. Yields what became of
    /// the messages.
    ///
    /// # Errors
    /// Something that waiting does not mend. What is durable is committed, the rest is read again by the next worker.
    pub fn run(&mut self, stop: impl Fn() -> bool) -> Result<Counts, Failure> {
        self.parts.metrics.health().works();
        while !stop() && !self.has_caught_up() {
            self.parts.metrics.health().turned();
            self.read()?;
            self.tell_oldest();
            if !self.open.is_empty() {
                self.pass(Cut::Decoded, || Passing { rows: self.open.rows(), ranges: self.tracks.read() });
            }
            self.rebalance()?;
            self.settle(Duration::ZERO)?;
            self.store_if_due()?;
            self.commit.send();
            self.confirm(Duration::ZERO);
            self.note_ends();
            let goal = self.parts.goal.as_ref().map(|goal| goal.progress(&self.commit));
            let (done, all) = goal.map_or((self.totals.read, None), |(done, all)| (done, Some(all)));
            self.parts.progress.show(done, all, || self.totals.to_string());
        }
        self.drain()?;
        self.parts.progress.finish(|| self.totals.to_string());
        Ok(self.totals.clone())
    }

    fn tell_oldest(&self) {
        let in_flight = self.in_flight.as_ref().and_then(|in_flight| in_flight.oldest_ms);
        self.parts.metrics.holding(in_flight.into_iter().chain(self.open.oldest_ms()).min());
    }

    /// Takes messages until there are none, the batch is full, or others have waited long enough.
    fn read(&mut self) -> Result<(), Failure> {
        let consumer = Arc::clone(&self.parts.consumer);
        let patience = if self.in_flight.is_some() { POLL_INSERTING } else { POLL };
        let patience = self.open.remaining().map_or(patience, |remaining| remaining.min(patience));
        for _ in 0..BURST {
            if self.open.is_full() && !self.paused {
                break;
            }
            if !self.poll(&consumer, patience)? {
                self.pass_gaps();
                break;
            }
        }
        Ok(())
    }

    /// Waits that long for what comes from Kafka, and takes it; false if nothing comes.
    fn poll(&mut self, consumer: &Consumer, patience: Duration) -> Result<bool, Failure> {
        match consumer.poll(patience, &mut self.outages)? {
            Incoming::Message(message) => self.take(&message),
            Incoming::End(partition) => self.reach_end(partition),
            Incoming::Nothing => return Ok(false),
        }
        Ok(true)
    }

    /// Marks of transactions are positions without messages, so the consumer must be asked for them.
    fn pass_gaps(&mut self) {
        for (place, next) in self.parts.consumer.positions() {
            self.tracks.advance(place, next);
        }
    }

    fn take(&mut self, message: &BorrowedMessage<'_>) {
        let place = self.finder.place(message);
        if !self.tracks.meet(place, message.offset()) {
            return;
        }
        let arrival = decode::arrival(message, place);
        self.open.read(&arrival);
        let raw = headers(message);
        let readable = decode::readable(&raw);
        match decode::decode(message, place, &readable, &self.parts.generation.reference) {
            Ok(event) => self.open.accept(&event, arrival),
            Err(refusal) => self.open.reject(decode::refused(message, place, &raw, refusal)),
        }
    }

    /// Kafka reports the end of a partition after this worker began to read it, so after the goal was set. rdkafka does
    /// not say of which topic, so of several the positions must tell.
    fn reach_end(&mut self, partition: i32) {
        let places = self.tracks.places().filter(|place| place.partition == partition).collect::<Vec<_>>();
        if let [place] = places[..]
            && let Some(end) = self.parts.goal.as_ref().and_then(|goal| goal.end(place))
        {
            self.tracks.advance(place, end);
        }
    }

    /// Waits that long for the batch that is being inserted; releases and commits it if it is durable.
    fn settle(&mut self, patience: Duration) -> Result<(), Failure> {
        let Some(in_flight) = &self.in_flight else { return Ok(()) };
        let durable = match in_flight.answer.recv_timeout(patience) {
            Err(RecvTimeoutError::Timeout) => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => return Err(Failure::Finding("the insert ended without an answer".to_owned())),
            Ok(written) => written?,
        };
        let Some(InFlight { span, begun, .. }) = self.in_flight.take() else { return Ok(()) };
        let _batch = span.entered();
        self.commit.release(&durable);
        self.totals.add(durable.counts());
        self.tallies.add(durable.tallies());
        self.parts.metrics.durable(&durable);
        let unaccounted = durable.tallies().unaccounted();
        if !unaccounted.is_empty() {
            error!(?unaccounted, "messages do not add up, which is a fault of chiso-ingest");
        }
        self.pass(Cut::BeforeCommit, || durable.passing());
        self.commit.send();
        debug!(ms = begun.elapsed().as_millis(), ranges = ?durable.ranges(), outcomes = %durable.counts(), "batch stored");
        self.unconfirmed = Some(durable.passing());
        self.spare = Some(durable.into_spare());
        Ok(())
    }

    /// Waits that long for Kafka to answer for offsets.
    fn confirm(&mut self, patience: Duration) {
        self.commit.take_answer(patience);
        if self.commit.is_settled()
            && let Some(passing) = self.unconfirmed.take()
        {
            self.pass(Cut::AfterCommit, || passing);
        }
    }

    fn store_if_due(&mut self) -> Result<(), Failure> {
        if !self.open.is_full() {
            self.set_paused(false);
        }
        while let Ok(newer) = self.parts.newer.try_recv() {
            self.next_generation = Some(newer);
        }
        let aged = self.open.remaining().is_some_and(|remaining| remaining.is_zero());
        let read = self.parts.goal.as_ref().is_some_and(|goal| self.joined && goal.is_read(&self.tracks));
        let why = self.open.full_by().or(aged.then_some(SealedBy::Age)).or(read.then_some(SealedBy::Goal));
        let Some(why) = why.or(self.next_generation.is_some().then_some(SealedBy::Reference)) else { return Ok(()) };
        if self.open.is_full() && !self.paused {
            self.wait_for_insert()?;
        }
        if self.in_flight.is_none() {
            self.store_open(why);
            self.set_paused(false);
        } else if self.open.is_full() {
            self.set_paused(true);
        }
        Ok(())
    }

    /// Waits for the batch that is being inserted, and serves the group meanwhile: every poll may bring one message,
    /// which is taken beyond the limit.
    fn wait_for_insert(&mut self) -> Result<(), Failure> {
        let (deadline, consumer) = (Instant::now() + PATIENCE, Arc::clone(&self.parts.consumer));
        while self.in_flight.is_some() && Instant::now() < deadline && !self.parts.consumer.has_change() {
            self.settle(POLL)?;
            if self.in_flight.is_some() {
                self.poll(&consumer, Duration::ZERO)?;
            }
        }
        Ok(())
    }

    /// While the batch is full and ClickHouse is slow, nothing is fetched, but the group is still served.
    fn set_paused(&mut self, paused: bool) {
        if paused == self.paused {
            return;
        }
        let places = self.tracks.places().collect::<Vec<_>>();
        let consumer = &self.parts.consumer;
        match if paused { consumer.pause(&places) } else { consumer.resume(&places) } {
            Ok(()) => {
                self.paused = paused;
                self.parts.metrics.paused(paused);
                let state = if paused { "clickhouse is slower than kafka, fetching is paused" } else { "fetching goes on" };
                info!(open_rows = self.open.rows(), "{state}");
            }
            Err(error) => warn!(%error, paused, "cannot pause or resume partitions"),
        }
    }

    /// Seals the open batch, if there is anything in it, and begins to insert it.
    fn store_open(&mut self, why: SealedBy) {
        self.pass_gaps();
        let ranges = self.tracks.take();
        let ledger = ranges.into_iter().map(|range| LedgerEntry { range, seen: self.seen(range.place) }).collect::<Vec<_>>();
        if !ledger.is_empty() {
            self.begin_insert(ledger, why);
        }
        if let Some(newer) = self.next_generation.take() {
            info!(generation = newer.number, "judging by newer reference data");
            self.parts.metrics.generation(newer.number);
            self.open.restart(&newer);
            self.parts.generation = newer;
        }
    }

    fn begin_insert(&mut self, mut ledger: Vec<LedgerEntry>, why: SealedBy) {
        ledger.append(&mut self.unnoted);
        let next = Open::new(self.parts.limits, &self.parts.generation, self.spare.take());
        let open = std::mem::replace(&mut self.open, next);
        let (is_empty, bytes, oldest_ms) = (open.is_empty(), open.bytes(), open.oldest_ms());
        let sealed = open.seal(ledger, now_ms());
        let rows = sealed.rows() + sealed.refused.len();
        if !is_empty {
            self.parts.metrics.sealed(why, rows, bytes);
        }
        // At the level of errors, so that lines of every level say which batch they are about.
        let (batch, partitions) = (sealed.name(), sealed.ledger.len());
        let span = error_span!("batch", %batch, rows, partitions, sealed_by = why.as_str());
        self.pass(Cut::Sealed, || sealed.passing());
        let (sender, receiver) = channel();
        let insert = self.parts.insert.clone();
        let insert = async move {
            // Nobody waits for the answer any more if the worker has given up.
            let _ = sender.send(insert.write(sealed).await);
        };
        self.parts.runtime.spawn(insert.instrument(span.clone()));
        self.in_flight = Some(InFlight { answer: receiver, span, begun: Instant::now(), oldest_ms });
    }

    fn pass(&self, cut: Cut, passing: impl FnOnce() -> Passing) {
        if let Some(probe) = &self.parts.probe {
            probe(cut, &passing());
        }
    }
}
