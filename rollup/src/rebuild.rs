//! `rebuild`: recomputes cells and rows from the events, whatever has changed; a rebuild that was stopped goes on where it was.

use std::collections::BTreeSet;

use chiso_schemas::calendar::Period;
use chiso_schemas::reference::{COUNTRY_ID, FIRST_DAY, LAST_DAY, Reference};
use chiso_schemas::store::{Store, active_reference, check_schema};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use clickhouse::Row;
use serde::{Deserialize, Serialize};

use crate::arguments::unknown;
use crate::cells::CellScope;
use crate::claim::Claim;
use crate::failure::Failure;
use crate::last_states;
use crate::lead::Beats;
use crate::moment_of;
use crate::pass::{changes, periods_to_keep};
use crate::progress::Progress;
use crate::report::chore::{Closes, Reports};
use crate::scope::{Volume, cell_steps, opened, reached_periods, volumes};
use crate::sql::Written;
use crate::stored;
use crate::touched;
use crate::turn::Turn;
use crate::work::{Work, carry_days_max};

/// Indicators that are noted as done together: what a rebuild that is stopped may have to do again.
const GROUP_INDICATORS_MAX: usize = 8;

/// What is rebuilt.
#[derive(Clone, PartialEq, Eq, Debug, Default, clap::Args)]
pub struct Selection {
    /// First day of the facts [default: the first there is]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = crate::arguments::parse_day)]
    pub from: Option<NaiveDate>,
    /// Last day of the facts [default: the last there is]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = crate::arguments::parse_day)]
    pub to: Option<NaiveDate>,
    /// Indicator code; may be repeated [default: all]
    #[arg(long, value_name = "CODE")]
    pub indicator: Vec<String>,
    /// Unit id such as P01@1900-01-01, or VN; may be repeated [default: all]
    #[arg(long, value_name = "ID")]
    pub area: Vec<String>,
}

/// What a rebuild did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Summary {
    /// Last epoch that it worked in.
    pub epoch: u32,
    /// Generation of the reference data.
    pub generation: u32,
    /// Indicators that were rebuilt now.
    pub indicators: usize,
    /// Indicators that an earlier run of the same rebuild had done.
    pub done_before: usize,
    /// Cells that no event can have made, and that were removed.
    pub cells_removed: u64,
    /// Wards whose last states were not those of their cells and were made anew, each counted once an indicator.
    pub last_states_mended: u64,
    /// Rows written, gone ones included. What is stored as it must be is not written again, unless areas are selected.
    pub rows: u64,
}

impl Selection {
    fn days(&self) -> (NaiveDate, NaiveDate) {
        (self.from.unwrap_or(FIRST_DAY), self.to.unwrap_or(LAST_DAY))
    }

    /// What it is known by when it goes on.
    fn name(&self) -> String {
        let list = |items: &[String]| items.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect::<Vec<_>>().join(",");
        let (from, to) = self.days();
        format!("{from}..{to} indicators={} areas={}", list(&self.indicator), list(&self.area))
    }

    fn check(&self, reference: &Reference) -> Result<(), Failure> {
        let (from, to) = self.days();
        let mut problems = Vec::new();
        if from > to {
            problems.push(format!("--from {from} is later than --to {to}"));
        }
        problems.extend(unknown(reference, &self.indicator, &self.area));
        if problems.is_empty() { Ok(()) } else { Err(Failure::Usage(problems.join("\n"))) }
    }

    /// Whether facts of the days can count in a period.
    fn reaches(&self, period: &Period, carry_days_max: u32) -> bool {
        let (from, to) = self.days();
        let carried = period.end.checked_sub_days(Days::new(u64::from(carry_days_max))).unwrap_or(FIRST_DAY);
        from <= period.end && to >= period.start.min(carried)
    }
}

/// Rebuilds, in an epoch of its own: whoever leads stands by meanwhile. What changes meanwhile is rolled up between the steps.
///
/// # Errors
/// Something is selected that is not there; the tables are not those of this release; ClickHouse fails; another rollup took over:
/// then the same command goes on where this one was.
pub async fn run(store: &Store, selection: &Selection, today: NaiveDate) -> Result<Summary, Failure> {
    check_schema(store).await?;
    // Before an epoch is claimed: what cannot be done makes nobody stand by.
    selection.check(&active_reference(store).await?.1)?;
    let mut selection = selection.clone();
    // Whoever names the country means all areas, which are rebuilt much faster than they are noted one by one.
    if selection.area.iter().any(|id| id == COUNTRY_ID) {
        selection.area.clear();
    }
    let claim = Claim::next(store).await?;
    let beats = Beats::start(store, claim);
    let rebuilt = lead(store, Turn::new(claim, TimeDelta::zero()), &selection, today).await;
    beats.end(store).await?;
    rebuilt
}

/// Rolls up what has changed, and rebuilds until that was done with the newest reference data.
async fn lead(store: &Store, mut turn: Turn, selection: &Selection, today: NaiveDate) -> Result<Summary, Failure> {
    touched::sweep(store).await?;
    let summary = changes(store, &mut turn, today).await?;
    let mut reports = Reports::default();
    loop {
        match rebuild(store, &mut turn, selection, (today, &mut reports)).await? {
            None => tracing::info!("the reference data have changed, beginning again"),
            Some(mut rebuilt) => {
                rebuilt.rows += summary.rows;
                return Ok(rebuilt);
            }
        }
    }
}

/// Nothing if the reference data changed meanwhile: what was written with the old ones was recomputed with the new ones then, and
/// may only be written again with these.
async fn rebuild(
    store: &Store,
    turn: &mut Turn,
    selection: &Selection,
    (today, reports): (NaiveDate, &mut Reports),
) -> Result<Option<Summary>, Failure> {
    let (generation, reference) = turn.reference(store).await?;
    let epoch = turn.claim.epoch;
    let run = Run::begin(store, selection, generation).await?;
    let is_wanted = |volume: &Volume| selection.indicator.is_empty() || selection.indicator.contains(&volume.indicator);
    let all: Vec<Volume> = volumes(store).await?.into_iter().filter(is_wanted).collect();
    let left: Vec<Volume> = all.iter().filter(|volume| !run.done.contains(&volume.indicator)).cloned().collect();
    let (indicators, done_before) = (left.len(), all.len() - left.len());
    let mut summary = Summary { epoch, generation, indicators, done_before, cells_removed: 0, last_states_mended: 0, rows: 0 };
    let opened = opened(store).await?;
    let carry_days_max = carry_days_max(&reference);
    let periods: Vec<Period> = periods_to_keep(store, &reference, &opened, today).await?;
    let mut periods: Vec<Period> = periods.into_iter().filter(|period| selection.reaches(period, carry_days_max)).collect();
    if selection.area.is_empty() {
        // What comes to others meanwhile has marks.
        periods = reached_periods(store, carry_days_max, &periods).await?;
        let indicators: Vec<String> = left.iter().map(|volume| volume.indicator.clone()).collect();
        stored::note(store, (generation, epoch), &indicators, &periods).await?;
    }
    let groups: Vec<Vec<String>> =
        cell_steps(&left).iter().flat_map(|group| group.chunks(GROUP_INDICATORS_MAX)).map(<[String]>::to_vec).collect();
    let mut progress = Progress::new("rebuild", groups.len() as u64);
    let cells_of = |indicators: &[String]| {
        let (indicators, days, areas) = (indicators.to_vec(), selection.days(), selection.area.clone());
        cells(store, &reference, CellScope { generation, epoch, indicators, days, areas })
    };
    let mut made = match groups.first() {
        Some(first) => cells_of(first).await?,
        None => Cells::default(),
    };
    for (place, indicators) in groups.iter().enumerate() {
        summary.cells_removed += made.removed;
        summary.last_states_mended += made.mended;
        let mut work = Work { store, turn, generation, reference: &reference, cells: 0, rows: 0 };
        let own: Vec<Volume> = left.iter().filter(|volume| indicators.contains(&volume.indicator)).cloned().collect();
        // Much of writing rows is one thread, so the next cells are made beside it.
        let next = async {
            match groups.get(place + 1) {
                Some(next) => cells_of(next).await,
                None => Ok(Cells::default()),
            }
        };
        (made, ()) = futures::try_join!(next, rows(&mut work, &own, &periods, &selection.area))?;
        summary.rows += work.rows;
        run.note(store, (generation, epoch), indicators).await?;
        progress.step();
        // What has arrived meanwhile waits for no whole rebuild.
        let changed = changes(store, turn, today).await?;
        summary.rows += changed.rows;
        // Nobody else looks meanwhile.
        if let Err(error) = reports.look(store, moment_of(Some(today)), Closes::NotNow).await {
            tracing::warn!(%error, "it cannot be told which reports are late");
        }
        if changed.generation != generation {
            return Ok(None);
        }
    }
    run.note(store, (generation, epoch), &[String::new()]).await?;
    stored::forget(store, epoch).await?;
    Ok(Some(summary))
}

/// What was wrong with the cells of a group.
#[derive(Default)]
struct Cells {
    removed: u64,
    mended: u64,
}

/// Recomputes the cells of a scope, and what is made of them: last states.
async fn cells(store: &Store, reference: &Reference, scope: CellScope) -> Result<Cells, Failure> {
    let removed = scope.remove_impossible(store).await?;
    scope.recompute(store).await?;
    Ok(Cells { removed, mended: last_states::mend(store, reference, &scope.indicators).await? })
}

/// All rows of these indicators in these periods, or those of some areas.
async fn rows(work: &mut Work<'_>, volumes: &[Volume], periods: &[Period], areas: &[String]) -> Result<(), Failure> {
    if areas.is_empty() {
        return work.all(volumes, periods, Written::Differing).await;
    }
    let indicators: Vec<String> = volumes.iter().map(|volume| volume.indicator.clone()).collect();
    touched::note_areas(work.store, work.at(), (&indicators, areas), periods).await?;
    work.touched(periods).await
}

/// One run of a rebuild, over all the processes that it may have taken.
struct Run {
    scope: String,
    begun_at: DateTime<Utc>,
    done: BTreeSet<String>,
}

#[derive(Row, Deserialize)]
struct DoneRow {
    #[serde(with = "clickhouse::serde::chrono::datetime64::millis")]
    begun: DateTime<Utc>,
    indicators: Vec<String>,
}

#[derive(Row, Serialize)]
struct ProgressRow {
    scope: String,
    #[serde(with = "clickhouse::serde::chrono::datetime64::millis")]
    begun_at: DateTime<Utc>,
    indicator: String,
    generation: u32,
    epoch: u32,
}

impl Run {
    /// Goes on with the last run of this rebuild if that is not finished, was at work within the last day and knew the same
    /// reference data, or begins a new one.
    async fn begin(store: &Store, selection: &Selection, generation: u32) -> Result<Self, Failure> {
        let scope = selection.name();
        let query = store.read().query(
            "SELECT begun_at AS begun, groupUniqArray(toString(indicator)) AS indicators FROM rebuilds
             WHERE scope = ? GROUP BY begun_at HAVING min(generation) = ? AND max(generation) = ? AND max(done_at) > now64(3) - INTERVAL 1 DAY
             ORDER BY begun_at DESC LIMIT 1",
        );
        let last = query.bind(&scope).bind(generation).bind(generation).fetch_optional::<DoneRow>().await;
        let last = last.map_err(store.during("look for a rebuild that was stopped"))?;
        Ok(match last {
            Some(last) if !last.indicators.iter().any(String::is_empty) => {
                tracing::info!(begun_at = %last.begun, done = last.indicators.len(), "going on with a rebuild that was stopped");
                Self { scope, begun_at: last.begun, done: last.indicators.into_iter().collect() }
            }
            _ => Self { scope, begun_at: Utc::now(), done: BTreeSet::new() },
        })
    }

    async fn note(&self, store: &Store, (generation, epoch): (u32, u32), indicators: &[String]) -> Result<(), Failure> {
        let noted = async {
            let mut insert = store.write().insert::<ProgressRow>("rebuilds").await?;
            for indicator in indicators {
                let (scope, indicator) = (self.scope.clone(), indicator.clone());
                insert.write(&ProgressRow { scope, begun_at: self.begun_at, indicator, generation, epoch }).await?;
            }
            insert.end().await
        };
        Ok(noted.await.map_err(store.during("note how far the rebuild is"))?)
    }
}
