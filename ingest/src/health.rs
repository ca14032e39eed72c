//! Whether the worker is alive and ready, and if not, why: what `/livez` and `/readyz` answer.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chiso_schemas::outside::Trouble;
use chiso_schemas::store::StoreError;

/// The state of a worker, reported by those who find it out and read by the HTTP server.
#[derive(Debug)]
pub struct Health {
    begun: Instant,
    /// How long the pipeline may take for one turn.
    turn_max: Duration,
    /// When the pipeline began its latest turn, in milliseconds since `begun`.
    turned_ms: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    stage: Stage,
    clickhouse: Option<Trouble>,
    kafka: Option<Trouble>,
    partitions: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Stage {
    #[default]
    Starting,
    Working,
    Stopping,
}

impl Health {
    /// A worker that starts. A turn of its pipeline takes at most `turn_max`; longer means that it hangs.
    pub fn new(turn_max: Duration) -> Self {
        Self { begun: Instant::now(), turn_max, turned_ms: AtomicU64::new(0), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pipeline begins a turn.
    pub fn turned(&self) {
        let ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.turned_ms.store(ms, Ordering::Relaxed);
    }

    /// Everything is made, and the pipeline begins to turn.
    pub fn works(&self) {
        self.turned();
        self.state().stage = Stage::Working;
    }

    /// The worker was asked to stop: it only stores what it has read.
    pub fn stops(&self) {
        self.state().stage = Stage::Stopping;
    }

    /// How many partitions the group has given to the worker.
    pub fn partitions(&self, count: usize) {
        self.state().partitions = count;
    }

    /// ClickHouse did not do what it was asked, and is asked again.
    pub fn clickhouse_fails(&self, error: &StoreError) {
        Trouble::note_clickhouse(&mut self.state().clickhouse, error);
    }

    /// ClickHouse has stored something.
    pub fn clickhouse_answers(&self) {
        self.state().clickhouse = None;
    }

    /// Kafka does not answer.
    pub fn kafka_fails(&self, error: &impl std::fmt::Display) {
        Trouble::note(&mut self.state().kafka, "Kafka is away", error.to_string());
    }

    /// Kafka has answered.
    pub fn kafka_answers(&self) {
        self.state().kafka = None;
    }

    /// How long ClickHouse and Kafka have been in trouble; nothing where all is well.
    pub fn troubles(&self) -> [(&'static str, Duration); 2] {
        let state = self.state();
        [("clickhouse", Trouble::lasts(state.clickhouse.as_ref())), ("kafka", Trouble::lasts(state.kafka.as_ref()))]
    }

    /// Whether the process does its work; if not, to start it again may help.
    ///
    /// # Errors
    /// Why it does not.
    pub fn live(&self) -> Result<(), String> {
        if self.state().stage == Stage::Starting {
            return Ok(());
        }
        let turned = Duration::from_millis(self.turned_ms.load(Ordering::Relaxed));
        let still = self.begun.elapsed().saturating_sub(turned);
        if still <= self.turn_max {
            return Ok(());
        }
        Err(format!("the pipeline has not turned for {} s, at most {} s are expected", still.as_secs(), self.turn_max.as_secs()))
    }

    /// Whether messages get through from Kafka to ClickHouse.
    ///
    /// # Errors
    /// Every reason why they do not, one a line.
    pub fn ready(&self) -> Result<(), String> {
        let live = self.live();
        let state = self.state();
        let mut reasons = String::new();
        let mut add = |reason: &str| {
            let _ = writeln!(reasons, "{reason}");
        };
        match state.stage {
            Stage::Starting => add("starting"),
            Stage::Stopping => add("stopping: only what is read is stored and committed"),
            Stage::Working if state.partitions == 0 => {
                add("no partitions: the group has given none yet, or other workers have them all");
            }
            Stage::Working => {}
        }
        for trouble in state.clickhouse.iter().chain(&state.kafka) {
            add(&trouble.to_string());
        }
        if let Err(reason) = live {
            add(&reason);
        }
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_worker_is_ready_when_nothing_is_in_the_way() {
        let health = Health::new(Duration::from_secs(60));
        assert_eq!(health.ready().unwrap_err(), "starting\n");
        assert_eq!(health.live(), Ok(()));
        health.works();
        assert!(health.ready().unwrap_err().starts_with("no partitions: "));
        health.partitions(3);
        assert_eq!(health.ready(), Ok(()));
        health.kafka_fails(&"first");
        health.kafka_fails(&"no broker");
        let reasons = health.ready().unwrap_err();
        assert!(reasons.starts_with("Kafka is away since 2") && reasons.ends_with(" s): no broker\n"), "{reasons}");
        assert_eq!(reasons.lines().count(), 1);
        assert!(health.troubles()[1].1 > Duration::ZERO);
        health.kafka_answers();
        assert_eq!(health.ready(), Ok(()));
        health.stops();
        assert!(health.ready().unwrap_err().starts_with("stopping: "));
        assert_eq!(health.live(), Ok(()));
    }

    #[test]
    fn a_pipeline_that_hangs_is_not_alive() {
        let health = Health::new(Duration::ZERO);
        assert_eq!(health.live(), Ok(()), "while it starts, nothing turns yet");
        health.works();
        health.partitions(1);
        std::thread::sleep(Duration::from_millis(5));
        let reason = health.live().unwrap_err();
        assert!(reason.starts_with("the pipeline has not turned for "), "{reason}");
        assert_eq!(health.ready().unwrap_err(), format!("{reason}\n"));
    }
}
