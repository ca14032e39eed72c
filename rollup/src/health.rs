//! Whether the scheduler is alive and ready, and if not, why: what `/livez` and `/readyz` answer.

use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chiso_schemas::outside::Trouble;
use chiso_schemas::store::StoreError;

use crate::failure::Failure;

/// The state of a scheduler, reported by those who find it out and read by the HTTP server.
#[derive(Debug)]
pub(crate) struct Health {
    /// How long the scheduler may take for one pass.
    turn_max: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    turned: Instant,
    clickhouse: Option<Trouble>,
    passes: Option<Trouble>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Starting,
    StandingBy,
    Leading,
    Stopping,
}

impl Health {
    /// A scheduler that starts. A pass takes at most `turn_max`; longer means that it hangs.
    pub(crate) fn new(turn_max: Duration) -> Self {
        let state = State { stage: Stage::Starting, turned: Instant::now(), clickhouse: None, passes: None };
        Self { turn_max, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tables are there; whether this scheduler leads.
    pub(crate) fn works(&self, leading: bool) {
        let mut state = self.state();
        state.turned = Instant::now();
        if state.stage != Stage::Stopping {
            state.stage = if leading { Stage::Leading } else { Stage::StandingBy };
        }
        if !leading {
            state.passes = None;
        }
    }

    /// The scheduler was asked to stop.
    pub(crate) fn stops(&self) {
        self.state().stage = Stage::Stopping;
    }

    /// A pass was not finished, and is tried again.
    pub(crate) fn pass_fails(&self, error: &Failure) {
        let mut state = self.state();
        state.turned = Instant::now();
        Trouble::note(&mut state.passes, "passes fail", error.to_string());
    }

    /// A pass was finished.
    pub(crate) fn pass_ends(&self) {
        let mut state = self.state();
        (state.turned, state.passes) = (Instant::now(), None);
    }

    /// ClickHouse did not answer what it is asked now and then.
    pub(crate) fn clickhouse_fails(&self, error: &StoreError) {
        Trouble::note_clickhouse(&mut self.state().clickhouse, error);
    }

    /// ClickHouse has answered.
    pub(crate) fn clickhouse_answers(&self) {
        self.state().clickhouse = None;
    }

    /// How long ClickHouse has been in trouble; nothing if all is well.
    pub(crate) fn trouble(&self) -> Duration {
        Trouble::lasts(self.state().clickhouse.as_ref())
    }

    /// Whether the process does its work; if not, to start it again may help.
    ///
    /// # Errors
    /// Why it does not.
    pub(crate) fn live(&self) -> Result<(), String> {
        let state = self.state();
        let still = state.turned.elapsed();
        if state.stage == Stage::Starting || still <= self.turn_max {
            return Ok(());
        }
        Err(format!("no pass has ended for {} s, at most {} s are expected", still.as_secs(), self.turn_max.as_secs()))
    }

    /// Whether figures follow the facts, or would if the leader fell silent.
    ///
    /// # Errors
    /// Every reason why they do not, one a line.
    pub(crate) fn ready(&self) -> Result<(), String> {
        let live = self.live();
        let state = self.state();
        let mut reasons = String::new();
        let mut add = |reason: &str| {
            let _ = writeln!(reasons, "{reason}");
        };
        match state.stage {
            Stage::Starting => add("starting"),
            Stage::Stopping => add("stopping: the pass that is being made is finished"),
            Stage::StandingBy | Stage::Leading => {}
        }
        for trouble in state.clickhouse.iter().chain(&state.passes) {
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
    fn a_scheduler_is_ready_when_nothing_is_in_the_way() {
        let health = Health::new(Duration::from_secs(60));
        assert_eq!((health.ready().unwrap_err().as_str(), health.live()), ("starting\n", Ok(())));
        health.works(false);
        assert_eq!(health.ready(), Ok(()));
        health.works(true);
        health.pass_fails(&Failure::Refused("no".to_owned()));
        let reasons = health.ready().unwrap_err();
        assert!(reasons.starts_with("passes fail since 2") && reasons.ends_with(" s): no\n"), "{reasons}");
        health.works(false);
        assert_eq!(health.ready(), Ok(()), "who stands by makes no passes");
        health.stops();
        health.works(true);
        assert!(health.ready().unwrap_err().starts_with("stopping: "));
    }

    #[test]
    fn a_scheduler_that_hangs_is_not_alive() {
        let health = Health::new(Duration::ZERO);
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(health.live(), Ok(()), "while it starts, nothing turns yet");
        health.works(true);
        std::thread::sleep(Duration::from_millis(5));
        let reason = health.live().unwrap_err();
        assert!(reason.starts_with("no pass has ended for "), "{reason}");
        assert_eq!(health.ready().unwrap_err(), format!("{reason}\n"));
    }
}
