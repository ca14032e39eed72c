//! What stands in ClickHouse, as it was when the scheduler looked last: what waits, how far the figures reach, what was found.

use std::fmt::Error;
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::findings::Kind;

/// One look.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Standing {
    /// Batches that wait for a pass.
    pub(crate) batches: u64,
    /// Cells that they touched.
    pub(crate) cells: u64,
    /// Since when the oldest waits, in milliseconds by the clock of the server; 0 if none does.
    pub(crate) oldest_ms: i64,
    /// Rows of the ledger.
    pub(crate) ledger_rows: u64,
    /// Milliseconds since the last sign of life of the leader; `i64::MAX` if nobody has ever led.
    pub(crate) silent_ms: i64,
    /// `complete_through` in milliseconds since 1970, if all partitions are read.
    pub(crate) complete_ms: Option<i64>,
    /// Open findings by kind.
    pub(crate) findings: Vec<(Kind, u64)>,
}

/// The last look and when it was.
#[derive(Debug, Default)]
pub(super) struct StandingMetrics(Mutex<Option<(Instant, Standing)>>);

impl StandingMetrics {
    pub(super) fn renew(&self, standing: Standing) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), standing));
    }
}

impl Collector for StandingMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some((looked, standing)) = last else { return Ok(()) };
        // What waits grows older while nobody looks.
        let since = looked.elapsed().as_secs_f64();
        let aged = |ms: i64| if ms == 0 { 0.0 } else { ms as f64 / 1_000.0 + since };
        let mut gauge = |name: &str, help: &str, value: f64| {
            ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
        };
        gauge("waiting_batches", "Batches of stored events that wait for a pass.", standing.batches as f64)?;
        gauge("waiting_cells", "Cells that the waiting batches touched.", standing.cells as f64)?;
        let help = "Seconds since a worker sealed the oldest batch that waits for a pass; 0 if none does.";
        gauge("oldest_waiting_seconds", help, aged(standing.oldest_ms))?;
        gauge("ledger_rows", "Rows of the ledger of stored offsets.", standing.ledger_rows as f64)?;
        let help = "Seconds since whoever leads gave a sign of life; infinite if nobody has ever led.";
        let silent = if standing.silent_ms == i64::MAX { f64::INFINITY } else { aged(standing.silent_ms) };
        gauge("leader_silent_seconds", help, silent)?;
        if let Some(complete_ms) = standing.complete_ms {
            let complete = complete_ms as f64 / 1_000.0;
            let help =
                "Every message that lay in Kafka at that moment, in seconds since 1970, is in the figures, refused or a repeat.";
            gauge("complete_through_seconds", help, complete)?;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64());
            gauge("complete_through_age_seconds", "Seconds that the figures are behind Kafka.", (now - complete).max(0.0))?;
        }
        let late = standing.findings.iter().find(|(kind, _)| *kind == Kind::LateClose).map_or(0, |(_, count)| *count);
        gauge("reports_late", "Reports that are due and not closed, as whoever leads has found.", late as f64)?;
        let mut family = encoder.encode_descriptor("open_findings", "Open findings by kind.", None, MetricType::Gauge)?;
        for (kind, count) in &standing.findings {
            ConstGauge::<u64>::new(*count).encode(family.encode_family(&[("kind", kind.as_str())])?)?;
        }
        Ok(())
    }
}
