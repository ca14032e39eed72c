//! What a leading scheduler does beside its passes, each thing at its own pace. A chore that fails is tried again when it is
//! due the next time; none holds up a pass, and each may be cut off anywhere.

use std::time::{Duration, Instant};

use chiso_schemas::store::Store;
use tokio::task::JoinSet;

use crate::failure::Failure;
use crate::metrics::Metrics;
use crate::report::chore::{Closes, Reports};
use crate::scheduler::Schedule;
use crate::{audit, compaction, findings, moment_of, sweep};

/// How often it is looked what is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether the ledger has grown.
const LEDGER_EVERY: Duration = Duration::from_secs(60);
/// How often it is looked which reports are due.
const REPORTS_EVERY: Duration = Duration::from_secs(5);

/// Does what is due, for ever: what takes long beside the others, these one after the other.
pub(crate) async fn run(store: Store, schedule: Schedule) {
    // Long ones, which end with this future.
    let mut beside = JoinSet::new();
    beside.spawn(findings::watch(store.clone(), schedule.clone()));
    beside.spawn(audit::every_night(store.clone(), schedule.clone()));
    beside.spawn(sweep::forever(store.clone(), schedule.settings.retention.clone(), schedule.metrics.clone()));
    let Schedule { settings, metrics, today } = schedule;
    let mut ledger = Pace::every(LEDGER_EVERY);
    let (mut due, mut reports) = (Pace::every(REPORTS_EVERY), Reports::default());
    loop {
        if ledger.is_due() {
            note(&metrics, "ledger", compaction::when_grown(&store, &settings.ledger).await);
        }
        if due.is_due() {
            let looked = reports.look(&store, moment_of(today), Closes::Yes).await;
            if let Ok(looked) = &looked {
                metrics.reports_closed(looked.closed);
            }
            note(&metrics, "reports", looked.and_then(|looked| looked.failed.map_or(Ok(()), Err)));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Counts how a chore has ended.
pub(crate) fn note<T>(metrics: &Metrics, chore: &'static str, done: Result<T, Failure>) {
    metrics.chore(chore, done.is_ok());
    if let Err(error) = done {
        tracing::warn!(chore, %error, "not done, tried again when it is due");
    }
}

/// When something is due again.
struct Pace {
    every: Duration,
    last: Option<Instant>,
}

impl Pace {
    /// Due at once, and then again and again.
    fn every(every: Duration) -> Self {
        Self { every, last: None }
    }

    fn is_due(&mut self) -> bool {
        let is_due = self.last.is_none_or(|last| last.elapsed() >= self.every);
        if is_due {
            self.last = Some(Instant::now());
        }
        is_due
    }
}
