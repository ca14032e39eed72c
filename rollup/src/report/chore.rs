//! What the scheduler does about reports: it closes what is due and whole, and tells what is late.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use chiso_schemas::calendar::Period;
use chiso_schemas::reference::Level;
use chiso_schemas::store::Store;
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use tracing::{info, warn};

use super::freeze::{Because, Freeze, Which, sweep};
use super::{InForce, unclosed_levels, utc};
use crate::failure::Failure;
use crate::findings::{self, Found, Kind};
use crate::scope::{Label, label, opened};

/// How far back a report that fell due while nobody was there is still closed by itself.
pub(super) const LOOK_BACK_DAYS: u64 = 400;
/// A pass that has seen the due moment needs this long at least: what is later is late.
const PATIENCE: TimeDelta = TimeDelta::seconds(60);
/// How often a report that is closed is looked at again, for areas that have got their first row since.
const AGAIN_AFTER: Duration = Duration::from_secs(600);
/// How often it is looked for what closes have left that were killed.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);
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
#[derive(Default, Debug)]
pub(crate) struct Looked {
    /// Versions that were made.
    pub(crate) closed: u64,
    pub(crate) late: Vec<Late>,
    /// Why a report was not closed, if that failed; of the last one.
    pub(crate) failed: Option<Failure>,
}

/// Whether a look closes what is due and whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Closes {
    Yes,
    /// A rebuild is writing rows.
    NotNow,
}

/// The reports of a scheduler, from one look to the next.
#[derive(Default)]
pub(crate) struct Reports {
    data: Option<InForce>,
    settled: HashMap<Label, Instant>,
    /// Late ones: since when they wait, and when it was looked what of them is open.
    waiting: HashMap<Label, (DateTime<Utc>, Instant)>,
    swept: Option<Instant>,
}

impl Reports {
    /// Closes what is due, now or since it fell due while nobody looked, and notes what is late as findings. A report that
    /// cannot be closed holds up no other, and is late.
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub(crate) async fn look(&mut self, store: &Store, now: DateTime<Utc>, closes: Closes) -> Result<Looked, Failure> {
        let Some(data) = InForce::known(store, self.data.as_ref()).await? else { return Ok(Looked::default()) };
        if self.swept.is_none_or(|swept| swept.elapsed() >= SWEEP_EVERY) {
            sweep(store).await?;
            self.swept = Some(Instant::now());
        }
        self.settled.retain(|_, looked| looked.elapsed() < AGAIN_AFTER);
        let mut looked = Looked::default();
        for due in due(&data, now, &opened(store).await?) {
            if self.settled.contains_key(&label(&due.period)) {
                continue;
            }
            if let Some(since) = self.still_waits(&data, &due) {
                self.judge(&due.period, (Some(since), now), &data.reached(), &mut looked);
                continue;
            }
            match close(store, &data, &due, closes).await {
                Ok((closed, waiting, why)) => {
                    looked.closed += closed;
                    self.judge(&due.period, (waiting, now), &why, &mut looked);
                }
                Err(error) => {
                    let since = due.levels.iter().map(|(_, due)| *due).min();
                    self.judge(&due.period, (since, now), &format!("closing it failed: {error}"), &mut looked);
                    looked.failed = Some(error);
                }
            }
        }
        self.data = Some(data);
        let found = |late: &Late| {
            let (subject, period) = late.report.clone();
            Found { subject, period, detail: late.detail.clone() }
        };
        findings::replace(store, Kind::LateClose, &looked.late.iter().map(found).collect::<Vec<_>>()).await?;
        Ok(looked)
    }

    /// Since when a report waits that was looked at just now, while the data have not moved as far as it needs.
    fn still_waits(&self, data: &InForce, due: &Due) -> Option<DateTime<Utc>> {
        let (since, looked) = self.waiting.get(&label(&due.period))?;
        let is_whole = due.levels.iter().any(|(_, due)| data.reaches(*due));
        (!is_whole && looked.elapsed() < LATE_AGAIN_AFTER).then_some(*since)
    }

    /// A report that waits since a moment and says why, or for nothing.
    fn judge(&mut self, period: &Period, (waiting, now): (Option<DateTime<Utc>>, DateTime<Utc>), why: &str, looked: &mut Looked) {
        let report = label(period);
        match waiting {
            None => {
                self.waiting.remove(&report);
                self.settled.insert(report, Instant::now());
            }
            Some(due) if now >= due + PATIENCE => {
                let detail = format!("due at {}, but {why}", utc(due));
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

/// Closes what is whole of a report that is due; how many areas, since when the others wait, and why.
async fn close(
    store: &Store,
    data: &InForce,
    Due { period, levels }: &Due,
    closes: Closes,
) -> Result<(u64, Option<DateTime<Utc>>, String), Failure> {
    let unclosed = unclosed_levels(store, period).await?;
    let levels = levels.iter().filter(|(level, _)| unclosed.contains(level)).copied();
    let (ready, waiting): (Vec<_>, Vec<_>) = levels.partition(|(_, due)| data.reaches(*due));
    let since = |levels: &[(Level, DateTime<Utc>)]| levels.iter().map(|(_, due)| *due).min();
    let waits = since(&waiting);
    if ready.is_empty() {
        return Ok((0, waits, data.reached()));
    }
    if closes == Closes::NotNow {
        return Ok((
            0,
            since(&ready).into_iter().chain(waits).min(),
            "a rebuild is at work, and nothing is closed meanwhile".to_owned(),
        ));
    }
    let ready = Which::Unclosed(ready.into_iter().map(|(level, _)| level).collect());
    let freeze = Freeze { store, data, period, by: SCHEDULER, because: Because::Schedule, incomplete: false };
    let made = freeze.freeze(&ready).await?.len() as u64;
    info!(calendar = %period.calendar, period = %period.id, areas = made, "report closed");
    Ok((made, waits, data.reached()))
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
