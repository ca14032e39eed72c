//! `run`: one scheduler passes again and again, others stand by and take over when it falls silent.

use std::time::{Duration, Instant};

use chiso_schemas::settings::Settings;
use chiso_schemas::store::{Store, check_schema};
use chrono::{NaiveDate, TimeDelta};
use tokio::sync::watch::Receiver;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::chores;
use crate::claim::Claim;
use crate::failure::Failure;
use crate::lead::{Beats, Leader};
use crate::metrics::Metrics;
use crate::pass::changes;
use crate::turn::Turn;
use crate::{touched, watch};

/// Between two looks of one that stands by.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Between two tries when ClickHouse does not do its part.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// How often `complete_through` alone is worth a record.
const MOMENT_EVERY: TimeDelta = TimeDelta::seconds(10);

/// How `run` works.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Settings of the passes and of what is done beside them.
    pub settings: Settings,
    /// The local day, if it is not that of the clock.
    pub today: Option<NaiveDate>,
    /// What happens is told here.
    pub metrics: Metrics,
}

/// Works until `stop` says so. A pass that is being made is finished first.
///
/// # Errors
/// The tables or the reference data are not what this program can work with. That ClickHouse does not answer is waited for.
pub async fn run(store: &Store, schedule: Schedule, mut stop: Receiver<bool>) -> Result<(), Failure> {
    check_schema(store).await?;
    let _watch = Watch(tokio::spawn(watch::run(store.clone(), schedule.metrics.clone())));
    tokio::spawn(tell_stop(stop.clone(), schedule.metrics.clone()));
    let mut standing = None;
    while !*stop.borrow() {
        let epoch = standing.as_ref().map(|lead: &Lead| lead.turn.claim.epoch);
        let turned = turn(store, &schedule, &mut standing).await;
        let pause = match turned {
            Ok(pause) => pause,
            Err(Failure::Superseded { last, .. }) => {
                warn!(epoch, last, "another scheduler has taken over, standing by");
                schedule.metrics.superseded();
                standing = None;
                LOOK_EVERY
            }
            Err(error) if error.may_pass() => {
                warn!(%error, "no pass now, trying again");
                schedule.metrics.pass_failed(&error);
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

/// Says that this scheduler stops as soon as it is asked to: a pass may take its time.
async fn tell_stop(mut stop: Receiver<bool>, metrics: Metrics) {
    if stop.wait_for(|stop| *stop).await.is_ok() {
        metrics.stops();
    }
}

/// Passes once if this scheduler leads, or looks whether it may; says how long to wait then.
async fn turn(store: &Store, schedule: &Schedule, standing: &mut Option<Lead>) -> Result<Duration, Failure> {
    let lead = match standing {
        Some(lead) => lead,
        None => {
            check_schema(store).await?;
            let leader = Leader::of(store).await?;
            let claim = if leader.is_gone() { Claim::after(store, leader.epoch).await? } else { None };
            let Some(claim) = claim else {
                schedule.metrics.leads(None);
                return Ok(LOOK_EVERY);
            };
            info!(epoch = claim.epoch, "leading");
            schedule.metrics.leads(Some(claim.epoch));
            let lead = standing.insert(Lead::begin(store, schedule, claim));
            touched::sweep(store).await?;
            lead
        }
    };
    let begun = Instant::now();
    let summary = changes(store, &mut lead.turn, schedule.today.unwrap_or_else(crate::local_day)).await?;
    schedule.metrics.passed(&summary, begun.elapsed());
    Ok(Duration::from_millis(schedule.settings.rollup.interval_ms))
}

/// Looks what waits, until it is dropped.
struct Watch(JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A scheduler that leads, with its signs of life and its chores.
struct Lead {
    turn: Turn,
    beats: Beats,
    chores: JoinHandle<()>,
}

impl Lead {
    fn begin(store: &Store, schedule: &Schedule, claim: Claim) -> Self {
        let chores = tokio::spawn(chores::run(store.clone(), schedule.clone()));
        Self { turn: Turn::new(claim, MOMENT_EVERY), beats: Beats::start(store, claim), chores }
    }

    /// Stops in good order, so that another need not wait.
    async fn end(&self, store: &Store) -> Result<(), Failure> {
        self.beats.end(store).await
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.chores.abort();
    }
}
