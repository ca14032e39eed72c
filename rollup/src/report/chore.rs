//! What the scheduler does about reports: it closes what is due and whole, and tells what is late.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use chiso_schemas::calendar::Period;
use chiso_schemas::reference::Level;
use chiso_schemas::store::Store;
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use tracing::{info, warn};

use super::freeze::{Because, Freeze, Which, sweep};
use super::{InForce, about, utc};
use crate::failure::Failure;
use crate::findings::{self, Found, Kind};
use crate::scope::{Label, label, opened};

/// How far back a report that fell due while nobody was there is still closed by itself.
pub(super) const LOOK_BACK_DAYS: u64 = 400;
/// A pass that has seen the due moment needs this long at least: what is later is late.
const PATIENCE: TimeDelta = TimeDelta::seconds(60);
/// How often a report that is closed is looked at again, for areas that have got their first row since.
const AGAIN_AFTER: Duration = Duration::from_secs(600);
/// How often it is looked again what is open of a report that is late.
const LATE_AGAIN_AFTER: Duration = Duration::from_secs(60);
/// Who closes by schedule.
const SCHEDULER: &str = "scheduler";

/// A report that waits for its data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Late {
    /// `civil` or `legal`, and the period id.
    pub(crate) report: Label,
    /// What it waits for, for a person.
    pub(crate) detail: String,
}

/// What one look at the reports has brought.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Looked {
    /// Versions that were made.
    pub(crate) closed: u64,
    pub(crate) late: Vec<Late>,
}

/// The reports of a scheduler, from one look to the next.
#[derive(Default)]
pub(crate) struct Reports {
    data: Option<InForce>,
    settled: HashMap<Label, Instant>,
    /// Late ones: since when they wait, and when it was looked what of them is open.
    waiting: HashMap<Label, (DateTime<Utc>, Instant)>,
    is_swept: bool,
}

impl Reports {
    /// Closes what is due, now or since it fell due while nobody looked, and notes what is late as findings. A report that
    /// cannot be closed holds up no other.
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub(crate) async fn look(&mut self, store: &Store, now: DateTime<Utc>) -> Result<Looked, Failure> {
        let Some(data) = InForce::known(store, self.data.as_ref()).await? else { return Ok(Looked::default()) };
        if !self.is_swept {
            sweep(store).await?;
            self.is_swept = true;
        }
        self.settled.retain(|_, looked| looked.elapsed() < AGAIN_AFTER);
        let (mut looked, mut failed) = (Looked::default(), None);
        for due in due(&data, now, &opened(store).await?) {
            if self.settled.contains_key(&label(&due.period)) {
                continue;
            }
            if let Some(since) = self.still_waits(&data, &due) {
                self.judge(&data, &due.period, (Some(since), now), &mut looked);
                continue;
            }
            match close(store, &data, &due).await {
                Ok((closed, waiting)) => {
                    looked.closed += closed;
                    self.judge(&data, &due.period, (waiting, now), &mut looked);
                }
                Err(error) => failed = Some(error),
            }
        }
        self.data = Some(data);
        let found = |late: &Late| {
            let (subject, period) = late.report.clone();
            Found { subject, period, detail: late.detail.clone() }
        };
        findings::replace(store, Kind::LateClose, &looked.late.iter().map(found).collect::<Vec<_>>()).await?;
        failed.map_or(Ok(looked), Err)
    }

    /// Since when a report waits that was looked at just now, while the data have not moved as far as it needs.
    fn still_waits(&self, data: &InForce, due: &Due) -> Option<DateTime<Utc>> {
        let (since, looked) = self.waiting.get(&label(&due.period))?;
        let is_whole = due.levels.iter().any(|(_, due)| data.reaches(*due));
        (!is_whole && looked.elapsed() < LATE_AGAIN_AFTER).then_some(*since)
    }

    /// A report that waits since a moment, or for nothing.
    fn judge(
        &mut self,
        data: &InForce,
        period: &Period,
        (waiting, now): (Option<DateTime<Utc>>, DateTime<Utc>),
        looked: &mut Looked,
    ) {
        let report = label(period);
        match waiting {
            None => {
                self.waiting.remove(&report);
                self.settled.insert(report, Instant::now());
            }
            Some(due) if now >= due + PATIENCE => {
                let detail = format!("due at {}, but {}", utc(due), data.reached());
                if self.waiting.get(&report).is_none_or(|(_, looked)| looked.elapsed() >= LATE_AGAIN_AFTER) {
                    self.waiting.insert(report.clone(), (due, Instant::now()));
                    warn!(calendar = %period.calendar, period = %period.id, detail, "report is late");
                }
                looked.late.push(Late { report, detail });
            }
            Some(_) => {}
        }
    }
}

/// Closes what is whole of a report that is due; how many areas, and since when the others wait.
async fn close(store: &Store, data: &InForce, Due { period, levels }: &Due) -> Result<(u64, Option<DateTime<Utc>>), Failure> {
    let levels = with_unclosed(store, period, levels).await?;
    let (ready, waiting): (Vec<_>, Vec<_>) = levels.into_iter().partition(|(_, due)| data.reaches(*due));
    let waiting = waiting.iter().map(|(_, due)| *due).min();
    if ready.is_empty() {
        return Ok((0, waiting));
    }
    let ready = Which::Unclosed(ready.into_iter().map(|(level, _)| level).collect());
    let freeze = Freeze { store, data, period, by: SCHEDULER, because: Because::Schedule, incomplete: false };
    let made = freeze.freeze(&ready).await?.len() as u64;
    info!(calendar = %period.calendar, period = %period.id, areas = made, "report closed");
    Ok((made, waiting))
}

/// A period whose reports are due, with the levels and since when.
struct Due {
    period: Period,
    levels: Vec<(Level, DateTime<Utc>)>,
}

fn due(data: &InForce, now: DateTime<Utc>, opened: &HashSet<Label>) -> Vec<Due> {
    let schedule = &data.reference.schedule;
    let mut found = Vec::new();
    for calendar in &data.reference.calendars {
        let Some(from) = schedule.first_end(calendar.id) else { continue };
        // Every period that is due has ended before this day, wherever it is.
        let today = now.date_naive().succ_opt().unwrap_or(NaiveDate::MAX);
        let first = today.checked_sub_days(Days::new(LOOK_BACK_DAYS)).unwrap_or(from).max(from);
        for period in calendar.kept(first, today).into_iter().filter(|period| opened.contains(&label(period))) {
            let levels = Level::ALL.into_iter().filter_map(|level| Some((level, schedule.due(&period, level)?)));
            let levels: Vec<_> = levels.filter(|(_, due)| *due <= now).collect();
            if !levels.is_empty() {
                found.push(Due { period, levels });
            }
        }
    }
    found
}

/// Those of the levels that have areas with rows and without a version.
async fn with_unclosed(
    store: &Store,
    period: &Period,
    levels: &[(Level, DateTime<Utc>)],
) -> Result<Vec<(Level, DateTime<Utc>)>, Failure> {
    let sql = "SELECT DISTINCT toString(level) FROM rollup_rows FINAL
               WHERE calendar = {calendar:String} AND period = {period:String} AND NOT gone
                 AND area_id NOT IN (SELECT area_id FROM report_claims WHERE calendar = {calendar:String} AND period = {period:String})";
    let unclosed = about(store, sql, period, &[]).fetch_all::<String>().await;
    let unclosed = unclosed.map_err(store.during("look for reports that are not closed"))?;
    Ok(levels.iter().filter(|(level, _)| unclosed.iter().any(|word| word == level.as_str())).copied().collect())
}
