//! A newer generation of reference data: what it changes is recomputed, and no more.

use std::collections::BTreeSet;

use chiso_schemas::calendar::Period;
use chiso_schemas::store::Store;

use crate::cells::CellScope;
use crate::claim::STILL_HOLDS;
use crate::failure::Failure;
use crate::last_states;
use crate::scope::{STEP_PERIODS_MAX, Volume, cell_steps, reached_periods, volumes};
use crate::sql::{Scope, Written, with_settings};
use crate::stored;
use crate::work::Work;

/// If more units have changed, all rows are recomputed: noting each of them would take longer.
const UNITS_MAX: u64 = 300;

/// Units and areas that differ between two generations, with the period ends for which they do.
pub(crate) const UNITS: &str = "
SELECT area_id AS area, from_end, to_end FROM reference_areas WHERE generation IN ({before:UInt32}, {generation:UInt32})
GROUP BY area_id, code, level, name, expected, from_end, to_end HAVING uniqExact(generation) = 1
UNION ALL
SELECT unit, from_end, to_end FROM reference_paths WHERE generation IN ({before:UInt32}, {generation:UInt32})
GROUP BY member, unit, from_end, to_end, approximate, later HAVING uniqExact(generation) = 1
UNION ALL
SELECT arrayJoin(areas), toDate32('1900-01-01'), toDate32('2299-12-31') FROM reference_chains
WHERE generation IN ({before:UInt32}, {generation:UInt32})
GROUP BY ward, areas HAVING uniqExact(generation) = 1";

/// Indicators that are added up in another way. With another priority of a source that is every one with a state or a stated
/// percent of that source.
const INDICATORS: &str = "
SELECT toString(code) FROM reference_indicators WHERE generation IN ({before:UInt32}, {generation:UInt32})
GROUP BY code HAVING uniqExact(kind, carry_days) > 1 OR uniqExact(generation) = 1
UNION DISTINCT
SELECT DISTINCT toString(indicator) FROM event_log
WHERE source IN (SELECT source FROM reference_sources WHERE generation IN ({before:UInt32}, {generation:UInt32})
                 GROUP BY source HAVING uniqExact(priority) > 1)
  AND indicator IN (SELECT code FROM reference_indicators WHERE generation = {generation:UInt32} AND kind != 'flow')";

/// Indicators whose facts make other cells: these are added up by kind.
const KINDS: &str = "
SELECT toString(code) FROM reference_indicators WHERE generation IN ({before:UInt32}, {generation:UInt32})
GROUP BY code HAVING uniqExact(kind) > 1";

/// Wards that lie in another area than before, or that there are no more.
const MOVED: &str = "
SELECT ward FROM reference_chains WHERE generation >= {before:UInt32} AND generation <= {generation:UInt32}
GROUP BY ward HAVING uniqExact(areas) > 1 OR max(generation) < {generation:UInt32}";

/// Recomputes what has changed since the generation of the last pass, in these periods. An unfinished pass may have written rows of
/// any generation in between, so each of them is compared with the newest.
pub(crate) async fn follow(work: &mut Work<'_>, last: u32, periods: &[Period]) -> Result<(), Failure> {
    let store = work.store;
    let query =
        store.read().query("SELECT generation FROM generations WHERE generation >= ? AND generation < ? ORDER BY generation");
    let earlier = query.bind(last).bind(work.generation).fetch_all::<u32>().await;
    let earlier = earlier.map_err(store.during("list the generations since the last pass"))?;
    let volumes = volumes(store).await?;
    let (mut kinds, mut whole) = (BTreeSet::new(), BTreeSet::new());
    for before in &earlier {
        kinds.extend(indicators(store, KINDS, (*before, work.generation)).await?);
        whole.extend(indicators(store, INDICATORS, (*before, work.generation)).await?);
        if changes_all(store, (*before, work.generation)).await? {
            whole.extend(volumes.iter().map(|volume| volume.indicator.clone()));
        }
    }
    // An older one is in force: the database was set back, and nobody knows what was written since.
    if earlier.is_empty() {
        kinds.extend(volumes.iter().map(|volume| volume.indicator.clone()));
        whole.clone_from(&kinds);
    }
    let of = |codes: &BTreeSet<String>| -> Vec<Volume> {
        volumes.iter().filter(|volume| codes.contains(&volume.indicator)).cloned().collect()
    };
    for indicators in cell_steps(&of(&kinds)) {
        CellScope::of(work.at(), indicators.clone()).recompute(store).await?;
        last_states::mend(store, work.reference, &indicators).await?;
    }
    if !whole.is_empty() {
        let reached = reached_periods(store, work.carry_days_max(), periods).await?;
        let indicators: Vec<String> = whole.iter().cloned().collect();
        stored::note(store, work.at(), &indicators, &reached).await?;
        work.all(&of(&whole), &reached, Written::All).await?;
        stored::forget(store, work.at().1).await?;
    }
    forget_moved(work, last).await?;
    let others = volumes.into_iter().map(|volume| volume.indicator).filter(|code| !whole.contains(code)).collect::<Vec<_>>();
    if others.is_empty() {
        return Ok(());
    }
    for chunk in periods.chunks(STEP_PERIODS_MAX) {
        let scope = Scope { generation: work.generation, indicators: others.clone(), periods: chunk.to_vec() };
        for before in &earlier {
            let noted = scope.note_changes(store.write(), work.at().1, *before).execute().await;
            noted.map_err(store.during("find the rows that changed reference data touch"))?;
        }
    }
    work.touched(periods).await
}

/// Takes the summands of wards that have moved, or that there are no more, out of the areas where they lay: no new rows replace
/// them.
async fn forget_moved(work: &mut Work<'_>, last: u32) -> Result<(), Failure> {
    let (store, generation) = (work.store, work.generation);
    let of = |client: &clickhouse::Client, sql: &str| {
        with_settings(client.query_raw(sql)).param("before", last).param("generation", generation)
    };
    let count = of(store.read(), &format!("SELECT count() FROM ({MOVED})")).fetch_one::<u64>().await;
    if count.map_err(store.during("look for wards that have moved"))? == 0 {
        return Ok(());
    }
    let version = work.turn.claim.version(work.turn.next_step(store).await?);
    let sql = format!(
        "INSERT INTO summands (calendar, period, indicator, within, ward, gone, version)
         SELECT calendar, period, indicator, within, ward, true, {{version:UInt64}}
         FROM summands FINAL
         WHERE {STILL_HOLDS} AND NOT gone AND ward IN ({MOVED})
           AND (ward, within) NOT IN (SELECT ward, areas[2] FROM reference_chains WHERE generation = {{generation:UInt32}})"
    );
    let done = of(store.write(), &sql).param("epoch", work.turn.claim.epoch).param("version", version).execute().await;
    Ok(done.map_err(store.during("take wards out of the areas where they lay"))?)
}

async fn indicators(store: &Store, sql: &str, (before, generation): (u32, u32)) -> Result<Vec<String>, Failure> {
    let query = store.read().query_raw(sql).param("before", before).param("generation", generation);
    Ok(query.fetch_all::<String>().await.map_err(store.during("compare the indicators of two generations"))?)
}

/// Whether the calendars differ, or too many units do.
async fn changes_all(store: &Store, (before, generation): (u32, u32)) -> Result<bool, Failure> {
    let sql = format!(
        "SELECT (SELECT uniqExact(content) > 1 FROM reference_files
                 WHERE generation IN ({{before:UInt32}}, {{generation:UInt32}}) AND file = 'calendars.csv')
             OR (SELECT count() > {UNITS_MAX} FROM ({UNITS}))"
    );
    let query = store.read().query_raw(&format!("SELECT assumeNotNull(({sql})) = 1")).param("before", before);
    let all = query.param("generation", generation).fetch_one::<bool>().await;
    Ok(all.map_err(store.during("compare the units of two generations"))?)
}
