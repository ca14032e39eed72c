//! The rows of one slice as the facts make them, against those that are stored, and those of wards against what areas are
//! added up of.

use std::collections::{HashMap, HashSet};

use chiso_schemas::calendar::{CalendarId, Period};
use chiso_schemas::reference::{Area, Indicator, Level};
use chiso_schemas::store::Store;
use clickhouse::Row;
use clickhouse::query::Query;
use serde::Deserialize;

use super::difference::{Difference, columns};
use super::facts::Read;
use super::figures::Asked;
use super::lineage::Lineage;
use super::plan::Plan;
use super::rows::{COLUMNS, Columns, Frame, Sums, add_up};
use super::slice::{Slice, is_asked};
use super::summands::{self, SUMMANDS, Summand, SummandRow};
use crate::failure::Failure;
use crate::scope::Label;

#[derive(Row, Deserialize)]
struct StoredRow<'a> {
    calendar_id: &'a str,
    label: &'a str,
    area: &'a str,
    start: i32,
    end: i32,
    within_id: &'a str,
    level_name: &'a str,
    code: &'a str,
    name: &'a str,
    kind_name: &'a str,
    value: Option<i128>,
    numerator: Option<i128>,
    denominator: Option<i128>,
    hundredths: Option<i128>,
    stated_percent: Option<i128>,
    as_of_day: Option<i32>,
    carried: bool,
    approximate: bool,
    qualified: bool,
    records: u64,
    sources: Vec<&'a str>,
    wards_reporting: u32,
    wards_percent_only: u32,
    wards_expected: u32,
    target: Option<i128>,
    status_name: &'a str,
}

/// What the view `rollups` shows, and what passes add areas up by beside it: `within` and the names of the sources.
const STORED: &str = "
SELECT toString(calendar) AS calendar_id, toString(period) AS label, toString(area_id) AS area, toInt32(period_start) AS start,
       toInt32(period_end) AS end, toString(within) AS within_id, toString(level) AS level_name, toString(area_code) AS code, toString(area_name) AS name,
       toString(kind) AS kind_name, value, numerator, denominator, CAST(percent, 'Nullable(Decimal(38, 2))') AS hundredths,
       stated_percent, toInt32(as_of) AS as_of_day, carried, approximate, qualified, records,
       arrayMap(s -> toString(s), source_set) AS sources, wards_reporting,
       wards_percent_only, wards_expected, target, toString(status) AS status_name
FROM rollup_rows FINAL
WHERE NOT gone AND indicator = {indicator:String}
  AND (empty({labels:Array(String)}) OR concat(calendar, ' ', period) IN {labels:Array(String)})
  AND (empty({periods:Array(String)}) OR period IN {periods:Array(String)})
  AND <levels>
  AND (empty({codes:Array(String)}) OR area_code IN {codes:Array(String)})";

/// A row by its period and area, where one differs.
#[derive(Clone, Debug)]
pub(super) enum Spot {
    /// Place of the period in the plan, and area.
    Known(usize, Area),
    /// A period that is not in the plan.
    Unopened(Label),
    /// An area that is none.
    Unknown,
}

impl Spot {
    fn of(at: Option<usize>, area: Option<Area>, (calendar, label): (&str, &str)) -> Self {
        match (at, area) {
            (Some(at), Some(area)) => Self::Known(at, area),
            (None, _) => Self::Unopened((calendar.to_owned(), label.to_owned())),
            (Some(_), None) => Self::Unknown,
        }
    }
}

/// What was compared, and where the rows differ.
#[derive(Default)]
pub(super) struct Compared {
    pub(super) rows: u64,
    pub(super) differences: Vec<(Spot, Difference)>,
}

/// The slices of one indicator, compared one after the other; areas above the wards are added up and compared last.
pub(super) struct Comparison<'a> {
    plan: &'a Plan,
    lineage: &'a Lineage<'a>,
    indicator: &'a Indicator,
    /// Places of the periods in the plan.
    periods: &'a [usize],
    sums: Sums,
    pub(super) compared: Compared,
}

impl<'a> Comparison<'a> {
    pub(super) fn new((plan, lineage): (&'a Plan, &'a Lineage<'a>), indicator: &'a Indicator, periods: &'a [usize]) -> Self {
        Self { plan, lineage, indicator, periods, sums: Sums::new(), compared: Compared::default() }
    }

    /// Computes the rows of a slice and compares those of its wards.
    pub(super) async fn wards(&mut self, store: &Store, slice: &Slice<'_>, read: &Read) -> Result<(), Failure> {
        let lineage = self.lineage;
        for at in self.periods {
            let Some(period) = self.plan.periods.get(*at) else { continue };
            let asked = Asked { lineage, indicator: self.indicator, period, facts: &read.facts };
            for (ward, figure) in asked.figures() {
                if slice.holds(ward) {
                    add_up(&mut self.sums, lineage, (*at, ward), &figure);
                }
            }
        }
        let is_ward = |area: &Area| self.plan.reference.units.area_level(*area) == Level::Ward;
        let (wards, above): (Sums, Sums) = std::mem::take(&mut self.sums).into_iter().partition(|((_, area), _)| is_ward(area));
        self.sums = above;
        let holds = |area: Area| matches!(area, Area::Unit(ward) if slice.holds(ward));
        self.summands(store, &slice.codes, &wards, holds).await?;
        self.against(store, (STORED.replace("<levels>", "level = 'ward'"), &slice.codes), wards, holds).await
    }

    /// Compares the areas above the wards, once all slices are added up.
    pub(super) async fn areas(&mut self, store: &Store) -> Result<(), Failure> {
        let sums = std::mem::take(&mut self.sums);
        self.against(store, (STORED.replace("<levels>", "level != 'ward'"), &Vec::new()), sums, |_| true).await
    }

    async fn against(
        &mut self,
        store: &Store,
        (sql, codes): (String, &Vec<String>),
        mut sums: Sums,
        holds: impl Fn(Area) -> bool,
    ) -> Result<(), Failure> {
        let (plan, lineage) = (self.plan, self.lineage);
        let frames = self.frames();
        let places: HashMap<(&str, &str), usize> = self.places();
        sums.retain(|(_, area), _| is_asked(lineage, *area, &plan.areas));
        let query = self.bind(store.read().query_raw(&sql), codes);
        let doing = "read rollup rows to audit";
        let mut cursor = query.fetch::<StoredRow<'_>>().map_err(store.during(doing))?;
        while let Some(row) = cursor.next().await.map_err(store.during(doing))? {
            let area = plan.reference.units.area(row.area);
            if area.is_some_and(|area| !holds(area) || !is_asked(lineage, area, &plan.areas)) {
                continue;
            }
            self.compared.rows += 1;
            let at = places.get(&(row.calendar_id, row.label)).copied();
            let found = at.zip(area).and_then(|key| Some((key, sums.remove(&key)?)));
            let stored = Columns::from(&row);
            let key = || format!("{} {} {} {}", row.calendar_id, row.label, row.area, self.indicator.code);
            let Some(((at, area), sum)) = found else {
                let spot = Spot::of(at, area, (row.calendar_id, row.label));
                self.compared.differences.push((spot, Difference::superfluous("rollup_rows", key(), stored.figure())));
                continue;
            };
            let proven = frames[&at].columns(area, &sum);
            if proven != stored {
                let found = columns(("rollup_rows", &key()), &COLUMNS, &proven.texts(), &stored.texts());
                self.compared.differences.extend(found.into_iter().map(|difference| (Spot::Known(at, area), difference)));
            }
        }
        for ((at, area), sum) in sums {
            let (period, frame) = (&plan.periods[at], &frames[&at]);
            let area_id = plan.reference.units.area_id(area);
            let key = format!("{} {} {area_id} {}", period.calendar, period.id, self.indicator.code);
            let missing = Difference::missing("rollup_rows", key, frame.columns(area, &sum).figure());
            self.compared.rows += 1;
            self.compared.differences.push((Spot::Known(at, area), missing));
        }
        Ok(())
    }

    /// Compares what areas are added up of with the figures of the wards.
    async fn summands(
        &mut self,
        store: &Store,
        codes: &Vec<String>,
        wards: &Sums,
        holds: impl Fn(Area) -> bool,
    ) -> Result<(), Failure> {
        let (plan, lineage) = (self.plan, self.lineage);
        let (frames, places) = (self.frames(), self.places());
        let proven = |(at, area): (usize, Area)| {
            let sum = wards.get(&(at, area))?;
            Some(Summand::of(&plan.reference, area, frames.get(&at)?.is_ratio(), sum))
        };
        let key = |calendar: &str, label: &str, ward: &str| format!("{calendar} {label} {ward} {}", self.indicator.code);
        let doing = "read summands to audit";
        let mut cursor = self.bind(store.read().query_raw(SUMMANDS), codes).fetch::<SummandRow>().map_err(store.during(doing))?;
        let (mut seen, mut found) = (HashSet::new(), Vec::new());
        while let Some(row) = cursor.next().await.map_err(store.during(doing))? {
            let area = plan.reference.units.area(&row.unit_id);
            if area.is_some_and(|area| !holds(area) || !is_asked(lineage, area, &plan.areas)) {
                continue;
            }
            let at = places.get(&(row.calendar_id.as_str(), row.label.as_str())).copied();
            let (place, stored) = (at.zip(area), Summand::from(&row));
            let key = key(&row.calendar_id, &row.label, &row.unit_id);
            let spot = Spot::of(at, area, (&row.calendar_id, &row.label));
            // Of two rows of one ward, in two areas, one is too many.
            match place.filter(|place| seen.insert(*place)).and_then(proven) {
                None => found.push((spot, Difference::superfluous("summands", key, stored.figure()))),
                Some(proven) if proven != stored => {
                    let columns = columns(("summands", &key), &summands::COLUMNS, &proven.texts(), &stored.texts());
                    found.extend(columns.into_iter().map(|difference| (spot.clone(), difference)));
                }
                Some(_) => {}
            }
        }
        for (at, area) in wards.keys().filter(|place| !seen.contains(*place) && is_asked(lineage, place.1, &plan.areas)) {
            let period = &plan.periods[*at];
            let key = key(period.calendar.as_str(), &period.id, plan.reference.units.area_id(*area));
            let figure = proven((*at, *area)).map(|summand| summand.figure()).unwrap_or_default();
            found.push((Spot::Known(*at, *area), Difference::missing("summands", key, figure)));
        }
        self.compared.differences.extend(found);
        Ok(())
    }

    /// Names the indicator, the periods if they are not all, and ward codes.
    fn bind(&self, query: Query, codes: &Vec<String>) -> Query {
        let plan = self.plan;
        let is_part = self.periods.len() < plan.periods.len() || !plan.is_everything;
        let asked = if is_part { self.periods } else { &[] };
        let of_period = |of: fn(&Period) -> String| asked.iter().map(|at| of(&plan.periods[*at])).collect::<Vec<String>>();
        let labels = of_period(|period| format!("{} {}", period.calendar, period.id));
        let periods = of_period(|period| period.id.clone());
        let query = query.param("indicator", &self.indicator.code).param("codes", codes);
        query.param("labels", &labels).param("periods", &periods)
    }

    fn frames(&self) -> HashMap<usize, Frame<'a>> {
        let frame = |at: &usize| {
            let period = self.plan.periods.get(*at)?;
            let expected = self.plan.expected.get(&period.end)?;
            Some((*at, Frame::new(&self.plan.reference, (self.indicator, period), expected)))
        };
        self.periods.iter().filter_map(frame).collect()
    }

    fn places(&self) -> HashMap<(&'a str, &'a str), usize> {
        let plan = self.plan;
        let place =
            |at: &usize| plan.periods.get(*at).map(|period| ((CalendarId::as_str(period.calendar), period.id.as_str()), *at));
        self.periods.iter().filter_map(place).collect()
    }
}

impl<'a> From<&StoredRow<'a>> for Columns<'a> {
    fn from(row: &StoredRow<'a>) -> Self {
        Self {
            start: row.start,
            end: row.end,
            within: row.within_id,
            level: row.level_name,
            area_code: row.code,
            area_name: row.name,
            kind: row.kind_name,
            value: row.value,
            numerator: row.numerator,
            denominator: row.denominator,
            percent: row.hundredths,
            stated_percent: row.stated_percent,
            as_of: row.as_of_day,
            carried: row.carried,
            approximate: row.approximate,
            qualified: row.qualified,
            records: row.records,
            sources: row.sources.clone(),
            wards_reporting: row.wards_reporting,
            wards_percent_only: row.wards_percent_only,
            wards_expected: row.wards_expected,
            target: row.target,
            status: row.status_name,
        }
    }
}
