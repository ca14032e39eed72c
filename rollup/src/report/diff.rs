//! `report diff`: line by line what differs between two versions, or between a version and the rollups of now.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;

use chiso_schemas::calendar::{CalendarId, Period};
use chiso_schemas::store::Store;
use chrono::{DateTime, Utc};
use clickhouse::query::Query;
use serde::Serialize;

use super::causes::{self, Cause, Causes};
use super::close::unwritten;
use super::{InForce, Version, about, utc, versions};
use crate::export::row::{self, ExportRow};
use crate::export::write::fields;
use crate::failure::Failure;

/// Rows of the latest version of each area of the parameters `calendar`, `period` and `areas`.
pub(super) const LATEST: &str =
    "(SELECT * FROM report_rows WHERE calendar = {calendar:String} AND period = {period:String} AND (area_id, stage) IN
     (SELECT area_id, stage FROM report_versions WHERE calendar = {calendar:String} AND period = {period:String} AND latest
      AND (empty({areas:Array(String)}) OR area_id IN {areas:Array(String)})))";
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
    /// The rollups of now.
    Current,
}

impl Side {
    /// Its rows; the parameter of that name is the number of a version.
    fn table(self, parameter: &str) -> String {
        match self {
            Self::Version(_) => LATEST.replace("AND latest", &format!("AND version = {{{parameter}:UInt32}}")),
            Self::Current => CURRENT.to_owned(),
        }
    }

    fn number(self) -> u32 {
        match self {
            Self::Version(number) => number,
            Self::Current => 0,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(number) => write!(f, "version {number}"),
            Self::Current => f.write_str("now"),
        }
    }
}

/// How to print it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(super) enum Format {
    /// Lines for people.
    Text,
    /// One array, an object for each row that differs.
    Json,
}

/// What is compared.
#[derive(Clone, Debug)]
pub(super) struct Compared {
    pub(super) calendar: CalendarId,
    pub(super) period: String,
    pub(super) areas: Vec<String>,
    /// None = the version before `to`, or the latest.
    pub(super) from: Option<u32>,
    /// None = the rollups of now.
    pub(super) to: Option<u32>,
}

/// Prints what differs.
pub(super) async fn diff(store: &Store, compared: &Compared, format: Format, out: &mut impl Write) -> Result<(), Failure> {
    let data = InForce::of(store, None).await?;
    let period = data.period(compared.calendar, &compared.period)?;
    let found = versions(store, &period, &compared.areas).await?;
    let to = compared.to.map_or(Side::Current, Side::Version);
    let latest = found.iter().map(|version| version.version).max().unwrap_or_default();
    let from = compared.from.or(compared.to.map(|to| to.saturating_sub(1))).unwrap_or(latest);
    for number in [Some(from), compared.to].into_iter().flatten() {
        if !found.iter().any(|version| version.version == number) {
            return Err(Failure::Refused(format!(
                "there is no version {number} of the report {} {}; see chiso-rollup report list",
                period.calendar, period.id
            )));
        }
    }
    // Areas without one of the versions have nothing to be compared with.
    let has = |area: &str, number: u32| found.iter().any(|version| version.area_id == area && version.version == number);
    let mut areas: Vec<String> = found.iter().map(|version| version.area_id.clone()).collect();
    areas.dedup();
    let all = areas.len();
    areas.retain(|area| has(area, from) && compared.to.is_none_or(|to| has(area, to)));
    let areas = if compared.areas.is_empty() && areas.len() == all { Vec::new() } else { areas };
    print(store, &data, (&period, &areas), (Side::Version(from), to), format, out).await
}

/// A row that differs.
#[derive(Clone, PartialEq, Debug, Serialize)]
struct Changed {
    area_id: String,
    area_name: String,
    indicator: String,
    lines: Vec<Line>,
    /// Events that arrived since the old side was complete, in cells that the row counts.
    events: u64,
    changed_by: Vec<Cause>,
}

/// A column that differs; nothing is empty.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
struct Line {
    column: &'static str,
    old: String,
    new: String,
}

/// Prints what differs between two sides of a period; no areas = all that are closed.
pub(super) async fn print(
    store: &Store,
    data: &InForce,
    (period, areas): (&Period, &[String]),
    (from, to): (Side, Side),
    format: Format,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let found = versions(store, period, areas).await?;
    let of = |side: Side| -> Vec<&Version> { found.iter().filter(|version| side == Side::Version(version.version)).collect() };
    let pair = Pair { store, period, areas, from, to };
    let mut rows = pair.rows().await?;
    if !rows.is_empty() {
        let since = of(from).iter().map(|version| version.complete_through).min().flatten();
        let until = of(to).iter().map(|version| version.closed_at).max();
        let query = pair.query(&causes::sql(&pair.keys()));
        let mut causes = causes::of(store, query, (period, data.generation), (since, until)).await?;
        for row in &mut rows {
            let Causes { events, first } = causes.remove(&(row.area_id.clone(), row.indicator.clone())).unwrap_or_default();
            (row.events, row.changed_by) = (events, first);
        }
    }
    let generations = |side: Side| match side {
        Side::Version(_) => of(side).iter().map(|version| version.generation).max().unwrap_or_default(),
        Side::Current => data.generation,
    };
    let title = format!("{} {} from {} to {}", period.calendar, period.id, pair.told(from, &of(from)), pair.told(to, &of(to)));
    let written = match format {
        Format::Json => json(&rows, out),
        Format::Text => text(&rows, (&title, generations(from), generations(to)), out),
    };
    written.map_err(unwritten)
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

    fn told(&self, side: Side, versions: &[&Version]) -> String {
        let closed: Option<DateTime<Utc>> = versions.iter().map(|version| version.closed_at).max();
        match closed {
            Some(closed) => format!("{side} (closed {})", utc(closed)),
            None => side.to_string(),
        }
    }
}

fn differing(old: Option<&ExportRow>, new: Option<&ExportRow>) -> Option<Changed> {
    let known = new.or(old)?;
    let texts = |row: Option<&ExportRow>| -> Vec<String> {
        row.map(|row| fields(row).map(|(_, text)| text).collect()).unwrap_or_default()
    };
    let (old_texts, new_texts) = (texts(old), texts(new));
    let at = |texts: &[String], n: usize| texts.get(n).cloned().unwrap_or_default();
    let lines = fields(known).enumerate();
    // Of a row that came or went its name says nothing more.
    let lines = lines.filter(|(_, (column, _))| *column != "area_name" || (old.is_some() && new.is_some()));
    let lines = lines.map(|(n, (column, _))| Line { column, old: at(&old_texts, n), new: at(&new_texts, n) });
    Some(Changed {
        area_id: known.area_id.clone(),
        area_name: known.area_name.clone(),
        indicator: known.indicator.clone(),
        lines: lines.filter(|line| line.old != line.new).collect(),
        events: 0,
        changed_by: Vec::new(),
    })
}

fn json(rows: &[Changed], out: &mut impl Write) -> std::io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, rows)?;
    writeln!(out)
}

fn text(rows: &[Changed], (title, old, new): (&str, u32, u32), out: &mut impl Write) -> std::io::Result<()> {
    if rows.is_empty() {
        return writeln!(out, "{title}: no difference");
    }
    writeln!(out, "{title}: {} rows differ", rows.len())?;
    if old != new {
        writeln!(out, "the reference data changed from generation {old} to {new}: they may be why, too")?;
    }
    for row in rows {
        writeln!(out, "\n{} {}, {}", row.area_id, row.area_name, row.indicator)?;
        for Line { column, old, new } in &row.lines {
            let shown = |text: &str| if text.is_empty() { "nothing".to_owned() } else { text.to_owned() };
            writeln!(out, "  {column}: {} -> {}", shown(old), shown(new))?;
        }
        for cause in &row.changed_by {
            writeln!(out, "  because of {cause}")?;
        }
        match row.events - row.changed_by.len() as u64 {
            0 if row.events == 0 => writeln!(out, "  no event of it has arrived since: the reference data changed, or the day")?,
            0 => {}
            more => writeln!(out, "  and {more} events more")?,
        }
    }
    Ok(())
}
