//! Every metric of the worker: name, labels, help, and one method for each thing that happens. Messages are counted by
//! the batch, so nothing here is called for a single message.

mod fetching;
mod partitions;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use chiso_schemas::event::Reason;
use chiso_schemas::outside::{Observed, ProcessMetrics};
use chiso_schemas::store::StoreError;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use rdkafka::Statistics;

use crate::counts::Counts;
use crate::health::Health;
use crate::insert::Durable;
use crate::observe::now_ms;
use crate::offset::NextOffset;
use crate::place::Place;
use crate::start::Start;
use fetching::Fetching;
use partitions::Partitions;

/// Why a batch was sealed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SealedBy {
    /// `batch.rows_max`
    Rows,
    /// `batch.bytes_max`
    Bytes,
    /// `batch.age_ms_max`
    Age,
    /// Newer reference data came.
    Reference,
    /// Partitions were taken away.
    Rebalance,
    /// `--until-caught-up` has read all.
    Goal,
    /// The worker stops.
    Stop,
}

impl SealedBy {
    /// As in labels and log lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Bytes => "bytes",
            Self::Age => "age",
            Self::Reference => "reference",
            Self::Rebalance => "rebalance",
            Self::Goal => "goal",
            Self::Stop => "stop",
        }
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
    /// Empty, which is the same as absent, unless it was rejected.
    reason: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Inserted {
    table: &'static str,
    result: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Retried {
    table: &'static str,
    code: String,
}

/// Messages by what became of them.
#[derive(Clone, Copy, Debug)]
pub struct Outcomes {
    /// Stored.
    pub stored: u64,
    /// Repeated within a batch.
    pub repeated: u64,
    /// Rejected.
    pub rejected: u64,
}

/// Label, value.
type Named = [(&'static str, &'static str); 1];

/// The metrics of one worker and its health.
#[derive(Debug)]
pub struct Metrics {
    health: Health,
    registry: Registry,
    messages: Family<Outcome, Counter>,
    batches: Family<Named, Counter>,
    batch_rows: Histogram,
    batch_bytes: Histogram,
    insert_seconds: Family<Inserted, Histogram, fn() -> Histogram>,
    retries: Family<Retried, Counter>,
    delay_seconds: Histogram,
    commit_failures: Counter,
    rebalances: Family<Named, Counter>,
    orphan_rebalances: Counter,
    paused: Gauge,
    generation: Gauge,
    assigned: Gauge,
    partitions: Arc<Partitions>,
    fetching: Arc<Fetching>,
    /// Kafka's timestamp of the oldest message that is read and not stored; `i64::MAX` if there is none.
    holding_ms: AtomicI64,
    ready: Gauge,
    troubles: Family<Named, Gauge<f64, AtomicU64>>,
    oldest_seconds: Gauge<f64, AtomicU64>,
}

/// From 5 ms, a small insert, to 82 s.
fn insert_seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.005, 2.0, 15))
}

/// What stands for ClickHouse's code where it did not answer.
const NETWORK: &str = "network";

impl Metrics {
    /// All metrics, at nothing.
    pub fn new(health: Health) -> Self {
        let mut metrics = Self {
            health,
            registry: Registry::default(),
            messages: Family::default(),
            batches: Family::default(),
            batch_rows: Histogram::new(exponential_buckets(1.0, 4.0, 11)),
            batch_bytes: Histogram::new(exponential_buckets(1_024.0, 4.0, 10)),
            insert_seconds: Family::new_with_constructor(insert_seconds),
            retries: Family::default(),
            delay_seconds: Histogram::new(exponential_buckets(0.05, 2.0, 18)),
            commit_failures: Counter::default(),
            rebalances: Family::default(),
            orphan_rebalances: Counter::default(),
            paused: Gauge::default(),
            generation: Gauge::default(),
            assigned: Gauge::default(),
            partitions: Arc::default(),
            fetching: Arc::default(),
            holding_ms: AtomicI64::new(i64::MAX),
            ready: Gauge::default(),
            troubles: Family::default(),
            oldest_seconds: Gauge::default(),
        };
        metrics.begin();
        metrics.register();
        metrics
    }

    /// Series whose labels are known exist from the start, so that their first increase is seen as one.
    fn begin(&self) {
        for outcome in ["stored", "repeated"] {
            drop(self.messages.get_or_create(&Outcome { outcome, reason: "" }));
        }
        for reason in Reason::ALL {
            drop(self.messages.get_or_create(&Outcome { outcome: "rejected", reason: reason.as_str() }));
        }
        for table in ["event_log", "rejected_log", "marks", "ledger"] {
            drop(self.retries.get_or_create(&Retried { table, code: NETWORK.to_owned() }));
        }
        for kind in ["assigned", "revoked", "lost"] {
            drop(self.rebalances.get_or_create(&[("kind", kind)]));
        }
    }

    fn register(&mut self) {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(ProcessMetrics));
        let ours = registry.sub_registry_with_prefix("chiso_ingest");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION").to_owned()), ("librdkafka", librdkafka())]);
        ours.register("build", "Release of the program and of the Kafka client in it", build);
        let help = "Messages by what became of them, counted when that is durable; reason where they were rejected";
        ours.register("messages", help, self.messages.clone());
        ours.register_collector(Box::new(Arc::clone(&self.partitions)));
        ours.register("assigned_partitions", "Partitions that the group has given to this worker", self.assigned.clone());
        let help = "Seconds since the oldest message that is not stored arrived in Kafka: by its timestamp once it is read, before that since it was seen there";
        ours.register("oldest_unstored_seconds", help, self.oldest_seconds.clone());
        let help =
            "Seconds from Kafka's timestamp of a message until it was durable, of the oldest message of each batch and partition";
        ours.register("delay_seconds", help, self.delay_seconds.clone());
        ours.register("batches", "Batches begun to be inserted, by why they were sealed", self.batches.clone());
        ours.register("batch_rows", "Rows of a batch, stored and rejected ones", self.batch_rows.clone());
        ours.register("batch_bytes", "Bytes of a batch in memory, roughly", self.batch_bytes.clone());
        let help = "Seconds that an attempt to insert into a table took; result: ok, failed";
        ours.register("insert_seconds", help, self.insert_seconds.clone());
        let help = "Inserts that are tried again, by ClickHouse's code, or network where it did not answer";
        ours.register("insert_retries", help, self.retries.clone());
        ours.register("commit_failures", "Commits that Kafka refused or did not answer", self.commit_failures.clone());
        ours.register("rebalances", "Partitions given to this worker (assigned) or taken from it", self.rebalances.clone());
        let help = "Times that this worker made the group share out all partitions, since some were nobody's";
        ours.register("orphan_rebalances", help, self.orphan_rebalances.clone());
        let help = "1 while fetching is paused, since ClickHouse is slower than Kafka or away";
        ours.register("fetching_paused", help, self.paused.clone());
        ours.register(
            "reference_generation",
            "Generation of reference data that messages are judged by",
            self.generation.clone(),
        );
        ours.register("ready", "1 while messages get through, as /readyz says", self.ready.clone());
        let help = "Seconds since when ClickHouse or Kafka does not do its part; 0 while it does";
        ours.register("dependency_trouble_seconds", help, self.troubles.clone());
        ours.register_collector(Box::new(Arc::clone(&self.fetching)));
        self.registry = registry;
    }

    /// Whether the worker is alive and ready.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Since when a message waits that is not stored; nothing if none does.
    pub fn oldest_unstored(&self) -> Duration {
        let held = now_ms().saturating_sub(self.holding_ms.load(Ordering::Relaxed));
        let held = Duration::from_millis(u64::try_from(held).unwrap_or_default());
        held.max(self.partitions.behind().unwrap_or_default())
    }

    /// Messages that are not stored yet.
    pub fn lag(&self) -> i64 {
        self.partitions.lag()
    }

    /// A partition became ours.
    pub fn assigned(&self, start: &Start) {
        self.partitions.assign(start.place, start.position.get(), start.committed.map(NextOffset::get));
    }

    /// A partition is no longer ours.
    pub fn revoked(&self, place: Place) {
        self.partitions.revoke(place);
    }

    /// The group has changed who reads what. Kind: assigned, revoked or lost.
    pub fn rebalanced(&self, kind: &'static str) {
        self.rebalances.get_or_create(&[("kind", kind)]).inc();
    }

    /// Partitions were nobody's, and this worker makes the group share out all of them.
    pub fn orphan_rebalance(&self) {
        self.orphan_rebalances.inc();
    }

    /// How many partitions this worker reads.
    pub fn partitions(&self, partitions: usize) {
        self.assigned.set(i64::try_from(partitions).unwrap_or(i64::MAX));
        self.health.partitions(partitions);
    }

    /// Where a partition ends.
    pub fn end(&self, place: Place, end: i64) {
        self.partitions.end(place, end);
    }

    /// Kafka's timestamp of the oldest message that is read and not stored, if there is one.
    pub fn holding(&self, oldest_ms: Option<i64>) {
        self.holding_ms.store(oldest_ms.unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// A batch was sealed, and its insert begins.
    pub fn sealed(&self, why: SealedBy, rows: usize, bytes: usize) {
        self.batches.get_or_create(&[("sealed_by", why.as_str())]).inc();
        self.batch_rows.observe(rows as f64);
        self.batch_bytes.observe(bytes as f64);
    }

    /// An attempt to insert into a table has ended, well or not.
    pub fn inserted(&self, table: &'static str, took: Duration, is_ok: bool) {
        let result = if is_ok { "ok" } else { "failed" };
        self.insert_seconds.get_or_create(&Inserted { table, result }).observe(took.as_secs_f64());
        if is_ok {
            self.health.clickhouse_answers();
        }
    }

    /// An attempt to insert into a table failed, and is made again.
    pub fn retried(&self, table: &'static str, error: &StoreError) {
        self.health.clickhouse_fails(error);
        let code = error.code().map_or_else(|| NETWORK.to_owned(), |code| code.to_string());
        self.retries.get_or_create(&Retried { table, code }).inc();
    }

    /// A batch is stored.
    pub fn durable(&self, durable: &Durable) {
        for range in durable.ranges() {
            self.partitions.stored(range.place, range.next.get());
        }
        let now = now_ms();
        for (place, tally) in durable.tallies().iter() {
            self.partitions.count(*place, tally);
            if let Some(ms) = tally.oldest_ms {
                self.delay_seconds.observe(now.saturating_sub(ms).max(0) as f64 / 1_000.0);
            }
        }
        self.count(durable.counts());
    }

    /// What became of messages so far.
    pub fn outcomes(&self) -> Outcomes {
        let count = |outcome, reason| self.messages.get_or_create(&Outcome { outcome, reason }).get();
        let reasons = Reason::ALL.iter().map(|reason| reason.as_str());
        Outcomes {
            stored: count("stored", ""),
            repeated: count("repeated", ""),
            rejected: reasons.map(|reason| count("rejected", reason)).sum(),
        }
    }

    fn count(&self, counts: &Counts) {
        for (outcome, count) in [("stored", counts.stored), ("repeated", counts.repeated)] {
            self.messages.get_or_create(&Outcome { outcome, reason: "" }).inc_by(count);
        }
        for (reason, count) in counts.reasons() {
            self.messages.get_or_create(&Outcome { outcome: "rejected", reason: reason.as_str() }).inc_by(count);
        }
    }

    /// Kafka has taken those positions.
    pub fn committed(&self, positions: &[(Place, NextOffset)]) {
        for &(place, next) in positions {
            self.partitions.committed(place, next.get());
        }
    }

    /// Kafka has not taken positions.
    pub fn commit_failed(&self) {
        self.commit_failures.inc();
    }

    /// Fetching was paused or goes on.
    pub fn paused(&self, paused: bool) {
        self.paused.set(i64::from(paused));
    }

    /// Messages are judged by that generation of reference data from now on.
    pub fn generation(&self, number: u32) {
        self.generation.set(i64::from(number));
    }

    /// What librdkafka says of itself.
    pub fn fetching(&self, statistics: &Statistics) {
        self.fetching.renew(statistics);
    }
}

impl Observed for Metrics {
    fn page(&self) -> String {
        self.ready.set(i64::from(self.health.ready().is_ok()));
        for (dependency, trouble) in self.health.troubles() {
            self.troubles.get_or_create(&[("dependency", dependency)]).set(trouble.as_secs_f64());
        }
        self.oldest_seconds.set(self.oldest_unstored().as_secs_f64());
        let mut page = String::new();
        // Writing into a string does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut page, &self.registry);
        page
    }

    fn live(&self) -> Result<(), String> {
        self.health.live()
    }

    fn ready(&self) -> Result<(), String> {
        self.health.ready()
    }
}

/// The release of librdkafka.
fn librdkafka() -> String {
    rdkafka::util::get_rdkafka_version().1
}
