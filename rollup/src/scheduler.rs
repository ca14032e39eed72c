//! `run`: one scheduler passes again and again, others stand by and take over when it falls silent.

use std::sync::Arc;
use std::time::Duration;

use chiso_schemas::settings::Settings;
use chiso_schemas::store::{Store, check_schema};
use chrono::{NaiveDate, TimeDelta};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::chores;
use crate::claim::Claim;
use crate::failure::Failure;
use crate::lead::{self, BEAT_EVERY, Leader};
use crate::pass::{Turn, changes};
use crate::touched;

/// Between two looks of one that stands by.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Between two tries when ClickHouse does not do its part.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// How often `complete_through` alone is worth a record.
const MOMENT_EVERY: TimeDelta = TimeDelta::seconds(10);

/// How `run` works.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Among others from the end of a pass to the next.
    pub settings: Settings,
    /// The local day, if it is not that of the clock.
    pub today: Option<NaiveDate>,
}

/// Works until `stop` says so. A pass that is being made is finished first.
///
/// # Errors
/// The tables or the reference data are not what this program can work with. That ClickHouse does not answer is waited for.
pub async fn run(store: &Store, schedule: Schedule, mut stop: watch::Receiver<bool>) -> Result<(), Failure> {
    check_schema(store).await?;
    let mut standing = None;
    while !*stop.borrow() {
        let epoch = standing.as_ref().map(|lead: &Lead| lead.turn.claim.epoch);
        let turned = turn(store, &schedule, &mut standing).await;
        let pause = match turned {
            Ok(pause) => pause,
            Err(Failure::Superseded { last, .. }) => {
                warn!(epoch, last, "another scheduler has taken over, standing by");
                standing = None;
                LOOK_EVERY
            }
            Err(error) if error.may_pass() => {
                warn!(%error, "no pass now, trying again");
                AGAIN_AFTER
            }
            Err(error) => return Err(error),
        };
        // The sender lives as long as the process.
        let _ = tokio::time::timeout(pause, stop.wait_for(|stop| *stop)).await;
    }
    if let Some(lead) = standing {
        lead.end(store).await?;
    }
    Ok(())
}

/// Passes once if this scheduler leads, or looks whether it may; says how long to wait then.
async fn turn(store: &Store, schedule: &Schedule, standing: &mut Option<Lead>) -> Result<Duration, Failure> {
    let lead = match standing {
        Some(lead) => lead,
        None => {
            let leader = Leader::of(store).await?;
            if !leader.is_gone() {
                return Ok(LOOK_EVERY);
            }
            let Some(claim) = Claim::after(store, leader.epoch).await? else { return Ok(LOOK_EVERY) };
            info!(epoch = claim.epoch, "leading");
            let lead = standing.insert(Lead::begin(store, &schedule.settings, claim));
            touched::sweep(store).await?;
            lead
        }
    };
    changes(store, &mut lead.turn, schedule.today.unwrap_or_else(crate::local_day)).await?;
    Ok(Duration::from_millis(schedule.settings.rollup.interval_ms))
}

/// A scheduler that leads, with its signs of life and its chores.
struct Lead {
    turn: Turn,
    beats: JoinHandle<()>,
    chores: JoinHandle<()>,
}

impl Lead {
    fn begin(store: &Store, settings: &Settings, claim: Claim) -> Self {
        let chores = tokio::spawn(chores::run(store.clone(), settings.clone()));
        let store = Arc::new(store.clone());
        let beats = tokio::spawn(async move {
            loop {
                if let Err(error) = lead::beat(&store, claim, false).await {
                    warn!(%error, "no sign of life could be given");
                }
                tokio::time::sleep(BEAT_EVERY).await;
            }
        });
        Self { turn: Turn::new(claim, MOMENT_EVERY), beats, chores }
    }

    /// Stops in good order, so that another need not wait.
    async fn end(self, store: &Store) -> Result<(), Failure> {
        self.beats.abort();
        lead::beat(store, self.turn.claim, true).await
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.beats.abort();
        self.chores.abort();
    }
}
