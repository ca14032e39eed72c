//! The same figures from what ClickHouse offers by itself: a refreshable materialized view and an incremental one, fed the same
//! log with copies and corrections.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::facts::{LAST_DAY, Stock};
use super::rebuilds::{PLAIN_TABLE, plain};
use super::server::Server;

/// How long a refresh may take.
const PATIENCE: Duration = Duration::from_secs(1800);

/// Sums by the month of the civil calendar, as an incremental view can hold them.
const SUMS: &str = "SELECT indicator, ward, toStartOfMonth(date) AS month, sumState(ifNull(value, 0)) AS value,
           sumState(ifNull(numerator, 0)) AS numerator, sumState(ifNull(denominator, 0)) AS denominator
    FROM bench_log GROUP BY indicator, ward, month";

/// Feeds both, and counts their figures that differ from chiso's. The report.
///
/// # Errors
/// ClickHouse or `chiso-rollup` fails.
pub fn measure(server: &Server, stock: &Stock) -> Result<String> {
    let sql = |statement: &str| server.sql(&stock.database, statement);
    stock.note_periods(server)?;
    for table in ["bench_incremental", "bench_refreshable", "bench_refreshed", "bench_sums", "bench_log"] {
        sql(&format!("DROP TABLE IF EXISTS {table} SYNC"))?;
    }
    sql("CREATE TABLE bench_log AS event_log ENGINE = MergeTree ORDER BY (date, indicator, ward)")?;
    sql(
        "CREATE TABLE bench_sums (indicator LowCardinality(String), ward LowCardinality(String), month Date32,
             value AggregateFunction(sum, Decimal(38, 6)), numerator AggregateFunction(sum, Decimal(38, 6)),
             denominator AggregateFunction(sum, Decimal(38, 6))) ENGINE = AggregatingMergeTree ORDER BY (indicator, ward, month)",
    )?;
    sql(&format!("CREATE MATERIALIZED VIEW bench_incremental TO bench_sums AS {SUMS}"))?;
    let begin = Instant::now();
    // Every fiftieth event arrives twice, as publishers that retry make it.
    sql("INSERT INTO bench_log SELECT * FROM event_log ARRAY JOIN if(cityHash64(id) % 50 = 0, [1, 2], [1]) AS copy")?;
    let fed = begin.elapsed();

    sql(&format!("CREATE TABLE bench_refreshed {PLAIN_TABLE}"))?;
    let select = plain("bench_refreshed", "bench_log").replacen("INSERT INTO bench_refreshed", "", 1);
    let select = select.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n");
    sql(&format!("CREATE MATERIALIZED VIEW bench_refreshable REFRESH EVERY 1 YEAR TO bench_refreshed EMPTY AS {select}"))?;
    let begin = Instant::now();
    sql("SYSTEM REFRESH VIEW bench_refreshable")?;
    let ended = "SELECT count() FROM system.view_refreshes WHERE database = currentDatabase() AND view = 'bench_refreshable'
                 AND status = 'Scheduled' AND last_success_time IS NOT NULL";
    while server.number(&stock.database, ended)? == 0 {
        let failed =
            sql("SELECT exception FROM system.view_refreshes WHERE database = currentDatabase() AND view = 'bench_refreshable'")?;
        ensure!(failed.is_empty() && begin.elapsed() < PATIENCE, "the view is not refreshed: {failed}");
        std::thread::sleep(Duration::from_millis(100));
    }
    let refreshed = begin.elapsed();

    let all = server.number(&stock.database, "SELECT count() FROM rollups WHERE wards_reporting > 0")?;
    let flows = "SELECT calendar, period, indicator, area_id AS area, ifNull(value, 0) AS value, ifNull(numerator, 0) AS numerator,
                        ifNull(denominator, 0) AS denominator FROM rollups WHERE kind IN ('flow', 'flow_ratio') AND wards_reporting > 0";
    let refreshable = wrong(server, stock, flows, "SELECT * FROM bench_refreshed")?;
    let months = format!(
        "SELECT indicator, area_code AS ward, period_start AS month, value, numerator, denominator
         FROM (SELECT indicator, area_code, period_start, ifNull(value, 0) AS value, ifNull(numerator, 0) AS numerator, ifNull(denominator, 0) AS denominator
               FROM rollups WHERE kind IN ('flow', 'flow_ratio') AND level = 'ward' AND calendar = 'civil' AND period LIKE '%-M%')
         WHERE month <= '{LAST_DAY}' AND (value > 0 OR denominator > 0)"
    );
    let sums = "SELECT indicator, ward, month, sumMerge(value) AS value, sumMerge(numerator) AS numerator, sumMerge(denominator) AS denominator
                FROM bench_sums WHERE indicator IN (SELECT code FROM indicators WHERE kind IN ('flow', 'flow_ratio'))
                GROUP BY indicator, ward, month HAVING value > 0 OR denominator > 0";
    let incremental = wrong(server, stock, &months, sums)?;
    stock.change(server, 10_000, 90)?;
    let pass = server.rollup(&stock.database, &["run", "--once", "--today", LAST_DAY])?.took;
    Ok(format!(
        "{} facts, 3 % corrected, 2 % of all events delivered twice\n\n| way | gives | figures compared | wrong | time |\n|---|---|---:|---:|---|\n\
         | chiso | every kind, wards and areas, both calendars | {all} | the measure | {:.1} s a pass over 10,000 new facts |\n\
         | refreshable view that picks the last revision of each record | flows and flow ratios, wards and areas, both calendars | {} | {} | {:.1} s every refresh |\n\
         | AggregatingMergeTree view | flows and flow ratios, wards, civil months | {} | {} | {:.1} s while all events were inserted |\n",
        stock.facts,
        pass.as_secs_f64(),
        refreshable.0,
        refreshable.1,
        refreshed.as_secs_f64(),
        incremental.0,
        incremental.1,
        fed.as_secs_f64(),
    ))
}

/// How many figures there are in either, and how many are not in both.
fn wrong(server: &Server, stock: &Stock, right: &str, other: &str) -> Result<(u64, u64)> {
    let rows = server.number(&stock.database, &format!("SELECT count() FROM ({right})"))?;
    let differ = server.number(&stock.database, &format!("SELECT count() FROM (({right}) EXCEPT ({other}))"))?;
    let more = server.number(&stock.database, &format!("SELECT count() FROM ({other})"))?.saturating_sub(rows);
    Ok((rows, differ + more))
}
