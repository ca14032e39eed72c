//! A full rebuild beside the SQL that one would write by hand for a part of it.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::facts::{LAST_DAY, Stock};
use super::server::Server;

/// Most time of a rebuild, as a multiple of the plain SQL's.
const TIMES_MAX: f64 = 3.0;

/// The plain SQL on the events of a database.
#[must_use]
pub fn plain(table: &str, events: &str) -> String {
    include_str!("../../sql/rollup-plain.sql")
        .replace("<table>", table)
        .replace("<events>", events)
        .replace("<last day>", LAST_DAY)
}

/// The table for the figures of the plain SQL.
pub const PLAIN_TABLE: &str = "(calendar LowCardinality(String), period LowCardinality(String), indicator LowCardinality(String), \
     area LowCardinality(String), value Decimal(38, 6), numerator Decimal(38, 6), denominator Decimal(38, 6)) \
     ENGINE = MergeTree ORDER BY (calendar, period, indicator, area)";

/// Rebuilds a database whose rows are there already, then asks the plain SQL; in turn, as often as wished. The report.
///
/// # Errors
/// ClickHouse or `chiso-rollup` fails.
pub fn measure(server: &Server, stock: &Stock, runs: usize) -> Result<String> {
    stock.note_periods(server)?;
    let (mut rebuilds, mut plains) = (Vec::new(), Vec::new());
    for run in 0..runs {
        rebuilds.push(server.rollup(&stock.database, &["rebuild", "--today", LAST_DAY])?);
        let table = format!("bench_plain_{run}");
        server.sql(&stock.database, &format!("DROP TABLE IF EXISTS {table} SYNC"))?;
        server.sql(&stock.database, &format!("CREATE TABLE {table} {PLAIN_TABLE}"))?;
        let begin = Instant::now();
        server.sql(&stock.database, &plain(&table, "event_log"))?;
        plains.push(begin.elapsed());
    }
    let (rebuild, plain) = (median(rebuilds), median(plains));
    let rows = server.number(&stock.database, "SELECT count() FROM rollups")?;
    let flows = server.number(&stock.database, "SELECT count() FROM bench_plain_0")?;
    let times = rebuild / plain;
    let verdict = if times <= TIMES_MAX { "reached" } else { "NOT reached" };
    Ok(format!(
        "| {} facts | seconds | rows |\n|---|---:|---:|\n| `chiso-rollup rebuild`: cells, and all kinds with carried states, sources, flags, \
         targets, percents | {rebuild:.1} | {rows} |\n| plain SQL: flows and flow ratios alone | {plain:.1} | {flows} |\n\n\
         The rebuild takes {times:.2} times as long, to be at most {TIMES_MAX}: {verdict}.\n",
        stock.facts
    ))
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get(times.len() / 2).map_or(0.0, Duration::as_secs_f64)
}
