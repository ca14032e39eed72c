//! Every metric of the scheduler: name, labels, help, and one method for each thing that happens.

mod standing;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use chiso_schemas::outside::{Observed, ProcessMetrics};
use chiso_schemas::store::StoreError;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::failure::Failure;
use crate::health::Health;
use crate::pass::Summary;
pub(crate) use standing::Standing;
use standing::StandingMetrics;

/// How long a pass may take before the scheduler counts as hanging: the first one of a large database takes hours.
const PASS_MAX: Duration = Duration::from_secs(43_200);

/// Label, value.
type Named = [(&'static str, &'static str); 1];

/// The metrics of one scheduler and its health. Clones are the same metrics.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    health: Health,
    registry: Registry,
    passes: Family<Named, Counter>,
    pass_seconds: Histogram,
    last_pass_seconds: Gauge<f64, AtomicU64>,
    batches: Counter,
    cells: Counter,
    rows: Counter,
    leading: Gauge,
    epoch: Gauge,
    generation: Gauge,
    chores: Family<Named, Counter>,
    chore_failures: Family<Named, Counter>,
    audits: Counter,
    audit_differences: Counter,
    reports_closed: Counter,
    standing: Arc<StandingMetrics>,
    ready: Gauge,
    troubles: Family<Named, Gauge<f64, AtomicU64>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All metrics, at nothing.
    pub fn new() -> Self {
        let mut inner = Inner {
            health: Health::new(PASS_MAX),
            registry: Registry::default(),
            passes: Family::default(),
            // From 10 ms, a pass without changes, to 5.8 hours.
            pass_seconds: Histogram::new(exponential_buckets(0.01, 2.0, 22)),
            last_pass_seconds: Gauge::default(),
            batches: Counter::default(),
            cells: Counter::default(),
            rows: Counter::default(),
            leading: Gauge::default(),
            epoch: Gauge::default(),
            generation: Gauge::default(),
            chores: Family::default(),
            chore_failures: Family::default(),
            audits: Counter::default(),
            audit_differences: Counter::default(),
            reports_closed: Counter::default(),
            standing: Arc::default(),
            ready: Gauge::default(),
            troubles: Family::default(),
        };
        // Series whose labels are known exist from the start, so that their first increase is seen as one.
        for result in ["ok", "failed", "superseded"] {
            drop(inner.passes.get_or_create(&[("result", result)]));
        }
        for family in [&inner.chores, &inner.chore_failures] {
            for chore in ["ledger", "reports", "findings", "offset_gaps", "all_findings", "audit", "sweep"] {
                drop(family.get_or_create(&[("chore", chore)]));
            }
        }
        inner.register();
        Self(Arc::new(inner))
    }

    /// A pass was finished.
    pub(crate) fn passed(&self, summary: &Summary, took: Duration) {
        let Inner { passes, pass_seconds, last_pass_seconds, batches, cells, rows, generation, health, .. } = &*self.0;
        passes.get_or_create(&[("result", "ok")]).inc();
        pass_seconds.observe(took.as_secs_f64());
        last_pass_seconds.set(took.as_secs_f64());
        batches.inc_by(summary.batches);
        cells.inc_by(summary.cells);
        rows.inc_by(summary.rows);
        generation.set(i64::from(summary.generation));
        health.pass_ends();
    }

    /// A pass was not finished; it is tried again.
    pub(crate) fn pass_failed(&self, error: &Failure) {
        self.0.passes.get_or_create(&[("result", "failed")]).inc();
        self.0.health.pass_fails(error);
    }

    /// Another scheduler took over during a pass.
    pub(crate) fn superseded(&self) {
        self.0.passes.get_or_create(&[("result", "superseded")]).inc();
    }

    /// This scheduler leads in that epoch, or stands by.
    pub(crate) fn leads(&self, epoch: Option<u32>) {
        self.0.leading.set(i64::from(epoch.is_some()));
        if let Some(epoch) = epoch {
            self.0.epoch.set(i64::from(epoch));
        }
        self.0.health.works(epoch.is_some());
    }

    /// The scheduler was asked to stop.
    pub(crate) fn stops(&self) {
        self.0.health.stops();
    }

    /// What stands in ClickHouse now.
    pub(crate) fn stands(&self, standing: Standing) {
        self.0.health.clickhouse_answers();
        self.0.standing.renew(standing);
    }

    /// ClickHouse did not say what stands there.
    pub(crate) fn unanswered(&self, error: &StoreError) {
        self.0.health.clickhouse_fails(error);
    }

    /// A chore has ended, well or not.
    pub(crate) fn chore(&self, name: &'static str, is_ok: bool) {
        drop(self.0.chore_failures.get_or_create(&[("chore", name)]));
        let family = if is_ok { &self.0.chores } else { &self.0.chore_failures };
        family.get_or_create(&[("chore", name)]).inc();
    }

    /// An audit has ended, and has found that many differences.
    pub fn audited(&self, differences: u64) {
        self.0.audits.inc();
        self.0.audit_differences.inc_by(differences);
    }

    /// That many versions of reports were closed.
    pub fn reports_closed(&self, reports: u64) {
        self.0.reports_closed.inc_by(reports);
    }
}

impl Inner {
    fn register(&mut self) {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(ProcessMetrics));
        let ours = registry.sub_registry_with_prefix("chiso_rollup");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION").to_owned())]);
        ours.register("build", "Release of the program", build);
        let help = "Passes by result; failed ones are tried again, superseded ones are made by another scheduler";
        ours.register("passes", help, self.passes.clone());
        ours.register("pass_seconds", "Seconds that finished passes took", self.pass_seconds.clone());
        ours.register("last_pass_seconds", "Seconds that the last finished pass took", self.last_pass_seconds.clone());
        ours.register("batches", "Batches of events that passes have rolled up", self.batches.clone());
        ours.register("cells", "Cells that passes have recomputed", self.cells.clone());
        ours.register("rows", "Rollup rows that passes have written, gone ones included", self.rows.clone());
        ours.register("leading", "1 while this scheduler leads, 0 while it stands by", self.leading.clone());
        ours.register("epoch", "Epoch that this scheduler led last", self.epoch.clone());
        let help = "Generation of reference data that the last pass used";
        ours.register("reference_generation", help, self.generation.clone());
        ours.register_collector(Box::new(Arc::clone(&self.standing)));
        ours.register("chores", "Things done beside passes, by chore", self.chores.clone());
        let help = "Things beside passes that were not done, and are tried again when they are due";
        ours.register("chore_failures", help, self.chore_failures.clone());
        ours.register("audits", "Audits that have ended", self.audits.clone());
        let help = "Differences between rollups and events that audits have found: must be 0";
        ours.register("audit_differences", help, self.audit_differences.clone());
        ours.register("reports_closed", "Versions of reports that this scheduler has closed", self.reports_closed.clone());
        ours.register("ready", "1 while figures follow the facts, as /readyz says", self.ready.clone());
        let help = "Seconds since when ClickHouse does not do its part; 0 while it does";
        ours.register("dependency_trouble_seconds", help, self.troubles.clone());
        self.registry = registry;
    }
}

impl Observed for Metrics {
    fn page(&self) -> String {
        let Inner { health, ready, troubles, registry, .. } = &*self.0;
        ready.set(i64::from(health.ready().is_ok()));
        troubles.get_or_create(&[("dependency", "clickhouse")]).set(health.trouble().as_secs_f64());
        let mut page = String::new();
        // Writing into a string does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut page, registry);
        page
    }

    fn live(&self) -> Result<(), String> {
        self.0.health.live()
    }

    fn ready(&self) -> Result<(), String> {
        self.0.health.ready()
    }
}
