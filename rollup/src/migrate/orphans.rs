//! Stored facts that new reference data would leave without a place (contract section 7).

use std::collections::BTreeMap;

use chiso_schemas::reference::{Measure, Reference};
use chiso_schemas::store::Store;
use chrono::NaiveDate;
use clickhouse::Row;
use serde::Deserialize;

use crate::failure::Failure;

/// One line for each indicator, source and ward code whose stored facts the reference would orphan.
pub(crate) async fn find(store: &Store, reference: &Reference) -> Result<Vec<String>, Failure> {
    let mut orphans = indicators(store, reference).await?;
    orphans.extend(sources(store, reference).await?);
    orphans.extend(wards(store, reference).await?);
    Ok(orphans)
}

#[derive(Row, Deserialize)]
struct IndicatorRow {
    indicator: String,
    events: u64,
    values: u64,
    parts: u64,
}

async fn indicators(store: &Store, reference: &Reference) -> Result<Vec<String>, Failure> {
    let sql = "SELECT indicator, count() AS events, countIf(isNotNull(value)) AS values,
                      countIf(isNotNull(denominator) OR isNotNull(percent)) AS parts
               FROM event_log GROUP BY indicator ORDER BY indicator";
    let rows =
        store.read().query_raw(sql).fetch_all::<IndicatorRow>().await.map_err(store.during("list the stored indicators"))?;
    let mut orphans = Vec::new();
    for IndicatorRow { indicator, events, values, parts } in rows {
        if reference.indicators.get(&indicator).is_none() {
            orphans.push(format!("indicators.csv: {indicator}: {events} stored events state it; keep it in the catalogue"));
        } else if values > 0 && !reference.covers_indicator(&indicator, Measure::Value) {
            orphans.push(format!("indicators.csv: {indicator}: {values} stored events state a value; keep a kind flow or stock"));
        } else if parts > 0 && !reference.covers_indicator(&indicator, Measure::Parts) {
            orphans.push(format!(
                "indicators.csv: {indicator}: {parts} stored events state a ratio; keep a kind flow_ratio or stock_ratio"
            ));
        }
    }
    Ok(orphans)
}

#[derive(Row, Deserialize)]
struct SourceRow {
    source: String,
    events: u64,
}

async fn sources(store: &Store, reference: &Reference) -> Result<Vec<String>, Failure> {
    let sql = "SELECT source, count() AS events FROM event_log GROUP BY source ORDER BY source";
    let rows = store.read().query_raw(sql).fetch_all::<SourceRow>().await.map_err(store.during("list the stored sources"))?;
    let lost = rows.into_iter().filter(|row| !reference.covers_source(&row.source));
    Ok(lost
        .map(|row| format!("sources.csv: {}: {} stored events come from it; keep it in the registry", row.source, row.events))
        .collect())
}

#[derive(Row, Deserialize)]
struct WardRow {
    ward: String,
    #[serde(with = "clickhouse::serde::chrono::date32")]
    date: NaiveDate,
    events: u64,
}

/// Days of one ward code that no unit covers any more.
struct Lost {
    first: NaiveDate,
    last: NaiveDate,
    events: u64,
}

async fn wards(store: &Store, reference: &Reference) -> Result<Vec<String>, Failure> {
    let sql = "SELECT ward, date, count() AS events FROM event_log GROUP BY ward, date";
    let doing = "list the stored wards";
    let mut rows = store.read().query_raw(sql).fetch::<WardRow>().map_err(store.during(doing))?;
    let mut lost: BTreeMap<String, Lost> = BTreeMap::new();
    while let Some(WardRow { ward, date, events }) = rows.next().await.map_err(store.during(doing))? {
        if reference.covers_ward(&ward, date) {
            continue;
        }
        let days = lost.entry(ward).or_insert(Lost { first: date, last: date, events: 0 });
        days.first = days.first.min(date);
        days.last = days.last.max(date);
        days.events += events;
    }
    let line = |(ward, days): (String, Lost)| {
        format!(
            "admin-units/units.csv: ward {ward}: no unit has this code on days of {} stored events from {} to {}; keep one that does",
            days.events, days.first, days.last
        )
    };
    Ok(lost.into_iter().map(line).collect())
}
