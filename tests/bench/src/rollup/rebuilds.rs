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

/// What a rebuild writes.
const TABLES: [&str; 4] = ["cells", "last_states", "summands", "rollup_rows"];

/// Rebuilds a database in which everything is right, then one whose cells and rows were lost, and asks the plain SQL; in turn, as
/// often as wished. The report.
///
/// # Errors
/// ClickHouse or `chiso-rollup` fails.
pub fn measure(server: &Server, stock: &Stock, runs: usize) -> Result<String> {
    stock.note_periods(server)?;
    let (mut right, mut lost, mut plains) = (Vec::new(), Vec::new(), Vec::new());
    let rebuild = || server.rollup(&stock.database, &["rebuild", "--today", LAST_DAY]).map(|ended| ended.took);
    for run in 0..runs {
        right.push(rebuild()?);
        let table = format!("bench_plain_{run}");
        server.sql(&stock.database, &format!("DROP TABLE IF EXISTS {table} SYNC"))?;
        server.sql(&stock.database, &format!("CREATE TABLE {table} {PLAIN_TABLE}"))?;
        let begin = Instant::now();
        server.sql(&stock.database, &plain(&table, "event_log"))?;
        plains.push(begin.elapsed());
        for table in TABLES {
            server.sql(&stock.database, &format!("TRUNCATE TABLE {table}"))?;
        }
        lost.push(rebuild()?);
    }
    let (right, lost, plain) = (median(right), median(lost), median(plains));
    let rows = server.number(&stock.database, "SELECT count() FROM rollups")?;
    let flows = server.number(&stock.database, "SELECT count() FROM bench_plain_0")?;
    let (right_times, lost_times) = (right / plain, lost / plain);
    let verdict = if right_times.max(lost_times) <= TIMES_MAX { "reached" } else { "NOT reached" };
    Ok(format!(
        "| {} facts | seconds | rows | of plain SQL |\n|---|---:|---:|---:|\n\
         | `chiso-rollup rebuild`: cells, and all kinds with carried states, sources, flags, targets, percents; everything is right before, so all is \
         computed and compared | {right:.1} | {rows} | {right_times:.2} |\n\
         | the same, after all cells and rows were lost, so all is written | {lost:.1} | {rows} | {lost_times:.2} |\n\
         | plain SQL: flows and flow ratios alone | {plain:.1} | {flows} | 1.00 |\n\n\
         At most {TIMES_MAX} times as long as plain SQL: {verdict}.\n",
        stock.facts
    ))
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get(times.len() / 2).map_or(0.0, Duration::as_secs_f64)
}
