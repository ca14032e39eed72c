//! One line a minute that says how the worker gets on, for those who read logs rather than metrics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tracing::info;

use crate::metrics::{Metrics, Outcomes};

/// Time between two lines.
const EVERY: Duration = Duration::from_secs(60);

/// Begins to say it.
pub fn start(runtime: &Handle, metrics: Arc<Metrics>) {
    runtime.spawn(async move {
        let mut last = Last::new(&metrics);
        loop {
            tokio::time::sleep(EVERY).await;
            last.say(&metrics);
        }
    });
}

/// What the line before counted.
struct Last {
    at: Instant,
    outcomes: Outcomes,
}

impl Last {
    fn new(metrics: &Metrics) -> Self {
        Self { at: Instant::now(), outcomes: metrics.outcomes() }
    }

    fn say(&mut self, metrics: &Metrics) {
        let before = std::mem::replace(self, Self::new(metrics));
        let now = self.outcomes;
        let (stored, repeated) = (now.stored - before.outcomes.stored, now.repeated - before.outcomes.repeated);
        let rejected = now.rejected - before.outcomes.rejected;
        let events_per_second = (stored + repeated + rejected) as f64 / before.at.elapsed().as_secs_f64();
        let oldest_unstored_s = metrics.oldest_unstored().as_secs();
        let (lag, ready) = (metrics.lag(), metrics.health().ready().is_ok());
        let events_per_second = events_per_second.round();
        info!(events_per_second, stored, rejected, repeated, lag, oldest_unstored_s, ready, "summary");
    }
}
