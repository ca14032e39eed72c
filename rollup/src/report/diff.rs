//! `report diff`: line by line what differs between two versions, or between a version and the rollups of now.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::io::Write;

use chiso_schemas::calendar::{CalendarId, Period};
use chiso_schemas::store::Store;
use chrono::{DateTime, Utc};
use clickhouse::query::Query;

use super::causes::{self, Causes};
use super::difference::{Changed, Comparison, Format, differing, print};
use super::{InForce, Version, about, utc, versions};
use crate::export::row::{self, ExportRow};
use crate::failure::Failure;

/// Rows of the latest version of each area of the parameters `calendar`, `period` and `areas`.
pub(super) const LATEST: &str =
    "(SELECT * FROM report_rows WHERE calendar = {calendar:String} AND period = {period:String} AND (area_id, stage) IN
     (SELECT area_id, stage FROM report_versions WHERE calendar = {calendar:String} AND period = {period:String} AND latest
      AND (empty({areas:Array(String)}) OR area_id IN {areas:Array(String)})))";
/// Instead of the latest, the one before it.
const PREVIOUS: &str = "AND (area_id, version + 1) IN
     (SELECT area_id, version FROM report_versions WHERE calendar = {calendar:String} AND period = {period:String} AND latest)";
/// Rows of now of those areas, if they have a version.
pub(super) const CURRENT: &str =
    "(SELECT * FROM rollup_rows FINAL WHERE calendar = {calendar:String} AND period = {period:String} AND NOT gone AND area_id IN
     (SELECT area_id FROM report_versions WHERE calendar = {calendar:String} AND period = {period:String}
      AND (empty({areas:Array(String)}) OR area_id IN {areas:Array(String)})))";
/// What rows show and what may differ.
const SHOWN: &str = "area_name, value, numerator, denominator, percent, stated_percent, as_of, carried, approximate, qualified, records, \
     length(source_set), wards_reporting, wards_percent_only, wards_expected, target, status";

/// Areas and indicators whose rows differ between two tables shaped like `rollup_rows`.
pub(super) fn changed(old: &str, new: &str) -> String {
    let hashed = |table: &str, is_old: bool| {
        format!("SELECT area_id, indicator, cityHash64(toString(tuple({SHOWN}))) AS hash, {is_old} AS is_old FROM {table}")
    };
    format!(
        "SELECT area_id, indicator FROM ({} UNION ALL {}) GROUP BY area_id, indicator HAVING sumIf(hash, is_old) != sumIf(hash, NOT is_old)",
        hashed(old, true),
        hashed(new, false)
    )
}

/// One side of a comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    /// A version of each area.
    Version(u32),
    /// The version before the latest of each area that was restated.
    Previous,
    /// The latest version of each area, whichever that is.
    Latest,
    /// The rollups of now.
    Current,
}

impl Side {
    /// Its rows; the parameter of that name is the number of a version.
    fn table(self, parameter: &str) -> String {
        match self {
            Self::Version(_) => LATEST.replace("AND latest", &format!("AND version = {{{parameter}:UInt32}}")),
            Self::Previous => LATEST.replace("AND latest", PREVIOUS),
            Self::Latest => LATEST.to_owned(),
            Self::Current => CURRENT.to_owned(),
        }
    }

    /// The versions that it stands for, of all in the order of areas and numbers.
    fn of(self, versions: &[Version]) -> Vec<&Version> {
        match self {
            Self::Version(number) => versions.iter().filter(|version| version.version == number).collect(),
            Self::Previous => {
                let pairs = versions.windows(2).filter(|pair| pair[1].latest && pair[0].area_id == pair[1].area_id);
                pairs.map(|pair| &pair[0]).collect()
            }
            Self::Latest => versions.iter().filter(|version| version.latest).collect(),
            Self::Current => Vec::new(),
        }
    }

    fn number(self) -> u32 {
        match self {
            Self::Version(number) => number,
            Self::Previous | Self::Latest | Self::Current => 0,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(number) => write!(f, "version {number}"),
            Self::Previous => f.write_str("the version before"),
            Self::Latest => f.write_str("the latest version"),
            Self::Current => f.write_str("now"),
        }
    }
}

/// What is compared.
#[derive(Clone, Debug)]
pub(super) struct Compared {
    pub(super) calendar: CalendarId,
    pub(super) period: String,
    pub(super) areas: Vec<String>,
    /// None = the version before `to`; without that, what the last restatement changed and what the next one would change.
    pub(super) from: Option<u32>,
    /// None = the rollups of now.
    pub(super) to: Option<u32>,
}

impl Compared {
    fn sides(&self, found: &[Version]) -> Vec<(Side, Side)> {
        match (self.from, self.to) {
            (None, None) if found.iter().any(|version| version.version > 1) => {
                vec![(Side::Previous, Side::Latest), (Side::Latest, Side::Current)]
            }
            (None, None) => vec![(Side::Latest, Side::Current)],
            (Some(from), None) => vec![(Side::Version(from), Side::Current)],
            (from, Some(to)) => vec![(Side::Version(from.unwrap_or(to.saturating_sub(1))), Side::Version(to))],
        }
    }
}

/// Areas that one query is asked for by name.
const AREAS_AT_ONCE: usize = 1_000;

/// Prints what differs.
pub(super) async fn diff(store: &Store, compared: &Compared, format: Format, out: &mut impl Write) -> Result<(), Failure> {
    let data = InForce::of(store, None).await?;
    let period = data.period(compared.calendar, &compared.period)?;
    let found = versions(store, &period, &compared.areas).await?;
    if found.is_empty() {
        return Err(Failure::Refused(format!(
            "the report {} {} is not closed; see chiso-rollup report list",
            period.calendar, period.id
        )));
    }
    let mut comparisons = Vec::new();
    for (from, to) in compared.sides(&found) {
        for side in [from, to] {
            if matches!(side, Side::Version(_)) && side.of(&found).is_empty() {
                return Err(Failure::Refused(format!(
                    "there is no {side} of the report {} {}; see chiso-rollup report list",
                    period.calendar, period.id
                )));
            }
        }
        // Areas without one of the versions have nothing to be compared with.
        let areas_of =
            |side: Side| -> BTreeSet<&str> { side.of(&found).into_iter().map(|version| version.area_id.as_str()).collect() };
        let (old, new) = (areas_of(from), areas_of(to));
        let both: Vec<String> =
            old.iter().filter(|area| to == Side::Current || new.contains(*area)).map(|area| (*area).to_owned()).collect();
        let is_all = compared.areas.is_empty() && both.len() == areas_of(Side::Latest).len();
        let areas = if is_all { &[][..] } else { &both[..] };
        comparisons.push(compare(store, &data, (&period, areas), (from, to)).await?);
    }
    print(&comparisons, format, out).map_err(Failure::unwritten)
}

/// What differs between two sides of a period; no areas = all that are closed.
pub(super) async fn compare(
    store: &Store,
    data: &InForce,
    (period, areas): (&Period, &[String]),
    (from, to): (Side, Side),
) -> Result<Comparison, Failure> {
    let found = versions(store, period, &[]).await?;
    let is_meant: HashSet<&String> = areas.iter().collect();
    let found: Vec<Version> =
        found.into_iter().filter(|version| areas.is_empty() || is_meant.contains(&version.area_id)).collect();
    let of = |side: Side| side.of(&found);
    let since = of(from).iter().map(|version| version.complete_through).min().flatten();
    let until = of(to).iter().map(|version| version.closed_at).max();
    let mut rows = Vec::new();
    // None, which is all, or so many at once as fit into the address of a request.
    for areas in if areas.is_empty() { vec![areas] } else { areas.chunks(AREAS_AT_ONCE).collect() } {
        let pair = Pair { store, period, areas, from, to };
        let mut differing = pair.rows().await?;
        if !differing.is_empty() {
            let query = pair.query(&causes::sql(&pair.keys()));
            let mut causes = causes::of(store, query, (period, data.generation), (since, until)).await?;
            for row in &mut differing {
                let Causes { events, first } = causes.remove(&(row.area_id.clone(), row.indicator.clone())).unwrap_or_default();
                (row.events, row.changed_by) = (events, first);
            }
        }
        rows.extend(differing);
    }
    let generations = |side: Side| match side {
        Side::Version(_) | Side::Previous | Side::Latest => {
            of(side).iter().map(|version| version.generation).max().unwrap_or_default()
        }
        Side::Current => data.generation,
    };
    let title = format!("{} {} from {} to {}", period.calendar, period.id, told(from, &of(from)), told(to, &of(to)));
    Ok(Comparison { title, from: from.to_string(), to: to.to_string(), generations: (generations(from), generations(to)), rows })
}

/// Two sides of the reports of a period.
struct Pair<'a> {
    store: &'a Store,
    period: &'a Period,
    areas: &'a [String],
    from: Side,
    to: Side,
}

impl Pair<'_> {
    fn keys(&self) -> String {
        changed(&self.from.table("from"), &self.to.table("to"))
    }

    fn query(&self, sql: &str) -> Query {
        about(self.store, sql, self.period, self.areas).param("from", self.from.number()).param("to", self.to.number())
    }

    /// The rows that differ, by area and indicator.
    async fn rows(&self) -> Result<Vec<Changed>, Failure> {
        let mut pairs: BTreeMap<(usize, String, String), [Option<ExportRow>; 2]> = BTreeMap::new();
        for (at, table) in [self.from.table("from"), self.to.table("to")].into_iter().enumerate() {
            let table = format!("(SELECT * FROM {table} WHERE (area_id, indicator) IN ({}))", self.keys());
            let none: [String; 0] = [];
            let query = self.query(&row::select(&table)).param("levels", none.as_slice()).param("indicators", none.as_slice());
            let rows = query.fetch_all::<ExportRow>().await.map_err(self.store.during("compare two versions"))?;
            for row in rows {
                let level = ["ward", "district", "province", "country"].iter().position(|level| *level == row.level);
                let key = (level.unwrap_or_default(), row.area_id.clone(), row.indicator.clone());
                pairs.entry(key).or_default()[at] = Some(row);
            }
        }
        Ok(pairs.into_values().filter_map(|[old, new]| differing(old.as_ref(), new.as_ref())).collect())
    }
}

fn told(side: Side, versions: &[&Version]) -> String {
    let closed: Option<DateTime<Utc>> = versions.iter().map(|version| version.closed_at).max();
    match closed {
        Some(closed) => format!("{side} (closed {})", utc(closed)),
        None => side.to_string(),
    }
}
