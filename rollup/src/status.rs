//! `status`: what waits for a pass, what the last one did, and who leads.

use std::io::Write;

use chiso_schemas::store::{Store, check_schema};
use clickhouse::Row;
use comfy_table::Table;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use serde::Deserialize;

use crate::failure::Failure;
use crate::lead::Leader;

#[derive(Row, Deserialize)]
struct WaitingRow {
    batches: u64,
    cells: u64,
    oldest: String,
}

#[derive(Row, Deserialize)]
struct PassRow {
    epoch: u32,
    generation: u32,
    finished_at: String,
    seconds: f64,
    batches: u64,
    cells: u64,
    rows: u64,
    complete_through: String,
}

const WAITING: &str = "
SELECT count() AS batches, sum(cells) AS cells, if(count() = 0, 'none', toString(min(marked))) AS oldest
FROM (SELECT batch, min(marked_at) AS marked, toUInt64(count()) AS cells FROM marks WHERE batch NOT IN (SELECT batch FROM retired) GROUP BY batch)";
const LAST: &str = "
SELECT epoch, generation, toString(passes.finished_at) AS finished_at,
       (toUnixTimestamp64Milli(passes.finished_at) - toUnixTimestamp64Milli(started_at)) / 1000 AS seconds,
       batches, cells, rows, ifNull(toString(complete_through), 'never yet') AS complete_through
FROM passes ORDER BY epoch DESC, passes.finished_at DESC LIMIT 1";

/// Prints it as a table; moments are UTC.
///
/// # Errors
/// The tables are not those of this release, ClickHouse fails, or the output does.
pub async fn status(store: &Store, out: &mut impl Write) -> Result<(), Failure> {
    check_schema(store).await?;
    let waiting = store.read().query_raw(WAITING).fetch_one::<WaitingRow>().await;
    let waiting = waiting.map_err(store.during("read the waiting marks"))?;
    let last = store.read().query_raw(LAST).fetch_optional::<PassRow>().await.map_err(store.during("read the last pass"))?;
    let leader = Leader::of(store).await?;
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    let mut row = |what: &str, value: String| _ = table.add_row([what.to_owned(), value]);
    row("batches waiting", format!("{} with {} cells", waiting.batches, waiting.cells));
    row("oldest of them sealed at", waiting.oldest);
    match last {
        Some(last) => {
            row("last pass finished at", format!("{} after {:.1} s", last.finished_at, last.seconds));
            row("it recomputed", format!("{} batches, {} cells", last.batches, last.cells));
            row("it wrote", format!("{} rows", last.rows));
            row("epoch, generation", format!("{}, {}", last.epoch, last.generation));
            row("complete through", last.complete_through);
        }
        None => row("last pass", "none yet; run chiso-rollup run".to_owned()),
    }
    row("leader", leader_line(&leader));
    writeln!(out, "{table}").map_err(Failure::unwritten)
}

fn leader_line(leader: &Leader) -> String {
    if leader.epoch == 0 {
        return "nobody yet".to_owned();
    }
    let silent = format!("{:.1} s ago", leader.silent_ms as f64 / 1000.0);
    match (leader.is_over, leader.is_gone()) {
        (true, _) => format!("nobody: process {} has stopped", leader.holder),
        (false, true) => format!("nobody: process {} was last alive {silent}", leader.holder),
        (false, false) => format!("process {} in epoch {}, alive {silent}", leader.holder, leader.epoch),
    }
}
