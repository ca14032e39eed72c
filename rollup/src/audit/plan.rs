//! What an audit proves: which periods of which indicators, and what it proves them with.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chiso_schemas::calendar::{CalendarId, Period};
use chiso_schemas::reference::{Area, Reference};
use chiso_schemas::store::{Store, reference_of};
use chrono::NaiveDate;
use clickhouse::Row;
use rand::SeedableRng as _;
use serde::Deserialize;

use super::lineage::Lineage;
use super::slice;
use crate::arguments::unknown;
use crate::failure::Failure;
use crate::pass::last_pass;
use crate::scope::opened;

/// What to prove; what is empty is not narrowed.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Calendars.
    pub calendars: Vec<CalendarId>,
    /// Labels of kept periods.
    pub periods: Vec<String>,
    /// Only periods with a day from this one on.
    pub from: Option<NaiveDate>,
    /// Only periods with a day up to this one.
    pub to: Option<NaiveDate>,
    /// Indicator codes.
    pub indicators: Vec<String>,
    /// Unit ids or `VN`: these areas and everything below.
    pub areas: Vec<String>,
    /// So many pairs of an indicator and a period at random, by this seed.
    pub sample: Option<(usize, u64)>,
}

/// The work of an audit.
pub(super) struct Plan {
    pub(super) generation: u32,
    pub(super) reference: Reference,
    /// The kept periods that passes have opened.
    pub(super) periods: Vec<Period>,
    /// Nothing is narrowed: rows of periods and indicators that should not be there are looked for as well.
    pub(super) is_everything: bool,
    pub(super) areas: Vec<Area>,
    /// Places of the periods, by indicator.
    pub(super) work: BTreeMap<String, Vec<usize>>,
    /// Wards of every area by period end.
    pub(super) expected: HashMap<NaiveDate, HashMap<Area, u32>>,
}

impl Plan {
    /// Everything that is unknown is listed at once.
    pub(super) async fn new(store: &Store, selection: &Selection) -> Result<Self, Failure> {
        let Some(last) = last_pass(store).await? else {
            return Err(Failure::Refused(
                "nothing is rolled up yet, so there is nothing to prove; run chiso-rollup run --once".to_owned(),
            ));
        };
        let reference = reference_of(store, last.generation).await?;
        let areas = check(&reference, selection)?;
        let mut periods = Vec::new();
        for (calendar, label) in opened(store).await? {
            let calendar = reference.calendars.iter().find(|known| known.id.as_str() == calendar);
            if let Some(calendar) = calendar {
                periods.push(calendar.period(&label)?);
            }
        }
        periods.sort_by(|a, b| (a.calendar, a.start, a.end, &a.id).cmp(&(b.calendar, b.start, b.end, &b.id)));
        let missing = selection.periods.iter().filter(|label| !periods.iter().any(|period| period.id == **label));
        let missing: Vec<&str> = missing.map(String::as_str).collect();
        if !missing.is_empty() {
            return Err(Failure::Usage(format!(
                "no pass has opened the periods {}; kept ones are months, quarters, halves, nine months and years that have begun",
                missing.join(", ")
            )));
        }
        let mut work = work(&reference, &periods, selection);
        if let Some((count, seed)) = selection.sample {
            keep_reached(store, &reference, &periods, &mut work).await?;
            work = sample(&work, count, seed);
        }
        let is_everything = selection.is_everything();
        let mut plan =
            Self { generation: last.generation, reference, periods, is_everything, areas, work, expected: HashMap::new() };
        let lineage = Lineage::new(&plan.reference.units);
        let ends = plan.work.values().flatten().map(|at| plan.periods[*at].end);
        let ends: BTreeSet<NaiveDate> = ends.collect();
        plan.expected = ends.into_iter().map(|end| (end, lineage.expected(end))).collect();
        Ok(plan)
    }
}

impl Selection {
    fn is_everything(&self) -> bool {
        let Self { calendars, periods, from, to, indicators, areas, sample } = self;
        calendars.is_empty()
            && periods.is_empty()
            && from.is_none()
            && to.is_none()
            && indicators.is_empty()
            && areas.is_empty()
            && sample.is_none()
    }

    fn has(&self, period: &Period) -> bool {
        (self.calendars.is_empty() || self.calendars.contains(&period.calendar))
            && (self.periods.is_empty() || self.periods.contains(&period.id))
            && self.from.is_none_or(|from| period.end >= from)
            && self.to.is_none_or(|to| period.start <= to)
    }
}

fn check(reference: &Reference, selection: &Selection) -> Result<Vec<Area>, Failure> {
    let problems = unknown(reference, &selection.indicators, &selection.areas);
    if problems.is_empty() {
        Ok(selection.areas.iter().filter_map(|area| reference.units.area(area)).collect())
    } else {
        Err(Failure::Usage(problems.join("\n")))
    }
}

fn work(reference: &Reference, periods: &[Period], selection: &Selection) -> BTreeMap<String, Vec<usize>> {
    let places: Vec<usize> = (0..periods.len()).filter(|at| selection.has(&periods[*at])).collect();
    let codes = reference.indicators.iter().map(|indicator| &indicator.code);
    let asked = codes.filter(|code| selection.indicators.is_empty() || selection.indicators.contains(code));
    asked.map(|code| (code.clone(), places.clone())).collect()
}

#[derive(Row, Deserialize)]
struct DayRow {
    code: String,
    day: i32,
}

/// Leaves the periods that facts of the indicator can reach: one early fact keeps periods of a century, mostly empty.
async fn keep_reached(
    store: &Store,
    reference: &Reference,
    periods: &[Period],
    work: &mut BTreeMap<String, Vec<usize>>,
) -> Result<(), Failure> {
    let sql = "SELECT DISTINCT toString(indicator) AS code, toInt32(date) AS day FROM event_log";
    let rows = store.read().query_raw(sql).fetch_all::<DayRow>().await.map_err(store.during("list the days with facts"))?;
    let mut days: HashMap<String, BTreeSet<NaiveDate>> = HashMap::new();
    for DayRow { code, day } in rows {
        days.entry(code).or_default().extend(NaiveDate::from_epoch_days(day));
    }
    for (code, places) in work {
        let (Some(indicator), Some(days)) = (reference.indicators.get(code), days.get(code)) else {
            places.clear();
            continue;
        };
        places.retain(|at| {
            let (first, last) = slice::days(indicator, &[&periods[*at]], false);
            days.range(first..=last).next().is_some()
        });
    }
    Ok(())
}

/// So many pairs at random; the same ones for the same seed, facts and reference data.
fn sample(work: &BTreeMap<String, Vec<usize>>, count: usize, seed: u64) -> BTreeMap<String, Vec<usize>> {
    let pairs: Vec<(&String, usize)> =
        work.iter().flat_map(|(code, places)| places.iter().map(move |place| (code, *place))).collect();
    let mut dice = rand::rngs::SmallRng::seed_from_u64(seed);
    let mut chosen: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for at in rand::seq::index::sample(&mut dice, pairs.len(), count.min(pairs.len())) {
        let (code, place) = pairs[at];
        chosen.entry(code.clone()).or_default().push(place);
    }
    chosen.values_mut().for_each(|places| places.sort_unstable());
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_the_same_for_the_same_seed_and_never_larger_than_the_whole() {
        let work: BTreeMap<String, Vec<usize>> = [("a".to_owned(), (0..9).collect()), ("b".to_owned(), vec![1, 2])].into();
        let size = |work: &BTreeMap<String, Vec<usize>>| work.values().map(Vec::len).sum::<usize>();
        assert_eq!(sample(&work, 4, 7), sample(&work, 4, 7));
        assert_eq!(size(&sample(&work, 4, 7)), 4);
        assert_eq!(sample(&work, 99, 7), work);
    }
}
